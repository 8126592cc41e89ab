import Base
import JSON
import Media
import SystemPackage
import TestKit

import Inputs

/// What the reference makes of pictures: see Golden/images/PROVENANCE.md.
enum ImagesGolden {
    static let folder = Golden()("images")
    static let expected = Result { try JSONValue.parse(pythonFile: folder.appending("expected.json")) }

    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Bytes that are a function of a seed and their index: the top bits of SplitMix64.
    static func noise(_ seed: UInt64, width: Int, height: Int, first: Int = 0) -> Bitmap {
        let pixels = (0..<3 * width * height).map { index -> UInt8 in
            var x = (UInt64(first + index) &+ seed << 32) &* multiplier
            x ^= x >> 30
            x = x &* 0xBF58_476D_1CE4_E5B9
            x ^= x >> 27
            x = x &* 0x94D0_49BB_1331_11EB
            return UInt8(x >> 56)
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: pixels)
    }

    /// A picture without noise: brightness that grows to the right and down.
    static let smooth: Bitmap = {
        let (width, height) = (212, 300)
        var pixels: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let level: Int = y / 2 + x / 2
                for step in [0, 20, 40] { pixels.append(UInt8(min(255, level + step))) }
            }
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: pixels)
    }()

    static let images: [String: Bitmap] = [
        "page": noise(100, width: 212, height: 300), "wide": noise(101, width: 333, height: 40),
        "small": noise(102, width: 17, height: 20), "smooth": smooth,
    ]

    /// Frames of one video.
    static let clip = (0..<5).map { noise(200, width: 122, height: 90, first: $0 * 3 * 122 * 90) }

    /// As `digest` of the script.
    static func digest(_ values: some Sequence<UInt64>) -> String {
        var sum: UInt64 = 0
        for value in values { sum = (sum &+ value) &* multiplier }
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func digest(_ bitmap: Bitmap) -> String { digest(bitmap.pixels.lazy.map(UInt64.init)) }

    static func digest(_ values: [Float]) -> String { digest(values.lazy.map { UInt64($0.bitPattern) }) }

    /// How far values are from some that the reference has of them.
    static func error(_ values: [Float], samples: JSONValue?, every step: Int) -> Float {
        let wanted = samples?.array?.compactMap(\.double) ?? []
        let found = stride(from: 0, to: values.count, by: step).map { values[$0] }
        guard !wanted.isEmpty, wanted.count == found.count else { return .infinity }
        return zip(wanted, found).reduce(0) { max($0, abs(Float($1.0) - $1.1)) }
    }

    static func configuration(_ name: String) throws -> JSONValue {
        try JSONValue.parse(pythonFile: folder.appending(name + ".json"))
    }

    /// An image processor as transformers saves it.
    static func imageProcessing(
        _ name: String, _ arithmetic: PixelResampling.Arithmetic = .torchBytes
    ) throws -> ImageProcessing {
        try ImageProcessing(configuration(name), path: name, arithmetic: arithmetic)
    }
}

extension Bitmap {
    var size: PixelSize { PixelSize(width: width, height: height) }
}
