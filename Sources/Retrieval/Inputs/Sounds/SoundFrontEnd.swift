/// How samples become what a tower takes.
public enum SoundFrontEnd: Sendable, Hashable {
    case whisper(WhisperFrontEnd)
    case gemma(GemmaFrontEnd)

    /// Samples a second that sounds must be decoded to.
    public var rate: Int {
        switch self {
        case .whisper(let settings): settings.rate
        case .gemma(let settings): settings.rate
        }
    }

    public var melCount: Int {
        switch self {
        case .whisper(let settings): settings.melCount
        case .gemma(let settings): settings.melCount
        }
    }

    /// Whether the numbers of a frame lie together in features; else those of a mel do.
    var isFramesFirst: Bool {
        switch self {
        case .whisper: false
        case .gemma: true
        }
    }

    /// Samples of a clip behind which nothing is heard.
    public var longestSampleCount: Int {
        switch self {
        case .whisper(let settings): settings.longestSampleCount
        case .gemma: GemmaFrontEnd.longestSampleCount
        }
    }

    /// Frames of a clip of so many samples.
    public func frameCount(sampleCount: Int) -> Int {
        switch self {
        case .whisper(let settings): settings.frameCount(sampleCount: sampleCount)
        case .gemma(let settings): settings.frameCount(sampleCount: sampleCount)
        }
    }
}
