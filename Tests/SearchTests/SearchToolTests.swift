import Base
import JSON
import Rankings
import TestKit
import Testing
import Vectors

@Suite struct SearchToolTests {
    private func folders() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        var queries = Rows(.spread, prefix: "q ", count: 12, dims: 8, seed: 1)
        queries.ids[0] = Array("d5".utf8)
        try queries.write(to: folder("q"), side: .queries)
        try Rows(.spread, prefix: "d", count: 60, dims: 8, seed: 2).write(to: folder("d"), side: .corpus, partCount: 2)
        try Rows(.spread, prefix: "e", count: 30, dims: 8, seed: 3).write(to: folder("e"), side: .corpus)
        return folder
    }

    @Test func writesTheSameRunWithAnyThreads() throws {
        let folder = try folders()
        for threads in ["1", "2", "9"] {
            let result = try run(
                "tvt-search",
                [
                    "--queries", folder("q").string, "--corpus", folder("d").string, folder("e").string, "--depth",
                    "70",
                    "--output", folder("run\(threads)").string, "--escape-ids", "--threads", threads, "--json",
                    "--tag", "mine",
                ])
            #expect(result.status == 0, "\(result.errorText)")
            let summary = try JSONValue.parse(result.output, path: "output")
            #expect(summary["results"]?.integer == 12 * 70)
            #expect(summary["documents"]?.integer == 90)
        }
        let bytes = try Files.readAll(folder("run1"))
        #expect(try Files.readAll(folder("run2")) == bytes)
        #expect(try Files.readAll(folder("run9")) == bytes)
        let first = bytes.prefix { $0 != 0x0A }.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
        #expect(first.count == 6 && first[0] == "d5" && first[1] == "Q0" && first[3] == "1" && first[5] == "mine")
        #expect(try Run(reading: folder("run1"), escapedIDs: true).queries[1] == Array("q 1".utf8))
    }

    @Test func formatsAndStdout() throws {
        let folder = try folders()
        let arguments = [
            "--queries", folder("q").string, "--corpus", folder("d").string, "--depth", "3", "--output", "-",
        ]
        let tevatron = try run("tvt-search", arguments + ["--format", "tevatron", "--exclude-self"])
        #expect(tevatron.status == 0)
        #expect(tevatron.output.count { $0 == 0x0A } == 36)
        #expect(!tevatron.outputText.contains("d5\td5\t"))
        let marco = try run("tvt-search", arguments + ["--format", "marco"])
        #expect(marco.outputText.hasPrefix("d5\t") && marco.outputText.contains("q 1\t"))
        #expect(marco.outputText.split(separator: "\n")[2].hasSuffix("\t3"))
    }

    @Test func help() throws {
        let result = try run("tvt-search", ["--help"])
        #expect(result.status == 0)
        for option in ["--queries", "--corpus", "--depth", "--exclude-self", "--dims", "--escape-ids", "--json"] {
            #expect(result.outputText.contains(option))
        }
    }

    /// Faults, their exit statuses, and nothing left under the final name.
    @Test func faults() throws {
        let folder = try folders()
        try Rows(.spread, prefix: "d", count: 9, dims: 8, seed: 2).write(
            to: folder("other"), side: .corpus, card: "another")
        let (q, d, out) = (folder("q").string, folder("d").string, folder("run").string)
        try folder.write("{", to: "broken/vectors.json")
        for (arguments, status, message) in [
            (["--corpus", d, "--output", out], 64, "queries"),
            (["--queries", q, "--corpus", d, "--output", out, "--depth", "0"], 64, "--depth"),
            (["--queries", q, "--corpus", d, "--output", out, "--format", "csv"], 64, "format"),
            (["--queries", q, "--corpus", d, "--output", out, "--dims", "9"], 64, "8 dimensions"),
            (["--queries", q, "--corpus", d, "--output", out], 65, "--escape-ids"),
            (["--queries", q, "--corpus", d, "--output", out, "--tag", "a b"], 64, "tag"),
            (["--queries", q, "--corpus", folder("other").string, "--output", out], 65, "was made by the model"),
            (["--queries", q, "--corpus", folder("none").string, "--output", out], 66, "no vectors.json"),
            (["--queries", q, "--corpus", folder("broken").string, "--output", out], 65, "vectors.json"),
            (["--queries", q, "--corpus", d, "--output", "/proc/run", "--escape-ids"], 73, "/proc"),
        ] as [([String], Int32, String)] {
            let result = try run("tvt-search", arguments)
            #expect(result.status == status, "\(arguments): \(result.errorText)")
            #expect(result.errorText.contains(message), "\(result.errorText)")
        }
        #expect(try !Files.list(folder.path).contains { $0.contains("run") })
    }

    /// Killed at any time, a search leaves no run or a whole one.
    @Test(arguments: [0.02, 0.1, 0.3])
    func killed(afterSeconds: Double) throws {
        let folder = try TemporaryFolder()
        try Rows(.spread, prefix: "q", count: 400, dims: 16, seed: 1).write(to: folder("q"), side: .queries)
        try Rows(.copied, prefix: "d", count: 4000, dims: 16, seed: 2).write(to: folder("d"), side: .corpus)
        let arguments = [
            "--queries", folder("q").string, "--corpus", folder("d").string, "--depth", "1000", "--output",
            folder("run").string,
        ]
        _ = try run("tvt-search", arguments, killAfterSeconds: afterSeconds)
        if Files.exists(folder("run")) { #expect(try Run(reading: folder("run")).resultCount == 400_000) }
        #expect(try run("tvt-search", arguments).status == 0)
        #expect(try Run(reading: folder("run")).resultCount == 400_000)
    }

    @Test func verifyFindsAFlippedBit() throws {
        let folder = try folders()
        let path = folder("d").appending("part-00001.npy")
        var bytes = try Files.readAll(path)
        bytes[bytes.count - 3] ^= 1
        try Files.replace(path, with: bytes)
        let result = try run(
            "tvt-search",
            [
                "--queries", folder("q").string, "--corpus", folder("d").string, "--output", folder("run").string,
                "--escape-ids", "--verify",
            ])
        #expect(result.status == 65)
        #expect(result.errorText.contains("part-00001.npy"))
    }
}
