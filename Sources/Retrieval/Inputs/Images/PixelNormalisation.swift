internal import CPixels

/// What becomes of a channel's value from 0 to 255: `(x − shift) / divisor`, or `x · factor`.
///
/// In float32 and in the order in which torchvision's processors compute, so that values are equal to the bit: with both
/// steps on, they divide mean and deviation by the factor first, and x is not rescaled itself. Pillow's processors of
/// transformers compute `(x · factor − mean) / deviation` instead, which differs in the last bits.
///
/// Source: transformers 5.24, `TorchvisionBackend.rescale_and_normalize`.
public struct PixelNormalisation: Sendable, Hashable {
    private enum Formula: Hashable {
        case shifted(shifts: [Float], divisors: [Float])
        case scaled(Float)
    }

    private let formula: Formula

    /// - Parameters:
    ///   - rescaleFactor: 1/255 as a rule; nil where values are not rescaled.
    ///   - mean: of red, green and blue; nil where they are not normalised.
    ///   - deviation: of red, green and blue, above 0; nil together with `mean`.
    public init(rescaleFactor: Double?, mean: [Double]?, deviation: [Double]?) {
        guard let mean, let deviation else {
            formula = .scaled(Float(rescaleFactor ?? 1))
            return
        }
        precondition(mean.count == 3 && deviation.count == 3 && !deviation.contains(0), "three channels")
        let scale = Float(1 / (rescaleFactor ?? 1))
        formula = .shifted(shifts: mean.map { Float($0) * scale }, divisors: deviation.map { Float($0) * scale })
    }

    /// The mean and deviation of the images that CLIP was trained on.
    public static let clip = PixelNormalisation(
        rescaleFactor: 1.0 / 255, mean: Means.clip, deviation: Deviations.clip)

    enum Means {
        static let clip = [0.48145466, 0.4578275, 0.40821073]
        static let half = [0.5, 0.5, 0.5]
        static let zero = [0.0, 0.0, 0.0]
    }

    enum Deviations {
        static let clip = [0.26862954, 0.26130258, 0.27577711]
        static let half = [0.5, 0.5, 0.5]
        static let one = [1.0, 1.0, 1.0]
    }

    /// The formula for bytes.
    var formulaOfBytes: cpixels_normalisation {
        switch formula {
        case .scaled(let factor):
            cpixels_normalisation(isShifted: false, shifts: (0, 0, 0), scales: (factor, factor, factor))
        case .shifted(let shifts, let divisors):
            cpixels_normalisation(
                isShifted: true, shifts: (shifts[0], shifts[1], shifts[2]),
                scales: (divisors[0], divisors[1], divisors[2]))
        }
    }

    /// Changes numbers of red, green and blue in turn, from 0 to 255 before.
    ///
    /// - Parameter count: a multiple of 3.
    func apply(to numbers: UnsafeMutablePointer<Float>, count: Int) {
        switch formula {
        case .scaled(let factor):
            for position in 0..<count { numbers[position] *= factor }
        case .shifted(let shifts, let divisors):
            // Four pixels at a time: the channels come again after three times four numbers.
            let shift = (0..<3).map { part in SIMD4<Float>((0..<4).map { shifts[(4 * part + $0) % 3] }) }
            let divisor = (0..<3).map { part in SIMD4<Float>((0..<4).map { divisors[(4 * part + $0) % 3] }) }
            let (shift0, shift1, shift2) = (shift[0], shift[1], shift[2])
            let (divisor0, divisor1, divisor2) = (divisor[0], divisor[1], divisor[2])
            var pixels = UnsafeMutableRawPointer(numbers)
            let end = pixels + count / 12 * 48
            while pixels < end {
                let value0 = (pixels.loadUnaligned(as: SIMD4<Float>.self) - shift0) / divisor0
                let value1 = (pixels.loadUnaligned(fromByteOffset: 16, as: SIMD4<Float>.self) - shift1) / divisor1
                let value2 = (pixels.loadUnaligned(fromByteOffset: 32, as: SIMD4<Float>.self) - shift2) / divisor2
                pixels.storeBytes(of: value0, as: SIMD4<Float>.self)
                pixels.storeBytes(of: value1, toByteOffset: 16, as: SIMD4<Float>.self)
                pixels.storeBytes(of: value2, toByteOffset: 32, as: SIMD4<Float>.self)
                pixels += 48
            }
            for position in count / 12 * 12..<count {
                numbers[position] = (numbers[position] - shifts[position % 3]) / divisors[position % 3]
            }
        }
    }
}
