internal import Tensors

/// The product of spectra with mel filters.
///
/// A filter has weights for few of the bins. So some neighbours are multiplied at a time, with the bins that they have
/// weights for: an eighth of the arithmetic of the whole matrix.
///
/// Not Sendable: it holds tensors.
final class MelProduct {
    private struct Band {
        /// Where the filters have weights.
        var bins: Range<Int>
        /// `[filters, bins]`.
        var weights: Tensor
    }

    private let bands: [Band]

    /// Filters that are multiplied at a time.
    private static let filtersAtOnce = 16

    init(_ filters: MelFilters) throws {
        bands = try stride(from: 0, to: filters.melCount, by: Self.filtersAtOnce).map { start in
            let mels = start..<min(start + Self.filtersAtOnce, filters.melCount)
            let isWeighted = { (bin: Int) in mels.contains { filters.weights[$0 * filters.binCount + bin] != 0 } }
            let first = (0..<filters.binCount).first(where: isWeighted) ?? 0
            let last = (first..<filters.binCount).last(where: isWeighted) ?? first
            let weights = mels.flatMap { mel in
                filters.weights[mel * filters.binCount + first...mel * filters.binCount + last]
            }
            return Band(
                bins: first..<last + 1, weights: try Tensor(weights, shape: [mels.count, last + 1 - first]))
        }
    }

    /// `[frames, mels]` for spectra `[frames, bins]`.
    func mels(_ spectra_FB: Tensor) throws -> Tensor {
        try Tensor.cat(bands.map { try spectra_FB.columns($0.bins).linear($0.weights) }, 1)
    }
}

extension Tensor {
    fileprivate func columns(_ range: Range<Int>) throws -> Tensor {
        try narrow(1, start: range.lowerBound, length: range.count)
    }
}
