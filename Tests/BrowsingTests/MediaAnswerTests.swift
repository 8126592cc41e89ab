import Archives
import Base
import JSON
import Records
import SystemPackage
import TestKit
import Testing

/// Files of every format that is known, from the room that decodes them.
enum KnownFiles {
    static func read(_ names: String...) throws -> [[UInt8]] {
        let tree = try SourceTree(sourceRoot.appending("Tests/MediaTests/Golden/files.tar.zst"))
        return try names.map { try tree.open($0).readAll() }
    }
}

@Suite("Items of media on HTTP")
struct MediaAnswerTests {
    /// 1,000 bytes that begin as a sound does.
    static let item = bytes("OggS") + (0..<996).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    static let path = "/media/" + SHA256Digest.of(item).hex

    struct Wish: Sendable, CustomStringConvertible {
        let range: String
        let status: Int
        var part: Range<Int>? = nil
        var others: [String: String] = [:]

        var description: String { "\(range) \(others)" }
    }

    static let tag = "\"\(SHA256Digest.of(item).hex)\""
    static let wishes: [Wish] = [
        Wish(range: "bytes=0-0", status: 206, part: 0..<1),
        Wish(range: "bytes=0-999", status: 206, part: 0..<1000),
        Wish(range: "bytes=0-", status: 206, part: 0..<1000),
        Wish(range: "bytes=500-", status: 206, part: 500..<1000),
        Wish(range: "bytes=999-", status: 206, part: 999..<1000),
        Wish(range: "bytes=10-19", status: 206, part: 10..<20),
        Wish(range: "Bytes=10-19", status: 206, part: 10..<20),
        Wish(range: "bytes= 10-19", status: 206, part: 10..<20),
        Wish(range: "bytes=990-5000", status: 206, part: 990..<1000),
        Wish(range: "bytes=0-99999999999999999999999999", status: 206, part: 0..<1000),
        Wish(range: "bytes=-1", status: 206, part: 999..<1000),
        Wish(range: "bytes=-1000", status: 206, part: 0..<1000),
        Wish(range: "bytes=-5000", status: 206, part: 0..<1000),
        Wish(range: "bytes=10-19", status: 206, part: 10..<20, others: ["If-Range": tag]),
        // Nothing of it exists.
        Wish(range: "bytes=1000-", status: 416), Wish(range: "bytes=1000-2000", status: 416),
        Wish(range: "bytes=99999999999999999999999999-", status: 416), Wish(range: "bytes=-0", status: 416),
        // Ignored: several ranges, other units, what is malformed, and what is of another version of the item.
        Wish(range: "bytes=0-1,5-6", status: 200), Wish(range: "lines=0-1", status: 200),
        Wish(range: "bytes=", status: 200), Wish(range: "bytes=-", status: 200), Wish(range: "bytes", status: 200),
        Wish(range: "bytes=20-10", status: 200), Wish(range: "bytes=a-b", status: 200),
        Wish(range: "bytes=+1-2", status: 200), Wish(range: "bytes=1--2", status: 200),
        Wish(range: "bytes=0x1-2", status: 200), Wish(range: "bytes=١-٢", status: 200),
        Wish(range: "bytes=10-19", status: 200, others: ["If-Range": "\"other\""]),
        Wish(range: "bytes=10-19", status: 200, others: ["If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"]),
    ]

    @Test("a range gets what RFC 9110 says")
    func ranges() throws {
        let store = try BrowsedStore()
        try store.commit(
            [Document(id: bytes("d"), audio: named(Self.item))], [], media: [Self.item])
        let server = try store.serve()
        for wish in Self.wishes {
            let answer = try server.ask(Self.path, wish.others.merging(["Range": wish.range]) { $1 })
            #expect(answer.status == wish.status, "\(wish)")
            #expect(answer.headers["accept-ranges"] == "bytes", "\(wish)")
            switch wish.status {
            case 206:
                let part = try #require(wish.part)
                #expect(answer.body == Array(Self.item[part]), "\(wish)")
                #expect(answer.headers["content-range"] == "bytes \(part.lowerBound)-\(part.upperBound - 1)/1000")
                #expect(answer.headers["content-length"] == "\(part.count)", "\(wish)")
                #expect(answer.headers["etag"] == Self.tag)
            case 416:
                #expect(answer.headers["content-range"] == "bytes */1000" && answer.body.isEmpty, "\(wish)")
            default:
                #expect(answer.body == Self.item && answer.headers["content-range"] == nil, "\(wish)")
            }
        }
    }

    @Test("HEAD has the fields of the whole, and what a browser has already is not sent again")
    func headAndConditions() throws {
        let store = try BrowsedStore()
        try store.commit([Document(id: bytes("d"), audio: named(Self.item))], [], media: [Self.item])
        let server = try store.serve()
        let head = try server.ask(Self.path, method: "HEAD", ["Range": "bytes=0-1"])
        #expect(head.status == 200 && head.body.isEmpty && head.headers["content-length"] == "1000")
        #expect(head.headers["content-type"] == "audio/ogg" && head.headers["etag"] == Self.tag)
        for tags in [Self.tag, "\"other\", \(Self.tag)", "W/\(Self.tag)"] {
            let answer = try server.ask(Self.path, ["If-None-Match": tags])
            #expect(answer.status == 304 && answer.body.isEmpty, "\(tags)")
        }
        #expect(try server.ask(Self.path, ["If-None-Match": "\"other\""]).status == 200)
    }

    @Test("large items are sent in pieces, any part of them, compressed or not")
    func largeItems() throws {
        var random = SplitMix64(seed: 5)
        // 9 MiB that do not compress, and 9 MiB of a wave that does.
        let noise = bytes("OggS") + (0..<9 << 20).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let wave = bytes("RIFF....WAVE") + (0..<9 << 20).map { UInt8(truncatingIfNeeded: $0 / 200) }
        let store = try BrowsedStore()
        try store.commit(
            [Document(id: bytes("d"), video: named(noise), audio: named(wave))], [], media: [noise, wave])
        let server = try store.serve()
        for item in [noise, wave] {
            let path = "/media/" + SHA256Digest.of(item).hex
            #expect(try server.ask(path).body == item)
            for range in [0..<1, 131_071..<131_073, 4_000_000..<9_000_000, item.count - 3..<item.count] {
                let answer = try server.ask(path, ["Range": "bytes=\(range.lowerBound)-\(range.upperBound - 1)"])
                #expect(answer.status == 206 && answer.body == Array(item[range]), "\(range)")
            }
        }
    }

    @Test("what is sent as media is so by its first bytes, whatever a record says; anything else is for saving")
    func contentTypes() throws {
        let files = try KnownFiles.read(
            "baseline.jpg", "rgb.png", "moving.gif", "alpha.webp", "clip.mp4", "clip.webm", "deep.wav", "opus.ogg")
        let types = [
            "image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/wav", "audio/ogg",
        ]
        let hostile = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
            "<!doctype html><script>alert(1)</script>", "%PDF-1.7 nothing", "GIF8 almost", "\u{0}\u{1}",
        ].map(bytes)
        let store = try BrowsedStore()
        // Every record lies about its item.
        let documents = (files + hostile).enumerated().map {
            Document(id: bytes("d\($0)"), image: named($1, format: "png", name: "x.html"))
        }
        try store.commit(documents, [], media: files + hostile)
        let server = try store.serve()
        for (item, type) in zip(files + hostile, types + hostile.map { _ in "application/octet-stream" }) {
            let answer = try server.ask("/media/" + SHA256Digest.of(item).hex)
            #expect(answer.status == 200 && answer.body == item)
            #expect(answer.headers["content-type"] == type)
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            let isSaved = answer.headers["content-disposition"]?.hasPrefix("attachment") ?? false
            #expect(isSaved == (type == "application/octet-stream"))
        }
    }

    @Test("only items of the dataset are served, and nothing by another name than its digest")
    func unknownItems() throws {
        let other = bytes("OggS of another dataset")
        let store = try BrowsedStore()
        let sample = try store.commit([Document(id: bytes("d"), audio: named(Self.item))], [], media: [Self.item])
        try store.commit([Document(id: bytes("e"), audio: named(other))], [], media: [other], as: "other")
        let server = try store.serve()
        let digest = SHA256Digest.of(Self.item).hex
        for path in [
            "/media/" + SHA256Digest.of(other).hex, "/media/" + digest.uppercased(), "/media/sha256:" + digest,
            "/media/" + digest.dropLast(), "/media/" + digest + "0", "/media/", "/media", "/media/" + digest + "/x",
            "/media/../store/index.json", "/media/%2e%2e/index.json", "/media/..%2f..%2findex.json",
            // A blob of the store is no item.
            "/media/" + sample.digest.hex,
        ] {
            let answer = try server.ask(path)
            #expect(answer.status == 404, "\(path)")
            #expect(try answer.json()["error"]?.string?.isEmpty == false, "\(path)")
        }
    }
}
