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

/// Natural Questions and its like as DPR ships them.
@Suite struct NQTests {
    let place: SourcePlace

    init() throws { place = try SourcePlace() }

    static func context(_ id: String?, _ text: String, score: String = "1", key: String = "passage_id") -> String {
        let id = id.map { "\"\(key)\":\"\($0)\"," } ?? ""
        return #"{\#(id)"title":"T","text":"\#(text)","score":\#(score),"title_score":0}"#
    }

    static func question(
        _ text: String, _ positives: [String], hard: [String] = [], easy: [String] = [], more: String = ""
    ) -> String {
        #"{"dataset":"nq_train_psgs_w100","question":"\#(text)","answers":["A","B"],"#
            + "\n  \"positive_ctxs\":[\(positives.joined(separator: ",\n"))],"
            + "\"negative_ctxs\":[\(easy.joined(separator: ","))],"
            + "\"hard_negative_ctxs\":[\(hard.joined(separator: ","))]\(more)}"
    }

    static let train = [
        question(
            "who?", [context("7", "seven", score: "1000"), context("7", "seven", score: "1000")],
            hard: [context("8", "eight", score: "12.5")], easy: [context("9", "nine"), context("10", "ten")]),
        question("what?", [context("8", "eight")], hard: [context("7", "seven"), context("8", "eight")]),
    ]

    private func write(_ elements: [String], to name: String = "biencoder-nq-train.json") throws -> FilePath {
        try place.folder.write("[\n" + elements.joined(separator: ",\n") + "]\n", to: name)
    }

    @Test func contextsAreDocuments() throws {
        let path = try write(Self.train)
        let (dataset, report) = try place.take(.nq([path]))
        #expect(dataset.documentCount == 2 && dataset.queryCount == 2)
        #expect(try place.document(dataset, 0)["docid"]?.string == "7" && place.document(dataset, 0)["title"] == "T")
        let query = try place.query(dataset, 0)
        #expect(query["query_text"]?.string == "who?" && query["answers"] == ["A", "B"])
        #expect(query["dataset"]?.string == "nq_train_psgs_w100")
        #expect(try place.texts(dataset, dataset.positives, of: 0) == ["seven"])
        #expect(try place.texts(dataset, dataset.negatives, of: 0) == ["eight"])
        #expect(try place.texts(dataset, dataset.negatives, of: 1) == ["seven"])
        #expect(report.sourceCounts["passages twice in a list, merged"] == 1)
        #expect(report.sourceCounts[RowRecords.negativesThatArePositives] == 1)
        #expect(report.sourceCounts["negative_ctxs left out"] == 2)
        #expect(report.sourceCounts["values of contexts left out (title_score and others)"] == 6)
        #expect(!dataset.positives!.hasScores && dataset.judgements(split: "train") == nil)
        let (all, _) = try place.take(.nq([path], negatives: .all, scores: .links), as: "all")
        #expect(try place.texts(all, all.negatives, of: 0) == ["eight", "nine", "ten"])
        #expect(try Array(all.positives!.scores(of: 0)!) == [1000])
        #expect(try Array(all.negatives!.scores(of: 0)!) == [12.5, 1, 1])
        #expect(try place.store.verify("all", level: .full).findings.isEmpty)
    }

    @Test func contextsWithoutIDs() throws {
        let path = try write(
            [
                Self.question(
                    "a", [Self.context(nil, "x"), Self.context("", "y")],
                    hard: [Self.context(nil, "x"), Self.context("3", "z", key: "psg_id")]),
                Self.question("b", [#"{"text":"x","title":"T"}"#, #"{"text":"x","psg_id":4}"#, #"{"text":"x"}"#]),
            ])
        let (dataset, report) = try place.take(.nq([path]))
        #expect(dataset.documentCount == 5 && report.sourceCounts[RowRecords.negativesThatArePositives] == 1)
        #expect(try place.texts(dataset, dataset.positives, of: 0) == ["x", "y"])
        #expect(
            try dataset.documentOrdinal(id: Array("3".utf8)) != nil
                && dataset.documentOrdinal(id: Array("4".utf8)) != nil)
        #expect(try Array(dataset.positives!.targets(of: 1)).count == 3)
        #expect(try dataset.positives!.targets(of: 0)[0] == dataset.positives!.targets(of: 1)[0])
    }

    @Test func evaluationsAreNotTrainedOn() throws {
        let files = [try write(Self.train), try write([Self.train[0]], to: "biencoder-nq-dev.json")]
        let (dataset, report) = try place.take(.nq(files))
        #expect(dataset.queryCount == 3 && dataset.documentCount == 2)
        #expect(try dataset.positives!.targets(of: 2).isEmpty && dataset.negatives!.targets(of: 2).isEmpty)
        #expect(report.judgementCounts.map(\.split) == ["dev"])
        #expect(try Array(dataset.judgements(split: "dev")!.targets(of: 2)) == [0])
        let (both, _) = try place.take(.nq(files, positives: ["train", "dev"]), as: "both")
        // Then both are the same query.
        #expect(both.queryCount == 2)
        let odd = try write(Self.train, to: "questions.json")
        #expect(place.message(of: try .nq([odd])).contains("the name does not tell the split"))
        let (named, _) = try place.take(.nq([odd], split: "train"), as: "named")
        #expect(named.positives!.linkCount == 2)
    }

    @Test func aCorpusOfPassages() throws {
        let corpus = try place.folder.write(
            "id\ttext\ttitle\n7\t\"He said \"\"seven\"\"\tnow\"\t\"\"\"S\"\"\"\n8\teight\tEight\n9\tnine\t\n",
            to: "psgs_w100.tsv")
        let path = try write(Self.train)
        let (dataset, report) = try place.take(.nq([path], corpus: [corpus]))
        #expect(dataset.documentCount == 3 && report.madeIDCount == 0 && report.inputs.count == 2)
        #expect(try place.document(dataset, 0)["document_text"]?.string == "He said \"seven\"\tnow")
        #expect(try place.document(dataset, 0)["title"]?.string == "\"S\"")
        #expect(try Array(dataset.negatives!.targets(of: 0)) == [1])
        #expect(
            place.message(of: try .nq([path], corpus: [corpus], negatives: .all)).contains(
                "there is no document \"10\" in the corpus"))
        let nameless = try write([Self.question("a", [Self.context(nil, "x")])])
        #expect(
            place.message(of: try .nq([nameless], corpus: [corpus])).contains(
                "field \"positive_ctxs[0].passage_id\": the context has no passage_id"))
    }

    @Test func linesAndPackedArrays() throws {
        let (array, _) = try place.take(.nq([try write(Self.train)]), as: "array")
        try place.write(Self.train.map { $0.replacing("\n", with: " ") }, to: "nq-train.jsonl")
        let (lines, _) = try place.take(.nq([place("nq-train.jsonl")]), as: "lines")
        #expect(
            try runShell("cd \(place.folder.path) && mkdir f && mv biencoder-nq-train.json f && gzip f/*").status == 0)
        let (folder, _) = try place.take(.nq([place("f")]), as: "folder")
        #expect(array.manifest.logicalDigest == lines.manifest.logicalDigest)
        #expect(array.manifest.logicalDigest == folder.manifest.logicalDigest)
    }

    @Test(arguments: [
        (#"{"question":"q","positive_ctxs":[7]}"#, "field \"positive_ctxs[0]\": a number where a context should be"),
        (#"{"question":"q"}"#, "missing field \"positive_ctxs\""),
        (#"{"question":"q","positive_ctxs":{}}"#, "field \"positive_ctxs\": an object where a list should be"),
        (#"{"question":["q"],"positive_ctxs":[]}"#, "field \"question\": an array where a text should be"),
        (#"{"question":"q","positive_ctxs":[{"title":"t"}]}"#, "field \"positive_ctxs[0]\": missing field \"text\""),
        (#"{"question":"q","positive_ctxs":[{"text":1}]}"#, "field \"positive_ctxs[0].text\""),
        (#"{"question":"q","positive_ctxs":[{"text":"a","title":[]}]}"#, "field \"positive_ctxs[0].title\""),
        (#"{"question":"q","positive_ctxs":[{"text":"a","passage_id":[]}]}"#, "positive_ctxs[0].passage_id"),
        (
            #"{"question":"q","positive_ctxs":[],"hard_negative_ctxs":[{"text":"a","text":"b"}]}"#,
            "hard_negative_ctxs[0].text"
        ),
        (#"{"question":"q","question":"r","positive_ctxs":[]}"#, "field \"question\": the field is given twice"),
        (#"{"question":"q","positive_ctxs":[{"text":"other","passage_id":"7"}]}"#, "differs from the one at"),
        (#"7"#, "element 2"),
    ])
    func hostileElements(element: String, says: String) throws {
        let path = try write([Self.train[0], element])
        let text = place.message(of: try .nq([path]))
        #expect(text.contains(says), "\(text)")
        #expect(text.contains("biencoder-nq-train.json"))
    }

    @Test func scoresThatOnlySomeHave() throws {
        let path = try write([Self.question("a", [Self.context("1", "x"), #"{"text":"y","passage_id":"2"}"#])])
        #expect(place.message(of: try .nq([path], scores: .links)).contains("1 scores for 2 documents"))
        _ = try place.take(.nq([path]))
        let strange = try write([Self.question("a", [Self.context("1", "x", score: "\"9\"")])])
        #expect(place.message(of: try .nq([strange], scores: .links)).contains("positive_ctxs[0].score"))
    }

    @Test func cutOffAnywhere() throws {
        let path = try place.folder.write(
            #"[{"question":"q","answers":[],"positive_ctxs":[{"text":"é\"","passage_id":"1"}]}]"#, to: "nq-train.json")
        try place.cut(path, wholeCounts: { _ in false }) { try .nq([path]) }
    }

    @Test func theResultDoesNotDependOnBatches() throws {
        let elements = (0..<120).map { number in
            Self.question(
                "q\(number % 100)", [Self.context("\(number % 30)", "text \(number % 30)")],
                hard: (0..<3).map { Self.context("\(number % 11 + $0)", "text \(number % 11 + $0)") })
        }
        let path = try write(elements)
        let (one, first) = try place.take(.nq([path], negatives: .all), as: "one", workers: 1, batchByteCount: 100)
        let (two, second) = try place.take(.nq([path], negatives: .all), as: "two", workers: 3)
        #expect(one.manifest.logicalDigest == two.manifest.logicalDigest && first.sourceCounts == second.sourceCounts)
    }

    @Test func theTool() throws {
        let path = try write(Self.train)
        let arguments = ["nq", path.string, "--dataset", "tool", "--store", place("store").string]
        let result = try run("tvt-convert", arguments + ["--negatives", "all", "--scores", "fields", "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "report")["negatives"] == 4)
        #expect(try place.query(place.store.dataset("tool"), 0)["pos_scores"] == [1000])
        #expect(try run("tvt-convert", arguments + ["--negatives", "few"]).status == 64)
        #expect(try run("tvt-convert", ["nq", "--help"]).outputText.contains("psgs_w100.tsv"))
    }
}
