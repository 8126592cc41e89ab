import Base
import Foundation
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit
import Zstandard

/// Runs `tvt-store` as a user would.
@Suite struct ToolTests {
    let temporary: TemporaryStore
    let sample = SampleData(documents: 40, queries: 8, seed: 41)
    let dataset: Dataset

    init() throws {
        temporary = try TemporaryStore()
        dataset = try sample.commit(to: temporary.store)
    }

    func tool(_ arguments: String...) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func helpIsThereForAll() throws {
        for command in [
            [], ["init"], ["ls"], ["show"], ["stats"], ["get"], ["cat"], ["log"], ["diff"], ["dedup"],
            ["overlap"], ["tag"], ["rm"], ["verify"], ["push"], ["pull"], ["cache"],
            ["export"], ["import"], ["compact"],
        ] {
            let result = try run("tvt-store", command + ["--help"])
            #expect(result.status == 0)
            #expect(result.outputText.contains("USAGE: tvt-store"))
        }
    }

    @Test func exitStatusesAreThoseOfTheTable() throws {
        #expect(try tool("frobnicate").status == 64)
        #expect(try tool("get", "sample").status == 64)
        #expect(try tool("verify", "--level", "deep").status == 64)
        #expect(try tool("tag", "sample", "not a name").status == 64)
        #expect(try tool("show", "samples").status == 66)
        #expect(try tool("show", "samples").errorText.contains("Did you mean sample?"))
        #expect(try tool("get", "sample", "--docid", "none").status == 66)
        #expect(try run("tvt-store", ["ls", "--store", temporary.folder("none").string]).status == 66)
        try temporary.folder.write("x", to: "full/file")
        #expect(try run("tvt-store", ["init", "--store", temporary.folder("full").string]).status == 73)
        let lock = try FileLock(acquiring: temporary.store.root.appending("lock"), purpose: "a test")
        let locked = try tool("tag", "sample", "other")
        #expect(locked.status == 75)
        #expect(locked.errorText.contains("process \(getpid()) (a test"))
        withExtendedLifetime(lock) {}
    }

    @Test func initMakesAStoreAndKeepsOne() throws {
        let path = temporary.folder("fresh").string
        #expect(try run("tvt-store", ["init"], environment: ["TVT_STORE": path]).status == 0)
        #expect(try run("tvt-store", ["ls"], environment: ["TVT_STORE": path]).status == 0)
        #expect(try tool("init").status == 0)
        #expect(try temporary.store.dataset("sample").digest == dataset.digest)
    }

    @Test func listsAndShows() throws {
        #expect(try tool("tag", "sample", "sample@two").status == 0)
        let list = try JSONValue.parse(tool("ls", "--json").output, path: "ls")
        #expect(list.array?.map { $0["reference"]?.string } == ["sample", "sample@two"])
        #expect(list.array?.first?["documents"]?.integer == 40)
        #expect(try tool("ls").outputText.contains("sample@two"))
        let shown = try tool("show", "sample", "--json")
        #expect(try JSONValue.parse(shown.output, path: "show") == dataset.manifest.json)
        #expect(try tool("show", "sample").outputText.contains(dataset.digest.description))
        let stats = try JSONValue.parse(tool("stats", "sample", "--json").output, path: "stats")
        #expect(stats["links"]?["positives"]?["count"]?.integer == sample.positives.reduce(0) { $0 + $1.count })
        #expect(try tool("stats", "sample").outputText.contains("Documents: 40"))
        #expect(try tool("log", "sample").outputText.contains("test 1"))
        #expect(try tool("rm", "sample@two").status == 0)
        #expect(try tool("show", "sample@two").status == 66)
    }

    @Test func getPrintsRecordsAsTheyAreStored() throws {
        let wanted = [17, 3].map { sample.documents[$0] }
        let result = try tool("get", "sample", "--docid", Self.text(wanted[0].id), Self.text(wanted[1].id))
        #expect(result.status == 0)
        #expect(result.output == wanted.flatMap { SampleData.line($0) + [10] })
        // What is there is printed even where something else is missing.
        let partly = try tool("get", "sample", "--docid", "none", Self.text(wanted[0].id))
        #expect(partly.status == 66)
        #expect(partly.output == SampleData.line(wanted[0]) + [10])
        let query = try tool("get", "sample", "--query-id", Self.text(sample.queries[2].id))
        let json = try JSONValue.parse(query.output, path: "get")
        #expect(json["positive_document_ids"]?.array == ids(sample.positives[2]))
    }

    func ids(_ ordinals: [UInt32]) -> [JSONValue] {
        ordinals.map { .string(Self.text(sample.documents[Int($0)].id)) }
    }

    @Test func catGivesBackWhatWasWritten() throws {
        #expect(try tool("cat", "sample", "corpus").output == sample.documents.flatMap { SampleData.line($0) + [10] })
        let lines = try tool("cat", "sample", "queries").output.split(separator: 10)
        #expect(lines.count == 8)
        for (number, line) in lines.enumerated() {
            let json = try JSONValue.parse(Array(line), path: "cat")
            #expect(json["query_id"]?.string == Self.text(sample.queries[number].id))
            #expect(json["positive_document_ids"]?.array == ids(sample.positives[number]))
            #expect(json["negative_document_ids"]?.array == ids(sample.negatives[number]))
            let keys = json.object?.map(\.key) ?? []
            #expect(keys == ["query_id", "query_text", "positive_document_ids", "negative_document_ids"])
        }
        let ambiguous = try tool("cat", "sample", "qrels")
        #expect(ambiguous.status == 64)
        #expect(ambiguous.errorText.contains("dev, test"))
        let rows = try tool("cat", "sample", "qrels", "--split", "test").output.split(separator: 10)
        let expected = sample.judgements.filter { $0.0 == "test" }
        #expect(rows.count == expected.count)
    }

    @Test func verifySaysWhatIsWrong() throws {
        for level in ["quick", "meta", "data", "full"] {
            let result = try tool("verify", "--level", level)
            #expect(result.status == 0)
            #expect(result.outputText.contains("clean"))
        }
        let blob = dataset.manifest.documents.shards[0].blob
        let path = temporary.store.path(of: blob.digest)
        var bytes = try Files.readAll(path)
        bytes[bytes.count / 3] ^= 4
        try Files.remove(path)
        try Files.replace(path, with: bytes)
        let result = try tool("verify", "--json")
        #expect(result.status == 65)
        let findings = try JSONValue.parse(result.output, path: "verify")["findings"]?.array
        #expect(findings?.contains { $0["blob"]?.string == blob.digest.description } == true)
    }

    // MARK: Stock tools

    @Test func aShardIsALegalStream() throws {
        var plain = WriterOptions()
        plain.dictionaryBytes = 0
        let large = SampleData(documents: 500, queries: 0, seed: 42)
        let expected: [UInt8] = large.documents.flatMap { SampleData.line($0) + [10] }
        for (number, options) in [plain, WriterOptions()].enumerated() {
            let dataset = try large.commit(to: temporary.store, as: "large\(number)", options: options)
            #expect(dataset.manifest.documents.dictionaries.count == number)
            let shard = temporary.store.path(of: dataset.manifest.documents.shards[0].blob.digest)
            let dictionary = dataset.manifest.documents.dictionaries.first.map { temporary.store.path(of: $0.digest) }
            // libzstd skips our own frames by itself.
            var decompressor = try Decompressor()
            let output = UnsafeMutableRawBufferPointer.allocate(byteCount: expected.count, alignment: 1)
            defer { output.deallocate() }
            let ready = try dictionary.map { path in
                try Files.readAll(path).withUnsafeBytes { try DecompressionDictionary($0) }
            }
            let count = try Files.readAll(shard).withUnsafeBytes {
                try decompressor.decompress($0, into: output, dictionary: ready)
            }
            #expect(Array(output[0..<count]) == expected)
        }
    }

    @Test(.enabled(if: Files.exists("/usr/bin/zstd"))) func zstdPrintsTheRecords() throws {
        let large = SampleData(documents: 500, queries: 0, seed: 43)
        let dataset = try large.commit(to: temporary.store, as: "large")
        let dictionary = try #require(dataset.manifest.documents.dictionaries.first)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/zstd")
        let output = try temporary.folder.write("", to: "records")
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output.string))
        process.arguments = [
            "-dc", "-D", temporary.store.path(of: dictionary.digest).string,
            temporary.store.path(of: dataset.manifest.documents.shards[0].blob.digest).string,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try Files.readAll(output) == large.documents.flatMap { SampleData.line($0) + [10] })
    }
}
