import Archives
import Base
import Glibc
import JSON
import Media
import SystemPackage
import TestKit
import Testing

/// The files of `Golden/files.tar.zst`, by name.
struct GoldenMedia {
    static let shared = Result { try GoldenMedia("files.tar.zst", sizes: "sizes.json") }

    let files: [String: [UInt8]]
    let sizes: JSONValue

    init(_ archive: String, sizes: String) throws {
        let tree = try SourceTree(Golden(file: #filePath)(archive))
        var files: [String: [UInt8]] = [:]
        for name in tree.names { files[name] = try tree.open(name).readAll() }
        self.files = files
        self.sizes = try .parse(files[sizes] ?? [], path: sizes)
    }

    /// The pixels that another program decoded.
    func bitmap(_ name: String) throws -> Bitmap {
        let size = try size(of: name)
        let channelCount = files[name + ".rgba"] == nil ? 3 : 4
        let pixels = try #require(files[name + (channelCount == 4 ? ".rgba" : ".rgb")])
        return Bitmap(width: size[0], height: size[1], channelCount: channelCount, pixels: pixels)
    }

    /// Width and height.
    func size(of name: String) throws -> [Int] {
        let numbers = sizes[name]?.array?.compactMap { $0.integer }
        return try #require(numbers)
    }

    subscript(name: String) -> [UInt8] { files[name] ?? [] }

    /// Names of files of some kinds.
    func names(_ endings: String...) -> [String] {
        files.keys.filter { name in endings.contains { name.hasSuffix("." + $0) } }.sorted()
    }
}

extension Bitmap {
    /// Mean of the channels' differences, in steps of 1/255.
    func meanError(to other: Bitmap) throws -> Double {
        try #require(width == other.width && height == other.height && channelCount == other.channelCount)
        let sum = zip(pixels, other.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        return Double(sum) / Double(pixels.count)
    }
}

@Suite struct ImageTests {
    @Test func decodesAsPillowDoes() throws {
        let golden = try GoldenMedia.shared.get()
        let names = golden.names("jpg", "png", "webp", "gif").filter { golden.sizes[$0] != nil }
        #expect(names.count > 25)
        for name in names {
            let expected = try golden.bitmap(name)
            var found = try golden[name].withUnsafeBytes { try Bitmap(decoding: $0) }
            if expected.channelCount == 3 { found = found.opaque() }
            let error = try found.meanError(to: expected)
            // Lossless formats have one answer (ffmpeg rounded where it made 16 bits of 8); other versions of libjpeg round
            // otherwise.
            let isExact =
                (name.hasSuffix("png") && name != "rgb-16.png") || name.hasSuffix("gif")
                || name == "lossless.webp" || name == "alpha.webp"
            #expect(error <= (isExact ? 0 : 1), "\(name)")
        }
    }

    @Test func scalesAsPillowDoes() throws {
        let golden = try GoldenMedia.shared.get()
        let image = try golden["scaling.png"].withUnsafeBytes { try Bitmap(decoding: $0) }
        var count = 0
        for case (let name, _) in golden.sizes.object ?? [:] where name.hasPrefix("scaled-") {
            let expected = try golden.bitmap(name)
            #expect(image.scaled(toWidth: expected.width, height: expected.height) == expected, "\(name)")
            count += 1
        }
        #expect(count == 7)
    }

    /// Four channels are scaled as three are, each for itself.
    @Test(arguments: [(64, 64), (31, 9), (300, 200), (1, 1), (217, 400), (3, 173)])
    func alphaIsAChannel(width: Int, height: Int) throws {
        let golden = try GoldenMedia.shared.get()
        let image = try golden["scaling.png"].withUnsafeBytes { try Bitmap(decoding: $0) }.opaque()
        // Alpha is green.
        var pixels: [UInt8] = []
        for pixel in stride(from: 0, to: image.pixels.count, by: 3) {
            pixels += image.pixels[pixel..<pixel + 3] + [image.pixels[pixel + 1]]
        }
        let clear = Bitmap(width: image.width, height: image.height, channelCount: 4, pixels: pixels)
        let scaled = clear.scaled(toWidth: width, height: height)
        #expect(scaled.opaque() == image.scaled(toWidth: width, height: height))
        #expect(
            stride(from: 0, to: scaled.pixels.count, by: 4).allSatisfy {
                scaled.pixels[$0 + 3] == scaled.pixels[$0 + 1]
            })
    }

    @Test func limitsHold() throws {
        let golden = try GoldenMedia.shared.get()
        for name in ["baseline.jpg", "rgb.png", "lossy.webp", "still.gif", "clip.mp4"] {
            var limits = MediaLimits()
            limits.pixelCount = 61 * 43 - 1
            let tooLarge = #expect(throws: MediaError.self) {
                _ = try golden[name].withUnsafeBytes { try Bitmap(decoding: $0, limits: limits) }
            }
            #expect(tooLarge?.reason == .tooLarge, "\(name)")
            #expect(tooLarge?.message.contains(" x ") == true, "\(name): \(tooLarge?.message ?? "")")
            limits = MediaLimits()
            limits.seconds = -1
            let tooSlow = #expect(throws: MediaError.self) {
                _ = try golden[name].withUnsafeBytes { try Bitmap(decoding: $0, limits: limits) }
            }
            #expect(tooSlow?.reason == .tooSlow, "\(name)")
        }
    }

    @Test func whatIsNoImage() throws {
        for text in ["", "x", "#EXTM3U\nhttp://127.0.0.1/x.ts\n", "ffconcat version 1.0\nfile /etc/passwd\n"] {
            #expect(throws: MediaError.self) { _ = try Array(text.utf8).withUnsafeBytes { try Bitmap(decoding: $0) } }
        }
    }
}

@Suite struct SoundTests {
    @Test(arguments: ["stereo.wav", "mono-8k.wav", "deep.wav", "stereo.flac", "stereo.mp3", "stereo.ogg", "opus.ogg"])
    func decodesAsFFmpegDoes(name: String) throws {
        let golden = try GoldenMedia.shared.get()
        let expected = golden[name + ".f32"].withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        let sound = try golden[name].withUnsafeBytes { try Sound(decoding: $0) }
        #expect(sound.rate == 16_000)
        // ffmpeg goes on to the end of the last block of a short Vorbis file, and its page says where that ends: after 0.3 s.
        let isCut = name == "stereo.ogg"
        let count = isCut ? 4800 : expected.count
        #expect(sound.samples.count == count)
        let difference = zip(sound.samples, expected.prefix(isCut ? count - 32 : count)).map { abs($0 - $1) }.max() ?? 1
        #expect(difference < 1e-4)
    }

    @Test func limitsHold() throws {
        let golden = try GoldenMedia.shared.get()
        var limits = MediaLimits()
        limits.sampleCount = 4800
        let whole = try golden["stereo.wav"].withUnsafeBytes { try Sound(decoding: $0, limits: limits) }
        #expect(whole.samples.count == 4800)
        limits.sampleCount = 4799
        let error = #expect(throws: MediaError.self) {
            _ = try golden["stereo.wav"].withUnsafeBytes { try Sound(decoding: $0, limits: limits) }
        }
        #expect(error?.reason == .tooLarge)
        let silent = #expect(throws: MediaError.self) {
            _ = try golden["silent.mp4"].withUnsafeBytes { try Sound(decoding: $0) }
        }
        #expect(silent?.reason == .missing)
    }
}

@Suite struct VideoTests {
    @Test(arguments: ["clip.mp4", "clip.webm", "clip.avi", "turned.mp4"]) func picturesAreThoseOfFFmpeg(name: String)
        throws
    {
        let golden = try GoldenMedia.shared.get()
        let size = try golden.size(of: name)
        let (extent, pictures) = try golden[name].withUnsafeBytes { bytes in
            var pictures: [Bitmap] = []
            try Video.forEachPicture([0, 8, 15, 23], decoding: bytes) { pictures.append($0) }
            return (try Video.extent(of: bytes), pictures)
        }
        #expect(pictures.count == 4)
        #expect(extent.pictureCount == 24 && abs(extent.seconds - 2) < 0.1)
        #expect(extent.width == size[0] && extent.height == size[1])
        let step = size[0] * size[1] * 3
        for (index, picture) in pictures.enumerated() {
            let pixels = golden[name + ".rgb"][index * step..<(index + 1) * step]
            let expected = Bitmap(width: size[0], height: size[1], channelCount: 3, pixels: Array(pixels))
            // ffmpeg turns before it converts, which blurs colours along the other side; a wrong turn differs by 200.
            let limit = name == "turned.mp4" ? 10.0 : 2
            #expect(try picture.meanError(to: expected) < limit, "picture \(index)")
        }
    }

    /// The limit is one of processor time.
    @Test func aThreadThatWaitsIsNotTooSlow() throws {
        var limits = MediaLimits()
        limits.seconds = 0.5
        var count = 0
        try GoldenMedia.shared.get()["clip.mp4"].withUnsafeBytes { bytes in
            try Video.forEachPicture([0, 11, 23], decoding: bytes, limits: limits) { _ in
                count += 1
                usleep(400_000)
            }
        }
        #expect(count == 3)
    }

    /// A picture that is asked for several times is given as often.
    @Test func picturesMayComeAgain() throws {
        var pictures: [Bitmap] = []
        try GoldenMedia.shared.get()["clip.mp4"].withUnsafeBytes { bytes in
            try Video.forEachPicture([0, 0, 11, 11, 23], decoding: bytes) { pictures.append($0) }
        }
        try #require(pictures.count == 5)
        #expect(pictures[0] == pictures[1] && pictures[2] == pictures[3])
        #expect(pictures[1] != pictures[2] && pictures[3] != pictures[4])
    }

    /// Of pictures that are shown for different times, with a sound that goes on for six seconds behind them: seconds are
    /// those of the pictures, with the last one's own.
    @Test func secondsAreThoseOfThePictures() throws {
        let bytes = try Files.readAll(sourceRoot.appending("Tests/EncodingTests/Golden/media/files/uneven.mp4"))
        let extent = try bytes.withUnsafeBytes { try Video.extent(of: $0) }
        #expect((extent.width, extent.height, extent.pictureCount, extent.seconds) == (44, 36, 14, 3.2))
        let whole = try bytes.withUnsafeBytes { try MediaDescription(measuring: .video, of: .memory($0)) }
        #expect(try #require(whole.seconds) >= 9)
        let one = try Files.readAll(sourceRoot.appending("Tests/EncodingTests/Golden/media/files/one.mp4"))
        #expect(try one.withUnsafeBytes { try Video.extent(of: $0) }.seconds == 0.04)
    }

    @Test func descriptions() throws {
        let golden = try GoldenMedia.shared.get()
        func describe(_ name: String) throws -> MediaDescription {
            try golden[name].withUnsafeBytes { try MediaDescription(measuring: .video, of: .memory($0)) }
        }
        let clip = try describe("clip.mp4")
        #expect(clip.pictures?.codec == "h264")
        #expect(clip.pictures?.width == 96)
        #expect(clip.pictures?.height == 64)
        #expect(clip.pictures?.picturesPerSecond == 12)
        #expect(clip.sound?.codec == "aac")
        #expect(abs((clip.seconds ?? 0) - 2) < 0.1)
        #expect(try describe("turned.mp4").pictures?.width == 64)
        let sound = try describe("mono-8k.wav")
        #expect(sound.sound?.codec == "pcm_s16le")
        #expect(sound.sound?.rate == 8000)
        #expect(sound.sound?.channelCount == 1)
        #expect(sound.pictures == nil)
    }
}

@Suite struct HostileMediaTests {
    /// Whatever happens to the bytes, the answer is a value or an error, soon.
    @Test func mutationsAndTruncations() throws {
        let golden = try GoldenMedia.shared.get()
        let names = golden.names("jpg", "png", "webp", "gif", "wav", "flac", "mp3", "ogg", "mp4", "webm", "avi")
        var random = SplitMix64(seed: 20_261_125)
        var limits = MediaLimits()
        limits.pixelCount = 1 << 20
        limits.pictureCount = 10_000
        limits.sampleCount = 1 << 20
        limits.seconds = 5
        var errorCount = 0
        for turn in 0..<1000 {
            let name = names[Int(random.next(below: UInt64(names.count)))]
            var bytes = golden[name]
            if turn % 4 == 0 {
                bytes.removeLast(bytes.count - Int(random.next(below: UInt64(bytes.count))))
            } else {
                for _ in 0..<1 + random.next(below: 16) {
                    // Half of them at the start, where structure is dense.
                    let end = turn % 4 == 1 ? min(300, bytes.count) : bytes.count
                    bytes[Int(random.next(below: UInt64(end)))] = UInt8(truncatingIfNeeded: random.next())
                }
            }
            do {
                try bytes.withUnsafeBytes { bytes in
                    _ = try MediaDescription(measuring: .video, of: .memory(bytes), limits: limits)
                    // Whatever comes of it: what follows is tried all the same.
                    _ = try? MediaDescription(measuring: .audio, of: .memory(bytes), limits: limits)
                    _ = try? MediaDescription.check(.memory(bytes), as: .video, limits: limits)
                    switch name.split(separator: ".").last {
                    case "wav", "flac", "mp3", "ogg": _ = try Sound(decoding: bytes, limits: limits)
                    case "mp4", "webm", "avi":
                        _ = try Video.extent(of: bytes, limits: limits)
                        try Video.forEachPicture([0, 1, 2], decoding: bytes, limits: limits) { _ in }
                    default: _ = try Bitmap(decoding: bytes, limits: limits)
                    }
                }
            } catch is MediaError {
                errorCount += 1
            }
        }
        #expect(errorCount > 200)
    }

    /// A JPEG or PNG that ends early is an error and no half-grey image, wherever it ends.
    @Test(arguments: ["baseline.jpg", "progressive.jpg", "rgb.png", "interlaced.png"])
    func everyTruncationThrows(name: String) throws {
        let bytes = try GoldenMedia.shared.get()[name]
        for count in stride(from: 0, to: bytes.count - 2, by: 7) {
            #expect(throws: MediaError.self, "\(count) of \(bytes.count) bytes") {
                _ = try bytes[..<count].withUnsafeBytes { try Bitmap(decoding: $0) }
            }
        }
    }
}
