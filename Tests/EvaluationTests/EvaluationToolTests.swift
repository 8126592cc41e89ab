import Base
import JSON
import Store
import StoreFormat
import Testing
import TestKit

@Suite struct EvaluationToolTests {
    private static let run1 = "q1 Q0 a 1 2 t\nq1 Q0 b 2 1 t\nq2 Q0 c 1 1 t\nq9 Q0 c 1 1 t\n"
    private static let run2 = "q1\tb\t2\nq1\ta\t1\nq2\td\t1.5\n"
    private static let qrels = "query-id\tcorpus-id\tscore\nq1\tb\t1\nq2\tc\t1\nq3\tc\t1\n"

    private func files() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write(Self.run1, to: "first.trec")
        try folder.write(Self.run2, to: "second.tsv")
        try folder.write(Self.qrels, to: "qrels.tsv")
        return folder
    }

    @Test func everyFormat() throws {
        let folder = try files()
        let arguments = [
            "--run", folder("first.trec").string, "--qrels", folder("qrels.tsv").string, "--metrics",
            "mrr,recall@1,num_ret",
        ]
        let table = try run("tvt-eval", arguments)
        #expect(table.status == 0)
        #expect(
            table.outputText == """
                measure                   first.trec
                mrr                           0.5000
                recall@1                      0.3333
                num_ret                            3
                queries                            3
                queries without results            1
                unjudged queries ignored           1

                """)
        let markdown = try run("tvt-eval", arguments + ["--format", "markdown", "--per-query"])
        #expect(
            markdown.outputText.hasPrefix(
                "| query | mrr | recall@1 | num_ret |\n| --- | ---: | ---: | ---: |\n| q1 | 0.5000 |"))
        let trec = try run("tvt-eval", arguments + ["--format", "trec", "--per-query"])
        #expect(trec.outputText.contains("recip_rank            \tq1\t0.5000\n"))
        #expect(trec.outputText.contains("num_q                 \tall\t3\n"))
        #expect(trec.outputText.contains("recall_1              \tall\t0.3333\n"))
        let json = try JSONValue.parse(run("tvt-eval", arguments + ["--json", "--per-query"]).output, path: "output")
        let result = try #require(json["runs"]?.array?.first)
        #expect(result["measures"]?["mrr"]?.double == 0.5)
        #expect(result["measures"]?["num_ret"]?.integer == 3)
        #expect(result["queries_without_results"]?.integer == 1)
        #expect(result["per_query"]?.array?.map { $0["query_id"]?.string } == ["q1", "q2", "q3"])
    }

    @Test func comparison() throws {
        let folder = try files()
        let arguments = [
            "--run", folder("first.trec").string, "--compare", folder("second.tsv").string, "--qrels",
            folder("qrels.tsv").string, "--metrics", "mrr",
        ]
        let json = try JSONValue.parse(run("tvt-eval", arguments + ["--json"]).output, path: "output")
        let comparison = try #require(json["comparison"]?.array?.first)
        #expect(comparison["wins"]?.integer == 1 && comparison["losses"]?.integer == 1)
        #expect(comparison["ties"]?.integer == 1)
        #expect(abs((comparison["mean_difference"]?.double ?? 1) + 0.5 / 3) < 1e-12)
        let table = try run("tvt-eval", arguments)
        #expect(table.outputText.contains("-0.1667"))
        #expect(try run("tvt-eval", arguments).output == table.output)
        #expect(try run("tvt-eval", arguments + ["--format", "trec"]).status == 64)
    }

    @Test func readsCompressedRunsAndStdin() throws {
        let folder = try files()
        let result = try run(
            "tvt-eval", ["--run", "-", "--qrels", folder("qrels.tsv").string, "--metrics", "mrr"],
            input: Array(Self.run1.utf8))
        #expect(result.outputText.contains("0.5000"), "\(result.errorText)")
    }

    @Test func judgementsOfTheStore() throws {
        let folder = try files()
        let store = try Store.create(at: folder("store"))
        let writer = try store.writer(
            reference: "tiny",
            provenance: Provenance(tool: "test", options: [:], inputs: [], parents: [], statistics: [:]))
        for id in ["a", "b", "c", "d"] {
            let record = Array("{\"docid\":\"\(id)\",\"document_text\":\"text\"}".utf8)
            _ = try Array(id.utf8).withUnsafeBytes { id in
                try record.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        for id in ["q1", "q2", "q3"] {
            let record = Array("{\"query_id\":\"\(id)\",\"query_text\":\"text\"}".utf8)
            _ = try Array(id.utf8).withUnsafeBytes { id in
                try record.withUnsafeBytes { try writer.appendQuery(id: id, record: $0, positives: [], negatives: []) }
            }
        }
        for (query, document) in [(0, 1), (1, 2), (2, 2)] {
            try writer.addJudgement(split: "dev", query: query, document: document, grade: 1)
        }
        try writer.addJudgement(split: "other", query: 0, document: 0, grade: 1)
        _ = try writer.commit()
        let arguments = [
            "--run", folder("first.trec").string, "--store", folder("store").string, "--metrics", "mrr", "--qrels",
        ]
        let dev = try run("tvt-eval", arguments + ["tiny", "--split", "dev", "--json"])
        #expect(dev.status == 0, "\(dev.errorText)")
        let fromFile = try run(
            "tvt-eval",
            ["--run", folder("first.trec").string, "--metrics", "mrr", "--qrels", folder("qrels.tsv").string, "--json"])
        func measures(_ result: ToolResult) throws -> JSONValue? {
            try JSONValue.parse(result.output, path: "output")["runs"]?.array?.first
        }
        #expect(try measures(dev)?["measures"] == measures(fromFile)?["measures"])
        // The dataset knows queries that nobody judged, and documents that are not its own.
        try folder.write("q1 Q0 b 1 2 t\nq1 Q0 nobody 2 1 t\nq3 Q0 c 1 1 t\nq9 Q0 c 1 1 t\n", to: "strange.trec")
        let strange = try run(
            "tvt-eval",
            [
                "--run", folder("strange.trec").string, "--store", folder("store").string, "--qrels", "tiny", "--split",
                "other",
            ])
        #expect(strange.status == 0, "\(strange.errorText)")
        #expect(strange.errorText.contains("1 of 3 queries is unknown to tiny: \"q9\""))
        #expect(strange.errorText.contains("1 of 4 results name documents that are unknown to tiny: \"nobody\""))
        let unnamed = try run("tvt-eval", arguments + ["tiny"])
        #expect(unnamed.status == 64 && unnamed.errorText.contains("dev, other"))
        let wrong = try run("tvt-eval", arguments + ["tiny", "--split", "test"])
        #expect(wrong.status == 66 && wrong.errorText.contains("dev, other"))
        #expect(try run("tvt-eval", arguments + ["tinny"]).errorText.contains("tiny"))
    }

    @Test func help() throws {
        let result = try run("tvt-eval", ["--help"])
        #expect(result.status == 0)
        for option in [
            "--run", "--qrels", "--metrics", "--per-query", "--compare", "--format", "--split", "--escape-ids",
        ] {
            #expect(result.outputText.contains(option))
        }
    }

    @Test func faults() throws {
        let folder = try files()
        try folder.write("q1 Q0 a 1 x t\n", to: "bad.trec")
        try folder.write("q1 0 a\n", to: "bad.qrels")
        try folder.write("q1\ta\t1\nq1\tb\t2\n", to: "ranks.tsv")
        try folder.write("q1 Q0 a 1 2 t\nq1 Q0 a 1 1 t\n", to: "twice.trec")
        let (good, qrels) = (folder("first.trec").string, folder("qrels.tsv").string)
        for (arguments, status, message) in [
            (["--run", good], 64, "qrels"),
            (["--run", good, "--qrels", qrels, "--metrics", "accuracy"], 64, "\"accuracy\" is not a measure"),
            (["--run", good, "--qrels", qrels, "--json", "--format", "table"], 64, "--json"),
            (["--run", folder("none").string, "--qrels", qrels], 66, "none"),
            (["--run", good, "--qrels", folder("none").string], 66, "neither a file"),
            (["--run", folder("bad.trec").string, "--qrels", qrels], 65, "bad.trec:1 (byte 10), field \"score\""),
            (["--run", good, "--qrels", folder("bad.qrels").string], 65, "bad.qrels:1 (byte 0): 3 fields"),
            (["--run", folder("ranks.tsv").string, "--qrels", qrels], 65, "--run-format"),
            (["--run", folder("twice.trec").string, "--qrels", qrels], 65, "twice.trec:2, field \"docid\""),
            (["--run", good, "--qrels", qrels, "--permutations", "0"], 64, "--permutations"),
            (["--run", good, "--qrels", qrels, "--max-unknown", "nan"], 64, "--max-unknown"),
            (["--run", good, "--qrels", qrels, "--split", "test"], 64, "--split names judgements of a dataset"),
        ] as [([String], Int32, String)] {
            let result = try run("tvt-eval", arguments)
            #expect(result.status == status, "\(arguments): \(result.errorText)")
            #expect(result.errorText.contains(message), "\(result.errorText)")
            #expect(result.output.isEmpty)
        }
        let ranks = try run(
            "tvt-eval",
            ["--run", folder("ranks.tsv").string, "--qrels", qrels, "--run-format", "marco", "--metrics", "mrr"])
        #expect(ranks.status == 0 && ranks.outputText.contains("0.1667"))
    }

    private func evaluate(_ folder: TemporaryFolder, _ run: String, _ qrels: String, _ more: String...) throws
        -> ToolResult
    {
        try folder.write(run, to: "run")
        try folder.write(qrels, to: "qrels")
        return try TestKit.run(
            "tvt-eval", ["--run", folder("run").string, "--qrels", folder("qrels").string, "--metrics", "mrr"] + more)
    }

    /// Judgements that are none are no reason for zeros.
    @Test(arguments: ["", "\n\n", "query-id\tcorpus-id\tscore\n"])
    func emptyJudgementsAreAnError(qrels: String) throws {
        let result = try evaluate(TemporaryFolder(), Self.run1, qrels)
        #expect(result.status == 65 && result.errorText.contains("holds no judgements"), "\(result.errorText)")
        #expect(result.output.isEmpty)
    }

    /// A repeated judgement counts once and is told with its line; conflicting ones are an error with both.
    @Test func repeatedJudgements() throws {
        let folder = try TemporaryFolder()
        let once = try evaluate(folder, Self.run1, "q1 0 b 1\nq2 0 c 1\n")
        let repeated = try evaluate(folder, Self.run1, "q1 0 b 1\nq2 0 c 1\nq1 0 b 1\n")
        #expect(repeated.status == 0 && repeated.output == once.output)
        #expect(repeated.errorText.contains("qrels:3: the judgement of line 1 again; 1 repeated judgement counts once"))
        let conflict = try evaluate(folder, Self.run1, "q1 0 b 1\nq2 0 c 1\nq1 0 b 2\n")
        #expect(conflict.status == 65 && conflict.errorText.contains("qrels:3, field \"docid\""))
        #expect(conflict.errorText.contains("in line 1"))
    }

    /// What the judgements do not know is counted and named; from a share on it is an error, unless every judged query
    /// has results.
    @Test func unknownQueries() throws {
        let folder = try TemporaryFolder()
        let run = "q1 Q0 b 1 1 t\nx1 Q0 b 1 1 t\nx2 Q0 b 1 1 t\n"
        let harmless = try evaluate(folder, run, "q1 0 b 1\n", "--json")
        #expect(harmless.status == 0)
        #expect(
            harmless.errorText.contains(
                "note: \(folder("run")): 2 of 3 queries are unknown to \(folder("qrels")): \"x1\", \"x2\""))
        let json = try JSONValue.parse(harmless.output, path: "output")["runs"]?.array?.first
        #expect(json?["unknown_queries"] == 2 && json?["unknown_documents"] == 0)
        let doubtful = try evaluate(folder, run, "q1 0 b 1\nq2 0 b 1\n")
        #expect(doubtful.status == 65 && doubtful.errorText.contains("--max-unknown"))
        let allowed = try evaluate(folder, run, "q1 0 b 1\nq2 0 b 1\n", "--max-unknown", "0.7")
        #expect(allowed.status == 0 && allowed.errorText.contains("warning: \(folder("run")): 2 of 3 queries"))
        let none = try evaluate(folder, run, "b 0 q1 1\n")
        #expect(none.status == 65 && none.errorText.contains("are its columns of queries and documents swapped?"))
        let empty = try evaluate(folder, "", "q1 0 b 1\n")
        #expect(empty.status == 0 && empty.errorText.contains("no results for any judged query"))
        try folder.write(run, to: "first")
        try folder.write("q1 Q0 b 1 1 t\n", to: "good")
        try folder.write("q1 0 b 1\nq2 0 b 1\n", to: "qrels")
        let compared = try TestKit.run(
            "tvt-eval",
            [
                "--run", folder("good").string, "--compare", folder("first").string, "--qrels", folder("qrels").string,
            ])
        #expect(compared.status == 65 && compared.errorText.contains("first: 2 of 3"))
    }

    /// A run that was written with --escape-ids: read as its sidecar says, and told where there is none.
    @Test func escapedIDs() throws {
        let folder = try TemporaryFolder()
        let run = "a%20b Q0 d%201 1 1 t\nc Q0 d 1 1 t\n"
        let qrels = "query-id\tcorpus-id\tscore\na b\td 1\t1\nc\td\t1\n"
        let blind = try evaluate(folder, run, qrels)
        #expect(blind.status == 0 && blind.errorText.contains("1 of 2 queries is unknown"))
        #expect(blind.errorText.contains("1 of these ids is known without %XX: give --escape-ids"))
        #expect(try evaluate(folder, run, qrels, "--escape-ids").outputText.contains("1.0000"))
        let digest = try SHA256Digest.ofFile(folder("run")).hex
        try folder.write(#"{"sha256": "\#(digest)", "format": "trec", "escaped_ids": true}"#, to: "run.json")
        let told = try evaluate(folder, run, qrels)
        #expect(told.status == 0 && told.errorText.isEmpty && told.outputText.contains("1.0000"), "\(told.errorText)")
        let format = try evaluate(folder, run, qrels, "--run-format", "tevatron")
        #expect(format.status == 64 && format.errorText.contains("run.json"))
        try folder.write(#"{"sha256": "\#(digest)", "format": "trec", "escaped_ids": false}"#, to: "run.json")
        #expect(try evaluate(folder, run, qrels, "--escape-ids").status == 64)
        // Read as it was said to be written, whatever the ids look like.
        #expect(try evaluate(folder, run, qrels).errorText.contains("1 of 2 queries is unknown"))
    }

    /// BEIR leaves a query's own document out before it ranks.
    @Test func identicalIDs() throws {
        let folder = try TemporaryFolder()
        let run = "q1 Q0 q1 1 9 t\nq1 Q0 d 2 8 t\nq2 Q0 d 1 1 t\n"
        let qrels = "q1 0 d 1\nq2 0 d 1\n"
        let plain = try evaluate(folder, run, qrels)
        #expect(plain.outputText.contains("0.7500"))
        #expect(
            plain.errorText.contains("1 results have the id of their query")
                && plain.errorText.contains("--ignore-identical-ids"))
        let ignoring = try evaluate(folder, run, qrels, "--ignore-identical-ids", "--json")
        let json = try JSONValue.parse(ignoring.output, path: "output")["runs"]?.array?.first
        #expect(json?["measures"]?["mrr"]?.double == 1 && json?["results"] == 2 && json?["identical_ids"] == 1)
        #expect(ignoring.errorText.isEmpty)
        let idle = try evaluate(folder, "q1 Q0 d 1 1 t\n", "q1 0 d 1\n", "--ignore-identical-ids")
        #expect(idle.errorText.contains("--ignore-identical-ids: no result"))
    }

    /// Measures that look deeper than the run goes, and options that do nothing, are named.
    @Test(arguments: [
        (
            ["--metrics", "recall@3,ndcg@10,mrr@2,map"],
            "no judged query has more than 2 results, fewer than recall@3, ndcg@10 look at"
        ),
        (["--metrics", "mrr@3"], "fewer than mrr@3 looks at"),
        (["--seed", "1"], "--seed does nothing without a comparison"),
        (["--permutations", "9"], "--permutations does nothing without a comparison"),
        (["--escape-ids"], "--escape-ids: no id of"),
        (["--store", "nowhere"], "--store: the judgements are those of the file"),
    ])
    func whatDoesNothingSaysSo(options: [String], message: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("q1 Q0 a 1 2 t\nq1 Q0 b 2 1 t\n", to: "run")
        try folder.write("q1 0 b 1\n", to: "qrels")
        let result = try run(
            "tvt-eval", ["--run", folder("run").string, "--qrels", folder("qrels").string] + options)
        #expect(result.status == 0 && result.errorText.contains(message), "\(result.errorText)")
    }

    @Test func judgementsWithoutAnythingRelevant() throws {
        let result = try evaluate(TemporaryFolder(), Self.run1, "q1 0 b 0\nq2 0 c -1\n")
        #expect(result.status == 0 && result.errorText.contains("no judgement has a grade above 0"))
    }
}
