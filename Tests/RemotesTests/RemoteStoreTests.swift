import Base
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// `TVT_STORE=https://…`: a store read in place, a range at a time.
@Suite struct RemoteStoreTests {
    let there: SampleStore
    let digest: SHA256Digest
    let cache: FilePath

    init() throws {
        there = try SampleStore()
        digest = try there.commit()
        cache = there.folder("cache")
    }

    func tool(_ arguments: [String], on address: String) throws -> ToolResult {
        try run(
            "tvt-store", arguments,
            environment: TestServer.credentials.merging(["TVT_STORE": address, "XDG_CACHE_HOME": cache.string]) { $1 })
    }

    /// Every command that reads gives what it gives on the store itself.
    static let commands: [[String]] = [
        ["ls", "--json"], ["show", "sample", "--json"], ["stats", "sample", "--json"],
        ["get", "sample", "--docid", "doc-17", "doc-1100", "--query-id", "q3"], ["cat", "sample", "queries"],
        ["cat", "sample", "corpus"], ["log", "sample", "--json"], ["verify", "--level", "quick", "--json"],
        ["verify", "--level", "full", "--json"],
    ]

    @Test func readsAsTheStoreItself() throws {
        let server = try TestServer(serving: there.store.root)
        for command in Self.commands {
            let far = try tool(command, on: server.origin)
            #expect(far.status == 0, "\(command): \(far.errorText)")
            #expect(try far.output == there.tool(command).output, "\(command)")
        }
    }

    @Test func readsFromABucket() throws {
        let shelves = there.folder("shelves")
        try Files.makeDirectory(shelves.appending("shelf"))
        let server = try TestServer(serving: shelves, bucket: true)
        var environment = TestServer.credentials
        environment["AWS_ENDPOINT_URL_S3"] = server.origin
        #expect(try there.tool(["push", "s3://shelf/x", "sample"], environment: environment).status == 0)
        environment["XDG_CACHE_HOME"] = cache.string
        let far = try run(
            "tvt-store", ["cat", "sample", "corpus", "--store", "s3://shelf/x"], environment: environment)
        #expect(far.status == 0, "\(far.errorText)")
        #expect(try far.output == there.tool(["cat", "sample", "corpus"]).output)
    }

    /// Items of media, through a server that gives wrong bytes at times, and as a push and a pull carry them.
    @Test func mediaAreReadAndCarried() throws {
        let items = (0..<6).map { number -> [UInt8] in
            var random = SplitMix64(seed: 31, UInt64(number))
            return [0xFF, 0xD8, 0xFF] + (0..<400_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        let writer = try there.store.writer(reference: "pictures", provenance: Provenance(tool: "test 1"))
        for (number, bytes) in items.enumerated() {
            let item = try MediaItem(bytes)
            try writer.add(item, as: .image)
            let line = Array("{\"docid\":\"\(number)\",\"document_image\":".utf8) + item.reference().json + [0x7D]
            try Array("\(number)".utf8).withUnsafeBytes { id in
                try line.withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        try writer.commit()
        let server = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", "blobs", "corrupt", ("every", 6), ("times", 3))])
        for (number, bytes) in items.enumerated() {
            let far = try tool(["media", "pictures", "--docid", "\(number)", "--output", "-"], on: server.origin)
            #expect(far.status == 0, "\(far.errorText)")
            #expect(far.output == bytes)
        }
        let far = try tool(["verify", "pictures", "--level", "full"], on: server.origin)
        #expect(far.status == 0, "\(far.errorText)")
        let copy = there.folder("copy").string
        #expect(try there.tool(["push", copy, "pictures"]).status == 0)
        #expect(try run("tvt-store", ["verify", "--level", "full", "--store", copy]).status == 0)
        let item = try run("tvt-store", ["media", "pictures", "--docid", "3", "--output", "-", "--store", copy])
        #expect(item.output == items[3])
    }

    @Test func fetchesOnlyWhatIsNeededAndKeepsIt() throws {
        try there.commit("large", documents: 9000, seed: 4)
        let server = try TestServer(serving: there.store.root)
        let get = ["get", "large", "--docid", "doc-4000"]
        #expect(try tool(get, on: server.origin).output == there.tool(get).output)
        let shards = try Set(there.store.dataset("large").manifest.documents.shards.map(\.blob))
        func sent() throws -> Int {
            try server.requests().filter { $0[0] == "GET" }.reduce(0) { $0 + (Int($1[4]) ?? 0) }
        }
        let total = shards.reduce(0) { $0 + $1.size }
        let first = try sent()
        #expect(first * 3 < total, "\(first) of \(total) bytes")
        #expect(
            try server.requests().filter { $0[0] == "GET" && $0[1].contains("blobs") }.allSatisfy { $0[3] == "206" })
        // The second time only the references are asked for.
        #expect(try tool(get, on: server.origin).status == 0)
        #expect(try sent() - first < 2000)
        let listed = try tool(["cache", "--json"], on: server.origin)
        let entry = try #require(JSONValue.parse(listed.output, path: "cache").array?.first)
        #expect(entry["address"]?.string == server.origin)
        let kept = try #require(entry["bytes"]?.integer)
        #expect(kept > 0 && kept < total)
        #expect(try tool(["cache", "--clear"], on: server.origin).status == 0)
        #expect(try tool(["cache"], on: server.origin).outputText == "Nothing is kept.\n")
        #expect(try tool(get, on: server.origin).output == there.tool(get).output)
    }

    @Test func changedReferencesAreSeen() throws {
        let server = try TestServer(serving: there.store.root)
        #expect(try tool(["show", "sample"], on: server.origin).outputText.contains(digest.hex))
        let newer = try there.commit("sample", documents: 100, seed: 8)
        #expect(try tool(["show", "sample"], on: server.origin).outputText.contains(newer.hex))
        #expect(try there.tool(["rm", "sample"]).status == 0)
        #expect(try tool(["show", "sample"], on: server.origin).status == 66)
        #expect(try tool(["show", digest.description], on: server.origin).status == 0)
    }

    @Test func writingIsRefused() throws {
        let server = try TestServer(serving: there.store.root)
        for command in [
            ["tag", "sample", "other"], ["rm", "sample"], ["init"], ["pull", there.path, "sample"], ["gc"], ["repair"],
            ["compact", "sample"], ["dedup", "sample", "--as", "other"],
        ] {
            let result = try tool(command, on: server.origin)
            #expect(result.status == 73 && result.errorText.contains("can only be read"), "\(command)")
        }
        #expect(try there.store.reflog().count == 1)
    }

    @Test(arguments: [
        TestServer.rule("GET", "blobs", "drop", ("after", 3000), ("times", 8)),
        TestServer.rule("GET", "blobs", "corrupt", ("every", 3), ("times", 99)),
        TestServer.rule("GET", "blobs", "truncate", ("after", 77), ("times", 4)),
        TestServer.rule("GET", ".", "status", ("status", 503), ("times", 4)),
        TestServer.rule("GET", "blobs", "no_ranges", ("times", 999)),
        TestServer.rule("HEAD", ".", "status", ("status", 503), ("times", 3)),
    ]) func troubleOnTheWay(rule: JSONValue) throws {
        let server = try TestServer(serving: there.store.root, rules: [rule])
        for command in [["get", "sample", "--docid", "doc-5", "doc-900"], ["cat", "sample", "corpus"]] {
            let far = try tool(command, on: server.origin)
            #expect(far.status == 0, "\(far.errorText)")
            #expect(try far.output == there.tool(command).output)
        }
    }

    /// Bytes that stay wrong are an error each time, and never stay in the cache.
    @Test func wrongBytesAreNeverShown() throws {
        let server = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", "blobs", "corrupt", ("skip", 4), ("times", 999))]
        )
        let far = try tool(["cat", "sample", "corpus"], on: server.origin)
        #expect(far.status == 65, "\(far.errorText)")
        let near = try there.tool(["cat", "sample", "corpus"]).output
        #expect(near.starts(with: far.output))
    }

    @Test func aDamagedCacheHeals() throws {
        let server = try TestServer(serving: there.store.root)
        let cat = ["cat", "sample", "corpus"]
        let near = try there.tool(cat).output
        #expect(try tool(cat, on: server.origin).output == near)
        let folder = cache.appending("tvt").appending("remote")
        let blobs = folder.appending(try #require(Files.list(folder).first)).appending("blobs").appending("sha256")
        for (number, name) in try Files.list(blobs).enumerated() {
            let path = blobs.appending(name)
            var bytes = try Files.readAll(path)
            switch number % 4 {
            // A flipped bit, a hole where a crash lost a page, a file cut off, a file that is gone.
            case 0: bytes[bytes.count / 2] ^= 2
            case 1: for place in bytes.count / 3..<bytes.count / 2 { bytes[place] = 0 }
            case 2: bytes.removeLast(bytes.count / 2)
            default: break
            }
            try Files.remove(path)
            if number % 4 != 3 { try Files.replace(path, with: bytes) }
        }
        let far = try tool(cat, on: server.origin)
        #expect(far.status == 0, "\(far.errorText)")
        #expect(far.output == near)
        let verified = try tool(["verify", "--level", "full"], on: server.origin)
        #expect(verified.status == 0, "\(verified.outputText)\(verified.errorText)")
    }

    @Test func severalProcessesShareACache() throws {
        let server = try TestServer(serving: there.store.root)
        let environment = ["XDG_CACHE_HOME": cache.string]
        let running = try (0..<4).map { _ in
            try RunningTool(["verify", "--level", "full", "--store", server.origin], environment: environment)
        }
        for tool in running {
            #expect(try !tool.kill { false })
            #expect(tool.status == 0, "\(tool.text)")
        }
        let cat = ["cat", "sample", "corpus"]
        #expect(try tool(cat, on: server.origin).output == there.tool(cat).output)
    }

    @Test func serversThatAreNotThere() throws {
        let closed: String
        do { closed = try TestServer(serving: there.store.root).origin }
        let started = try tool(["ls"], on: closed)
        #expect(started.status == 69, "\(started.errorText)")
        let server = try TestServer(serving: there.store.root)
        #expect(try tool(["ls"], on: server.origin + "/none").status == 66)
        // A blob that is missing on the server is a finding.
        let blob = try there.store.dataset("sample").manifest.documents.shards[0].blob.digest
        try Files.remove(there.store.path(of: blob))
        let verified = try tool(["verify", "--level", "quick"], on: server.origin)
        #expect(verified.status == 65 && verified.outputText.contains("missing"), "\(verified.errorText)")
    }

    /// A library that cannot be loaded disturbs only those who need it.
    @Test func libcurlIsLoadedForServersOnly() throws {
        let server = try TestServer(serving: there.store.root)
        try there.folder.write("this is no library", to: "libraries/libcurl.so.4")
        let environment = ["LD_LIBRARY_PATH": there.folder("libraries").string, "XDG_CACHE_HOME": cache.string]
        let get = ["get", "sample", "--docid", "doc-17"]
        #expect(try there.tool(get, environment: environment).output == there.tool(get).output)
        let push = ["push", there.folder("other").string, "sample"]
        #expect(try there.tool(push, environment: environment).status == 0)
        let far = try run("tvt-store", get + ["--store", server.origin], environment: environment)
        #expect(far.status == 78, "\(far.errorText)")
        #expect(far.errorText.contains("libcurl") && far.errorText.contains("libcurl4"), "\(far.errorText)")
        #expect(try tool(get, on: server.origin).status == 0)
    }
}
