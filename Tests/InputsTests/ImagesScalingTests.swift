import Base
import CPixels
import JSON
import Media
import Testing

import Inputs

@Suite struct ImagesScalingTests {
    /// Pillow's pixels and those of torch on bytes, to the bit.
    @Test(arguments: [PixelResampling.Arithmetic.pillow, .pillow13, .torchBytes], PixelResampling.Filter.allCases)
    func bytesAreThoseOfTheLibrary(_ arithmetic: PixelResampling.Arithmetic, _ filter: PixelResampling.Filter) throws {
        for (number, scaling) in try scalings(PixelResampling(filter, arithmetic)).enumerated() {
            let found = scaling.scaling.scaled(scaling.source)
            #expect(
                ImagesGolden.digest(found) == scaling.wanted.string,
                "\(number): \(scaling.source.size) to \(scaling.scaling.size)")
        }
    }

    /// torch's floats: rounded ones are a byte apart at most, others as near as float32 is.
    @Test(arguments: [PixelResampling.Arithmetic.torchRounded, .torchFloats], PixelResampling.Filter.allCases)
    func floatsAreThoseOfTorch(_ arithmetic: PixelResampling.Arithmetic, _ filter: PixelResampling.Filter) throws {
        for scaling in try scalings(PixelResampling(filter, arithmetic)) {
            let size = scaling.scaling.size
            let plan = ImagePlan(
                source: scaling.source.size, resized: size, layout: .channelsLast(patchSide: 1), tokenSide: 1,
                resampling: PixelResampling(filter, arithmetic),
                normalisation: PixelNormalisation(rescaleFactor: nil, mean: nil, deviation: nil), alpha: .dropped)
            let values = plan.patches(of: scaling.source).rows
            let step = max(1, values.count / 60)
            let error = ImagesGolden.error(values, samples: scaling.wanted, every: step)
            #expect(error <= (arithmetic == .torchRounded ? 1 : 1e-3), "\(scaling.source.size) to \(size)")
        }
    }

    /// What is cut from the middle has the pixels of the whole.
    @Test(arguments: PixelResampling.Arithmetic.allCases)
    func aPartIsAPartOfTheWhole(_ arithmetic: PixelResampling.Arithmetic) {
        let source = ImagesGolden.noise(7, width: 61, height: 90)
        let resampling = PixelResampling(.bicubic, arithmetic)
        let size = PixelSize(width: 40, height: 33)
        let whole = RegionScaler(from: source.size, to: size, region: PixelRegion(size), resampling)
            .bitmap(of: source)
        let region = PixelRegion(left: -3, top: 5, size: PixelSize(width: 30, height: 31))
        let part = RegionScaler(from: source.size, to: size, region: region, resampling).bitmap(of: source)
        var wanted: [UInt8] = []
        for y in region.rows {
            for x in region.columns {
                let isInside = (0..<size.width).contains(x) && (0..<size.height).contains(y)
                for channel in 0..<3 {
                    wanted.append(isInside ? whole.pixels[3 * (y * size.width + x) + channel] : 0)
                }
            }
        }
        #expect(part.pixels == wanted)
    }

    /// The scaler of `Media` and this one have the same passes, and weights of their own.
    @Test func pillowIsTheScalerOfBitmaps() {
        for (number, (width, height)) in [(61, 20), (17, 130), (200, 33), (61, 90)].enumerated() {
            let source = ImagesGolden.noise(UInt64(number), width: 61, height: 90)
            let scaling = PixelScaling(
                to: PixelSize(width: width, height: height), PixelResampling(.bicubic, .pillow))
            #expect(scaling.scaled(source) == source.scaled(toWidth: width, height: height))
        }
    }

    /// All processors give the same bytes: pictures smaller than a register, or than a filter, among them.
    @Test(arguments: [PixelResampling.Arithmetic.pillow, .pillow13, .torchBytes], PixelResampling.Filter.allCases)
    func kernelsAgree(_ arithmetic: PixelResampling.Arithmetic, _ filter: PixelResampling.Filter) {
        var random = SplitMix64(seed: 20_270_311)
        func side(_ limit: UInt64) -> Int { 1 + Int(random.next(below: random.next(below: 3) == 0 ? 9 : limit)) }
        for number in 0..<40 {
            let source = ImagesGolden.noise(UInt64(number), width: side(150), height: side(150))
            let size = PixelSize(width: side(90), height: side(90))
            let region = PixelRegion(
                left: Int(random.next(below: 9)) - 4, top: Int(random.next(below: 9)) - 4,
                size: PixelSize(width: side(60), height: side(60)))
            let scalers = PixelKernels.allCases.map {
                RegionScaler(
                    from: source.size, to: size, region: region, PixelResampling(filter, arithmetic), kernels: $0)
            }
            #expect(
                scalers[0].bitmap(of: source) == scalers[1].bitmap(of: source), "\(source.size) to \(size)")
        }
    }

    /// Every number, and none beside them, wherever the target begins.
    @Test func numbersArePastTheCaches() {
        let numbers = (0..<41).map { Float($0) + 0.5 }
        for (start, count) in (0..<5).flatMap({ start in (0...41).map { (start, $0) } }) {
            for kernels in PixelKernels.allCases {
                var target = [Float](repeating: -1, count: 48)
                target.withUnsafeMutableBufferPointer {
                    cpixels_stream(kernels.code, numbers, count, $0.baseAddress! + start)
                }
                var wanted = [Float](repeating: -1, count: 48)
                wanted.replaceSubrange(start..<start + count, with: numbers.prefix(count))
                #expect(target == wanted, "\(count) from \(start)")
            }
        }
    }

    /// Bytes become the floats of the formula, to the bit, whatever the width.
    @Test func floatsAreThoseOfTheFormula() {
        let bytes = (0..<3 * 300).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let (shifts, scales) = (
            [122.77094, 116.74601, 104.09374].map(Float.init), [68.5, 66.63, 70.32].map(Float.init)
        )
        for isShifted in [true, false] {
            var formula = cpixels_normalisation(
                isShifted: isShifted, shifts: (shifts[0], shifts[1], shifts[2]),
                scales: (scales[0], scales[1], scales[2]))
            let wanted = bytes.indices.map { index -> Float in
                let (x, scale) = (Float(bytes[index]), scales[index % 3])
                return isShifted ? (x - shifts[index % 3]) / scale : x * scale
            }
            for kernels in PixelKernels.allCases {
                for width in [1, 2, 3, 7, 8, 9, 14, 16, 17, 100] {
                    var row = [Float](repeating: -1, count: 3 * width + 1)
                    cpixels_normalise(kernels.code, &formula, bytes, 3 * width, &row)
                    #expect(row == wanted.prefix(3 * width) + [-1])
                    // Three rows twice, with a number between rows and between planes that stays.
                    let plane = 3 * (width + 1) + 1
                    var numbers = [Float](repeating: -1, count: 2 * 3 * plane)
                    numbers.withUnsafeMutableBufferPointer { numbers in
                        var planes = cpixels_planes(
                            first: numbers.baseAddress, rowStride: width + 1, planeStride: plane, copyStride: 3 * plane,
                            copyCount: 2)
                        cpixels_write_planes(kernels.code, &formula, bytes, 3 * width, width, 3, &planes)
                    }
                    for index in numbers.indices {
                        let (channel, place) = (index / plane % 3, index % plane)
                        let (y, x) = place.quotientAndRemainder(dividingBy: width + 1)
                        let isWritten = x < width && y < 3
                        #expect(numbers[index] == (isWritten ? wanted[3 * (y * width + x) + channel] : -1))
                    }
                }
            }
        }
    }

    private func scalings(
        _ resampling: PixelResampling
    ) throws -> [(source: Bitmap, scaling: PixelScaling, wanted: JSONValue)] {
        let golden = try #require(try ImagesGolden.expected.get()["scaled"])
        let wanted = try #require(golden[resampling.arithmetic.rawValue]?[resampling.filter.rawValue]?.array)
        let sizes = try #require(golden["sizes"]?.array).map { $0.array?.compactMap(\.integer) ?? [] }
        #expect(sizes.count == wanted.count && sizes.count >= 12)
        return zip(sizes, wanted).enumerated().map { number, pair in
            let (sides, wanted) = pair
            return (
                ImagesGolden.noise(UInt64(number), width: sides[1], height: sides[0]),
                PixelScaling(to: PixelSize(width: sides[3], height: sides[2]), resampling), wanted
            )
        }
    }
}
