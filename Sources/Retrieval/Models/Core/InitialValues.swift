internal import Base
internal import Foundation
internal import Tensors

/// What the numbers of a tensor are before any training.
///
/// Source: transformers' `PreTrainedModel._init_weights` and what families put in its place; normal numbers are not cut
/// off where a family would.
enum InitialValues: Equatable {
    /// Normal around 0.
    ///
    /// - Parameter zeroRow: of an embedding, the token that stands for no text.
    case normal(zeroRow: Int? = nil)
    case constant(Double)
    /// Sines and cosines of places, as Whisper has them: half a row each.
    case sinusoids

    /// What holds where nobody says otherwise: biases begin as 0, other vectors are what a norm multiplies by, 1.
    static func usual(_ name: String, _ shape: [Int]) -> InitialValues {
        if name == "bias" || name.hasSuffix(".bias") || name.hasSuffix("_bias") { return .constant(0) }
        return shape.count < 2 ? .constant(1) : .normal()
    }

    /// The numbers, float32: a function of shape, deviation, seed and name.
    func values(_ name: String, _ shape: [Int], standardDeviation: Double, seed: UInt64) throws -> Tensor {
        switch self {
        case .constant(let value): return try Tensor.full(shape, value)
        case .sinusoids: return try Tensor(Sinusoids.table(count: shape[0], size: shape[1]), shape: shape)
        case .normal(let zeroRow):
            let values = try Tensor.normal(
                shape, standardDeviation: standardDeviation, seed: SplitMix64.mix(seed, NameHash.of(name)))
            if let zeroRow { try values.narrow(0, start: zeroRow, length: 1).multiplyInPlace(0) }
            return values
        }
    }
}

/// A number for a name, the same in every process.
enum NameHash {
    /// FNV-1a.
    static func of(_ name: String) -> UInt64 {
        name.utf8.reduce(14_695_981_039_346_656_037) { hash, byte in (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
    }
}

/// Sines and cosines that tell places.
enum Sinusoids {
    /// Row after row, `[count, size]`: sines of each place, then cosines, of wavelengths from 2π to 10,000 · 2π.
    ///
    /// Exponents, frequencies and angles are rounded to float32, as in transformers' Whisper and Qwen2.5-Omni.
    static func table(count: Int, size: Int) -> [Float] {
        let half = size / 2
        let step = log(10_000) / Double(half - 1)
        let frequencies = (0..<half).map { Float(exp(Double(Float(-step) * Float($0)))) }
        return (0..<count).flatMap { place in
            let angles = frequencies.map { Double(Float(place) * $0) }
            return angles.map { Float(sin($0)) } + angles.map { Float(cos($0)) }
        }
    }
}
