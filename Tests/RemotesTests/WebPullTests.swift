import Base
import Store
import JSON
import SystemPackage
import TestKit
import Testing

/// `pull` over HTTP from a server that fails in every way it can.
@Suite struct WebPullTests {
    static let shards = "blobs/sha256"

    struct Trouble: Sendable, CustomTestStringConvertible {
        let name: String
        let rules: [JSONValue]
        var minimalRetries = 0
        var testDescription: String { name }
    }

    static let troubles: [Trouble] = [
        Trouble(name: "none", rules: []),
        Trouble(
            name: "connections break in the middle",
            rules: [TestServer.rule("GET", shards, "drop", ("after", 70_000), ("times", 12))], minimalRetries: 4),
        Trouble(
            name: "connections break at once",
            rules: [TestServer.rule("GET", ".", "refuse_connection", ("times", 3))], minimalRetries: 1),
        Trouble(
            name: "the server is busy",
            rules: [
                TestServer.rule("GET", shards, "status", ("status", 503), ("times", 2), ("retry_after", 1)),
                TestServer.rule("GET", shards, "status", ("status", 429), ("times", 2)),
                TestServer.rule("GET", "index", "status", ("status", 500)),
            ], minimalRetries: 5),
        Trouble(
            name: "bodies are shorter than they should be",
            rules: [TestServer.rule("GET", shards, "truncate", ("after", 200), ("times", 3), ("skip", 1))],
            minimalRetries: 3),
        Trouble(
            name: "bytes are wrong now and then",
            // Never the same blob again and again, which would rightly be given up.
            rules: ["[0-3]", "[4-7]", "[89ab]", "[c-f]"].map { TestServer.rule("GET", "sha256/" + $0, "corrupt") }),
        Trouble(name: "answers are slow", rules: [TestServer.rule("GET", ".", "slow", ("seconds", 0.2), ("times", 8))]),
        Trouble(
            name: "a server falls silent",
            rules: [TestServer.rule("GET", shards, "stall", ("after", 100), ("seconds", 8), ("skip", 2))],
            minimalRetries: 1),
        Trouble(
            name: "everything is elsewhere", rules: [TestServer.rule("GET", "^/(?!moved)", "redirect", ("times", 99))]),
        Trouble(
            name: "broken connections to a server without ranges",
            rules: [
                TestServer.rule("GET", shards, "drop", ("after", 100_000), ("times", 3)),
                TestServer.rule("GET", shards, "no_ranges", ("times", 999)),
            ], minimalRetries: 1),
    ]

    @Test(arguments: troubles) func endsWithTheSameDataset(trouble: Trouble) throws {
        let there = try SampleStore()
        let digest = try there.commit()
        let server = try TestServer(serving: there.store.root, rules: trouble.rules)
        let here = try SampleStore()
        let result = try here.tool(["pull", server.origin, "sample", "--json", "--timeout", "2", "--retries", "8"])
        #expect(result.status == 0, "\(result.errorText)")
        guard result.status == 0 else { return }
        let report = try JSONValue.parse(result.output, path: "pull")
        #expect(report["retries"]?.integer ?? 0 >= trouble.minimalRetries)
        #expect(try RemotesTests.digest(of: "sample", in: here.store.root) == digest)
        #expect(try expectClean(here.store.root))
        #expect(try Files.list(here.store.root.appending("tmp").appending("incoming")).isEmpty)
        // The dataset came once, and comes never again.
        let before = try server.requests().count
        #expect(try here.tool(["pull", server.origin, "sample"]).status == 0)
        #expect(try server.requests().count <= before + 4)
    }

    @Test func bytesThatStayWrongAreNeverTakenIn() throws {
        let there = try SampleStore()
        try there.commit()
        let blob = try there.store.dataset("sample").manifest.documents.shards[2].blob.digest.hex
        let server = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", blob, "corrupt", ("times", 99))])
        let here = try SampleStore()
        let result = try here.tool(["pull", server.origin, "sample"])
        #expect(result.status == 65 && result.errorText.contains(blob))
        #expect(try here.store.references().isEmpty)
        #expect(!Files.exists(here.store.root.appending("blobs").appending("sha256").appending(blob)))
        // What was good stays, so that the next pull is short.
        let good = try TestServer(serving: there.store.root)
        #expect(try here.tool(["pull", good.origin, "sample"]).status == 0)
        #expect(try expectClean(here.store.root))
    }

    @Test func aWrongManifestIsNoticed() throws {
        let there = try SampleStore()
        try there.commit()
        let image = try #require(
            JSONValue.parse(file: there.store.root.appending("index.json"))["manifests"]?.array?[0]["digest"]?.string)
        let server = try TestServer(
            serving: there.store.root,
            rules: [TestServer.rule("GET", String(image.dropFirst(7)), "corrupt", ("times", 9))])
        let here = try SampleStore()
        #expect(try here.tool(["pull", server.origin, "sample"]).status == 65)
        #expect(try here.store.references().isEmpty)
    }

    @Test func anInterruptedBlobGoesOnWhereItStopped() throws {
        let there = try SampleStore()
        let digest = try there.commit()
        let blob = try there.store.dataset("sample").manifest.documents.shards[0].blob
        let server = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", blob.digest.hex, "drop", ("after", 60_000))])
        let here = try SampleStore()
        let first = try here.tool(["pull", server.origin, "sample", "--retries", "1", "--jobs", "1"])
        #expect(first.status == 69, "\(first.errorText)")
        #expect(try here.store.references().isEmpty)
        let partial = here.store.root.appending("tmp").appending("incoming").appending(blob.digest.hex)
        #expect(try Files.size(partial) == 60_000)
        let second = try here.tool(["pull", server.origin, "sample", "--json"])
        #expect(second.status == 0, "\(second.errorText)")
        #expect(try JSONValue.parse(second.output, path: "pull")["resumed_bytes"]?.integer == 60_000)
        #expect(
            try server.requests().contains {
                $0[1].contains(blob.digest.hex) && $0[2].hasPrefix("bytes=60000-") && $0[3] == "206"
            })
        #expect(try RemotesTests.digest(of: "sample", in: here.store.root) == digest)
        #expect(try expectClean(here.store.root))
    }

    /// What an earlier run left is hashed as well: a torn write in it is found, and costs only that blob.
    @Test func aTornPartialDownloadIsFetchedAgain() throws {
        let there = try SampleStore()
        try there.commit()
        let blob = try there.store.dataset("sample").manifest.documents.shards[0].blob
        let here = try SampleStore()
        let incoming = here.store.root.appending("tmp").appending("incoming")
        try Files.makeDirectory(incoming)
        try Files.replace(incoming.appending(blob.digest.hex), with: [UInt8](repeating: 0, count: 50_000))
        let longer = try there.store.dataset("sample").manifest.documents.shards[1].blob
        try Files.replace(incoming.appending(longer.digest.hex), with: [UInt8](repeating: 1, count: longer.size + 1))
        let server = try TestServer(serving: there.store.root)
        #expect(try here.tool(["pull", server.origin, "sample"]).status == 0)
        #expect(try expectClean(here.store.root))
    }

    /// What is damaged here comes back from a server, over broken connections.
    @Test func repairFetchesFromAServer() throws {
        let there = try SampleStore()
        try there.commit()
        let server = try TestServer(
            serving: there.store.root,
            rules: [TestServer.rule("GET", Self.shards, "drop", ("after", 9000), ("times", 3))])
        let here = try SampleStore()
        #expect(try here.tool(["pull", there.path, "sample"]).status == 0)
        let shards = try here.store.dataset("sample").manifest.documents.shards
        try Files.remove(here.store.path(of: shards[0].blob.digest))
        let path = here.store.path(of: shards[1].blob.digest)
        var bytes = try Files.readAll(path)
        bytes[bytes.count / 3] ^= 8
        try Files.replace(path, with: bytes)
        #expect(try here.tool(["verify"]).status == 65)
        let result = try here.tool(["repair", "--from", server.origin])
        #expect(result.status == 0 && result.outputText.contains(server.origin), "\(result.errorText)")
        #expect(try expectClean(here.store.root))
    }

    @Test func serversThatAreNotThereOrRefuse() throws {
        let here = try SampleStore()
        let there = try SampleStore()
        try there.commit()
        let closed: String
        do {
            closed = try TestServer(serving: there.store.root).origin
        }
        let gone = try here.tool(["pull", closed, "sample", "--retries", "2"])
        #expect(gone.status == 69, "\(gone.errorText)")
        let refusing = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", ".", "status", ("status", 403), ("times", 9))])
        #expect(try here.tool(["pull", refusing.origin, "sample"]).status == 78)
        let failing = try TestServer(
            serving: there.store.root, rules: [TestServer.rule("GET", ".", "status", ("status", 502), ("times", 99))])
        let tired = try here.tool(["pull", failing.origin, "sample", "--retries", "3"])
        #expect(tired.status == 69)
        #expect(try failing.requests().count == 3)
        let empty = try TestServer(serving: here.folder.path)
        #expect(try here.tool(["pull", empty.origin + "/nothing", "sample"]).status == 66)
        let readOnly = try there.tool(["push", failing.origin, "sample"])
        #expect(readOnly.status == 73)
    }
}
