import Base
import Store
import Foundation
import Glibc
import JSON
import Records
import SystemPackage
import TestKit
import Testing

@Suite("The browse server as a process")
struct ServerTests {
    private static func small() throws -> BrowsedStore {
        let store = try BrowsedStore()
        try store.commit([Document(id: bytes("d"), text: bytes("x"))], [Query(id: bytes("q"), text: bytes("x"))])
        return store
    }

    @Test("one line on stdout tells the address; with --json it is JSON")
    func address() throws {
        let store = try Self.small()
        let server = try store.serve()
        #expect(server.printed == "\(server.address)/\n" && server.port > 0)
        #expect(try server.ask("/").headers["content-type"] == "text/html; charset=utf-8")
        let other = try store.serve("sample", ["--json", "--host", "localhost"])
        let json = try JSONValue.parse(bytes(other.printed), path: "stdout")
        #expect(json["port"] == JSONValue(Int(other.port)) && json["address"] == "http://localhost:\(other.port)/")
        #expect(server.errorText.isEmpty && other.errorText.isEmpty)
    }

    @Test("a port that is taken is 73, and the message says what to do")
    func takenPort() throws {
        let store = try Self.small()
        let server = try store.serve()
        let result = try run(
            "tvt-store", ["browse", "sample", "--store", store.store.root.string, "--port", "\(server.port)"])
        #expect(result.status == 73 && result.output.isEmpty)
        #expect(result.errorText.contains("port \(server.port)") && result.errorText.contains("--port"))
        #expect(try server.ask("/api/dataset").status == 200)
    }

    @Test("an address that is not ours, and ports that are none, are told")
    func wrongAddress() throws {
        let store = try Self.small()
        let arguments = ["browse", "sample", "--store", store.store.root.string]
        let elsewhere = try run("tvt-store", arguments + ["--host", "192.0.2.1"])
        #expect(elsewhere.status == 73 && elsewhere.errorText.contains("192.0.2.1"))
        for port in ["70000", "-1", "x"] {
            #expect(try run("tvt-store", arguments + ["--port", port]).status == 64, "\(port)")
        }
        for name in ["nobody", "--help-me"] {
            #expect(try run("tvt-store", ["browse", "--store", store.store.root.string, "--", name]).status != 0)
        }
    }

    @Test(
        "a signal ends it with 130 and leaves nothing behind; a lease holds the version until then",
        arguments: [SIGINT, SIGTERM])
    func signals(_ signal: Int32) throws {
        let store = try Self.small()
        let leases = store.store.root.appending("leases")
        let server = try store.serve()
        // A connection that stays open must not hold it up.
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = server.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        #expect(isConnected)
        let held = try Files.list(leases).filter { $0 != "gate" }
        #expect(held.count == 1)
        let lease = try Files.readText(leases.appending(held[0]))
        let digest = try store.store.dataset("sample").digest
        #expect(lease.contains("tvt-store browse") && lease.contains(digest.hex))
        #expect(server.end(signal) == 130)
        #expect(server.errorText == "tvt-browse: interrupted\n")
        #expect(try Files.list(leases).filter { $0 != "gate" }.isEmpty)
    }

    @Test("damage is an answer with the store's words, and the rest is served on")
    func damage() throws {
        let store = try BrowsedStore()
        // Lines that are longer than a frame: each has one of its own.
        var random = SplitMix64(seed: 3)
        let documents = (0..<40).map { number in
            Document(
                id: bytes("d\(number)"), text: (0..<3000).map { _ in UInt8(97 + random.next(below: 26)) })
        }
        let item = bytes("OggS") + (0..<5 << 20).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let dataset = try store.commit(
            documents + [Document(id: bytes("m"), audio: named(item))], [Query(id: bytes("q"), text: bytes("x"))],
            positives: [[.init(document: 0), .init(document: 20)]], media: [item, MediaAnswerTests.item])
        func damage(_ blob: SHA256Digest, at share: Int) throws {
            let path = store.store.path(of: blob)
            var contents = try Files.readAll(path)
            for offset in contents.count / 100 * share..<contents.count / 100 * share + 2000 {
                contents[offset] ^= 0x55
            }
            #expect(chmod(path.string, 0o644) == 0)
            try Data(contents).write(to: URL(fileURLWithPath: path.string))
        }
        try damage(dataset.manifest.documents.shards[0].blob.digest, at: 50)
        try damage(try #require(dataset.manifest.media).shards[0].blob.digest, at: 70)
        let server = try store.serve()
        let statuses = try (0..<40).map { try server.ask("/api/documents/\($0)").status }
        #expect(Set(statuses) == [200, 500] && statuses[0] == 200)
        let broken = try #require(statuses.firstIndex(of: 500))
        let message = try #require(try server.ask("/api/documents/\(broken)").json()["error"]?.string)
        #expect(
            message.contains("damaged") && message.contains("document \(broken)")
                && message.contains("tvt-store verify"))
        // Nothing of a large item goes out before its checksum held.
        let answer = try server.ask("/media/" + SHA256Digest.of(item).hex, ["Range": "bytes=0-9"])
        let words = try answer.json()["error"]?.string ?? ""
        #expect(answer.status == 500 && words.contains("damaged"))
        #expect(try server.ask(MediaAnswerTests.path).body == MediaAnswerTests.item)
        #expect(try server.ask("/api/documents?search=zzzz").status == 500)
        #expect(try server.ask("/api/statistics").status == 200 && server.isRunning)
        #expect(server.errorText.contains("damaged"))
    }

    @Test("a damaged document among a query's is a card that says so, beside the good ones")
    func damagedCard() throws {
        let store = try BrowsedStore()
        var random = SplitMix64(seed: 4)
        let documents = (0..<20).map { number in
            Document(id: bytes("d\(number)"), text: (0..<3000).map { _ in UInt8(97 + random.next(below: 26)) })
        }
        let dataset = try store.commit(
            documents, [Query(id: bytes("q"), text: bytes("x"))], positives: [(0..<20).map { .init(document: $0) }])
        let path = store.store.path(of: dataset.manifest.documents.shards[0].blob.digest)
        var contents = try Files.readAll(path)
        for offset in contents.count / 2..<contents.count / 2 + 100 { contents[offset] ^= 0x55 }
        #expect(chmod(path.string, 0o644) == 0)
        try Data(contents).write(to: URL(fileURLWithPath: path.string))
        let cards = try #require(try store.serve().json("/api/queries/0")["lists"]?.array?[0]["items"]?.array)
        let errors = cards.compactMap { $0["error"]?.string }
        #expect(cards.count == 20 && (1...2).contains(errors.count) && errors.allSatisfy { $0.contains("damaged") })
        #expect(cards.count { $0["text"] != nil } == 20 - errors.count)
    }

    @Test("memory does not grow with what is sent")
    func memory() throws {
        let store = try BrowsedStore()
        var random = SplitMix64(seed: 7)
        let block = (0..<1 << 16).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        // 96 MiB that do not compress much.
        let item = bytes("OggS") + (0..<1536).flatMap { number in block.map { $0 ^ UInt8(truncatingIfNeeded: number) } }
        try store.commit([Document(id: bytes("m"), audio: named(item))], [], media: [item])
        let server = try store.serve()
        func anonymousKiB() throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(server.identifier)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
            return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
        }
        let path = "/media/" + SHA256Digest.of(item).hex
        _ = try server.ask(path, ["Range": "bytes=90000000-90000009"])
        let before = try anonymousKiB()
        let answer = try server.ask(path)
        #expect(answer.body.count == item.count && SHA256Digest.of(answer.body) == SHA256Digest.of(item))
        #expect(try anonymousKiB() - before < 32 << 10)
    }
}
