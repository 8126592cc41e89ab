/// How EmbeddingGemma 2 and Gemma 4 hear: settings of transformers' `Gemma4AudioFeatureExtractor`.
///
/// Half a frame of zeros stands in front of the samples; frame i is the piece that begins `i · hop` samples into that,
/// and is there only if one more sample is behind it. `ln(Σ |rfft| · filter + floor)`, then optionally `(x − mean) /
/// deviation` for each mel.
public struct GemmaFrontEnd: Sendable, Hashable {
    public let melCount: Int
    /// Samples a second.
    public let rate: Int
    /// Samples of a frame, which its window covers.
    public let frameLength: Int
    /// Samples from one frame to the next.
    public let hop: Int
    /// Samples of a transform: the next power of two, or twice that.
    public let fftLength: Int
    /// From the foot of the first filter to that of the last, in Hz.
    public let frequencies: ClosedRange<Double>
    /// What samples are multiplied by.
    public let scale: Double
    /// What is added to a mel before its logarithm is taken; above 0.
    public let floor: Double
    /// What is taken from the logarithms, and what they are divided by then: one for each mel, or nil.
    public let means: [Double]?
    public let deviations: [Double]?

    /// What the extractor is called with: it cuts behind these, whatever the rate.
    public static let longestSampleCount = 480_000

    public init(
        melCount: Int = 128, rate: Int = 16_000, frameLength: Int = 320, hop: Int = 160, doublesTransform: Bool = false,
        frequencies: ClosedRange<Double> = 0...8000, scale: Double = 1, floor: Double = 1e-3, means: [Double]? = nil,
        deviations: [Double]? = nil
    ) {
        precondition(
            melCount > 0 && rate > 1 && hop > 0 && frameLength > 1 && floor > 0, "settings of Gemma's features")
        precondition([means, deviations].allSatisfy { $0 == nil || $0?.count == melCount }, "one number for each mel")
        self.melCount = melCount
        self.rate = rate
        self.frameLength = frameLength
        self.hop = hop
        fftLength = Self.fftLength(frameLength: frameLength, isDoubled: doublesTransform)
        self.frequencies = frequencies
        self.scale = scale
        self.floor = floor
        self.means = means
        self.deviations = deviations
    }

    static func fftLength(frameLength: Int, isDoubled: Bool) -> Int {
        var length = 1
        while length < frameLength { length *= 2 }
        return isDoubled ? 2 * length : length
    }

    /// Frames of a clip: `⌊(n + frame / 2 − frame − 1) / hop⌋ + 1`, none of one that is too short.
    public func frameCount(sampleCount: Int) -> Int {
        let beyondFirst = min(sampleCount, Self.longestSampleCount) + frameLength / 2 - frameLength - 1
        return beyondFirst < 0 ? 0 : beyondFirst / hop + 1
    }

    var filters: MelFilters {
        MelFilters(.htk, melCount: melCount, binCount: fftLength / 2 + 1, rate: rate, frequencies: frequencies)
    }
}
