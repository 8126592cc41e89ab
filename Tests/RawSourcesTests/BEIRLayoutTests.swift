import Archives
import Base
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

/// Whatever lies in a set of BEIR's layout is read, or named.
@Suite struct BEIRLayoutTests {
    let place: SourcePlace

    init() throws {
        place = try SourcePlace()
        try place.write([#"{"_id":"d1","text":"one"}"#, #"{"_id":"d2","text":"two"}"#], to: "set/corpus.jsonl")
        try place.write([#"{"_id":"q1","text":"which"}"#], to: "set/queries.jsonl")
    }

    /// Converts and checks the set, and gives what both say.
    private func take(_ source: String = "set") throws -> (dataset: Dataset, report: IngestReport, check: ToolResult) {
        let (dataset, report) = try place.take(.beir(place(source)))
        return (dataset, report, try run("tvt-convert", ["check", place(source).string]))
    }

    static let judgements: [(name: String, lines: [String])] = [
        ("qrels/test.tsv", ["query-id\tcorpus-id\tscore", "q1\td2\t1"]),
        ("qrels/TEST.TSV", ["query-id\tcorpus-id\tscore", "q1\td2\t1"]),
        ("qrels/test.txt", ["q1 0 d2 1"]),
        ("qrels/test.csv", ["query-id,corpus-id,score", "q1,d2,1"]),
        ("qrels/test.jsonl", [#"{"query-id":"q1","corpus-id":"d2","score":1}"#]),
        ("qrels/test.ndjson", [#"{"query_id":"q1","corpus_id":"d2","score":1.0}"#]),
        ("qrels/test.json", [#"[{"query-id":"q1","corpus-id":"d2","score":1}]"#]),
        ("qrels/test.qrels", ["q1\t0\td2\t1"]),
        ("test.tsv", ["query-id\tcorpus-id\tscore", "q1\td2\t1"]),
        ("qrels-test.tsv", ["query-id\tcorpus-id\tscore", "q1\td2\t1"]),
        ("default/test.jsonl", [#"{"query-id":"q1","corpus-id":"d2","score":1}"#]),
        // Columns in another order, and in quotes, as BEIR's own reader takes them.
        ("qrels/test.tsv", ["score\tcorpus-id\tquery-id", "1\td2\tq1"]),
        ("qrels/test.tsv", ["\"query-id\"\t\"corpus-id\"\t\"score\"", "\"q1\"\t\"d2\"\t\"1\""]),
        ("qrels/test.tsv", ["\u{FEFF}query-id\tcorpus-id\tscore", "q1\td2\t1"]),
    ]

    @Test(arguments: judgements) func judgementsAreRead(name: String, lines: [String]) throws {
        try place.write(lines, to: "set/\(name)")
        let (dataset, report, check) = try take()
        let split = name.contains("TEST") ? "TEST" : "test"
        #expect(try place.judged(dataset, split) == ["q1": ["d2"]])
        #expect(report.warningCounts.isEmpty)
        #expect(check.status == 0, "\(check.outputText)\(check.errorText)")
        #expect(check.outputText.contains("1 judgements") && check.outputText.contains("0 errors, 0 warnings"))
    }

    @Test func quotedIDsLoseTheirQuotesOnce() throws {
        try place.write([#"{"_id":"a\"b","text":"x"}"#], to: "set/corpus.jsonl")
        try place.write(["query-id\tcorpus-id\tscore", "q1\t\"a\"\"b\"\t1"], to: "set/qrels/test.tsv")
        #expect(try place.judged(take().dataset, "test") == ["q1": ["a\"b"]])
    }

    @Test func aSetWithoutJudgementsSaysSo() throws {
        let (_, report, check) = try take()
        #expect(report.warningCounts == [.missingFile: 1])
        #expect(
            check.status == 0 && check.outputText.contains("judgements of") && check.outputText.contains("1 warning"))
    }

    @Test func filesThatAreNotReadAreNamed() throws {
        try place.write(["query-id\tcorpus-id\tscore", "q1\td2\t1"], to: "set/qrels/test.tsv")
        try place.write(["x"], to: "set/notes.doc")
        try place.write(["x"], to: "set/qrels/old.bak")
        // These are about the set, and nobody expects them to be read.
        for name in ["README.md", "LICENSE", "dataset_infos.json"] { try place.write(["x"], to: "set/\(name)") }
        let (_, report, check) = try take()
        #expect(report.warningCounts == [.unreadFile: 2])
        #expect(check.outputText.contains("set/notes.doc") && check.outputText.contains("set/qrels/old.bak"))
        #expect(check.outputText.contains("0 errors, 2 warnings"))
        let convert = try run(
            "tvt-convert", ["beir", place("set").string, "--dataset", "x", "--store", place.store.root.string])
        #expect(convert.status == 0 && convert.errorText.contains("not read: \(place("set/notes.doc")), "))
    }

    @Test func partsOfACorpusAreOne() throws {
        let rest = [#"{"_id":"d3","text":"three"}"#]
        try Files.rename(place("set/corpus.jsonl"), to: place("set/corpus-1.jsonl"))
        try place.write(rest, to: "set/corpus-2.jsonl")
        try place.write(["query-id\tcorpus-id\tscore", "q1\td3\t1"], to: "set/qrels/test.tsv")
        let (dataset, report, check) = try take()
        #expect(dataset.documentCount == 3 && report.warningCounts.isEmpty && check.status == 0)
        // One of them missing is said.
        try Files.rename(place("set/corpus-2.jsonl"), to: place("set/corpus-3.jsonl"))
        let (_, gap, checked) = try take()
        #expect(gap.warningCounts == [.missingPart: 1])
        #expect(checked.outputText.contains("set/corpus-2.jsonl"))
    }

    @Test func endingsOfAnyCase() throws {
        try Files.rename(place("set/corpus.jsonl"), to: place("set/Corpus.JSONL"))
        try Files.rename(place("set/queries.jsonl"), to: place("set/queries.JSON"))
        try place.write(["query-id\tcorpus-id\tscore", "q1\td2\t1"], to: "set/qrels/test.tsv")
        #expect(try place.take(.beir(place("set"))).dataset.documentCount == 2)
        #expect(try runShell("cd \(place("set")) && tar cf ../set.tar *").status == 0)
        let (dataset, _, check) = try take("set.tar")
        #expect(try place.judged(dataset, "test") == ["q1": ["d2"]] && check.status == 0)
    }

    @Test func swappedColumnsAreSaid() throws {
        try place.write(["q1\t1\td2"], to: "set/qrels/test.tsv")
        let message = place.message(of: try .beir(place("set")))
        #expect(message.contains("the grade \"d2\" is not a number") && message.contains("another order"))
    }

    // MARK: - What is never data

    @Test func hiddenFilesAreNoData() throws {
        try place.write(["query-id\tcorpus-id\tscore", "q1\td2\t1"], to: "set/qrels/test.tsv")
        let hidden = [
            ".ipynb_checkpoints/corpus.jsonl", "__MACOSX/._corpus.jsonl", "._corpus.jsonl", "qrels/.test.tsv.swp",
            "qrels/._test.tsv", "corpus.jsonl~", "Thumbs.db", "desktop.ini", ".git/config",
        ]
        for name in hidden { try place.write(["no data"], to: "set/\(name)") }
        let (dataset, report, check) = try take()
        #expect(dataset.documentCount == 2 && report.warningCounts.isEmpty && report.inputs.count == 3)
        #expect(check.outputText.contains("0 errors, 0 warnings"))
        #expect(try runShell("cd \(place("set")) && tar cf ../set.tar .").status == 0)
        #expect(try take("set.tar").dataset.manifest.logicalDigest == dataset.manifest.logicalDigest)
    }

    /// A cache of the Hub: the files of a snapshot are links into `blobs`.
    @Test func cachesOfTheHubAreRead() throws {
        try place.write(["query-id\tcorpus-id\tscore", "q1\td2\t1"], to: "set/qrels/test.tsv")
        let script = """
            cd \(place.folder.path) && mkdir -p hub/datasets--o--n/blobs hub/datasets--o--n/snapshots/abc/qrels hub/datasets--o--n/refs
            cd hub/datasets--o--n && echo abc > refs/main
            for f in corpus.jsonl queries.jsonl qrels/test.tsv; do
                sum=$(sha256sum < ../../set/$f | cut -c1-64); cp ../../set/$f blobs/$sum
                case $f in */*) up=../../../blobs;; *) up=../../blobs;; esac; ln -s $up/$sum snapshots/abc/$f
            done
            """
        #expect(try runShell(script).status == 0)
        let (plain, _, _) = try take()
        for source in ["hub/datasets--o--n/snapshots/abc", "hub/datasets--o--n"] {
            let (dataset, _, check) = try take(source)
            #expect(dataset.manifest.logicalDigest == plain.manifest.logicalDigest)
            #expect(check.status == 0, "\(check.errorText)")
        }
        // A link that leaves the cache is none of it.
        #expect(
            try runShell(
                "ln -sf \(place("set/corpus.jsonl")) \(place("hub/datasets--o--n/snapshots/abc/corpus.jsonl"))"
            ).status == 0)
        #expect(place.message(of: try .beir(place("hub/datasets--o--n/snapshots/abc"))).contains("symbolic link"))
        // One whose blob is not there is a download that was not finished.
        let unfinished = "cd \(place("hub/datasets--o--n/snapshots/abc")) && ln -sf ../../blobs/gone corpus.jsonl"
        #expect(try runShell(unfinished).status == 0)
        for source in ["hub/datasets--o--n/snapshots/abc", "hub/datasets--o--n"] {
            let message = place.message(of: try .beir(place(source)))
            #expect(message.contains("blob ../../blobs/gone is missing") && message.contains("fetch"), "\(message)")
        }
        #expect(try runShell("mkdir \(place("hub/datasets--o--n/snapshots/def"))").status == 0)
        #expect(place.message(of: try .beir(place("hub/datasets--o--n"))).contains("2 snapshots"))
    }
}
