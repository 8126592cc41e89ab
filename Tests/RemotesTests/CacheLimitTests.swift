import Base
import Store
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// `TVT_CACHE_BYTES`: what was not used for longest makes room, and no reader notices.
@Suite struct CacheLimitTests {
    let there: SampleStore
    let server: TestServer
    let cache: FilePath

    init() throws {
        there = try SampleStore()
        // Four shards of 300 kB or so.
        try there.commit()
        server = try TestServer(serving: there.store.root)
        cache = there.folder("cache")
    }

    private func tool(_ arguments: [String], limit: Int? = nil) throws -> ToolResult {
        let environment = [
            "TVT_STORE": server.origin, "XDG_CACHE_HOME": cache.string, "TVT_CACHE_BYTES": limit.map { "\($0)" } ?? "",
        ]
        return try run("tvt-store", arguments, environment: environment)
    }

    private var blobs: FilePath {
        get throws {
            let root = cache.appending("tvt").appending("remote")
            return root.appending(try #require(Files.list(root).first)).appending("blobs").appending("sha256")
        }
    }

    private func kept() throws -> Set<String> { Set(try Files.list(blobs).filter { !$0.hasSuffix(".chunks") }) }

    private func bytes() throws -> Int {
        let listed = try JSONValue.parse(tool(["cache", "--json"]).output, path: "cache")
        return try #require(listed.array?.first?["bytes"]?.integer)
    }

    @Test func theLongestUnusedGoFirst() throws {
        #expect(try tool(["cat", "sample", "corpus"]).status == 0)
        let all = try kept()
        let full = try bytes()
        #expect(all.count > 5)
        // One shard is in use from now on; all others were used an hour ago.
        let shard = try there.store.dataset("sample").manifest.documents.shards[2].blob.digest.hex
        #expect(all.contains(shard))
        for name in try Files.list(blobs) {
            try Files.setModificationTime(blobs.appending(name), to: Clock.epochSeconds() - 3600)
        }
        let get = ["get", "sample", "--docid", "doc-600"]
        let near = try there.tool(get).output
        #expect(try tool(get).output == near)
        let used = try kept().filter {
            try Files.modificationTime(blobs.appending($0 + ".chunks")) > Clock.epochSeconds() - 1800
        }
        #expect(!used.isEmpty && used.count < all.count)
        // A little less than all: one goes, and none that was used now.
        let trimmed = try tool(["cache", "--limit", "\(full - 1)", "--json"])
        #expect(trimmed.status == 0 && trimmed.errorText.contains("removed 1 blobs"), "\(trimmed.errorText)")
        #expect(try kept().isSuperset(of: used))
        #expect(try tool(["cache", "--limit", "\(full / 2)"]).status == 0)
        #expect(try bytes() <= full / 2)
        #expect(try kept().isSuperset(of: used))
        #expect(try tool(get).output == near)
        #expect(try tool(["cache", "--limit", "0"]).status == 0)
        #expect(try Files.list(blobs).isEmpty)
    }

    @Test func whatIsOpenStays() throws {
        #expect(try tool(["cat", "sample", "corpus"]).status == 0)
        let name = try #require(try kept().first)
        // As a reader holds it.
        let descriptor = open(try blobs.appending(name).string, O_RDONLY)
        #expect(descriptor >= 0 && flock(descriptor, LOCK_SH) == 0)
        #expect(try tool(["cache", "--limit", "0"]).status == 0)
        #expect(try Files.list(blobs) == [name, name + ".chunks"])
        close(descriptor)
        #expect(try tool(["cache", "--limit", "0"]).status == 0)
        #expect(try Files.list(blobs).isEmpty)
    }

    @Test func theLimitHoldsFromOneCommandToTheNext() throws {
        let limit = 500_000
        let cat = ["cat", "sample", "corpus"]
        let near = try there.tool(cat).output
        #expect(near.count > 2 * limit)
        #expect(try tool(cat, limit: limit).output == near)
        #expect(try tool(["ls"], limit: limit).status == 0)
        #expect(try bytes() <= limit)
        #expect(try tool(cat, limit: limit).output == near)
    }

    /// Readers and those who make room for them, at the same time, in one cache that is far too small.
    @Test func readersDoNotNotice() throws {
        let environment = ["XDG_CACHE_HOME": cache.string, "TVT_CACHE_BYTES": "100000"]
        for _ in 0..<3 {
            let running = try (0..<3).map { _ in
                try RunningTool(["verify", "--level", "full", "--store", server.origin], environment: environment)
            }
            let get = ["get", "sample", "--docid", "doc-5", "doc-600", "doc-1100"]
            #expect(try tool(get, limit: 0).output == there.tool(get).output)
            for tool in running {
                #expect(try !tool.kill { false })
                #expect(tool.status == 0, "\(tool.text)")
            }
        }
    }

    @Test func aLimitIsANumber() throws {
        for text in ["many", "-1", "1.5"] {
            let result = try run(
                "tvt-store", ["ls", "--store", server.origin],
                environment: ["XDG_CACHE_HOME": cache.string, "TVT_CACHE_BYTES": text])
            #expect(result.status == 78 && result.errorText.contains("TVT_CACHE_BYTES"), "\(result.errorText)")
        }
        #expect(try tool(["cache", "--limit", "-5"]).status == 64)
        #expect(try tool(["cache", "--limit", "5", "--clear"]).status == 64)
    }
}
