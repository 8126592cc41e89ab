import Base
import Encoding
import JSON
import Records
import Store
import TestKit
import Testing
import Vectors

/// Documents by the texts of the queries that link to them.
struct TextSideTests {
    /// 12 documents and 8 queries with answers of all kinds; documents 7 to 11 get no text.
    func data() throws -> SampleData {
        var data = try SampleData(documentCount: 12, queryCount: 8)
        func answer(_ query: Int, _ json: String) {
            data.queries[query].extras = [Extra(key: Array("answer".utf8), json: Array(json.utf8))]
        }
        answer(0, #""the light""#)
        answer(1, #"["earth and heaven", "", "the light"]"#)
        answer(2, #""water was good""#)
        answer(3, "null")
        answer(4, "[]")
        answer(5, #""day""#)
        answer(6, #""night \u0022é\u0022""#)
        data.positives = [0: [3, 1], 1: [1, 1], 2: [0], 3: [7], 4: [8], 5: [1, 2], 7: [9]]
        data.judgements = [("test", 6, 4), ("dev", 6, 0), ("test", 2, 0)]
        return data
    }

    /// What the rule says, by document.
    static let texts: [(document: Int, text: String)] = [
        (0, "water was good\nnight \"é\""), (1, "the light\nearth and heaven\nday"), (2, "day"), (3, "the light"),
        (4, "night \"é\""),
    ]

    @Test func vectorsAreThoseOfTheJoinedTexts() throws {
        let data = try data()
        let dataset = try data.commit()
        // The same texts as documents of their own.
        var plain = try SampleData(documentCount: 0, queryCount: 1)
        plain.documents = Self.texts.map {
            Document(id: data.documents[$0.document].id, text: Array($0.text.utf8))
        }
        let model = try SampleData.model()
        var options = DatasetEncoder.Options()
        options.recordsPerPart = 2
        func encode(_ source: RecordSource, _ name: String) throws -> VectorsManifest {
            let encoder = DatasetEncoder(source, model, options)
            let folder = data.temporary(name)
            _ = try encoder.run(into: folder, encoder.description(identity: .of([])), progress: nil)
            return try VectorsManifest(readingFrom: folder)
        }
        let source = try RecordSource(dataset, .corpus, model, textSide: "answer")
        #expect(source.count == 5 && source.leftOutCount == 7)
        let got = try encode(source, "got")
        let expected = try encode(RecordSource(try plain.commit(), .corpus, model), "expected")
        #expect(got.parts.count == 3)
        #expect(got.parts.map(\.vectorsDigest) == expected.parts.map(\.vectorsDigest))
        #expect(got.parts.map(\.idsDigest) == expected.parts.map(\.idsDigest))
        #expect(got.description.encoding["text_side"] == "answer")
        #expect(got.description.encoding["left_out"] == 7)
        #expect(expected.description.encoding["text_side"] == nil)
    }

    @Test func whatGivesNoTextIsRefused() throws {
        var data = try data()
        let dataset = try data.commit()
        let model = try SampleData.model()
        func refusal(_ field: String, _ dataset: Dataset) -> String {
            do {
                _ = try RecordSource(dataset, .corpus, model, textSide: field)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal("query_text", dataset).contains("found by every query"))
        #expect(refusal("answers", dataset).contains("no query of sample that links to a document has a text"))
        data.queries[5].extras[0].json = Array(#"{"text": "day"}"#.utf8)
        let wrong = refusal("answer", try data.commit(as: "wrong"))
        #expect(
            wrong.contains("wrong, query 5") && wrong.contains("neither a string nor a list of strings"), "\(wrong)")
    }

    @Test func theToolTellsWhatIsLeftOut() throws {
        let data = try data()
        _ = try data.commit()
        let output = data.temporary("v")
        let arguments = EncodeToolTests().arguments(data, "corpus", output, ["--text-side", "answer", "--json"])
        let result = try run("tvt-encode", arguments)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(
            result.errorText.contains(
                "7 of 12 documents are left out: no query that links to them has a text in answer"))
        let report = try JSONValue.parse(result.output, path: "stdout")
        #expect(report["records"] == 5 && report["left_out"] == 7)
        // Such vectors are never gone on with as others.
        let plain = try run("tvt-encode", EncodeToolTests().arguments(data, "corpus", output, ["--resume"]))
        #expect(plain.status == 73)
        #expect(plain.errorText.contains("encoding"))
    }
}
