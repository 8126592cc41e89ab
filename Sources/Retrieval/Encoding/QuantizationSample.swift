internal import Base
internal import Models

/// How close the vectors of a model with 8-bit layers are to those of the same model in float32, on some records.
public struct QuantizationSample {
    /// Records of the sample, spread over the side.
    private static let size = 64
    private static let rangeSize = 8

    private let ranges: [Range<Int>]
    private let rows: [[Float]]

    /// Encodes the sample.
    ///
    /// - Parameter encoder: of the model in float32.
    public init(_ encoder: DatasetEncoder) throws {
        let count = encoder.source.count
        let starts = Swift.stride(from: 0, to: count, by: max(Self.rangeSize, count * Self.rangeSize / Self.size))
        ranges = starts.prefix(Self.size / Self.rangeSize).map { $0..<min($0 + Self.rangeSize, count) }
        rows = try Self.rows(encoder, ranges)
    }

    /// The cosines of the sample.
    ///
    /// - Parameter encoder: of the model whose vectors are compared.
    public func compare(with encoder: DatasetEncoder) throws -> (count: Int, mean: Double, least: Double) {
        let cosines = try zip(rows, Self.rows(encoder, ranges)).map { a, b in
            var (product, squareA, squareB) = (0.0, 0.0, 0.0)
            for (x, y) in zip(a, b) {
                product += Double(x) * Double(y)
                squareA += Double(x) * Double(x)
                squareB += Double(y) * Double(y)
            }
            return product / max((squareA * squareB).squareRoot(), .leastNormalMagnitude)
        }
        return (cosines.count, cosines.reduce(0, +) / Double(max(1, cosines.count)), cosines.min() ?? 1)
    }

    private static func rows(_ encoder: DatasetEncoder, _ ranges: [Range<Int>]) throws -> [[Float]] {
        let dims = encoder.dims
        return try ranges.flatMap { range in
            let (values, faults) = try encoder.encode(encoder.source.planned(range), encoder.loader(), nil)
            return (0..<range.count).filter { faults[$0] == nil }.map { Array(values[($0 * dims)..<(($0 + 1) * dims)]) }
        }
    }
}
