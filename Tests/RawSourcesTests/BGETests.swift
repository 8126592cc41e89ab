import Base
import StoreMaintenance
import Store
import Ingest
import JSON
import RawSources
import Records
import SystemPackage
import TestKit
import Testing

/// BGE's training data: texts become documents once, and the rest stays with the query.
@Suite struct BGETests {
    let place: SourcePlace

    init() throws { place = try SourcePlace() }

    static let scored = [
        #"{"query":"q1","pos":["a \"é\"\n"],"neg":["b","c"],"pos_scores":[9.5],"neg_scores":[1,0.25],"prompt":"Find: ","type":"normal","category":"nli"}"#,
        #"{"query":"q2","pos":["b","d"],"neg":["a \"\u00e9\"\n"],"pos_scores":[3,2],"neg_scores":[-1e2],"prompt":"Find: ","type":"normal"}"#,
    ]

    @Test func textsAreDocumentsAndColumnsStay() throws {
        try place.write(Self.scored, to: "bge/retrieval/nli.jsonl")
        let (dataset, report) = try place.take(.bge([place("bge")]))
        #expect(dataset.documentCount == 4 && dataset.queryCount == 2)
        #expect(report.duplicatesMerged == 2 && report.madeIDCount == 6)
        let query = try place.query(dataset, 0)
        #expect(query["query_text"]?.string == "q1" && query["prompt"]?.string == "Find: ")
        #expect(query["type"]?.string == "normal" && query["category"]?.string == "nli")
        #expect(query["source"]?.string == "nli" && query["pos_scores"] == nil)
        #expect(try place.texts(dataset, dataset.positives, of: 1) == ["b", "d"])
        #expect(try place.texts(dataset, dataset.negatives, of: 1) == ["a \"é\"\n"])
        #expect(try Array(dataset.positives!.scores(of: 1)!) == [3, 2])
        #expect(try Array(dataset.negatives!.scores(of: 0)!) == [1, 0.25])
        #expect(try place.store.verify("set", level: .full).findings.isEmpty)
    }

    @Test func aDocumentIsWhatItsRecordAloneWouldBe() throws {
        let texts = ["", "a", "\"\\\u{1}\u{7F}é🙂\n\t", String(repeating: "x\"", count: 500)]
        var rows: [String] = []
        for text in texts {
            var quoted: [UInt8] = []
            JSONText.appendString(text, to: &quoted)
            rows.append(#"{"query":"q","pos":["# + String(decoding: quoted, as: UTF8.self) + "]}")
        }
        try place.write(rows, to: "t.jsonl")
        let (dataset, _) = try place.take(.bge([place("t.jsonl")]))
        for (ordinal, text) in texts.enumerated() {
            let record = try dataset.documentRecord(ordinal)
            let document = try dataset.document(ordinal)
            #expect(document.text == Array(text.utf8))
            var again: [UInt8] = []
            document.appendJSONLine(to: &again)
            #expect(record == again)
            // The id is that of the record without it.
            var nameless: [UInt8] = []
            Document(id: [], text: document.text).appendJSONLine(to: &nameless)
            #expect(document.id == Array(ContentHash.of(nameless).hex.utf8))
        }
    }

    @Test func theSetIsToldByFileOrFolder() throws {
        let row = [#"{"query":"q","pos":["a"]}"#]
        let names = [
            ("x/train.jsonl", "x"), ("y/data/train-00000-of-00002.jsonl", "y"), ("nq.jsonl", "nq"),
            ("arXiv_title-00001-of-00002.jsonl", "arXiv_title"), ("no-of-2.jsonl", "no-of-2"),
        ]
        for (name, source) in names {
            try place.write(row, to: "s/" + name)
            let (dataset, _) = try place.take(.bge([place("s/" + name)]), as: source)
            #expect(try place.query(dataset, 0)["source"]?.string == source)
        }
        try place.write([#"{"query":"q","pos":["a"],"source":"own"}"#], to: "z.jsonl")
        let (dataset, _) = try place.take(.bge([place("z.jsonl")]))
        #expect(try place.query(dataset, 0)["source"]?.string == "own")
    }

    @Test func repeatedTextsAndTextsOnBothSides() throws {
        let rows = [
            #"{"query":"q","pos":["a","b","a"],"neg":["c","b","d","c"],"pos_scores":[1,2,3],"neg_scores":[4,5,6,7]}"#,
            #"{"query":"none","pos":[],"neg":["c"],"pos_scores":[],"neg_scores":[1]}"#,
        ]
        try place.write(rows, to: "r.jsonl")
        let (dataset, report) = try place.take(.bge([place("r.jsonl")]))
        #expect(try place.texts(dataset, dataset.positives, of: 0) == ["a", "b"])
        #expect(try place.texts(dataset, dataset.negatives, of: 0) == ["c", "d"])
        #expect(try Array(dataset.positives!.scores(of: 0)!) == [1, 2])
        #expect(try Array(dataset.negatives!.scores(of: 0)!) == [4, 6])
        #expect(report.sourceCounts["passages twice in a list, merged"] == 2)
        #expect(report.sourceCounts[RowRecords.negativesThatArePositives] == 1)
        #expect(report.sourceCounts["queries without positives"] == 1)
    }

    @Test(arguments: [#","pos_scores":null,"neg_scores":[]"#, ""]) func whereOnlySomeHaveScores(others: String) throws {
        try place.write(Self.scored, to: "mixed/a.jsonl")
        try place.write([#"{"query":"q3","pos":["e"],"neg":["b"]\#(others)}"#], to: "mixed/b.jsonl")
        let text = place.message(of: try .bge([place("mixed")]))
        #expect(text.contains("b.jsonl:1 (byte 0), field \"positive_document_scores\""))
        #expect(text.contains("there are no scores here, and there are at \(place("mixed/a.jsonl")):1"))
        let (fields, _) = try place.take(.bge([place("mixed")], scores: .fields))
        #expect(fields.queryCount == 3 && !fields.positives!.hasScores)
        #expect(try place.query(fields, 0)["neg_scores"] == [1, 0.25])
        #expect(try place.query(fields, 2)["pos_scores"] == nil)
        let (dropped, _) = try place.take(.bge([place("mixed")], scores: .drop))
        #expect(dropped.queryCount == 3 && !dropped.negatives!.hasScores)
        #expect(try place.query(dropped, 0)["neg_scores"] == nil)
    }

    @Test func parquetIsWhatItsLinesAre() throws {
        let (tables, report) = try place.take(
            .bge([Golden(file: #filePath)("bge/emotion-00000-of-00001.parquet")]), as: "table")
        try place.write(
            [
                #"{"query":"i feel é","pos":["joy","delight"],"neg":["anger"],"category":"classification","type":"symmetric_class","prompt":"Given a text, "}"#,
                #"{"query":"i am mad","pos":["anger"],"neg":["joy","delight"],"category":"classification","type":"symmetric_class","prompt":"Given a text, "}"#,
            ], to: "emotion.jsonl")
        let (lines, _) = try place.take(.bge([place("emotion.jsonl")]), as: "lines")
        #expect(tables.manifest.logicalDigest == lines.manifest.logicalDigest && tables.documentCount == 3)
        #expect(report.inputs.count == 1)
    }

    @Test func aSingleTextIsAListOfOne() throws {
        try place.write([#"{"query":"q","pos":"yes","neg":"no","lang":"en"}"#], to: "s.jsonl")
        let (dataset, _) = try place.take(.bge([place("s.jsonl")]))
        #expect(try place.texts(dataset, dataset.negatives, of: 0) == ["no"])
    }

    @Test(arguments: [
        (#"{"query":"q","neg":["a"]}"#, "missing field \"pos\""),
        (#"{"query":7,"pos":["a"]}"#, "field \"query\": a number where a text should be"),
        (#"{"query":"q","pos":["a",["b"]]}"#, "field \"pos[1]\": an array where a text should be"),
        (#"{"query":"q","pos":[null]}"#, "field \"pos[0]\": null where a text should be"),
        (#"{"query":"q","pos":{"a":1}}"#, "field \"pos\": an object where a list should be"),
        (#"{"query":"q","pos":["a"],"neg":3}"#, "field \"neg\": a number where a list should be"),
        (#"{"query":"q","pos":["a"],"pos_scores":[1,2]}"#, "field \"pos_scores\": 2 scores for 1 texts"),
        (#"{"query":"q","pos":["a"],"pos_scores":["1"]}"#, "field \"pos_scores[0]\": a string where a score"),
        (#"{"query":"q","pos":["a"],"pos_scores":[1e300]}"#, "is too large"),
        (#"{"query":"q","pos":["a"],"pos":["b"]}"#, "field \"pos\": the field is given twice"),
        (#"{"query":"q","pos":["a"],"x":1,"x":2}"#, "field \"x\": the field is given twice"),
        (#"{"query":"q","pos":["a"],"positive_document_ids":["z"]}"#, "positive_document_ids"),
        (#"["query"]"#, "an array where a row should be"),
        (#"{"query":"q","pos":["a"#, "not valid JSON"),
    ])
    func hostileRows(row: String, says: String) throws {
        try place.write([#"{"query":"first","pos":["a"],"neg":["b"]}"#, row], to: "h.jsonl")
        let text = place.message(of: try .bge([place("h.jsonl")]))
        #expect(text.contains(says) && text.contains("h.jsonl:2"), "\(text)")
        // Left out as a whole.
        let (dataset, report) = try place.take(.bge([place("h.jsonl")]), badRecords: 1)
        #expect(dataset.queryCount == 1 && dataset.documentCount == 2 && report.rejectCount == 1)
    }

    @Test func cutOffAnywhere() throws {
        let path = try place.write(Self.scored, to: "c.jsonl")
        let ends = [Self.scored[0].utf8.count, Self.scored[0].utf8.count + 1 + Self.scored[1].utf8.count]
        try place.cut(path, wholeCounts: { ends.contains($0) || $0 == ends[0] + 1 }) { try .bge([path]) }
    }

    @Test func theResultDoesNotDependOnBatches() throws {
        var rows: [String] = []
        for number in 0..<300 {
            let texts = (0..<5).map { "\"text \((number * 7 + $0 * 13) % 211)\"" }.joined(separator: ",")
            rows.append(#"{"query":"q\#(number % 250)","pos":["text \#(number % 40)"],"neg":[\#(texts)]}"#)
        }
        try place.write(rows, to: "m.jsonl")
        let (one, first) = try place.take(.bge([place("m.jsonl")]), as: "one", workers: 1, batchByteCount: 200)
        let (two, second) = try place.take(.bge([place("m.jsonl")]), as: "two", workers: 3)
        #expect(one.manifest.logicalDigest == two.manifest.logicalDigest)
        #expect(first.sourceCounts == second.sourceCounts && first.duplicatesMerged == second.duplicatesMerged)
        let (third, _) = try place.take(.bge([place("m.jsonl")]), as: "three", workers: 0 + 2, batchByteCount: 5000)
        #expect(third.manifest.logicalDigest == one.manifest.logicalDigest)
    }

    /// A text is known once its row was taken: not by a row that was left out.
    @Test(arguments: [1, 3]) func aRowThatIsLeftOutTeachesNothing(workers: Int) throws {
        let bad = #"{"query":"bad","pos":["a","b"],"neg":[3]}"#
        let unscored = #"{"query":"worse","pos":["c","d"]}"#
        let good = #"{"query":"good \#(0)","pos":["a","c"],"neg":["b","d"],"pos_scores":[1,2],"neg_scores":[3,4]}"#
        var rows = Self.scored
        for number in 0..<40 {
            rows += [bad, unscored, good.replacing("good 0", with: "good \(number)")]
        }
        try place.write(rows, to: "l.jsonl")
        let (dataset, report) = try place.take(
            .bge([place("l.jsonl")]), badRecords: 80, workers: workers, batchByteCount: 300)
        #expect(report.rejectCount == 80 && dataset.queryCount == 42 && dataset.documentCount == 5)
        #expect(report.duplicatesMerged == 2 + 40 * 4 - 1 && report.madeIDCount == 6 + 40 * 4)
        #expect(try place.texts(dataset, dataset.negatives, of: 41) == ["b", "d"])
        #expect(try place.store.verify("set", level: .full).findings.isEmpty)
    }

    /// As many as there may be, in a list and over lists.
    @Test func manyTextsInARow() throws {
        let texts = (0..<500).map { "\"t\($0 % 300)\"" }.joined(separator: ",")
        try place.write([#"{"query":"q","pos":["t7","t299"],"neg":[\#(texts)]}"#], to: "m.jsonl")
        let (dataset, report) = try place.take(.bge([place("m.jsonl")]))
        #expect(dataset.documentCount == 300)
        #expect(try place.texts(dataset, dataset.negatives, of: 0) == (0..<299).filter { $0 != 7 }.map { "t\($0)" })
        #expect(report.sourceCounts["passages twice in a list, merged"] == 199)
        #expect(report.sourceCounts[RowRecords.negativesThatArePositives] == 3)
    }

    @Test func theTool() throws {
        try place.write(Self.scored, to: "bge/nli.jsonl")
        let arguments = ["bge", place("bge").string, "--dataset", "tool", "--store", place("store").string]
        let result = try run("tvt-convert", arguments + ["--json"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "report")["documents"] == 4)
        #expect(try place.store.dataset("tool").manifest.provenance.options["scores"] == "links")
        let help = try run("tvt-convert", ["bge", "--help"])
        #expect(help.status == 0 && help.outputText.contains("--scores") && help.outputText.contains("FlagEmbedding"))
        #expect(try run("tvt-convert", arguments + ["--scores", "some"]).status == 64)
        #expect(try run("tvt-convert", ["bge", place("none").string] + arguments.dropFirst(2)).status == 66)
    }
}
