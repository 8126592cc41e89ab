import Archives
import Base
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

/// `--max-bad-records` leaves out broken rows of every reader, `check` lists all of them, and nothing that follows from them.
@Suite struct BrokenRowsTests {
    /// A source with broken rows.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let command: String
        let files: [(name: String, lines: [String])]
        /// Rows that are left out, in order, as the rejects have them.
        let rejects: [String]
        let documentCount: Int
    }

    static let cases: [Case] = [
        Case(
            testDescription: "MS MARCO with stray line breaks", command: "msmarco",
            files: [
                ("collection.tsv", ["1\tone", " and more", "2\ttwo"]), ("queries.train.tsv", ["10\twhich", "stray"]),
                ("qrels.train.tsv", ["10\t0\t1\t1", "10\t0\t2", "10\t0\t2\t1"]),
            ], rejects: [" and more", "stray", "10\t0\t2"], documentCount: 2),
        Case(
            testDescription: "MIRACL", command: "miracl",
            files: [
                ("miracl-corpus-v1.0-sw/docs-0.jsonl", [#"{"docid":"1","title":"t","text":"one"}"#, "{"]),
                ("miracl-v1.0-sw/topics/topics.miracl-v1.0-sw-dev.tsv", ["10\twhich", "a\tb\tc"]),
                ("miracl-v1.0-sw/qrels/qrels.miracl-v1.0-sw-dev.tsv", ["10 Q0 1 1", "10 Q0 1 x"]),
            ], rejects: ["{", "a\tb\tc", "10 Q0 1 x"], documentCount: 1),
        Case(
            testDescription: "an array of JSON", command: "nq",
            files: [
                (
                    "biencoder-nq-train.json",
                    [
                        #"[{"question":"q","answers":[],"positive_ctxs":[{"passage_id":"1","title":"t","text":"one"}]},"#,
                        #"17, "text", {"question":5}, {"question":"r","answers":[],"positive_ctxs":[]}]"#,
                    ]
                )
            ], rejects: ["17", "\"text\"", "{\"question\":5}"], documentCount: 1),
        Case(
            testDescription: "JSON Lines of BGE", command: "bge",
            files: [("train.jsonl", [#"{"query":"a","pos":["one"],"neg":[]}"#, #"{"query":"b"}"#, "x"])],
            rejects: [#"{"query":"b"}"#, "x"], documentCount: 1),
        Case(
            testDescription: "judgements of BEIR in every form", command: "beir",
            files: [
                ("corpus.jsonl", [#"{"_id":"d1","text":"one"}"#]), ("queries.jsonl", [#"{"_id":"q1","text":"which"}"#]),
                ("qrels/a.tsv", ["query-id\tcorpus-id\tscore", "q1\td1\t1", "q1\td1"]),
                ("qrels/b.csv", ["query-id,corpus-id,score", "q1,d1,1", "q1,d1,\"1"]),
                ("qrels/c.jsonl", [#"{"query-id":"q1","corpus-id":"d1","score":1}"#, "{}"]),
                ("qrels/d.json", [#"[{"query-id":"q1","corpus-id":"d1","score":1},3]"#]),
            ], rejects: ["q1\td1", "q1,d1,\"1", "{}", "3"], documentCount: 1),
    ]

    @Test(arguments: cases) func brokenRowsAreLeftOutAndListed(_ example: Case) throws {
        let place = try SourcePlace()
        for file in example.files { try place.write(file.lines, to: "raw/\(file.name)") }
        func convert(_ allowed: Int) throws -> ToolResult {
            try run(
                "tvt-convert",
                [
                    example.command, place("raw").string, "--dataset", "x", "--store", place.store.root.string,
                    "--max-bad-records", "\(allowed)", "--rejects", place("rejects").string,
                ])
        }
        let tooFew = try convert(example.rejects.count - 1)
        #expect(tooFew.status == 65, "\(tooFew.errorText)")
        let result = try convert(example.rejects.count)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try Files.readText(place("rejects")) == example.rejects.map { $0 + "\n" }.joined())
        #expect(try place.store.dataset("x").documentCount == example.documentCount)
        let check = try run("tvt-convert", ["check", example.command, place("raw").string, "--json"])
        let report = try JSONValue.parse(check.output, path: "report")
        #expect(check.status == 65 && report["errors"]?.integer == example.rejects.count, "\(check.outputText)")
    }

    @Test func annotationsOfClips() throws {
        let place = try SourcePlace()
        try place.write(
            ["audiocap_id,youtube_id,start_time,caption", "1,yt,30.0,a bell", "2,yt", "3,yu,5,\"a \"dog\""],
            to: "raw/train.csv")
        for name in ["yt_30", "yu_5"] { try place.folder.write("RIFF\0\0\0\0WAVE\(name)", to: "raw/audio/\(name).wav") }
        let (dataset, report) = try place.take(.audiocaps([place("raw")]), badRecords: 2)
        #expect(dataset.documentCount == 1 && report.rejectCount == 2)
        // Whole seconds, however a table writes them.
        #expect(try place.document(dataset, "yt_30")["youtube_id"]?.string == "yt")
        #expect(try Files.readText(place("rejects")) == "2,yt\n3,yu,5,\"a \"dog\"\n")
        #expect(place.message(of: try .audiocaps([place("raw")])).contains("train.csv:3"))
    }

    @Test func rowsBehindABrokenOneKeepTheirPlaces() throws {
        let place = try SourcePlace()
        try place.write(["1\tone", "stray", "1\tother"], to: "raw/collection.tsv")
        try place.write(["10\twhich"], to: "raw/queries.train.tsv")
        let check = try run("tvt-convert", ["check", "msmarco", place("raw").string])
        #expect(check.outputText.contains("collection.tsv:2 (byte 6)") && check.outputText.contains("collection.tsv:3"))
    }

    // MARK: - What follows from a broken line

    @Test func referencesToBrokenRecordsAreNoErrors() throws {
        let place = try SourcePlace()
        try place.write(
            [#"{"docid":"d1","text":"one"}"#, #"{"docid":"d2","text":5}"#, #"{"docid": "d3", "text":"cut"#],
            to: "raw/corpus.jsonl")
        try place.write(
            [
                #"{"query_id":"q1","query_text":"a","positive_document_ids":["d1"]}"#,
                #"{"query_id":"q2","query_text":"b","positive_document_ids":["d2","d3"]}"#,
                #"{"query_id":"q3","query_text":7}"#,
            ], to: "raw/queries.jsonl")
        try place.write(
            ["q1 0 d1 1", "q1 0 d2 1", "q2 0 d1 1", "q3 0 d1 1", "q1 0 nowhere 1"], to: "raw/qrels/test.qrels")
        let arguments = [
            "check", "v2", "--corpus", place("raw/corpus.jsonl").string, "--queries", place("raw/queries.jsonl").string,
            "--qrels", place("raw/qrels/test.qrels").string, "--json",
        ]
        let report = try JSONValue.parse(run("tvt-convert", arguments).output, path: "report")
        // Two documents, a query, and a document that is nowhere.
        #expect(report["counts"] == ["bad record": 3, "dangling reference": 1])
        #expect(report["references_to_broken_records"]?.integer == 4)
    }

    @Test func aStrayLineExplainsOneUnknownID() throws {
        let place = try SourcePlace()
        try place.write(["1\tone", "stray"], to: "raw/collection.tsv")
        try place.write(["10\twhich"], to: "raw/queries.train.tsv")
        try place.write(["10\t0\t1\t1", "10\t0\t2\t1", "10\t0\t3\t1"], to: "raw/qrels.train.tsv")
        let check = try run("tvt-convert", ["check", "msmarco", place("raw").string, "--json"])
        let report = try JSONValue.parse(check.output, path: "report")
        #expect(report["counts"] == ["bad record": 1, "dangling reference": 1])
    }

    @Test func afterAFileThatCannotBeReadNothingIsDangling() throws {
        let place = try SourcePlace()
        try place.write([#"{"_id":"d1","text":"one"}"#, #"{"_id":"d2","text":"two"}"#], to: "set/corpus.jsonl")
        try place.write([#"{"_id":"q1","text":"which"}"#], to: "set/queries.jsonl")
        try place.write(["q1 0 d1 1", "q1 0 d2 1"], to: "set/qrels/test.tsv")
        #expect(try runShell("cd \(place("set")) && gzip corpus.jsonl && truncate -s -9 corpus.jsonl.gz").status == 0)
        let check = try run("tvt-convert", ["check", "beir", place("set").string, "--json"])
        let report = try JSONValue.parse(check.output, path: "report")
        #expect(report["counts"] == ["unreadable file": 1])
    }

    @Test func aLineThatIsTooLongIsOneBadRecord() throws {
        let place = try SourcePlace()
        let long = #"{"docid":"long","text":"\#(String(repeating: "x", count: 5000))"}"#
        let good = [#"{"docid":"d1","text":"one"}"#, #"{"docid":"d2","text":"two"}"#]
        try place.write([good[0], long, good[1]], to: "corpus.jsonl")
        try place.write([good[0]], to: "cut.jsonl")
        let arguments = [
            "v2", "--corpus", place("corpus.jsonl").string, "--dataset", "x", "--store", place.store.root.string,
            "--max-record-bytes", "4KiB",
        ]
        let stopped = try run("tvt-convert", arguments)
        #expect(
            stopped.status == 65
                && stopped.errorText.contains("corpus.jsonl:2 (byte 28): a line longer than 4096 bytes"))
        let result = try run(
            "tvt-convert", arguments + ["--max-bad-records", "1", "--rejects", place("rejects").string])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try place.store.dataset("x").documentCount == 2)
        let whole = try run("tvt-convert", arguments.dropLast() + ["1MiB"])
        #expect(whole.status == 0)
        #expect(try place.store.dataset("x").documentCount == 3)
        #expect(try run("tvt-convert", arguments.dropLast() + ["12"]).status == 64)
        #expect(try run("tvt-convert", arguments.dropLast() + ["many"]).status == 64)
    }
}
