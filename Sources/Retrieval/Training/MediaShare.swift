/// What images, videos and sounds amount to in the steps that a dry run looks at; equal inputs of a batch count once.
public struct MediaShare: Sendable {
    /// Inputs that have media.
    public private(set) var inputCount = 0
    public private(set) var tokenCount = 0
    /// About what they hold in memory once they are decoded.
    public private(set) var byteCount = 0
    /// Sounds that are longer than what the model hears; in equal inputs counted each time.
    public private(set) var cutSoundCount = 0
    /// Tokens of media in the batch that has most, and all of its tokens.
    public private(set) var largest = (mediaTokenCount: 0, tokenCount: 0)

    mutating func add(_ batch: TrainingBatch) {
        let counts = batch.inputs.map { $0.media.reduce(0) { $0 + $1.tokenCount } }
        let ofBatch = counts.reduce(0, +)
        inputCount += counts.count { $0 > 0 }
        tokenCount += ofBatch
        byteCount += batch.jobs.reduce(0) { $0 + ($1?.plan.byteCount ?? 0) }
        cutSoundCount += batch.cutSoundCount
        if ofBatch > largest.mediaTokenCount { largest = (ofBatch, batch.tokenCount) }
    }
}
