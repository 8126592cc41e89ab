/// The weights along one side of a picture, as the passes want them: equally many for each target pixel.
///
/// Passes compute in float32, four channels at a time. Where a library computes in whole numbers, so that every sum must be
/// rounded as there, the whole weights are here as well: a sum in float32 says how it is rounded unless it lies close to
/// the middle between two bytes, and only then it is computed again. That is half the work of sums that are always exact.
struct ResamplingAxis {
    /// The first source pixel of each target pixel.
    let firsts: [Int]
    let tapCount: Int
    /// `[targets, tapCount]`; whole numbers where there are ``wholeWeights``. Where a target pixel has fewer, its span
    /// begins earlier or goes on with weights of 0.
    let weights: [Float]
    /// The same; empty where sums are not rounded.
    let wholeWeights: [Int32]
    /// Binary places of a whole weight.
    let places: Int
    /// How far a sum may be from a byte, in bytes, for the byte to be the one that the whole weights give.
    let certainDistance: Float

    /// - Parameters:
    ///   - targets: the wanted target pixels, within `0..<targetCount`.
    init(from sourceCount: Int, to targetCount: Int, _ targets: Range<Int>, _ resampling: PixelResampling) {
        switch resampling.arithmetic {
        case .torchRounded, .torchFloats:
            let spans = AxisSpans<Float>(
                from: sourceCount, to: targetCount, targets, resampling.filter, middleFirst: true)
            self.init(spans, sourceCount)
        case .pillow, .pillow13:
            let spans = AxisSpans<Double>(
                from: sourceCount, to: targetCount, targets, resampling.filter, middleFirst: false)
            self.init(whole: spans, sourceCount, places: 22)
        case .torchBytes:
            // The largest weight of the whole side tells how many places there are.
            let all = AxisSpans<Double>(
                from: sourceCount, to: targetCount, 0..<targetCount, resampling.filter, middleFirst: true)
            var places = 0
            while places < 22, Int(0.5 + all.largestWeight * Double(1 << (places + 1))) < 1 << 15 { places += 1 }
            let spans =
                targets.count == targetCount
                ? all
                : AxisSpans<Double>(
                    from: sourceCount, to: targetCount, targets, resampling.filter, middleFirst: true)
            self.init(whole: spans, sourceCount, places: places)
        }
    }

    private init(_ spans: AxisSpans<Float>, _ sourceCount: Int) {
        (firsts, tapCount, weights) = ResamplingAxis.padded(spans, sourceCount, zero: 0) { $0 }
        (wholeWeights, places, certainDistance) = ([], 0, 0)
    }

    private init(whole spans: AxisSpans<Double>, _ sourceCount: Int, places: Int) {
        let unit = Double(1 << places)
        let (firsts, tapCount, weights) = ResamplingAxis.padded(spans, sourceCount, zero: Int32(0)) { weight in
            let scaled = weight * unit
            return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
        }
        self.firsts = firsts
        self.tapCount = tapCount
        self.weights = weights.map { Float($0) }
        wholeWeights = weights
        self.places = places
        // Each product and each partial sum is rounded by at most 2⁻²⁴ of the largest sum of absolute values.
        var largest = 0.0
        for target in firsts.indices {
            let sum = weights[target * tapCount..<(target + 1) * tapCount].reduce(0) { $0 + abs(Double($1)) }
            largest = max(largest, sum)
        }
        let error = Double(tapCount + 1) * 255 * largest / unit * 0x1p-24
        certainDistance = Float(max(0, 0.5 - error - 0x1p-20))
    }

    private static func padded<Real, Weight>(
        _ spans: AxisSpans<Real>, _ sourceCount: Int, zero: Weight, _ convert: (Real) -> Weight
    ) -> (firsts: [Int], tapCount: Int, weights: [Weight]) {
        let tapCount = max(spans.longest, 1)
        var firsts: [Int] = []
        firsts.reserveCapacity(spans.firsts.count)
        var weights = [Weight](repeating: zero, count: spans.firsts.count * tapCount)
        for (target, spanFirst) in spans.firsts.enumerated() {
            let first = min(spanFirst, sourceCount - tapCount)
            for (position, weight) in spans.weights(of: target).enumerated() {
                weights[target * tapCount + spanFirst - first + position] = convert(weight)
            }
            firsts.append(first)
        }
        return (firsts, tapCount, weights)
    }
}
