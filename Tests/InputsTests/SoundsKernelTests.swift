import CMels
import Foundation
import Testing

/// Mels of pieces against sums in float64, and the kernels of each kind of processor against each other.
@Suite struct SoundsKernelTests {
    private var kernels: [cmels_kernels] { [CMELS_PORTABLE, cmels_best()] }

    /// Lengths of every radix with a function of its own, of others, and of numbers that do not fill a vector.
    static let lengths = [2, 4, 6, 8, 10, 14, 16, 22, 30, 98, 254, 400, 512]

    private struct Mels: Equatable {
        var values: [Float]
        var largest: Float
    }

    /// - Returns: nil where numbers are not finite.
    private func mels(
        _ kernels: cmels_kernels, of signal: [Float], window: [Float], filters: [Float], melCount: Int, hop: Int,
        frameCount: Int, keptCount: Int
    ) throws -> Mels? {
        let plan = try #require(cmels_make(window.count, window, filters, melCount))
        defer { cmels_free(plan) }
        var largest: Float = -1
        var values = [Float](repeating: -1, count: melCount * (keptCount + 1))
        let isFinite = cmels_compute(
            kernels, plan, signal, hop, frameCount, keptCount, &values, keptCount + 1, &largest)
        return isFinite ? Mels(values: values, largest: largest) : nil
    }

    private func signal(_ frameCount: Int, _ hop: Int, _ length: Int) -> [Float] {
        Signal.noise.samples((max(frameCount, Int(CMELS_LANES)) - 1) * hop + length)
    }

    @Test(arguments: lengths)
    func melsAreSums(length: Int) throws {
        let (hop, binCount) = (length / 3 + 1, length / 2 + 1)
        let window = (0..<length).map { Float(0.6 - 0.5 * cos(2 * .pi * Double($0) / Double(length))) }
        // Each filter is a bin, and one has no weight.
        var filters = [Float](repeating: 0, count: (binCount + 1) * binCount)
        for bin in 0..<binCount { filters[bin * binCount + bin] = 2 }
        for (frameCount, keptCount) in [(1, 1), (7, 7), (8, 8), (9, 9), (19, 17), (8, 3), (3, 0)] {
            let signal = signal(frameCount, hop, length)
            let all = try kernels.map {
                try mels(
                    $0, of: signal, window: window, filters: filters, melCount: binCount + 1, hop: hop,
                    frameCount: frameCount, keptCount: keptCount)
            }
            #expect(all[0] == all[1])
            let got = try #require(all[0])
            var largest = 0.0
            for frame in 0..<frameCount {
                for bin in 0..<binCount {
                    var (real, imaginary) = (0.0, 0.0)
                    for index in 0..<length {
                        let angle = -2 * Double.pi * Double(index * bin % length) / Double(length)
                        let sample = Double(signal[frame * hop + index]) * Double(window[index])
                        real += sample * cos(angle)
                        imaginary += sample * sin(angle)
                    }
                    let wanted = 2 * (real * real + imaginary * imaginary)
                    largest = max(largest, wanted)
                    guard frame < keptCount else { continue }
                    let difference = abs(Double(got.values[bin * (keptCount + 1) + frame]) - wanted)
                    #expect(difference < 1e-6 * Double(length), "frame \(frame), bin \(bin)")
                }
            }
            #expect(abs(Double(got.largest) - largest) < 1e-6 * Double(length))
            // Nothing is written behind the frames that are kept, and nothing is gathered by a filter without weights.
            #expect((0...binCount).allSatisfy { got.values[$0 * (keptCount + 1) + keptCount] == -1 })
            #expect(got.values[(binCount * (keptCount + 1))...].dropLast().allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, 1e30])
    func numbersThatAreNotFiniteAreFound(sample: Float) throws {
        let filters = [Float](repeating: 1, count: 2 * 9)
        for place in [0, 5, 40] {
            var signal = signal(9, 4, 16)
            signal[place] = sample
            for kernels in self.kernels {
                #expect(
                    try mels(
                        kernels, of: signal, window: [Float](repeating: 1, count: 16), filters: filters, melCount: 2,
                        hop: 4, frameCount: 9, keptCount: 9) == nil)
            }
        }
    }

    @Test func logarithmsAreThoseOfFloat64() {
        for count in [1, 7, 8, 9, 4001] {
            let numbers = (0..<count).map { Float(exp(-24 + 40 * Double($0) / Double(count))) }
            let all = self.kernels.map { kernels in
                var numbers = numbers
                cmels_logarithms(kernels, &numbers, count, 1e-10, 0.25, 1)
                return numbers
            }
            #expect(all[0] == all[1])
            for (got, number) in zip(all[0], numbers) {
                #expect(abs(Double(got) - (log10(Double(max(number, 1e-10))) / 4 + 1)) < 5e-7, "\(number)")
            }
        }
    }
}
