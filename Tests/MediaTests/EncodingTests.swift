import Base
import Media
import TestKit
import Testing

/// Pixels become files that say the same pixels.
@Suite struct EncodingTests {
    private func decoded(_ name: String) throws -> Bitmap {
        try GoldenMedia.shared.get()[name].withUnsafeBytes { try Bitmap(decoding: $0) }
    }

    /// A picture without edges, which JPEG keeps well.
    private func gradient(width: Int, height: Int) -> Bitmap {
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                pixels += [UInt8(x * 255 / width), UInt8(y * 255 / height), UInt8((x + y) * 255 / (width + height))]
            }
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: pixels)
    }

    @Test(arguments: ["rgb.png", "rgba.png", "baseline.jpg", "palette-transparent.png", "scaling.png"])
    func pngKeepsEveryPixel(name: String) throws {
        let image = try decoded(name)
        let bytes = try image.encoded(as: .png)
        #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(try bytes.withUnsafeBytes { try Bitmap(decoding: $0) } == image)
        #expect(try image.encoded(as: .png) == bytes)
    }

    @Test func jpegIsCloseAndQualityCounts() throws {
        let image = gradient(width: 123, height: 77)
        var sizes: [Int] = []
        for (quality, tolerance) in [(30, 6.0), (90, 1.5), (100, 0.8)] {
            let bytes = try image.encoded(as: .jpeg, quality: quality)
            let again = try bytes.withUnsafeBytes { try Bitmap(decoding: $0) }
            #expect(try again.meanError(to: image) < tolerance, "quality \(quality)")
            #expect(try image.encoded(as: .jpeg, quality: quality) == bytes)
            sizes.append(bytes.count)
        }
        #expect(sizes == sizes.sorted() && Set(sizes).count == 3)
    }

    /// One pixel, one row, one column, and the sides around a block of 8.
    @Test(arguments: [(1, 1), (1, 9), (17, 1), (7, 8), (8, 9), (16, 16)], ImageFormat.allCases)
    func smallSides(size: (Int, Int), format: ImageFormat) throws {
        let image = gradient(width: size.0, height: size.1)
        let bytes = try image.encoded(as: format)
        let again = try bytes.withUnsafeBytes { try Bitmap(decoding: $0) }
        #expect(again.width == size.0 && again.height == size.1)
    }

    @Test func whatIsTooLongForJPEG() throws {
        let long = Bitmap(
            width: 65_501, height: 1, channelCount: 3, pixels: [UInt8](repeating: 0, count: 65_501 * 3))
        let error = #expect(throws: MediaError.self) { _ = try long.encoded(as: .jpeg) }
        #expect(error?.reason == .tooLarge && error?.message.contains("65501 x 1") == true)
        #expect(try !long.encoded(as: .png).isEmpty)
    }

    @Test func transparencyIsWhite() throws {
        let image = Bitmap(
            width: 3, height: 1, channelCount: 4, pixels: [10, 20, 30, 0, 10, 20, 30, 255, 0, 0, 0, 128])
        #expect(image.onWhite().pixels == [255, 255, 255, 10, 20, 30, 127, 127, 127])
        let opaque = gradient(width: 4, height: 4)
        #expect(opaque.onWhite() == opaque)
    }

    @Test func imagesAreFittedInProportion() throws {
        for (width, height, limit) in [
            (400, 300, 30_000), (300, 400, 12_000), (1000, 3, 50), (1, 5000, 10), (37, 41, 1), (640, 480, 307_199),
        ] {
            let small = gradient(width: width, height: height).fitted(toPixelCount: limit)
            #expect(small.width * small.height <= limit)
            // No side is shorter than it must be by more than a pixel.
            let scale = (Double(limit) / Double(width * height)).squareRoot()
            let sides = (Double(width) * scale, Double(height) * scale)
            guard min(sides.0, sides.1) >= 1 else {
                // One of a pixel has the rest of the limit for the other.
                #expect(small.width * small.height == limit && min(small.width, small.height) == 1)
                continue
            }
            #expect(abs(Double(small.width) - sides.0) < 1 && abs(Double(small.height) - sides.1) < 1)
        }
        let image = gradient(width: 20, height: 10)
        #expect(image.fitted(toPixelCount: 200) == image)
        #expect(image.fitted(toPixelCount: 50) == image.scaled(toWidth: 10, height: 5))
    }

    /// The colour of what cannot be seen does not shine through.
    @Test func transparentColoursDoNotBleed() throws {
        var pixels: [UInt8] = []
        for x in 0..<64 { pixels += x % 2 == 0 ? [0, 0, 255, 255] : [255, 255, 255, 0] }
        let small = Bitmap(width: 64, height: 1, channelCount: 4, pixels: pixels).fitted(toPixelCount: 16)
        for pixel in stride(from: 0, to: small.pixels.count, by: 4) {
            #expect(small.pixels[pixel] == 0 && small.pixels[pixel + 1] == 0 && small.pixels[pixel + 2] >= 250)
            #expect((100...160).contains(small.pixels[pixel + 3]))
        }
    }
}

/// What is found out without decoding, and what only decoding finds.
@Suite struct MeasuringTests {
    private func describe(_ name: String) throws -> MediaDescription {
        try GoldenMedia.shared.get()[name].withUnsafeBytes {
            try MediaDescription(measuring: subject(name), of: .memory($0))
        }
    }

    private func subject(_ name: String) -> MediaDescription.Subject {
        ["wav", "flac", "mp3", "ogg"].contains { name.hasSuffix($0) } ? .audio : .video
    }

    @Test(arguments: ["clip.mp4", "clip.webm", "clip.avi", "silent.mp4"])
    func picturesAreCounted(name: String) throws {
        let description = try describe(name)
        let extent = try GoldenMedia.shared.get()[name].withUnsafeBytes { try Video.extent(of: $0) }
        #expect(description.pictures?.count == extent.pictureCount)
        #expect(description.seconds != nil)
    }

    @Test(arguments: ["stereo.wav", "stereo.flac", "stereo.mp3", "stereo.ogg", "opus.ogg", "mono-8k.wav"])
    func secondsAreThoseOfTheSamples(name: String) throws {
        let sound = try GoldenMedia.shared.get()[name].withUnsafeBytes { try Sound(decoding: $0) }
        let seconds = try #require(try describe(name).seconds)
        // Decoded at another rate, whose samples are longer.
        #expect(abs(seconds - Double(sound.samples.count) / 16_000) < 2.0 / 16_000)
    }

    @Test func aFileIsReadAsItsBytesAre() throws {
        let folder = try TemporaryFolder()
        for name in ["clip.mp4", "clip.webm", "stereo.flac", "moving.gif"] {
            let bytes = try GoldenMedia.shared.get()[name]
            let path = try folder.write(bytes, to: name)
            let file = try InputFile(path)
            let found = try file.withDescriptor {
                try MediaDescription(measuring: subject(name), of: .file(descriptor: $0, byteCount: bytes.count))
            }
            #expect(try found == describe(name))
            try file.withDescriptor {
                try MediaDescription.check(.file(descriptor: $0, byteCount: bytes.count), as: subject(name))
            }
        }
    }

    @Test(arguments: [
        "clip.mp4", "clip.webm", "clip.avi", "silent.mp4", "turned.mp4", "stereo.wav", "stereo.flac", "stereo.mp3",
        "stereo.ogg", "opus.ogg", "deep.wav", "moving.gif",
    ])
    func wholeOnesPass(name: String) throws {
        try GoldenMedia.shared.get()[name].withUnsafeBytes {
            try MediaDescription.check(.memory($0), as: subject(name))
        }
    }

    /// A quarter of a file is no file: what is announced is missing.
    @Test(arguments: ["clip.webm", "clip.avi", "stereo.wav", "stereo.flac", "stereo.mp3"])
    func aQuarterFails(name: String) throws {
        let bytes = try GoldenMedia.shared.get()[name]
        let error = #expect(throws: MediaError.self) {
            try bytes[..<(bytes.count / 4)].withUnsafeBytes {
                try MediaDescription.check(.memory($0), as: subject(name))
            }
        }
        #expect(error?.reason == .badData)
    }

    @Test func limitsHold() throws {
        let clip = try GoldenMedia.shared.get()["clip.webm"]
        func reason(_ change: (inout MediaLimits) -> Void) throws -> MediaError.Reason? {
            var limits = MediaLimits()
            change(&limits)
            let error = #expect(throws: MediaError.self) {
                try clip.withUnsafeBytes { try MediaDescription.check(.memory($0), as: .video, limits: limits) }
            }
            return error?.reason
        }
        #expect(try reason { $0.pictureCount = 10 } == .tooLarge)
        #expect(try reason { $0.sampleCount = 16_000 } == .tooLarge)
        #expect(try reason { $0.pixelCount = 100 } == .tooLarge)
        #expect(try reason { $0.seconds = -1 } == .tooSlow)
    }
}
