import Archives
import Store
import Base
import JSON
import SystemPackage
import TestKit
import Testing

/// What cannot be used does not get in; it stops the conversion at its place, or is left out and listed.
@Suite struct BrokenMediaTests {
    let place: MediaPlace

    init() throws { place = try MediaPlace() }

    struct Broken: Sendable {
        let name: String
        let kind: String
        let reason: String
        let words: String
        /// Nil for a file that is not there.
        let bytes: @Sendable () throws -> [UInt8]?
    }

    static let broken: [Broken] = [
        .init(name: "gone.png", kind: "image", reason: "missing", words: "No such file") { nil },
        .init(name: "empty.png", kind: "image", reason: "bad data", words: "is empty") { [] },
        .init(name: "text.png", kind: "image", reason: "unknown format", words: "begins with") { Array("hello".utf8) },
        .init(name: "p.svg", kind: "image", reason: "unknown format", words: "<svg") {
            Array("<svg xmlns=\"x\"/>".utf8)
        },
        .init(name: "p.pdf", kind: "image", reason: "unknown format", words: "%PDF-1.7") {
            Array("%PDF-1.7\n1 0".utf8)
        },
        .init(name: "list.m3u", kind: "video", reason: "unknown format", words: "#EXTM3U") {
            Array("#EXTM3U\nhttp://127.0.0.1/x.ts\n".utf8)
        },
        .init(name: "sound.png", kind: "image", reason: "wrong kind", words: "wav") { try golden("stereo.wav") },
        .init(name: "film.png", kind: "image", reason: "wrong kind", words: "mp4") { try golden("clip.mp4") },
        .init(name: "film.jpg", kind: "image", reason: "wrong kind", words: "avi") { try golden("clip.avi") },
        .init(name: "picture.wav", kind: "audio", reason: "wrong kind", words: "image") { try golden("rgb.png") },
        .init(name: "picture.mp4", kind: "video", reason: "wrong kind", words: "image") { try golden("baseline.jpg") },
        .init(name: "silent.wav", kind: "audio", reason: "wrong kind", words: "no sound") { try golden("silent.mp4") },
        .init(name: "sound.mp4", kind: "video", reason: "wrong kind", words: "no pictures") {
            try golden("stereo.flac")
        },
        .init(name: "bomb.png", kind: "image", reason: "too large", words: "50000 x 50000") {
            pngHead(width: 50_000, height: 50_000)
        },
        .init(name: "huge.png", kind: "image", reason: "too large", words: "2147483647") {
            pngHead(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)
        },
        .init(name: "zero.png", kind: "image", reason: "bad data", words: "damaged") { pngHead(width: 0, height: 5) },
        .init(name: "cut.png", kind: "image", reason: "bad data", words: "cut off") {
            Array(try golden("rgb.png").prefix(14))
        },
        .init(name: "cut.jpg", kind: "image", reason: "bad data", words: "cut off") {
            Array(try golden("baseline.jpg").prefix(30))
        },
        .init(name: "cut.gif", kind: "image", reason: "bad data", words: "cut off") {
            Array(try golden("still.gif").prefix(7))
        },
        .init(name: "cut.webp", kind: "image", reason: "bad data", words: "cut off") {
            Array(try golden("lossy.webp").prefix(14))
        },
        // The table of its pictures stands behind them.
        .init(name: "cut.mp4", kind: "video", reason: "bad data", words: "damaged") {
            Array(try golden("clip.mp4").prefix(5000))
        },
        .init(name: "cut.flac", kind: "audio", reason: "bad data", words: "damaged") {
            Array(try golden("stereo.flac").prefix(20))
        },
        .init(name: "noise.ogg", kind: "audio", reason: "bad data", words: "damaged") {
            Array("OggS".utf8) + (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 167 >> 3) }
        },
    ]

    @Test(arguments: broken.indices) func eachIsAFaultWithItsPlace(index: Int) throws {
        let broken = Self.broken[index]
        try place.add(golden: "rgb.png")
        if let bytes = try broken.bytes() { try place.add(bytes, as: broken.name) }
        let corpus = [document("1", "image", "rgb.png"), document("2", broken.kind, broken.name)]
        let result = try place.convert(corpus)
        #expect(result.status == 65, "\(broken.name): \(result.errorText)")
        for word in ["corpus.jsonl:2 (byte ", "document_\(broken.kind)", broken.words, broken.name, ": \"2\""] {
            #expect(result.errorText.contains(word), "\(broken.name): \(result.errorText) without \(word)")
        }
        if broken.name == "film.png" { #expect(result.errorText.contains("--video"), "\(result.errorText)") }
        #expect(try place.isEmpty())
        let lenient = try place.convert(corpus, ["--quarantine", place.folder("q").string])
        #expect(lenient.status == 0, "\(lenient.errorText)")
        #expect(try lenient.report["quarantined"] == .object([broken.reason: 1]))
        let line = try #require(try place.quarantine().first)
        #expect(line["reason"]?.string == broken.reason && line["name"]?.string == broken.name && line["line"] == 2)
        #expect(line["docid"]?.string == "2" && line["field"]?.string == "document_\(broken.kind)")
        #expect(line["path"]?.string?.hasSuffix("corpus.jsonl") == true)
        #expect(line["message"]?.string?.contains(broken.words) == true, "\(line)")
        // Where there are bytes, they are known by their digest, and not stored.
        let bytes = try broken.bytes() ?? []
        #expect(line["digest"]?.string == (bytes.isEmpty ? nil : "\(SHA256Digest.of(bytes))"))
        let dataset = try place.dataset()
        #expect(dataset.documentCount == 1 && dataset.mediaCount == 1)
        #expect(dataset.manifest.provenance.statistics["quarantined"] == .object([broken.reason: 1]))
        #expect(dataset.manifest.provenance.options["quarantine"] == true)
    }

    /// `none` takes any bytes, as long as there are some.
    @Test func noneTakesAnyBytes() throws {
        var corpus: [String] = []
        for broken in Self.broken {
            guard let bytes = try broken.bytes(), !bytes.isEmpty else { continue }
            try place.add(bytes, as: broken.name)
            corpus.append(document(broken.name, broken.kind, broken.name))
        }
        let result = try place.convert(corpus, ["--media-check", "none"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try place.dataset().documentCount == corpus.count)
    }

    /// Images that only libav knows are images, whose format the record does not tell.
    @Test func bitmapsAreTaken() throws {
        // Two pixels: 54 bytes of headers, and a row of 8.
        var bmp = Array("BM".utf8) + [62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0]
        bmp += [24, 0] + [UInt8](repeating: 0, count: 24) + [1, 2, 3, 4, 5, 6, 0, 0]
        try place.add(bmp, as: "a.bmp")
        for check in ["header", "full"] {
            let result = try place.convert([document("1", "image", "a.bmp")], ["--media-check", check])
            #expect(result.status == 0, "\(result.errorText)")
            #expect(try place.dataset().document(0).image?.format == nil)
        }
    }

    /// What only decoding finds.
    @Test(arguments: [
        ("baseline.jpg", "image", 0.8), ("progressive.jpg", "image", 0.6), ("rgb.png", "image", 0.9),
        ("lossy.webp", "image", 0.7), ("stereo.flac", "audio", 0.5),
    ])
    func fullFindsMore(name: String, kind: String, share: Double) throws {
        let bytes = try golden(name)
        try place.add(Array(bytes.prefix(Int(Double(bytes.count) * share))), as: name)
        try place.add(golden: "rgba.png")
        let corpus = [document("1", kind, name), document("2", "image", "rgba.png")]
        let header = try place.convert(corpus)
        #expect(header.status == 0, "\(header.errorText)")
        let full = try place.convert(corpus, ["--media-check", "full", "--quarantine", "q"])
        #expect(full.status == 0, "\(full.errorText)")
        #expect(try full.report["quarantined"]?["bad data"] == 1)
        #expect(try place.dataset().manifest.provenance.options["mediaCheck"] == "full")
    }

    @Test func limitsCanBeSet() throws {
        try place.add(golden: "rgb.png", "clip.mp4")
        func reason(_ line: String, _ more: [String]) throws -> String? {
            try place.add(golden: "rgba.png")
            let result = try place.convert(
                [line, document("good", "image", "small.png")], ["--quarantine", "q"] + more)
            #expect(result.status == 0, "\(result.errorText)")
            return try place.quarantine().first?["reason"]?.string
        }
        // Six pixels.
        try place.add(golden("rgb.png"), as: "rgb.png")
        try place.add(pngHead(width: 3, height: 2), as: "small.png")
        #expect(try reason(document("1", "image", "rgb.png"), ["--media-pixels", "2622"]) == "too large")
        #expect(try reason(document("1", "image", "rgb.png"), ["--media-pixels", "2623"]) == nil)
        #expect(try reason(document("1", "video", "clip.mp4"), ["--media-pixels", "100"]) == "too large")
        #expect(try reason(document("1", "video", "clip.mp4"), ["--media-seconds", "0.0000001"]) == "too slow")
        for wrong in [["--media-pixels", "0"], ["--media-seconds", "0"], ["--media-check", "some"]] {
            #expect(try place.convert([document("1", "image", "rgb.png")], wrong).status == 64)
        }
    }
}
