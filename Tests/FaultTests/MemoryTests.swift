import Base
import Store
import SystemPackage
import TestKit
import Testing

/// The bounds of docs/formats.md, "Memory", held by the system: a tool that asks for more than `ulimit -d` fails.
///
/// The limit is on private memory that can be written, stacks included; pages of mapped files do not count, as in the
/// bounds.
@Suite(.serialized) struct MemoryTests {
    static func limited(_ tool: String, _ arguments: [String], mebibytes: Int) throws -> ToolResult {
        let words = ([builtProducts.appending(tool).string] + arguments).map { "'\($0)'" }
        return try runShell("ulimit -d \(mebibytes << 10); exec \(words.joined(separator: " "))")
    }

    @Test("ten times the records need no more to read, and a stated number of bytes each to write")
    func limits() throws {
        let folder = try TemporaryFolder()
        // Stacks count: more cores, more threads.
        let stacks = 16 * max(0, processorCount - 2)
        // Ingest: 100 MiB, and 240 bytes a record as long as the shard that is open grows.
        for (count, ingestMebibytes) in [(100_000, 120 + stacks), (1_000_000, 340 + stacks)] {
            var corpus = try OutputFile(creating: folder("\(count).corpus"))
            for number in 0..<count {
                try corpus.write("{\"docid\":\"d\(number)\",\"text\":\"t\(number &* 7919 % count)\"}\n")
            }
            try corpus.close()
            var queries = try OutputFile(creating: folder("\(count).queries"))
            for number in 0..<count / 10 {
                try queries.write(
                    "{\"query_id\":\"q\(number)\",\"query_text\":\"t\",\"positive_document_ids\":[\"d\(number * 10)\"]}\n"
                )
            }
            try queries.close()
            let store = folder("store-\(count)").string
            let conversion = [
                "v2", "--corpus", folder("\(count).corpus").string, "--queries", folder("\(count).queries").string,
                "--dataset", "tiny", "--workers", "2", "--store", store,
            ]
            let ingest = try Self.limited("tvt-convert", conversion, mebibytes: ingestMebibytes)
            #expect(ingest.status == 0, "\(count): \(ingest.errorText)")
            // One bit a record for verify, else a frame and a context: the same limit for both sizes.
            for command in [
                ["verify", "--level", "full"], ["cat", "tiny", "corpus"], ["cat", "tiny", "queries"],
                ["get", "tiny", "--docid", "d77"], ["ls"], ["show", "tiny"],
            ] {
                let mebibytes = command[0] == "verify" ? 64 + stacks : 16
                let result = try Self.limited("tvt-store", command + ["--store", store], mebibytes: mebibytes)
                #expect(result.status == 0, "\(count), \(command): \(result.errorText)")
                #expect(!result.output.isEmpty, "\(count), \(command)")
                if command.first == "cat" {
                    let lines = result.output.count { $0 == UInt8(ascii: "\n") }
                    #expect(lines == (command[2] == "corpus" ? count : count / 10))
                }
            }
        }
        // Blobs come and go piece by piece, however large they are.
        let large = folder("store-1000000").string
        for (verb, target) in [("push", "pushed"), ("pull", "pulled")] {
            let ends = verb == "push" ? [folder(target).string, large] : [large, folder(target).string]
            let copying = [verb, ends[0], "tiny", "--jobs", "4", "--store", ends[1]]
            // 8 MiB of stack for each job.
            let result = try Self.limited("tvt-store", copying, mebibytes: 44)
            #expect(result.status == 0, "\(verb): \(result.errorText)")
        }
        // The limits bite.
        let store = folder("store-1000000").string
        #expect(try Self.limited("tvt-store", ["cat", "tiny", "corpus", "--store", store], mebibytes: 3).status != 0)
    }

    @Test("items of media are taken in batches and read in pieces, however large they are")
    func media() throws {
        let folder = try TemporaryFolder()
        var random = SplitMix64(seed: 1)
        let block = (0..<1 << 16).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var corpus = ""
        // 400 MB, the last one larger than what is held of a batch.
        for number in 0..<100 {
            var file = try OutputFile(creating: folder("\(number).png"))
            // The head of a PNG, and noise: more is not looked at.
            try file.write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8))
            try file.write([0, 0, 0, 9, 0, 0, 0, 7, 8, 2, 0, 0, 0, UInt8(number)])
            for _ in 0..<(number == 99 ? 640 : 56) { try file.write(block) }
            try file.close()
            corpus += #"{"docid":"d\#(number)","document_image":"\#(number).png"}"# + "\n"
        }
        let stacks = 16 * max(0, processorCount - 2)
        let store = folder("store").string
        let conversion = [
            "v2", "--corpus", try folder.write(corpus, to: "corpus").string, "--assets", folder.path.string,
            "--dataset",
            "images", "--workers", "2", "--store", store,
        ]
        let ingest = try Self.limited("tvt-convert", conversion, mebibytes: 208 + stacks)
        #expect(ingest.status == 0, "\(ingest.errorText)")
        let item = folder("item").string
        for (command, mebibytes) in [
            (["media", "images", "--docid", "d99", "--output", item], 16),
            (["verify", "--level", "full"], 64 + stacks),
            (["export", "images", "--format", "v2", "--output", folder("v2").string], 64 + stacks),
            (["export", "images", "--format", "webdataset", "--output", folder("tar").string], 64 + stacks),
        ] {
            let result = try Self.limited("tvt-store", command + ["--store", store], mebibytes: mebibytes)
            #expect(result.status == 0, "\(command): \(result.errorText)")
        }
        #expect(try SHA256Digest.ofFile(folder("item")) == .ofFile(folder("99.png")))
    }

    @Test("a change of a name reads no more of a long reflog than its end", arguments: [false, true])
    func longReflog(isCutOff: Bool) throws {
        let folder = try quickFolder()
        let root = folder("store")
        try copyTree(try Scene.shared.get().base, to: root)
        let path = root.appending("reflog")
        let whole = try Files.readAll(path)
        let line = whole.prefix { $0 != UInt8(ascii: "\n") } + [UInt8(ascii: "\n")]
        let lineCount = 100_000
        do {
            var file = try OutputFile(appendingTo: path)
            for _ in 0..<lineCount { try file.write(Array(line)) }
            if isCutOff { try file.write(Array(line.prefix(40))) }
            try file.close()
        }
        #expect(try Files.size(path) > 12 << 20)
        let result = try Self.limited(
            "tvt-store", ["tag", "nave", "other", "--store", root.string], mebibytes: 16)
        #expect(result.status == 0, "\(result.errorText)")
        let entries = try Store(opening: root).reflog()
        #expect(entries.count == lineCount + 3)
        #expect(entries.last?.reference == "other")
    }
}
