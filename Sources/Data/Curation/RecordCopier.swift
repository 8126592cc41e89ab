internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat

/// Copies records of versions into a new one, with the images, videos and sounds that they name.
///
/// Memory: one record and one item, and 32 bytes for each item that was copied. Used by one thread.
final class RecordCopier {
    private let writer: DatasetWriter
    private let parser = JSONParser()
    private var copied: Set<SHA256Digest> = []

    init(into writer: DatasetWriter) { self.writer = writer }

    /// - Parameter id: instead of the record's own.
    func copyDocument(_ ordinal: Int, of dataset: Dataset, _ reader: RecordReader, id: [UInt8]? = nil) throws {
        try reader.withDocumentRecord(ordinal) { line in
            var document = try Document(
                jsonLine: line, at: Place(path: "\(dataset.reference), document \(ordinal)"), parser: parser)
            try copyMedia([(.image, document.image), (.video, document.video), (.audio, document.audio)], of: dataset)
            guard let id else {
                _ = try document.id.withUnsafeBytes { try writer.appendDocument(id: $0, record: line) }
                return
            }
            document.id = id
            var bytes: [UInt8] = []
            document.appendJSONLine(to: &bytes)
            _ = try id.withUnsafeBytes { id in
                try bytes.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
    }

    /// - Returns: the query's ordinal.
    func copyQuery(
        _ ordinal: Int, of dataset: Dataset, _ reader: RecordReader, id: [UInt8]? = nil, _ links: CopiedLinks
    ) throws -> Int {
        try reader.withQueryRecord(ordinal) { line in
            var query = try Query(
                jsonLine: line, at: Place(path: "\(dataset.reference), query \(ordinal)"), parser: parser)
            try copyMedia([(.image, query.image), (.video, query.video), (.audio, query.audio)], of: dataset)
            guard let id else { return try append(query.id, line, links) }
            query.id = id
            var bytes: [UInt8] = []
            query.appendJSONLine(to: &bytes)
            return try bytes.withUnsafeBytes { try append(id, $0, links) }
        }
    }

    private func append(_ id: [UInt8], _ record: UnsafeRawBufferPointer, _ links: CopiedLinks) throws -> Int {
        try id.withUnsafeBytes {
            try writer.appendQuery(
                id: $0, record: record, positives: links.positives.targets,
                positiveScores: links.positives.scores?[...],
                negatives: links.negatives.targets, negativeScores: links.negatives.scores?[...])
        }
    }

    private func copyMedia(_ items: [(MediaKind, MediaReference?)], of dataset: Dataset) throws {
        for (kind, reference) in items {
            guard let digest = reference?.digest else { continue }
            guard copied.insert(digest).inserted else { continue }
            guard let number = try dataset.mediaNumber(of: digest) else {
                writer.noteExternalMedia(1)
                copied.remove(digest)
                continue
            }
            try Interruption.check()
            _ = try writer.add(dataset.withMedia(number) { try MediaItem($0) }, as: kind)
        }
    }
}

/// The links of one query on their way into a new version, by the documents' new ordinals.
struct CopiedLinks {
    struct List {
        var targets: [UInt32] = []
        var scores: [Float]?
    }

    var positives = List()
    var negatives = List()
}
