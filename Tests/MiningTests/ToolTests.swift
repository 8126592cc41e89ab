import Base
import Store
import JSON
import TestKit
import Testing

/// Runs the binary as a user would.
@Suite struct MineToolTests {
    @Test(arguments: [["--help"], ["filter", "--help"], ["negatives", "--help"]])
    func helpExplains(_ arguments: [String]) throws {
        let result = try run("tvt-mine", arguments)
        #expect(result.status == 0)
        #expect(result.outputText.contains("USAGE: tvt-mine"))
        if arguments.first == "negatives" {
            let steps = [
                "1. positives", "--depth ", "--skip-top ", "--max-score ", "--min-score ", "--absolute-margin ",
                "--relative-margin ", "--exclude-duplicates", "--exclude-answers",
            ]
            let places = steps.map { step in result.outputText.ranges(of: step).first.map(\.lowerBound) }
            #expect(places.allSatisfy { $0 != nil })
            #expect(zip(places, places.dropFirst()).allSatisfy { $0! < $1! }, "in the order in which they apply")
        }
    }

    static let misuses: [[String]] = [
        [], ["filter", "small"], ["filter", "small", "--run", "-", "--as", "x"],
        ["filter", "small", "--run", "r", "--as", "x", "--depth", "0"],
        ["negatives", "small", "--run", "r", "--as", "x", "--count", "5"],
        ["negatives", "small", "--run", "r", "--as", "x", "--count", "0", "--seed", "1"],
        ["negatives", "small", "--run", "r", "--as", "x", "--count", "1", "--seed", "1", "--skip-top", "100"],
        ["negatives", "small", "--run", "r", "--as", "x", "--count", "1", "--seed", "1", "--strategy", "best"],
        ["negatives", "small", "--run", "r", "--as", "x", "--count", "1", "--seed", "1", "--min-score", "nan"],
    ]

    @Test(arguments: misuses)
    func misuseIsStatus64(_ arguments: [String]) throws {
        // Without a subcommand the tool shows its help.
        #expect(try run("tvt-mine", arguments).status == (arguments.isEmpty ? 0 : 64))
    }

    @Test func aWholeRoundThroughTheTool() throws {
        let small = try NegativeMiningTests.small()
        let file = try NegativeMiningTests.run(small).path.string
        let store = ["--store", small.store.root.string]
        let filtered = try run(
            "tvt-mine", ["filter", "small", "--run", file, "--depth", "10", "--as", "small@filtered"] + store)
        #expect(filtered.status == 0, "\(filtered.errorText)")
        #expect(filtered.outputText.contains("3 queries"))
        #expect(filtered.outputText.contains("small@filtered is now sha256:"))
        let mined = try run(
            "tvt-mine",
            [
                "negatives", "small@filtered", "--run", file, "--count", "2", "--seed", "3", "--min-score", "-0.5",
                "--as", "small@mined", "--json",
            ] + store)
        #expect(mined.status == 0, "\(mined.errorText)")
        let report = try JSONValue.parse(mined.output, path: "report")
        #expect(report["negatives"]?.integer == 2)
        #expect(report["unknown_queries_in_run"]?.integer == 1)
        let dataset = try small.store.dataset("small@mined")
        #expect(report["dataset"]?.string == dataset.digest.description)
        #expect(dataset.negatives?.linkCount == 2)
    }

    @Test func failuresHaveTheirStatus() throws {
        let small = try NegativeMiningTests.small()
        let file = try NegativeMiningTests.run(small).path.string
        func status(_ name: String, _ runFile: String, store: String? = nil) throws -> Int32 {
            try run(
                "tvt-mine",
                ["filter", name, "--run", runFile, "--as", "x", "--store", store ?? small.store.root.string]
            ).status
        }
        #expect(try status("small", file) == 0)
        #expect(try status("smal", file) == 66)
        #expect(try status("small", "/nowhere/run") == 66)
        #expect(try status("small", file, store: "/nowhere/store") == 66)
        let broken = try small.folder.write("q1\ta\tmuch\n", to: "broken.tsv").string
        #expect(try status("small", broken) == 65)
        let unknown = try small.folder.write("q1\tnobody\t1.5\n", to: "unknown.tsv").string
        #expect(try status("small", unknown) == 65)
    }

    private func mine(_ small: SmallDataset, _ kind: String, _ run: String, _ more: [String]) throws -> ToolResult {
        try TestKit.run(
            "tvt-mine", [kind, "small", "--run", run, "--as", "x", "--store", small.store.root.string] + more)
    }

    /// Every option that does nothing, and everything that is left out, is told on stderr.
    @Test(
        arguments: [
            (["--positive-ref", "max"], 0, "--positive-ref does nothing without"),
            (["--unscored", "keep"], 0, "--unscored does nothing without"),
            (["--min-score", "-9"], 0, "--min-score dropped nothing"),
            (["--depth", "20"], 0, "no query of"),
            (["--ignore-unknown"], 0, "--ignore-unknown: small has every document"),
            (["--escape-ids"], 0, "--escape-ids: no id of"),
            (["--exclude-answers"], 0, "2 of 3 queries have no answer"),
            (["--max-unknown", "1.5"], 64, "--max-unknown"), (["--depth", "99999999999999999999"], 64, "depth"),
            (["--depth", "4294967296"], 64, "--depth"), (["--own-documents", "drop"], 64, "own-documents"),
        ] as [([String], Int32, String)])
    func whatDoesNothingSaysSo(options: [String], status: Int32, message: String) throws {
        let small = try NegativeMiningTests.small()
        // Shorter than the corpus.
        let file = try small.folder.write("q1\ta\t1.5\nq1\tp\t1.2\nq1\tb\t1\nq2\ta\t2\n", to: "short.tsv").string
        let result = try mine(small, "negatives", file, ["--count", "1", "--seed", "1"] + options)
        #expect(result.status == status && result.errorText.contains(message), "\(result.errorText)")
    }

    /// A run whose ids were escaped is read as its sidecar says, without a flag.
    @Test func theSidecarOfARunDecides() throws {
        let small = try SmallDataset(
            documents: [("p 1", "right"), ("d 1", "other"), ("d%20", "third")],
            queries: [.init(id: "q 1", positives: ["p 1"]), .init(id: "q2", positives: ["d 1"])])
        let lines = "q%201 Q0 d%201 1 3 t\nq%201 Q0 d%2520 2 2 t\nq%201 Q0 p%201 3 1 t\nq2 Q0 p%201 1 1 t\n"
        let file = try small.folder.write(lines, to: "run.trec")
        let digest = try SHA256Digest.ofFile(file).hex
        // Without it: one query and all documents are unknown.
        let blind = try mine(small, "filter", file.string, [])
        #expect(blind.status == 65 && blind.errorText.contains("known without %XX: give --escape-ids"))
        for escaped in [true, false] {
            try small.folder.write(
                #"{"sha256": "\#(digest)", "format": "trec", "escaped_ids": \#(escaped)}"#, to: "run.trec.json")
            let asked = try mine(small, "filter", file.string, ["--escape-ids"])
            #expect(asked.status == (escaped ? 0 : 64), "\(asked.errorText)")
            if !escaped { #expect(asked.errorText.contains("not percent-escaped, as")) }
            guard escaped else { continue }
            let result = try mine(small, "negatives", file.string, ["--count", "5", "--seed", "1"])
            #expect(result.status == 0, "\(result.errorText)")
            let links = try #require(try small.store.dataset("x").negatives)
            #expect(try links.targets(of: 0).map { try small.id(Int($0)) } == ["d 1", "d%20"])
            let format = try mine(small, "filter", file.string, ["--format", "marco"])
            #expect(format.status == 64 && format.errorText.contains("is a trec run, as"))
        }
    }

    /// Unknown queries are said on stderr, whatever else happens.
    @Test func unknownQueriesAreTold() throws {
        let small = try NegativeMiningTests.small()
        let file = try small.folder.write("q1\tp\t1.5\nstranger\ta\t1\n", to: "run.tsv").string
        let result = try mine(small, "filter", file, [])
        #expect(result.status == 0 && result.errorText.contains("1 of 2 queries is unknown to small: \"stranger\""))
        #expect(result.errorText.hasPrefix("warning: "))
        #expect(try mine(small, "filter", file, ["--max-unknown", "0.4"]).status == 65)
    }
}
