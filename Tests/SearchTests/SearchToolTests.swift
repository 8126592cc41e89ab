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
        try Rows(.spread, prefix: "e", count: 30, dims: 8, seed: 3).write(
            to: folder("e"), side: .corpus, dataset: "another")
        return folder
    }

    @Test func writesTheSameRunWithAnyThreads() throws {
        let folder = try folders()
        for threads in ["1", "2", "9"] {
            let result = try run(
                "tvt-search",
                [
                    "--queries", folder("q").string, "--corpus", folder("d").string, folder("e").string, "--depth",
                    "70", "--allow-mismatch",
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
        try Files.makeDirectory(folder("empty"))
        for (arguments, status, message) in [
            (["--corpus", d, "--output", out], 64, "queries"),
            (["--queries", q, "--corpus", d, "--output", out, "--depth", "0"], 64, "--depth"),
            (["--queries", q, "--corpus", d, "--output", out, "--format", "csv"], 64, "format"),
            (["--queries", q, "--corpus", d, "--output", out, "--dims", "9"], 64, "8 dimensions"),
            (["--queries", q, "--corpus", d, "--output", out], 65, "--escape-ids"),
            (["--queries", q, "--corpus", d, "--output", out, "--tag", "a b"], 64, "tag"),
            (["--queries", q, "--corpus", folder("other").string, "--output", out], 65, "was made by the model"),
            (["--queries", q, "--corpus", folder("none").string, "--output", out], 66, "none is not a folder"),
            (["--queries", q, "--corpus", folder("empty").string, "--output", out], 66, "no vectors.json"),
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
        #expect(try !Files.list(folder.path).contains { $0.hasPrefix(".run") }, "what the killed one left is swept")
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

    private func arguments(_ folder: TemporaryFolder, _ more: String...) -> [String] {
        ["--queries", folder("q").string, "--corpus", folder("d").string, "--output", folder("run").string] + more
    }

    /// What a run is stands beside it, in every format.
    @Test(arguments: RunFormat.allCases, [false, true])
    func theSidecarSaysWhatTheRunIs(format: RunFormat, isEscaped: Bool) throws {
        let folder = try folders()
        let flags = isEscaped || format == .trec ? ["--escape-ids"] : []
        let result = try run("tvt-search", arguments(folder, "--format", format.rawValue) + flags)
        #expect(result.status == 0, "\(result.errorText)")
        let sidecar = try JSONValue.parse(file: folder("run.json"))
        #expect(sidecar["format"]?.string == format.rawValue)
        #expect(sidecar["escaped_ids"]?.bool == !flags.isEmpty)
        #expect(try sidecar["sha256"]?.string == SHA256Digest.ofFile(folder("run")).hex)
        let read = try Run(reading: RunFile(folder("run")))
        #expect(read.queries[1] == Array("q 1".utf8) && read.resultCount == 12 * 60)
    }

    /// Ids are checked without --verify: other ids under the same vectors would be silent nonsense.
    @Test(arguments: ["swapped", "byte order mark", "unknown escape", "lone backslash", "other id"])
    func idsAreAlwaysChecked(fault: String) throws {
        let folder = try folders()
        let path = folder("d").appending("part-00000.ids")
        let other = folder("d").appending("part-00001.ids")
        let ids = try Files.readAll(path)
        let message: String
        switch fault {
        case "swapped":
            try Files.replace(path, with: Files.readAll(other))
            try Files.replace(other, with: ids)
            message = "part-00000.ids: these are the ids of part 1, not of part 0"
        case "byte order mark":
            try Files.replace(path, with: [0xEF, 0xBB, 0xBF] + ids)
            message = "part-00000.ids:1 (byte 0): the first id begins with a byte order mark"
        case "unknown escape":
            try Files.replace(
                path, with: Array(String(decoding: ids, as: UTF8.self).replacing("d3\n", with: "\\x\n").utf8))
            message = "part-00000.ids:4 (byte 9): a backslash"
        case "lone backslash":
            try Files.replace(
                path, with: Array(String(decoding: ids, as: UTF8.self).replacing("d3\n", with: "d\\\n").utf8))
            message = "part-00000.ids:4 (byte 10): a backslash"
        default:
            try Files.replace(
                path, with: Array(String(decoding: ids, as: UTF8.self).replacing("d3\n", with: "d9\n").utf8))
            message = "part-00000.ids: its SHA-256"
        }
        let result = try run("tvt-search", arguments(folder, "--escape-ids"))
        #expect(result.status == 65 && result.errorText.contains(message), "\(result.errorText)")
        #expect(!Files.exists(folder("run")))
    }

    @Test func missingShardsAreCounted() throws {
        let folder = try folders()
        let corpus = Rows(.spread, prefix: "d", count: 60, dims: 8, seed: 2)
        for index in [0, 2] {
            try corpus.write(to: folder("s\(index)"), side: .corpus, shard: .init(index: index, count: 3))
        }
        let arguments = [
            "--queries", folder("q").string, "--corpus", folder("s0").string, folder("s2").string, "--output",
            folder("run").string, "--escape-ids", "--json",
        ]
        let refused = try run("tvt-search", arguments)
        #expect(refused.status == 65 && refused.errorText.contains("shard 1/3 (records 20 to 39 of 60)"))
        let allowed = try run("tvt-search", arguments + ["--allow-missing"])
        #expect(allowed.status == 0 && allowed.errorText.contains("shard 1/3 (records 20 to 39 of 60)"))
        #expect(try JSONValue.parse(allowed.output, path: "output")["missing_documents"] == 20)
        #expect(try JSONValue.parse(file: folder("run.json"))["missing_documents"] == 20)
    }

    /// How many records have no vector is told, and recorded beside the run.
    @Test func leftOutRecordsAreCounted() throws {
        let folder = try folders()
        try Rows(.spread, prefix: "d", count: 60, dims: 8, seed: 2).write(
            to: folder("d"), side: .corpus, partCount: 3, leftOut: Set(20..<40))
        let result = try run("tvt-search", arguments(folder, "--escape-ids", "--json"))
        #expect(result.status == 0)
        #expect(result.errorText.contains("20 of 60 documents have no vector"), "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "output")["left_out_documents"] == 20)
        #expect(try JSONValue.parse(file: folder("run.json"))["left_out_documents"] == 20)
    }

    /// What a killed search left is swept by the next, and one that is under way is not disturbed.
    @Test func twoSearchesIntoOneFile() throws {
        let folder = try folders()
        for name in [".run.4.tmp", ".run.json.2.tmp", ".run.lock"] { try folder.write("half", to: name) }
        for name in [".run-0.process", ".run-3.process", ".run-1.part", "..run-2.part.0.tmp"] {
            try folder.write("half of a joint search", to: name)
        }
        for name in [".run.x.tmp", ".run2.4.tmp", ".run.4"] { try folder.write("other", to: name) }
        do {
            let lock = try OutputLock(for: folder("run"), purpose: "test")
            #expect(!Files.exists(folder(".run.4.tmp")))
            try folder.write("living", to: ".run.4.tmp")
            let result = try run("tvt-search", arguments(folder, "--escape-ids"))
            #expect(result.status == 75 && result.errorText.contains(".run.lock is locked by process"))
            #expect(Files.exists(folder(".run.4.tmp")) && !Files.exists(folder("run")))
            withExtendedLifetime(lock) {}
        }
        #expect(try run("tvt-search", arguments(folder, "--escape-ids")).status == 0)
        let left = try Files.list(folder.path).filter { $0.hasPrefix(".") }
        #expect(left == [".run.4", ".run.x.tmp", ".run2.4.tmp"])
        let device = try run(
            "tvt-search", arguments(folder, "--escape-ids").map { $0 == folder("run").string ? "/dev/full" : $0 })
        #expect(device.status == 73 && device.errorText.contains("not a regular file"))
    }

    /// Options that find nothing to act on say so, by their names.
    @Test(arguments: [
        (["--exclude-self", "--depth", "1"], "--exclude-self: no query"), (["--allow-mismatch"], "--allow-mismatch:"),
        (["--allow-missing"], "--allow-missing: nothing is missing"), (["--dims", "8"], "--dims 8: all vectors"),
        (["--format", "tevatron", "--tag", "x"], "--tag: a tevatron run"),
        (["--depth", "61"], "--depth 61: the corpus has 60 documents"),
    ])
    func idleOptions(options: [String], message: String) throws {
        let folder = try folders()
        let result = try run("tvt-search", arguments(folder, "--escape-ids") + options)
        #expect(result.status == 0 && result.errorText.contains(message), "\(result.errorText)")
    }

    @Test(arguments: [
        ["--depth", "9223372036854775807"], ["--threads", "100000"], ["--threads", "0"], ["--dims", "-1"],
    ])
    func numbersHaveRanges(options: [String]) throws {
        let folder = try folders()
        #expect(try run("tvt-search", arguments(folder, "--escape-ids") + options).status == 64)
    }
}
