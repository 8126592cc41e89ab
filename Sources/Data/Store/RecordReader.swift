internal import Base
internal import StoreFormat

/// Reads records of a dataset again and again on one thread, with one decompression context.
///
/// Records of the same frame that are read one after the other cost one decompression.
public final class RecordReader {
    private let dataset: Dataset
    private let documentCursor: FrameCursor
    private let queryCursor: FrameCursor

    public init(_ dataset: Dataset) throws {
        self.dataset = dataset
        documentCursor = try FrameCursor()
        queryCursor = try FrameCursor()
    }

    /// Calls `body` with the stored line, which is valid within it only.
    public func withDocumentRecord<Result>(
        _ ordinal: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try dataset.documents.withRecord(ordinal, cursor: documentCursor, body)
    }

    public func withQueryRecord<Result>(
        _ ordinal: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try dataset.queries.withRecord(ordinal, cursor: queryCursor, body)
    }

    public func documentID(_ ordinal: Int) throws -> [UInt8] {
        try withDocumentRecord(ordinal) { try dataset.documents.parsed($0, ordinal: ordinal).id }
    }

    public func queryID(_ ordinal: Int) throws -> [UInt8] {
        try withQueryRecord(ordinal) { try dataset.queries.parsed($0, ordinal: ordinal).id }
    }

    /// Whether a document has this id: a comparison, where ``documentID(_:)`` makes a copy.
    public func documentHasID(_ ordinal: Int, _ id: UnsafeRawBufferPointer) throws -> Bool {
        try withDocumentRecord(ordinal) { try dataset.documents.parsed($0, ordinal: ordinal).hasID(id) }
    }

    public func queryHasID(_ ordinal: Int, _ id: UnsafeRawBufferPointer) throws -> Bool {
        try withQueryRecord(ordinal) { try dataset.queries.parsed($0, ordinal: ordinal).hasID(id) }
    }

    public func documentOrdinal(id: UnsafeRawBufferPointer) throws -> Int? {
        try dataset.documents.ordinal(id: id, cursor: documentCursor)
    }

    public func queryOrdinal(id: UnsafeRawBufferPointer) throws -> Int? {
        try dataset.queries.ordinal(id: id, cursor: queryCursor)
    }
}
