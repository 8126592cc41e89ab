import Base
import Ingest
import JSON
import RawSources
import Records
import Store
import SystemPackage
import TestKit
import Testing

/// Images with questions: PixMo-docs and ColPali's training set.
@Suite struct ImageSourceTests {
    let place: SourcePlace
    var folder: TemporaryFolder { place.folder }

    init() throws {
        place = try SourcePlace()
        for name in ["a", "b"] { try folder.write("\u{89}PNG\r\n\u{1A}\n image " + name, to: "files/\(name).png") }
        try folder.write("\u{89}PNG\r\n\u{1A}\n image a", to: "files/a-again.png")
    }

    private func take(
        _ source: RawSource, badRecords: Int = 0, workers: Int = 2, batchByteCount: Int = 1 << 20
    ) throws -> (dataset: Dataset, report: IngestReport) {
        try place.take(
            source, assets: folder("files"), badRecords: badRecords, workers: workers, batchByteCount: batchByteCount)
    }

    private func query(_ dataset: Dataset, _ ordinal: Int) throws -> JSONValue { try place.query(dataset, ordinal) }

    private func message(of source: @autoclosure () throws -> RawSource) -> String {
        place.message(of: try source(), assets: folder("files"))
    }

    @Test func pixmoIsADocumentAnImageAndAQueryAQuestion() throws {
        let rows = #"""
            {"image":"a.png","image_id":"i1","questions":[{"question":"What?","answer":"A."},{"question":"Why?","answer":"B."}]}
            {"image":"b.png","image_id":"i2","questions":{"question":["Who?"],"answer":["C."]}}
            {"image":"b.png","image_id":"i3","questions":[],"seen":true}

            """#
        try folder.write(rows, to: "charts/train-00000-of-00001.jsonl")
        let (dataset, report) = try take(.pixmo([folder("charts")]))
        #expect(report.documentCount == 3 && report.queryCount == 3 && report.mediaItemCount == 2)
        #expect(try dataset.documentID(0) == Array("i1".utf8))
        let second = try query(dataset, 1)
        #expect(second["query_id"]?.string == "i1#1" && second["query_text"]?.string == "Why?")
        #expect(second["answer"]?.string == "B." && second["subset"]?.string == "charts")
        #expect(try query(dataset, 2)["answer"]?.string == "C.")
        #expect(try Array(dataset.positives!.targets(of: 2)) == [1])
    }

    @Test func aBadQuestionLeavesNothingOfItsRow() throws {
        let rows = #"""
            {"image":"a.png","image_id":"i1","questions":[{"question":"What?","answer":"A."},{"answer":"B."}]}
            {"image":"b.png","image_id":"i2","questions":[{"question":"Who?","answer":"C."}]}

            """#
        try folder.write(rows, to: "p.jsonl")
        #expect(message(of: try .pixmo([folder("p.jsonl")])).contains("p.jsonl:1 (byte 0), field \"questions[1]\""))
        let (dataset, report) = try take(.pixmo([folder("p.jsonl")]), badRecords: 1)
        #expect(report.rejectCount == 1 && dataset.documentCount == 1 && dataset.queryCount == 1)
        #expect(dataset.mediaCount == 1)
    }

    @Test func equalImagesOfColPaliAreOneDocument() throws {
        let rows = #"""
            {"image":"a.png","image_filename":"x/1.png","query":"What?","answer":"A","source":"docvqa","options":null,"page":"1","model":"m","prompt":"p","answer_type":"t"}
            {"image":"a-again.png","image_filename":"x/2.png","query":"Why?","answer":"B","source":"tatdqa"}
            {"image":"b.png","image_filename":"x/3.png","query":"What?","source":"docvqa"}
            {"image":"b.png","image_filename":"x/3.png","query":"What?","source":"docvqa"}

            """#
        try folder.write(rows, to: "c.jsonl")
        let (dataset, report) = try take(.colpali([folder("c.jsonl")]))
        #expect(dataset.documentCount == 2 && dataset.queryCount == 3)
        #expect(report.duplicatesMerged == 2 && report.sameQueryCount == 1)
        #expect(try dataset.documentID(0) == Array(SHA256Digest.ofFile(folder("files/a.png")).hex.utf8))
        let first = try query(dataset, 0)
        #expect(first["source"]?.string == "docvqa" && first["page"]?.string == "1" && first["options"] == nil)
        #expect(try query(dataset, 1)["image_filename"]?.string == "x/2.png")
        #expect(try Array(dataset.positives!.targets(of: 1)) == [0] && Array(dataset.positives!.targets(of: 2)) == [1])
    }

    @Test(arguments: [1, 2]) func theResultDoesNotDependOnBatches(workers: Int) throws {
        var rows = ""
        for number in 0..<200 {
            rows += #"{"image":"\#(number % 3 == 0 ? "a" : "b").png","query":"q\#(number % 90)","source":"s"}"# + "\n"
        }
        try folder.write(rows, to: "c.jsonl")
        let (dataset, _) = try take(
            .colpali([folder("c.jsonl")]), workers: workers, batchByteCount: workers == 1 ? 100 : 1 << 20)
        #expect(dataset.documentCount == 2 && dataset.queryCount == 90)
    }

    @Test func aRowWithoutItsFieldsIsNamed() throws {
        try folder.write(#"{"image":"a.png","question":"q"}"# + "\n", to: "c.jsonl")
        let text = message(of: try .colpali([folder("c.jsonl")]))
        #expect(text.contains("c.jsonl:1") && text.contains("missing field \"query\"") && text.contains("\"question\""))
        try folder.write(#"{"image":"no.png","query":"q"}"# + "\n", to: "c.jsonl")
        #expect(message(of: try .colpali([folder("c.jsonl")])).contains("no.png"))
    }
}
