/// Which source pixels make up each target pixel along one side of a picture, and with which weights.
///
/// The weights of a target pixel sum to 1. Only the wanted target pixels are there.
struct AxisSpans<Real: BinaryFloatingPoint> {
    /// The first source pixel of each target pixel.
    private(set) var firsts: [Int] = []
    /// Where the weights of each target pixel end in ``weights``.
    private(set) var ends: [Int] = []
    private(set) var weights: [Real] = []
    /// The most weights of a target pixel.
    private(set) var longest = 0
    private(set) var largestWeight: Real = 0

    /// - Parameters:
    ///   - targets: those wanted, within `0..<targetCount`.
    ///   - middleFirst: whether the middle is taken from the first pixel before the others are counted from it, as torch
    ///     does and Pillow does not; the sums differ in their last bit.
    ///
    /// Sources: Pillow, `precompute_coeffs` of `src/libImaging/Resample.c`; torch, `UpSampleKernel.cpp`.
    init(
        from sourceCount: Int, to targetCount: Int, _ targets: Range<Int>, _ filter: PixelResampling.Filter,
        middleFirst: Bool
    ) {
        let scale = Real(sourceCount) / Real(targetCount)
        let filterScale = max(scale, 1)
        let support = Real(filter.support) * filterScale
        let inverse = 1 / filterScale
        firsts.reserveCapacity(targets.count)
        ends.reserveCapacity(targets.count)
        weights.reserveCapacity(targets.count * (2 * Int(support) + 2))
        for target in targets {
            let middle = (Real(target) + 0.5) * scale
            let first = max(0, Int(middle - support + 0.5))
            let end = min(sourceCount, Int(middle + support + 0.5))
            let start = weights.count
            var sum: Real = 0
            for source in first..<end {
                let distance =
                    middleFirst ? Real(source - first) + (Real(first) - middle) + 0.5 : Real(source) - middle + 0.5
                let weight = filter.weight(distance * inverse)
                weights.append(weight)
                sum += weight
            }
            for position in start..<weights.count {
                if sum != 0 { weights[position] /= sum }
                largestWeight = max(largestWeight, weights[position])
            }
            firsts.append(first)
            ends.append(weights.count)
            longest = max(longest, end - first)
        }
    }

    /// The weights of a target pixel.
    func weights(of position: Int) -> ArraySlice<Real> {
        weights[(position == 0 ? 0 : ends[position - 1])..<ends[position]]
    }
}
