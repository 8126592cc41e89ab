/// The weights along one side of a picture in float32, as the passes want them: equally many for each target pixel.
struct ResamplingAxis {
    /// The first source pixel of each target pixel.
    let firsts: [Int]
    let tapCount: Int
    /// `[targets, tapCount]`. Where a target pixel has fewer, its span begins earlier or goes on with weights of 0.
    let weights: [Float]

    /// - Parameters:
    ///   - targets: the wanted target pixels, within `0..<targetCount`.
    init(from sourceCount: Int, to targetCount: Int, _ targets: Range<Int>, _ filter: PixelResampling.Filter) {
        let spans = AxisSpans<Float>(from: sourceCount, to: targetCount, targets, filter, middleFirst: true)
        let tapCount = max(spans.longest, 1)
        var firsts: [Int] = []
        firsts.reserveCapacity(spans.firsts.count)
        var weights = [Float](repeating: 0, count: spans.firsts.count * tapCount)
        for (target, spanFirst) in spans.firsts.enumerated() {
            let first = min(spanFirst, sourceCount - tapCount)
            for (position, weight) in spans.weights(of: target).enumerated() {
                weights[target * tapCount + spanFirst - first + position] = weight
            }
            firsts.append(first)
        }
        self.firsts = firsts
        self.tapCount = tapCount
        self.weights = weights
    }
}
