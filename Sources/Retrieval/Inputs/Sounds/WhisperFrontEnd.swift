/// How Whisper's towers, Qwen2.5-Omni's among them, hear: settings of transformers' `WhisperFeatureExtractor`.
///
/// Samples are filled up with zeros to a chunk of fixed length, and cut at it; spectra of pieces around every `hop`-th
/// sample (the chunk mirrored at its ends) are gathered into mels and become `(max(log10 mel, m − 8) + 4) / 4`, where m
/// is the largest of the whole chunk. Of the frames all are kept, or those that begin within the clip.
public struct WhisperFrontEnd: Sendable, Hashable {
    public let melCount: Int
    /// Samples a second.
    public let rate: Int
    /// Samples from one frame to the next.
    public let hop: Int
    /// Samples of a piece, an even number; its window is as long.
    public let fftLength: Int
    /// The length of a chunk, which no clip exceeds.
    public let chunkSeconds: Int
    /// Whether all frames of the chunk are kept, as Whisper itself takes them; otherwise those of the clip, as
    /// Qwen2.5-Omni's processor hands them on.
    public let keepsChunk: Bool

    /// - Parameters: even `fftLength` of at most twice the samples of a chunk; the others 1 or more.
    public init(
        melCount: Int = 80, rate: Int = 16_000, hop: Int = 160, fftLength: Int = 400, chunkSeconds: Int = 30,
        keepsChunk: Bool
    ) {
        precondition(melCount > 0 && rate > 1 && hop > 0 && chunkSeconds > 0, "settings of Whisper's features")
        precondition(fftLength > 0 && fftLength.isMultiple(of: 2), "an even length of transforms")
        precondition(fftLength / 2 < chunkSeconds * rate, "transforms longer than what is mirrored")
        self.melCount = melCount
        self.rate = rate
        self.hop = hop
        self.fftLength = fftLength
        self.chunkSeconds = chunkSeconds
        self.keepsChunk = keepsChunk
    }

    /// Samples of a chunk.
    public var longestSampleCount: Int { chunkSeconds * rate }

    /// Frames of a chunk.
    public var longestFrameCount: Int { longestSampleCount / hop }

    /// Frames that are kept of a clip: `⌈n / hop⌉`, at most those of a chunk.
    public func frameCount(sampleCount: Int) -> Int {
        keepsChunk
            ? longestFrameCount : min((min(sampleCount, longestSampleCount) + hop - 1) / hop, longestFrameCount)
    }

    /// Frames whose pieces reach into the clip; all others of the chunk are silent. The largest mel is one of these,
    /// and up to two of them lie behind the frames that are kept.
    func heardFrameCount(sampleCount: Int) -> Int {
        min((sampleCount + fftLength / 2 - 1) / hop + 1, longestFrameCount)
    }

    var filters: MelFilters {
        MelFilters(.slaney, melCount: melCount, binCount: fftLength / 2 + 1, rate: rate, frequencies: 0...8000)
    }
}
