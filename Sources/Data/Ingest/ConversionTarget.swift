public import Base
internal import JSON
public import Records
public import Store
public import StoreFormat
internal import SystemPackage

/// Where the records of a conversion go: a store, or something that looks at them and keeps none.
public protocol ConversionDestination {
    /// - Parameters:
    ///   - reference: the name of the new version.
    ///   - provenance: all of it that is known before anything is read.
    func target(
        reference: String, provenance: Provenance, options: IngestOptions
    ) throws -> any ConversionTarget
}

/// Takes what a conversion accepts, in order, on one thread.
public protocol ConversionTarget: AnyObject {
    /// What comes is from this input, until the next one begins.
    func begin(input path: String)
    /// - Parameters:
    ///   - id: as it is, without JSON escapes.
    ///   - record: the line as the store keeps it, without a newline.
    func appendDocument(id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer) throws
    /// - Parameter positives: ordinals of documents, and so are `negatives`; scores are one for each, or nil.
    func appendQuery(
        id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer, positives: [UInt32],
        positiveScores: ArraySlice<Float>?, negatives: [UInt32], negativeScores: ArraySlice<Float>?) throws
    func addJudgement(split: String, query: Int, document: Int, grade: Float) throws
    /// - Returns: whether the item was not there yet.
    func add(_ item: MediaItem, as kind: MediaKind) throws -> Bool
    /// Counts references to items that are elsewhere.
    func noteExternalMedia(_ count: Int)
    /// Leaves a record out, or throws its error.
    func reject(_ error: InputError, as kind: RecordFault.Kind, line: UnsafeRawBufferPointer) throws
    /// Says something of the source that stops nothing.
    func warn(_ warning: SourceWarning, _ messages: [String])
    /// An input cannot be read on, or not at all: throws the error, or goes on with the next one.
    func abandonInput(_ error: any Error) throws
    /// Ends the conversion, which has been read to its end, and tells the report what came of it.
    ///
    /// - Parameter beforeCommit: called before anything can be seen.
    func finish(_ report: inout IngestReport, beforeCommit: () throws -> Void) throws
}

extension Store: ConversionDestination {
    public func target(
        reference: String, provenance: Provenance, options: IngestOptions
    ) throws -> any ConversionTarget {
        try StoreTarget(
            writer(reference: reference, provenance: provenance, options: options.writing),
            Rejects(limit: options.badRecordLimit, path: options.rejects))
    }
}

/// Writes a new version of a dataset.
private final class StoreTarget: ConversionTarget {
    private let writer: DatasetWriter
    private let rejects: Rejects

    init(_ writer: DatasetWriter, _ rejects: Rejects) {
        self.writer = writer
        self.rejects = rejects
    }

    func appendDocument(id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer) throws {
        try writer.appendDocument(id: id, record: record)
    }

    func appendQuery(
        id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer, positives: [UInt32],
        positiveScores: ArraySlice<Float>?, negatives: [UInt32], negativeScores: ArraySlice<Float>?
    ) throws {
        try writer.appendQuery(
            id: id, record: record, positives: positives, positiveScores: positiveScores, negatives: negatives,
            negativeScores: negativeScores)
    }

    func addJudgement(split: String, query: Int, document: Int, grade: Float) throws {
        try writer.addJudgement(split: split, query: query, document: document, grade: grade)
    }

    func add(_ item: MediaItem, as kind: MediaKind) throws -> Bool { try writer.add(item, as: kind) }
    func noteExternalMedia(_ count: Int) { writer.noteExternalMedia(count) }

    func reject(_ error: InputError, as kind: RecordFault.Kind, line: UnsafeRawBufferPointer) throws {
        try rejects.add(error, line: line)
    }

    func warn(_ warning: SourceWarning, _ messages: [String]) {
        let more = messages.count > 5 ? " and \(messages.count - 5) more" : ""
        log.warning("\(warning.rawValue): \(messages.prefix(5).joined(separator: ", "))\(more)")
    }

    func begin(input path: String) {}
    func abandonInput(_ error: any Error) throws { throw error }

    func finish(_ report: inout IngestReport, beforeCommit: () throws -> Void) throws {
        report.queryCount = writer.queryCount
        report.documentCount = writer.documentCount
        report.rejectCount = rejects.count
        report.mediaItemCount = writer.mediaCount
        writer.provenance.inputs = report.inputs.map { .init(uri: $0.path, size: $0.size, sha256: $0.sha256) }
        writer.provenance.statistics = report.statistics
        // Rejects without a dataset are harmless, a dataset without its rejects would have lost them.
        try rejects.commit()
        try beforeCommit()
        let dataset = try writer.commit()
        report.dataset = dataset.digest
        report.logicalDigest = dataset.manifest.logicalDigest
        report.mediaBytes = dataset.manifest.media?.rawBytes ?? 0
        report.storedBytes = dataset.manifest.blobs.reduce(0) { $0 + $1.size }
    }
}
