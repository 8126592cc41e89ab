public import Base

/// One training example: a query, its positive and its hard negatives.
public struct Example: Sendable, Equatable {
    public let slot: UInt64
    /// Where the example comes from.
    public let entry: ExampleOrder.Entry
    /// The query's ordinal in its dataset.
    public let query: Int
    /// Without prompt; empty where ``ExampleOptions/Contents/records`` were asked for.
    public let queryText: [UInt8]
    /// The stored line; empty where texts were asked for.
    public let queryRecord: [UInt8]
    /// The positive first.
    public let passages: [Passage]
    /// Content of all of the query's known positives, also of those that are not in the example.
    public let knownPositives: Set<ContentHash>

    public struct Passage: Sendable, Equatable {
        /// The document's ordinal in its dataset.
        public let document: Int
        /// Title and text as the model's card renders them, without prompt; empty where records were asked for.
        public let text: [UInt8]
        /// The stored line; empty where texts were asked for.
        public let record: [UInt8]
        /// Hash of ``text``; where records were asked for, of all that the document holds besides its id.
        public let content: ContentHash
    }

    /// Bytes of its texts or records.
    package var byteCount: Int {
        passages.reduce(queryText.count + queryRecord.count) { $0 + $1.text.count + $1.record.count }
    }
}
