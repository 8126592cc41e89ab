/// What becomes of a sound, known from its length alone.
public struct SoundPlan: Sendable, Hashable {
    /// Samples of the clip, at the front end's rate.
    public let sampleCount: Int
    /// Samples that are heard; the clip is cut behind them.
    public let heardSampleCount: Int
    /// Columns of features.
    public let frameCount: Int
    /// Lengths of the chunks, in frames, in which the tower takes them: it sees nothing across their borders.
    public let chunks: [Int]
    /// Rows that the tower's layers compute, over all chunks.
    public let rowCount: Int
    /// Tokens that stand for the sound in a text, without those around them; 1 or more.
    public let tokenCount: Int

    /// Whether the clip is longer than what the front end takes.
    public var isCut: Bool { heardSampleCount < sampleCount }
}
