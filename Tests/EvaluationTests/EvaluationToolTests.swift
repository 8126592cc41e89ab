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
        #expect(try measures(dev) == measures(fromFile))
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
            (["--run", folder("twice.trec").string, "--qrels", qrels], 65, "twice"),
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
}
