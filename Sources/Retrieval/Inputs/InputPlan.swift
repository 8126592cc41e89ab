public import Models

/// What a model is to be given for one record, and what became of the record on the way.
public struct InputPlan: Sendable {
    public let input: ModelInput
    /// Whether the text was cut to the maximal length.
    public let wasTruncated: Bool
    /// Whether there is nothing to read in the text, and nothing to see or hear: see `BlankTexts`.
    public let isBlank: Bool
    /// Whether the record has media that the model does not see.
    public let ignoresMedia: Bool
    /// What has to be decoded, in the order of the input's items.
    public let media: [PlannedMedia]
    /// What the plan was made of, where media have to be decoded: they may turn out to have other sizes than their record
    /// says, and then the plan is made again.
    let content: RecordContent?

    /// About what the media hold in memory once they are decoded, in bytes.
    public var byteCount: Int { media.reduce(0) { $0 + $1.byteCount } }
    /// Sounds that are longer than what the model hears.
    public var cutSoundCount: Int { media.reduce(0) { $0 + ($1.isCut ? 1 : 0) } }
}
