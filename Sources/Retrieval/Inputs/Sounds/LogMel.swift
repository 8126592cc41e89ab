/// What a tower takes of a sound: logarithms of how loud bands of pitch are, over time.
public struct LogMel: Sendable, Equatable {
    /// `[mels, frames]` of Whisper's front end, `[frames, mels]` of Gemma's.
    public let shape: [Int]
    /// Row-major.
    public let values: [Float]

    init(shape: [Int], values: [Float]) {
        precondition(shape.reduce(1, *) == values.count, "values of a shape")
        self.shape = shape
        self.values = values
    }
}
