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
        let unknown = try small.folder.write("q1\tnobody\t1\n", to: "unknown.tsv").string
        #expect(try status("small", unknown) == 65)
    }
}
