internal import Foundation
internal import Tensors

/// A rotary position embedding: each pair of components is turned by an angle that grows with the position.
///
/// Source: Su et al. 2021; scalings as in transformers' `modeling_rope_utils`: Chen et al. 2023 (linear), Peng et al.
/// 2023 (yarn, dynamic), Llama 3.1's model card (llama3).
struct Rotary: Sendable, Hashable {
    /// How positions beyond those of pretraining are treated.
    enum Scaling: Sendable, Hashable {
        case none
        case linear(factor: Double)
        /// θ grows with the length of a sequence beyond `positions`.
        case dynamic(factor: Double, positions: Int)
        case llama3(factor: Double, low: Double, high: Double, positions: Int)
        case yarn(
            factor: Double, betaFast: Double, betaSlow: Double, positions: Int, truncates: Bool, attention: Double)
    }

    let theta: Double
    /// E, even.
    let headSize: Int
    var scaling = Scaling.none

    /// What cos and sin are multiplied by.
    private var attentionFactor: Double {
        if case .yarn(_, _, _, _, _, let attention) = scaling { attention } else { 1 }
    }

    /// The angle of one position further, in radians, for each pair of components: `[E / 2]`.
    ///
    /// - Parameter length: of the sequence; only dynamic scaling depends on it.
    func frequencies(length: Int) -> [Float] {
        let size = Double(headSize)
        func plain(_ theta: Double) -> [Double] {
            // Exponents are rounded to float32 first, as in the reference.
            (0..<(headSize / 2)).map { Double(Float(1 / pow(theta, Double(Float(2 * $0) / Float(headSize))))) }
        }
        let unscaled = plain(theta)
        let scaled: [Double]
        switch scaling {
        case .none: scaled = unscaled
        case .linear(let factor): scaled = unscaled.map { $0 / factor }
        case .dynamic(let factor, let positions):
            guard length > positions else { return unscaled.map(Float.init) }
            let growth = factor * Double(length) / Double(positions) - (factor - 1)
            scaled = plain(theta * pow(growth, size / (size - 2)))
        case .llama3(let factor, let low, let high, let positions):
            scaled = unscaled.map { frequency in
                let wavelength = 2 * Double.pi / frequency
                if wavelength > Double(positions) / low { return frequency / factor }
                if wavelength < Double(positions) / high { return frequency }
                let smooth = (Double(positions) / wavelength - low) / (high - low)
                return (1 - smooth) * frequency / factor + smooth * frequency
            }
        case .yarn(let factor, let betaFast, let betaSlow, let positions, let truncates, _):
            func dimension(_ rotations: Double) -> Double {
                size * log(Double(positions) / (rotations * 2 * Double.pi)) / (2 * log(theta))
            }
            var low = dimension(betaFast)
            var high = dimension(betaSlow)
            if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
            (low, high) = (max(low, 0), min(high, size - 1))
            if low == high { high += 0.001 }
            scaled = unscaled.enumerated().map { index, frequency in
                let ramp = min(max((Double(index) - low) / (high - low), 0), 1)
                return frequency / factor * ramp + frequency * (1 - ramp)
            }
        }
        return scaled.map(Float.init)
    }

    /// cos and sin of the angles of the first `length` positions, row after row.
    private func rows(length: Int) -> (cos: [Float], sin: [Float]) {
        let frequencies = frequencies(length: length)
        let factor = Float(attentionFactor)
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(length * frequencies.count)
        sines.reserveCapacity(length * frequencies.count)
        for position in 0..<length {
            for frequency in frequencies {
                // The product is rounded to float32, as in the reference.
                let angle = Double(Float(position) * frequency)
                cosines.append(Float(cos(angle)) * factor)
                sines.append(Float(sin(angle)) * factor)
            }
        }
        return (cosines, sines)
    }

    /// The tables of a layout's rows.
    func table(_ layout: DeviceLayout) throws -> RotaryTable {
        let width = headSize / 2
        func placed(_ values: [Float], _ shape: [Int]) throws -> Tensor {
            try Tensor(values, shape: shape).to(layout.device)
        }
        guard case .dynamic = scaling else {
            let longest = layout.layout.longest
            let (cos, sin) = rows(length: longest)
            return RotaryTable(
                cos_TE: try placed(cos, [longest, width]).indexSelect(0, layout.positions_T),
                sin_TE: try placed(sin, [longest, width]).indexSelect(0, layout.positions_T))
        }
        var cosines: [Tensor] = []
        var sines: [Tensor] = []
        for run in layout.layout.runs {
            let (cos, sin) = rows(length: run.length)
            for (values, collected) in [(cos, 0), (sin, 1)] {
                let part = try placed(values, [1, run.length, width])
                    .expand([run.sequenceCount, run.length, width]).reshape([run.rowCount, width])
                if collected == 0 { cosines.append(part) } else { sines.append(part) }
            }
        }
        return RotaryTable(cos_TE: try Tensor.cat(cosines), sin_TE: try Tensor.cat(sines))
    }
}

/// cos and sin for every row of a layout, float32 `[T, E / 2]`.
struct RotaryTable {
    let cos_TE: Tensor
    let sin_TE: Tensor
}
