internal import Glibc

/// Triangular filters that gather the bins of a spectrum into bands of pitch.
struct MelFilters: Sendable {
    /// Scales of pitch, each with the height of filters that goes with it.
    enum Scale: Sendable {
        /// Straight up to 1 kHz, logarithmic above; every filter has the same area (Slaney's Auditory Toolbox).
        case slaney
        /// `2595 · log10(1 + f / 700)`; every filter reaches 1 (HTK).
        case htk
    }

    let melCount: Int
    let binCount: Int
    /// Row-major `[mels, bins]`; computed in float64. A filter that is narrower than a bin may have no weight at all.
    let weights: [Float]

    /// - Parameters:
    ///   - bins: of a spectrum, which reach from 0 Hz to half of the rate.
    ///   - rate: samples a second.
    ///   - frequencies: from the foot of the first filter to that of the last, in Hz.
    init(_ scale: Scale, melCount: Int, binCount: Int, rate: Int, frequencies: ClosedRange<Double>) {
        let (lower, upper) = (scale.mels(frequencies.lowerBound), scale.mels(frequencies.upperBound))
        let corners = Self.steps(from: lower, to: upper, count: melCount + 2).map(scale.hertz)
        let bins = Self.steps(from: 0, to: Double(rate / 2), count: binCount)
        self.melCount = melCount
        self.binCount = binCount
        weights = (0..<melCount).flatMap { mel in
            let (left, top, right) = (corners[mel], corners[mel + 1], corners[mel + 2])
            let height = scale == .slaney ? 2 / (right - left) : 1
            return bins.map { bin in
                Float(max(0, min((bin - left) / (top - left), (right - bin) / (right - top))) * height)
            }
        }
    }

    /// Numbers of equal distance; the last is exact, as numpy's `linspace` has it.
    private static func steps(from first: Double, to last: Double, count: Int) -> [Double] {
        let step = (last - first) / Double(count - 1)
        return (0..<count).map { $0 == count - 1 ? last : first + Double($0) * step }
    }
}

extension MelFilters.Scale {
    /// 15 mels up to 1 kHz, and 27 for each factor of 6.4 above.
    private static let (bend, melsAtBend, melsOfFold) = (1000.0, 15.0, 27.0 / Glibc.log(6.4))

    func mels(_ hertz: Double) -> Double {
        switch self {
        case .htk: 2595 * log10(1 + hertz / 700)
        case .slaney:
            hertz < Self.bend
                ? 3 * hertz / 200 : Self.melsAtBend + Glibc.log(hertz / Self.bend) * Self.melsOfFold
        }
    }

    func hertz(_ mels: Double) -> Double {
        switch self {
        case .htk: 700 * (pow(10, mels / 2595) - 1)
        case .slaney:
            mels < Self.melsAtBend
                ? 200 * mels / 3 : Self.bend * Glibc.exp((mels - Self.melsAtBend) / Self.melsOfFold)
        }
    }
}

/// The periodic Hann window `½ − ½·cos(2πi / N)`.
package func hannWindow(_ length: Int) -> [Float] {
    (0..<length).map { Float(0.5 - 0.5 * cos(2 * .pi * Double($0) / Double(length))) }
}
