public import Models

/// What a model is to be given for one record, and what became of the record on the way.
public struct InputPlan: Sendable {
    public let input: ModelInput
    /// Whether the text was cut to the maximal length.
    public let wasTruncated: Bool
    /// Whether there is nothing to read in the text: see `BlankTexts`.
    public let isBlank: Bool
    /// Whether the record has media that the model does not see.
    public let ignoresMedia: Bool
}
