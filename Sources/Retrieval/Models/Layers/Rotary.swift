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

    /// Which place of a row a pair of components turns by, where rows have several: in time, from top to bottom, from
    /// left to right.
    enum Axes: Sendable, Hashable {
        /// Rows count along one axis.
        case one
        /// Neighbouring pairs belong together: so many turn by each axis.
        case sections([Int])
        /// Pairs take turns, as long as an axis has some left: 0, 1, 2, 0, 1, 2 …; what is left turns by the first axis.
        case interleaved([Int])
        /// The first half of the pairs turns by the first axis, the second by the second, both with the frequencies of
        /// half a head.
        case halves
    }

    let theta: Double
    /// E, even.
    let headSize: Int
    var scaling = Scaling.none
    var axes = Axes.one

    /// For each pair of components its axis: `[E / 2]`.
    var axisOfPair: [Int] {
        let count = headSize / 2
        switch axes {
        case .one: return Array(repeating: 0, count: count)
        case .sections(let sizes): return sizes.enumerated().flatMap { Array(repeating: $0, count: $1) }
        case .interleaved(let sizes):
            return (0..<count).map { pair in
                let axis = pair % sizes.count
                return axis > 0 && pair < sizes[axis] * sizes.count ? axis : 0
            }
        case .halves: return (0..<count).map { $0 < count / 2 ? 0 : 1 }
        }
    }

    /// What cos and sin are multiplied by.
    private var attentionFactor: Double {
        if case .yarn(_, _, _, _, _, let attention) = scaling { attention } else { 1 }
    }

    /// The angle of one position further, in radians, for each pair of components: `[E / 2]`.
    ///
    /// - Parameter length: of the sequence; only dynamic scaling depends on it.
    func frequencies(length: Int) -> [Float] {
        if axes == .halves {
            let half = Rotary(theta: theta, headSize: headSize / 2, scaling: scaling).frequencies(length: length)
            return half + half
        }
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

    /// cos and sin of rows that have a place on each axis, row after row.
    private func rows(at positions: [[Int32]], length: Int) -> (cos: [Float], sin: [Float]) {
        let frequencies = frequencies(length: length)
        let axisOfPair = axisOfPair
        let factor = Float(attentionFactor)
        let count = positions[0].count
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(count * frequencies.count)
        sines.reserveCapacity(count * frequencies.count)
        for row in 0..<count {
            for (pair, frequency) in frequencies.enumerated() {
                let angle = Double(Float(positions[axisOfPair[pair]][row]) * frequency)
                cosines.append(Float(cos(angle)) * factor)
                sines.append(Float(sin(angle)) * factor)
            }
        }
        return (cosines, sines)
    }

    /// The tables of a layout's rows.
    func table(_ layout: DeviceLayout) throws -> RotaryTable {
        let width = headSize / 2
        if axes != .one, let positions = layout.positions {
            let (cos, sin) = rows(at: positions, length: layout.layout.longest)
            let shape = [layout.layout.rowCount, width]
            return RotaryTable(
                cos_TE: try Tensor(cos, shape: shape).to(layout.device),
                sin_TE: try Tensor(sin, shape: shape).to(layout.device))
        }
        precondition(axes != .halves, "rows without places on two axes")
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
