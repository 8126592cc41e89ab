import Base
import Media
import TestKit
import Testing

/// Pictures are known again as another file, and other pictures are not taken for them.
@Suite struct ImageHashTests {
    /// A picture with shapes at random places, over a slope of grey.
    static func picture(_ seed: UInt64, width: Int = 160, height: Int = 120) -> Bitmap {
        var random = SplitMix64(seed: seed)
        func number(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
        var pixels = [UInt8](repeating: 0, count: width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                for channel in 0..<3 {
                    pixels[(y * width + x) * 3 + channel] = UInt8(60 + 60 * x / width + 60 * y / height)
                }
            }
        }
        for _ in 0..<12 {
            let (left, top) = (number(width - 20), number(height - 20))
            let (right, bottom) = (
                min(width, left + 20 + number(width / 3)), min(height, top + 20 + number(height / 3))
            )
            let colour = (0..<3).map { _ in UInt8(number(256)) }
            for y in top..<bottom {
                for x in left..<right {
                    for channel in 0..<3 { pixels[(y * width + x) * 3 + channel] = colour[channel] }
                }
            }
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: pixels)
    }

    static func again(_ image: Bitmap, quality: Int) throws -> Bitmap {
        try image.encoded(as: .jpeg, quality: quality).withUnsafeBytes { try Bitmap(decoding: $0) }
    }

    @Test(arguments: [90, 60, 30]) func qualityDoesNotMatter(quality: Int) throws {
        for seed in 0..<10 {
            let image = Self.picture(UInt64(seed))
            let (hash, other) = (ImageHash(of: image), ImageHash(of: try Self.again(image, quality: quality)))
            #expect(hash.distance(to: other) <= 6 && hash.similarity(to: other) > 0.98, "\(seed)")
        }
    }

    @Test(arguments: [(80, 60), (320, 240), (200, 120), (67, 51), (40, 30)])
    func sizeDoesNotMatter(size: (Int, Int)) {
        for seed in 0..<10 {
            let image = Self.picture(UInt64(seed))
            let (hash, other) = (ImageHash(of: image), ImageHash(of: image.scaled(toWidth: size.0, height: size.1)))
            #expect(hash.distance(to: other) <= 6 && hash.similarity(to: other) > 0.95, "\(seed)")
        }
    }

    @Test func otherPicturesAreFarApart() {
        let hashes = (0..<40).map { ImageHash(of: Self.picture(UInt64($0))) }
        for (position, hash) in hashes.enumerated() {
            #expect(hash.distance(to: hash) == 0 && hash.similarity(to: hash) == 1 && !hash.isFlat)
            for other in hashes[..<position] {
                #expect(hash.distance(to: other) > 12 && hash.similarity(to: other) < 0.9)
            }
        }
    }

    /// The same pixels with the eight tags of EXIF are eight pictures, each the one that another program stands upright.
    @Test func picturesStandUpright() throws {
        let files = try GoldenMedia.shared.get()
        var hashes: [ImageHash] = []
        for name in (1...8).map({ "orientation-\($0).jpg" }) {
            let hash = ImageHash(of: try files[name].withUnsafeBytes { try Bitmap(decoding: $0) })
            let expected = ImageHash(of: try files.bitmap(name))
            #expect(hash.distance(to: expected) <= 2 && hash.similarity(to: expected) > 0.99, "\(name)")
            for other in hashes { #expect(hash.distance(to: other) > 8) }
            hashes.append(hash)
        }
    }

    @Test func whatIsTransparentIsWhite() {
        let image = Self.picture(3, width: 90, height: 70)
        var clear: [UInt8] = []
        var white: [UInt8] = []
        for pixel in 0..<90 * 70 {
            let colour = image.pixels[pixel * 3..<pixel * 3 + 3]
            let isClear = pixel % 90 > 60
            clear += colour + [isClear ? 0 : 255]
            white += isClear ? [255, 255, 255] : Array(colour)
        }
        let means = Bitmap(width: 90, height: 70, channelCount: 4, pixels: clear).greyMeans(side: 16)
        #expect(means == Bitmap(width: 90, height: 70, channelCount: 3, pixels: white).greyMeans(side: 16))
    }

    /// By the definition: each pixel as a square, cut by the grid.
    @Test(arguments: [(1, 1), (3, 2), (7, 7), (16, 5), (33, 20)]) func greysAreMeansOfCells(size: (Int, Int)) {
        let image = Self.picture(9, width: max(21, size.0), height: max(21, size.1)).scaled(
            toWidth: size.0, height: size.1)
        let side = 7
        let means = image.greyMeans(side: side)
        for row in 0..<side {
            for column in 0..<side {
                var sum = 0.0
                for y in 0..<size.1 {
                    for x in 0..<size.0 {
                        func overlap(_ pixel: Int, _ cell: Int, _ count: Int) -> Double {
                            let width = Double(count) / Double(side)
                            return max(
                                0,
                                min(Double(pixel + 1), Double(cell + 1) * width)
                                    - max(Double(pixel), Double(cell) * width))
                        }
                        let start = (y * size.0 + x) * 3
                        let grey =
                            0.299 * Double(image.pixels[start]) + 0.587 * Double(image.pixels[start + 1])
                            + 0.114 * Double(image.pixels[start + 2])
                        sum += grey * overlap(x, column, size.0) * overlap(y, row, size.1)
                    }
                }
                let mean = sum * Double(side * side) / Double(size.0 * size.1)
                #expect(abs(means[row * side + column] - mean) < 1e-6)
            }
        }
    }

    @Test func aBlankPageIsFlat() {
        func page(_ noise: UInt64, lineCount: Int) -> ImageHash {
            var random = SplitMix64(seed: 4)
            var pixels = (0..<200 * 280 * 3).map { _ in UInt8(255 - random.next(below: noise + 1)) }
            for line in 0..<lineCount {
                for y in 30 + line * 12..<36 + line * 12 {
                    for x in 20 * 3..<170 * 3 { pixels[y * 200 * 3 + x] = 40 }
                }
            }
            return ImageHash(of: Bitmap(width: 200, height: 280, channelCount: 3, pixels: pixels))
        }
        #expect(page(0, lineCount: 0).isFlat && page(0, lineCount: 0).contrast == 0)
        #expect(page(0, lineCount: 0).similarity(to: page(0, lineCount: 0)) == 0)
        #expect(page(20, lineCount: 0).isFlat)
        #expect(!page(20, lineCount: 15).isFlat)
    }
}
