public import Records

/// What a model is given of a record, for people to look at: in words, and which pictures there are of it.
public struct InputView: Sendable, Equatable {
    public let preview: InputPreview
    /// In the order of their tokens.
    public let items: [Item]

    /// An image, a video or a sound as it is given to the model.
    public struct Item: Sendable, Equatable {
        public let kind: MediaKind
        /// What becomes of it.
        public let summary: String
        /// What there is to see of it, in the order of ``InputViewer/pictures(_:of:in:withLines:at:)``: the image, the
        /// frames of a video, the spectrogram of a sound.
        public let captions: [String]
    }
}
