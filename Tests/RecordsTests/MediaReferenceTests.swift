import Base
import Records
import Testing

@Suite struct MediaReferenceTests {
    let digest = SHA256Digest.of([1, 2, 3])

    @Test func itsKeysHaveAFixedOrder() throws {
        let item = MediaReference.Item(
            digest: digest, size: 12345, format: "jpeg", width: 640, height: 480, name: "a/\"b\".jpg")
        let reference = MediaReference(item)
        #expect(
            String(decoding: reference.json, as: UTF8.self)
                == #"{"digest":"\#(digest)","size":12345,"format":"jpeg","width":640,"height":480,"name":"a/\"b\".jpg"}"#
        )
        #expect(reference.item == item)
        #expect(reference.digest == digest)
        #expect(reference.size == 12345)
        #expect(reference.format == .jpeg)
        #expect(reference.width == 640 && reference.height == 480)
        #expect(reference.name == nil)
        let bare = MediaReference(MediaReference.Item(digest: digest, size: 1))
        #expect(String(decoding: bare.json, as: UTF8.self) == #"{"digest":"\#(digest)","size":1}"#)
        #expect(bare.format == nil && bare.width == nil)
    }

    /// What is known of sounds and videos stands between the size and the name; images have none of it.
    @Test func soundsAndVideos() {
        var item = MediaReference.Item(
            digest: digest, size: 5, format: "mp4", width: 96, height: 64, name: "a.mp4")
        item.duration = 2.5
        item.sampleRate = 44_100
        item.channelCount = 2
        item.frameCount = 60
        item.sourceDigest = .of([9])
        let json =
            #"{"digest":"\#(digest)","size":5,"format":"mp4","width":96,"height":64,"duration":2.5,"sample_rate":44100,"#
            + #""channels":2,"frames":60,"source_digest":"\#(SHA256Digest.of([9]))","name":"a.mp4"}"#
        #expect(String(decoding: MediaReference(item).json, as: UTF8.self) == json)
        #expect(MediaReference(item).item == item)
        let whole = MediaReference(json: Array(#"{"digest":"\#(digest)","size":5,"duration":3}"#.utf8))
        #expect(whole.item?.duration == 3)
    }

    @Test(arguments: [
        #""images/a.jpg""#, #""https://example.org/a.jpg""#, #"{"uri":"a.jpg"}"#, #"{"digest":"sha256:12","size":1}"#,
        #""sha256:12""#, "{",
    ])
    func othersNameNoItem(json: String) {
        let reference = MediaReference(json: Array(json.utf8))
        #expect(reference.item == nil)
        #expect(reference.digest == nil)
    }

    /// Only what claims to be a digest, and is none, is refused; see also `MalformedReferenceTests`.
    @Test func malformedReferencesHaveAField() throws {
        func field(_ json: String) -> String? {
            do throws(RecordFault) { try MediaReference(json: Array(json.utf8)).check() } catch {
                return error.field ?? "itself"
            }
            return nil
        }
        #expect(field(#""a.jpg""#) == nil && field(#"{"uri":"a","size":-1}"#) == nil && field("{") == nil)
        #expect(field(#"{"digest":"\#(digest)","size":0,"width":null}"#) == nil && field(#""\#(digest)""#) == nil)
        #expect(field(#""sha256:12""#) == "itself" && field(#"{"digest":"sha256:12"}"#) == "digest")
        #expect(field(#"{"digest":"\#(digest)","size":-1}"#) == "size")
        #expect(field(#"{"digest":"\#(digest)","size":1,"frames":1e99}"#) == "frames")
    }

    @Test func aNameMayBeADigest() {
        let reference = MediaReference(name: digest.description)
        #expect(reference.digest == digest)
        #expect(reference.name == digest.description)
        #expect(reference.item == nil)
    }
}

@Suite struct MediaHeaderTests {
    private func header(_ bytes: [UInt8]) -> MediaHeader { bytes.withUnsafeBytes { MediaHeader($0) } }

    /// The start of an image for each way in which a size is written.
    static let images: [(name: String, format: MediaFormat, width: Int, height: Int, bytes: [UInt8])] = [
        (
            "PNG", .png, 300, 200,
            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
                + [0, 0, 1, 44, 0, 0, 0, 200, 8, 2, 0, 0, 0]
        ),
        ("GIF", .gif, 300, 200, Array("GIF89a".utf8) + [44, 1, 200, 0, 0, 0, 0]),
        (
            "baseline JPEG", .jpeg, 300, 200,
            [0xFF, 0xD8, 0xFF, 0xE0, 0, 16] + Array("JFIF\0".utf8) + [1, 1, 0, 0, 1, 0, 1, 0, 0]
                + [0xFF, 0xDB, 0, 4, 1, 2, 0xFF, 0xC0, 0, 17, 8, 0, 200, 1, 44, 3, 1, 0x22, 0]
        ),
        (
            "progressive JPEG with fill bytes", .jpeg, 300, 200,
            [0xFF, 0xD8, 0xFF, 0xC4, 0, 3, 9, 0xFF, 0xFF, 0xFF, 0xC2, 0, 17, 8, 0, 200, 1, 44, 3]
        ),
        (
            "lossy WebP", .webp, 300, 200,
            Array("RIFF".utf8) + [9, 9, 0, 0] + Array("WEBPVP8 ".utf8) + [9, 0, 0, 0, 0x10, 0x20, 0, 0x9D, 1, 0x2A]
                + [44, 0x41, 200, 0x80, 0]
        ),
        (
            // 14 bits of 299, 14 bits of 199
            "lossless WebP", .webp, 300, 200,
            Array("RIFF".utf8) + [9, 9, 0, 0] + Array("WEBPVP8L".utf8) + [9, 0, 0, 0, 0x2F, 0x2B, 0xC1, 0x31, 0, 0]
        ),
        (
            "extended WebP", .webp, 300, 200,
            Array("RIFF".utf8) + [9, 9, 0, 0] + Array("WEBPVP8X".utf8)
                + [10, 0, 0, 0, 0x10, 0, 0, 0, 0x2B, 1, 0, 199, 0, 0]
        ),
    ]

    @Test(arguments: images.indices)
    func sizesAreRead(index: Int) {
        let image = Self.images[index]
        let header = header(image.bytes)
        #expect(header.format == image.format, "\(image.name)")
        #expect(header.width == image.width && header.height == image.height, "\(image.name)")
    }

    /// Cut off anywhere or with any byte replaced, a header gives a size or none; it reads nothing outside.
    @Test(arguments: images.indices)
    func brokenHeadersDoNoHarm(index: Int) {
        let image = Self.images[index]
        for count in 0..<image.bytes.count {
            let cut = header(Array(image.bytes[..<count]))
            #expect(cut.format == nil || cut.format == image.format)
            #expect((cut.width == nil) == (cut.height == nil))
        }
        #expect(header(Array(image.bytes.prefix(9))).width == nil)
        var random = SplitMix64(seed: 7, UInt64(index))
        for _ in 0..<2000 {
            var bytes = image.bytes
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            let header = header(bytes)
            #expect((header.width == nil) == (header.height == nil))
        }
    }

    static let signatures: [(bytes: [UInt8], format: MediaFormat?)] = [
        (Array("....ftypisom....".utf8), .mp4), (Array("....ftypmp42....".utf8), .mp4),
        (Array("....ftypqt  ....".utf8), .mov), (Array("....moov".utf8), .mov), (Array("....ftypheic....".utf8), nil),
        ([0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x86, 0x81, 1, 0x42, 0x82, 0x84] + Array("webm".utf8), .webm),
        ([0x1A, 0x45, 0xDF, 0xA3, 0x9F, 0x42, 0x82, 0x88] + Array("matroska".utf8), .matroska),
        (Array("RIFX....WAVEfmt ".utf8), .wav), (Array("RF64....WAVEds64".utf8), .wav),
        (Array("BW64....WAVEds64".utf8), .wav), (Array("RF64....AVI ".utf8), nil),
        // Behind a tag of 200 bytes, whose size has 7 bits a byte.
        (Array("ID3".utf8) + [4, 0, 0, 0, 0, 1, 72] + [UInt8](repeating: 0, count: 200) + Array("fLaC".utf8), .flac),
        (
            Array("ID3".utf8) + [4, 0, 0, 0, 0, 1, 72] + [UInt8](repeating: 0, count: 200) + [0xFF, 0xF1, 0x50, 0x80],
            nil
        ),
        (
            Array("ID3".utf8) + [4, 0, 0, 0, 0, 1, 72] + [UInt8](repeating: 0, count: 200) + [0xFF, 0xFB, 0x90, 0], .mp3
        ),
        (Array("....ftypM4B ....".utf8), .mp4), (Array("....ftypavif....".utf8), nil),
        (Array("RIFF....WAVEfmt ".utf8), .wav), (Array("RIFF....AVI LIST".utf8), nil), (Array("ID3\u{4}".utf8), .mp3),
        ([0xFF, 0xFB, 0x90, 0x00], .mp3), ([0xFF, 0xF1, 0x50, 0x80], nil), (Array("fLaC".utf8), .flac),
        (Array("OggS".utf8), .ogg), (Array("hello".utf8), nil), ([], nil),
    ]

    @Test(arguments: signatures.indices)
    func formatsAreKnownByTheirSignature(index: Int) {
        let (bytes, format) = Self.signatures[index]
        let header = header(bytes)
        #expect(header.format == format)
        #expect(header.width == nil && header.height == nil)
    }
}
