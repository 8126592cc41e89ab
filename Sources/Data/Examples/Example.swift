public import Base

/// One training example: a query, a positive of it or more, and hard negatives.
public struct Example: Sendable, Equatable {
    public let slot: UInt64
    /// Where the example comes from.
    public let entry: ExampleOrder.Entry
    /// The query's ordinal in its dataset.
    public let query: Int
    /// The query as it is stored: one line of JSON in the v2 form.
    public let queryRecord: [UInt8]
    /// The positives first.
    public let passages: [Passage]
    /// At least 1.
    public let positiveCount: Int
    /// Content of all of the query's known positives, also of those that are not in the example.
    public let knownPositives: Set<ContentHash>
    /// Whether it stands for one that no batch of its window had room for; see ``ExampleOptions/isUniqueInBatch``.
    public internal(set) var isReplacement = false

    public struct Passage: Sendable, Equatable {
        /// The document's ordinal in its dataset.
        public let document: Int
        /// The document as it is stored: one line of JSON in the v2 form.
        public let record: [UInt8]
        /// Of what the model reads of it: title and text as `RecordText` joins them, and its media
        /// (``ExampleOptions/readsMedia``). Equal where no model can tell documents apart.
        public let content: ContentHash
    }

    /// Bytes of its records.
    package var byteCount: Int { passages.reduce(queryRecord.count) { $0 + $1.record.count } }
}
