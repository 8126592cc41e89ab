import Archives
import Base
import JSON
import Media
import TestKit
import Testing

/// Files of many kinds and writers, against what other decoders make of them.
private let kinds = Result { try GoldenMedia("kinds.tar.zst", sizes: "expected.json") }

private func expected(_ key: String) throws -> [(name: String, value: JSONValue)] {
    try (kinds.get().sizes.object ?? [:]).compactMap { name, value in value[key].map { _ in (name, value) } }
}

@Suite struct UprightTests {
    /// EXIF in JPEG, MPO, PNG (before and behind the pixels, and as ImageMagick wrote it) and WebP, and TIFF's own tag.
    @Test func imagesStandAsPillowStandsThem() throws {
        let golden = try kinds.get()
        let names = try expected("width").map(\.name)
        #expect(names.count >= 45)
        for name in names {
            let size = try #require(golden.sizes[name])
            let channelCount = golden.files[name + ".rgba"] == nil ? 3 : 4
            let pixels = try #require(golden.files[name + (channelCount == 4 ? ".rgba" : ".rgb")])
            let wanted = Bitmap(
                width: try #require(size["width"]?.integer), height: try #require(size["height"]?.integer),
                channelCount: channelCount, pixels: pixels)
            var found = try golden[name].withUnsafeBytes { try Bitmap(decoding: $0) }
            if channelCount == 3 { found = found.opaque() }
            let isLossy = name.hasSuffix("jpg") || name.hasSuffix("mpo")
            #expect(try found.meanError(to: wanted) <= (isLossy ? 1 : 0), "\(name)")
        }
    }

    /// A JPEG of a kind that libjpeg does not read is not damaged.
    @Test(arguments: [(offset: 1, value: 0xC3), (offset: 4, value: 12)]) func otherKindsOfJPEGAreNotRead(
        offset: Int, value: UInt8
    ) throws {
        var bytes = try kinds.get()["o1.jpg"]
        let frame = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xFF, 0xC0]) })
        bytes[frame + offset] = value
        let error = #expect(throws: MediaError.self) { try bytes.withUnsafeBytes { _ = try Bitmap(decoding: $0) } }
        #expect(error?.reason == .unsupported)
    }

    /// What libav would make another picture of.
    @Test(arguments: [(tag: 0x0102, value: 16), (tag: 0x0103, value: 7), (tag: 0x0115, value: 5)])
    func otherInksAreNotRead(tag: Int, value: UInt8) throws {
        var bytes = try kinds.get()["cmyk.tif"]
        #expect(bytes.starts(with: Array("II*\0".utf8)))
        func number(_ offset: Int, _ count: Int) -> Int {
            bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        let start = number(4, 4)
        let entry = try #require(
            (0..<number(start, 2)).map { start + 2 + 12 * $0 }.first { number($0, 2) == tag })
        // Several numbers stand elsewhere.
        let place = number(entry + 4, 4) > 2 ? number(entry + 8, 4) : entry + 8
        bytes[place] = value
        let error = #expect(throws: MediaError.self) { try bytes.withUnsafeBytes { _ = try Bitmap(decoding: $0) } }
        #expect(error?.reason == .unsupported, "\(error.map { "\($0)" } ?? "")")
    }

    @Test func allEightOrientationsAreThere() throws {
        let names = Set(try expected("width").map(\.name))
        for kind in ["jpg", "png", "webp", "tif"] {
            for orientation in 1...8 { #expect(names.contains("o\(orientation).\(kind)")) }
        }
    }
}

@Suite struct DurationTests {
    /// Encoder delay and padding, pre-skip, end trimming and edit lists are no part of a sound: neither of its duration nor of
    /// its samples.
    @Test func theyAreThoseOfTheDecoder() throws {
        let golden = try kinds.get()
        let sounds = try expected("samples")
        #expect(sounds.count > 60)
        for (name, value) in sounds {
            let rate = try #require(value["rate"]?.integer)
            let samples = try #require(value["samples"]?.integer)
            let bytes = golden[name]
            let measured = try bytes.withUnsafeBytes { try MediaDescription(measuring: .audio, of: .memory($0)) }
            #expect(measured.pictures == nil && measured.sound?.rate == rate, "\(name)")
            let seconds = try #require(measured.seconds, "\(name)")
            #expect(Int((seconds * Double(rate)).rounded()) == samples, "\(name): \(seconds * Double(rate))")
            let sound = try bytes.withUnsafeBytes { try Sound(decoding: $0, rate: rate) }
            #expect(sound.samples.count == samples, "\(name)")
            let resampled = try bytes.withUnsafeBytes { try Sound(decoding: $0) }
            #expect(resampled.samples.count == Tones.count(of: samples, at: rate), "\(name)")
            try bytes.withUnsafeBytes { try MediaDescription.check(.memory($0), as: .audio) }
        }
    }

    /// The same from a file.
    @Test(arguments: ["pipe-ffmpeg.wav", "pipe-sox.aiff", "pipe-ffmpeg.w64", "vorbis.ogg", "trimmed.m4a"])
    func filesAreReadAsBytesAre(name: String) throws {
        let bytes = try kinds.get()[name]
        let folder = try TemporaryFolder()
        let file = try InputFile(folder.write(bytes, to: name))
        let inMemory = try bytes.withUnsafeBytes { try MediaDescription(measuring: .audio, of: .memory($0)) }
        try file.withDescriptor {
            let source = MediaBytes.file(descriptor: $0, byteCount: bytes.count)
            #expect(try MediaDescription(measuring: .audio, of: source) == inMemory)
            try MediaDescription.check(source, as: .audio)
        }
    }
}

@Suite struct FrameCountTests {
    /// Edit lists, B-frames, hidden references, uneven times, fragments, single pictures: counting and decoding agree.
    @Test func theyAreThoseThatAreShown() throws {
        let golden = try kinds.get()
        let videos = try expected("frames")
        #expect(videos.count >= 20)
        for (name, value) in videos {
            let count = try #require(value["frames"]?.integer)
            try golden[name].withUnsafeBytes { bytes in
                let measured = try MediaDescription(measuring: .video, of: .memory(bytes))
                #expect(measured.pictures?.count == count, "\(name)")
                var decodedCount = 0
                try Video.forEachPicture(Array(0..<count), decoding: bytes) { _ in decodedCount += 1 }
                #expect(try Video.extent(of: bytes).pictureCount == count && decodedCount == count, "\(name)")
                try MediaDescription.check(.memory(bytes), as: .video)
            }
        }
    }

    @Test(arguments: ["trimmed.mp4", "trimmed-silent.mp4"]) func theDurationIsThatOfTheEditList(name: String) throws {
        let bytes = try kinds.get()[name]
        let measured = try bytes.withUnsafeBytes { try MediaDescription(measuring: .video, of: .memory($0)) }
        #expect(measured.pictures?.count == 13 && measured.seconds == 1.3)
    }
}

@Suite struct EmptyMediaTests {
    @Test func nothingIsToBeHeardOrSeen() throws {
        let golden = try kinds.get()
        let names = golden.files.keys.filter { $0.hasPrefix("empty-") }.sorted()
        #expect(names.count >= 18)
        for name in names {
            // A track without pictures beside a sound that is one.
            let subject: MediaDescription.Subject = name.hasPrefix("empty-audio") ? .audio : .video
            #expect(throws: MediaError.self, "\(name)") {
                try golden[name].withUnsafeBytes { _ = try MediaDescription(measuring: subject, of: .memory($0)) }
            }
            #expect(throws: MediaError.self, "\(name)") {
                try golden[name].withUnsafeBytes { try MediaDescription.check(.memory($0), as: subject) }
            }
        }
        try golden["empty-track.mkv"].withUnsafeBytes { try MediaDescription.check(.memory($0), as: .audio) }
    }

    /// What stands behind the tables of an MP4 was cut off, which they tell.
    @Test func aCutOffMP4IsFoundByItsTables() throws {
        let bytes = try kinds.get()["faststart.mp4"]
        let error = #expect(throws: MediaError.self) {
            try bytes.dropLast(2000).withUnsafeBytes { _ = try MediaDescription(measuring: .video, of: .memory($0)) }
        }
        #expect(error?.reason == .badData)
    }

    /// libav reads what was cut off as if it ended there; the containers say how long they are. Of `pipe.webm` segment and
    /// clusters are open, and only the element tells that is cut.
    @Test(arguments: ["trimmed.mkv", "uneven.webm", "pipe.webm", "uneven.avi", "empty-track.mkv"])
    func aCutOffContainerIsFoundByItsSizes(name: String) throws {
        let bytes = try kinds.get()[name]
        let subject: MediaDescription.Subject = name == "empty-track.mkv" ? .audio : .video
        try bytes.withUnsafeBytes { try MediaDescription.check(.memory($0), as: subject) }
        let folder = try TemporaryFolder()
        for count in [bytes.count / 2, bytes.count * 3 / 4, bytes.count - 100] {
            let cut = Array(bytes.prefix(count))
            let file = try InputFile(folder.write(cut, to: name))
            let errors = [
                #expect(throws: MediaError.self, "\(name) \(count)") {
                    try cut.withUnsafeBytes { try MediaDescription.check(.memory($0), as: subject) }
                },
                #expect(throws: MediaError.self, "\(name) \(count)") {
                    try file.withDescriptor {
                        _ = try MediaDescription(
                            measuring: subject, of: .file(descriptor: $0, byteCount: cut.count))
                    }
                },
            ]
            for error in errors {
                #expect(error?.reason == .badData, "\(name) \(count)")
                #expect(error?.description.contains("it ends after \(count)") == true, "\(error as Any)")
            }
        }
        // Bytes behind the end are no part of it.
        let longer = bytes + [0, 0, 0]
        try longer.withUnsafeBytes { try MediaDescription.check(.memory($0), as: subject) }
    }
}

/// Uncompressed audio whose sizes are open, wrong, or too large for 32 bits.
@Suite struct SampleExtentTests {
    /// 16-bit mono at 8 kHz.
    private static let sampleCount = 500
    private static let samples = (0..<sampleCount * 2).map { UInt8(truncatingIfNeeded: $0 &* 37) }

    private static func digits(_ value: UInt64, _ count: Int, big: Bool = false) -> [UInt8] {
        let digits = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        return big ? digits.reversed() : digits
    }

    /// A WAVE file.
    ///
    /// - Parameters:
    ///   - riff, data: sizes as they are written; nil for the true ones.
    ///   - before: chunks before the samples.
    private static func wave(
        _ tag: String = "RIFF", riff: UInt64? = nil, data: UInt64? = nil, before: [UInt8] = [],
        _ samples: [UInt8] = samples
    ) -> [UInt8] {
        let isBig = tag == "RIFX"
        func number(_ value: UInt64, _ count: Int) -> [UInt8] { digits(value, count, big: isBig) }
        var format = Array("fmt ".utf8) + number(16, 4) + number(1, 2) + number(1, 2)
        format += number(8000, 4) + number(16_000, 4) + number(2, 2) + number(16, 2)
        let size = UInt64(4 + before.count + format.count + 8 + samples.count)
        return Array(tag.utf8) + number(riff ?? size, 4) + Array("WAVE".utf8) + before + format + Array("data".utf8)
            + number(data ?? UInt64(samples.count), 4) + samples
    }

    private static func long(_ data: UInt64) -> [UInt8] {
        Array("ds64".utf8) + digits(28, 4) + digits(0, 8) + digits(data, 8) + digits(0, 8) + digits(0, 4)
    }

    private static func au(_ size: UInt64, _ samples: [UInt8] = samples) -> [UInt8] {
        Array(".snd".utf8) + [24, size, 3, 8000, 1].flatMap { digits($0, 4, big: true) } + samples
    }

    private static func caf(_ size: UInt64, _ samples: [UInt8] = samples) -> [UInt8] {
        var file = Array("caff".utf8) + [0, 1, 0, 0] + Array("desc".utf8) + digits(32, 8, big: true)
        file += digits((8000.0).bitPattern, 8, big: true) + Array("lpcm".utf8)
        file += [2, 2, 1, 1, 16].flatMap { digits($0, 4, big: true) }
        return file + Array("data".utf8) + digits(size, 8, big: true) + [0, 0, 0, 0] + samples
    }

    static let whole: [(name: String, bytes: [UInt8])] = [
        ("plain", wave()),
        ("ffmpeg's", wave(riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF)),
        ("all but a header", wave(riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF - 36)),
        ("lame's", wave(riff: 0x8000_0023, data: 0x7FFF_FFFF)),
        ("SoX's", wave(riff: 0x7FFF_F024, data: 0x7FFF_F000)),
        ("arecord's", wave(riff: 0x8000_0024, data: 0x8000_0000)),
        ("of a writer that was killed", wave(riff: 36, data: 0)),
        ("never filled in", wave(riff: 0, data: 0)),
        ("an open data chunk in an open file", wave(riff: 0xFFFF_FFFF, data: 0)),
        ("big-endian", wave("RIFX")),
        ("big-endian and open", wave("RIFX", riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF)),
        ("RF64", wave("RF64", riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF, before: long(1000))),
        ("BW64", wave("BW64", riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF, before: long(1000))),
        ("an open RF64", wave("RF64", riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF, before: long(0))),
        ("an odd chunk before", wave(before: Array("note".utf8) + digits(3, 4) + [1, 2, 3, 0])),
        (
            "an odd chunk before an open one",
            wave(data: 0xFFFF_FFFF, before: Array("note".utf8) + digits(3, 4) + [1, 2, 3, 0])
        ),
        ("a chunk behind", wave() + Array("note".utf8) + digits(4, 4) + [1, 2, 3, 4]),
        ("half a sample behind an open chunk", wave(riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF, samples + [9])),
        ("AU", au(1000)), ("an open AU", au(0xFFFF_FFFF)), ("CAF", caf(1004)), ("an open CAF", caf(.max)),
    ]

    @Test(arguments: whole.indices) func wholeOnesAreWhole(index: Int) throws {
        let (name, bytes) = Self.whole[index]
        try bytes.withUnsafeBytes { bytes in
            let measured = try MediaDescription(measuring: .audio, of: .memory(bytes))
            #expect(measured.seconds == Double(Self.sampleCount) / 8000, "\(name): \(measured.seconds ?? -1)")
            #expect(try Sound(decoding: bytes, rate: 8000).samples.count == Self.sampleCount, "\(name)")
            try MediaDescription.check(.memory(bytes), as: .audio)
        }
    }

    static let broken: [(name: String, reason: MediaError.Reason, bytes: [UInt8])] = [
        ("cut off", .badData, Array(wave().dropLast(200))),
        ("a sample too few", .badData, Array(wave().dropLast(2))),
        ("a cut RF64", .badData, wave("RF64", riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF, before: long(4000))),
        ("a header only", .badData, Array(wave().prefix(44))),
        ("a header only, open", .missing, Array(wave(riff: 0xFFFF_FFFF, data: 0xFFFF_FFFF).prefix(44))),
        ("no samples", .missing, wave(riff: nil, data: nil, [])),
        (
            "no samples and a chunk behind", .missing,
            wave(riff: 36 + 12, []) + Array("note".utf8) + digits(4, 4) + [1, 2, 3, 4]
        ),
        ("a cut AU", .badData, au(2000)), ("an empty AU", .missing, au(0, [])),
        ("an empty AU, open", .missing, au(0xFFFF_FFFF, [])),
        ("a cut CAF", .badData, caf(2004)), ("an empty CAF, open", .missing, caf(.max, [])),
    ]

    @Test(arguments: broken.indices) func brokenOnesAreFoundByTheirHeader(index: Int) throws {
        let (name, reason, bytes) = Self.broken[index]
        let header = #expect(throws: MediaError.self, "\(name)") {
            try bytes.withUnsafeBytes { _ = try MediaDescription(measuring: .audio, of: .memory($0)) }
        }
        #expect(header?.reason == reason, "\(name): \(header?.message ?? "")")
        let full = #expect(throws: MediaError.self, "\(name)") {
            try bytes.withUnsafeBytes { try MediaDescription.check(.memory($0), as: .audio) }
        }
        #expect(full == header)
    }

    /// As many chunks as fit do not keep a reader busy.
    @Test func chunksAreLimited() throws {
        let many = wave(before: [UInt8](repeating: 0, count: 8 * 1_000_000))
        var limits = MediaLimits()
        limits.seconds = 5
        _ = try? many.withUnsafeBytes { try MediaDescription(measuring: .audio, of: .memory($0), limits: limits) }
    }

    private func wave(before: [UInt8]) -> [UInt8] { Self.wave(before: before) }
}
