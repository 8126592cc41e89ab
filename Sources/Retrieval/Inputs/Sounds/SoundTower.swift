/// How a tower shortens the frames of a sound; all that is needed to plan for it.
public enum SoundTower: Sendable, Hashable {
    /// Qwen2.5-Omni's: frames are cut into chunks of `2 · window` (`n_window` in its configuration), each goes through
    /// two convolutions, the second of stride 2, and through the layers on its own; then pairs of rows of the whole
    /// clip are averaged, and an odd last row is dropped.
    case omni(window: Int)
    /// Whisper's encoder: two convolutions, the second of stride 2.
    case whisper
    /// Gemma's conformer: two convolutions of stride 2.
    case gemma

    /// Lengths of the chunks, in frames, that do not see each other.
    public func chunks(frameCount: Int) -> [Int] {
        guard case .omni(let window) = self else { return frameCount == 0 ? [] : [frameCount] }
        let length = 2 * window
        let rest = frameCount % length
        return [Int](repeating: length, count: frameCount / length) + (rest == 0 ? [] : [rest])
    }

    /// Rows that the layers compute for a chunk.
    public func rowCount(chunk frameCount: Int) -> Int {
        switch self {
        case .omni, .whisper: Self.halved(frameCount)
        case .gemma: Self.halved(Self.halved(frameCount))
        }
    }

    /// Rows that the language model gets for all rows of a clip: one for each token.
    public func tokenCount(rowCount: Int) -> Int {
        switch self {
        case .omni: rowCount / 2
        case .whisper, .gemma: rowCount
        }
    }

    /// The length behind a convolution of width 3 and stride 2 with one zero at either end: `⌊(n − 1) / 2⌋ + 1`.
    private static func halved(_ count: Int) -> Int { (count + 1) / 2 }
}
