public import Base

/// One training example: a query, its positive and its hard negatives.
public struct Example: Sendable {
    /// Where the example comes from.
    public let entry: ExampleOrder.Entry
    /// The query's ordinal in its dataset.
    public let query: Int
    /// Without prompt.
    public let queryText: [UInt8]
    /// The positive first.
    public let passages: [Passage]
    /// Rendered content of all of the query's known positives, also of those that are not in the example.
    public let knownPositives: Set<ContentHash>

    public struct Passage: Sendable {
        public let document: Int
        /// Title and text as the model's card renders them, without prompt.
        public let text: [UInt8]
        /// Hash of ``text``.
        public let content: ContentHash
    }
}
