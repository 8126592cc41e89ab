internal import Base
internal import JSON
internal import Records
internal import Store

/// How many bytes a dataset has as v1 rows, with every passage, and every image, video and sound, in full in each row
/// that uses it.
struct InlineSize: Equatable {
    /// Exactly what `tvt-convert v2-to-v1` would write, in which media are references.
    var rowBytes = 0
    /// The bytes that those references stand for, once for each time that a row names them; as they are, not as base64,
    /// which would add a third.
    var mediaBytes = 0

    var total: Int { rowBytes + mediaBytes }
}

/// Computes inline sizes by counting: each document is looked at once, however many rows use it.
///
/// Memory: 16 bytes a document.
final class InlineSizes {
    private var documentsDigest: SHA256Digest?
    private var passageBytes: [Int] = []
    private var mediaBytes: [Int] = []

    /// - Throws: `RecordFault` for a query that has no place in a v1 row.
    func size(of dataset: Dataset) throws -> InlineSize {
        // Versions of one dataset share their documents.
        if documentsDigest != dataset.manifest.documents.logicalDigest { try measureDocuments(of: dataset) }
        var size = InlineSize()
        let scanner = RecordScanner(.query)
        let parser = JSONParser()
        var row: [UInt8] = []
        try dataset.forEachQueryRecord(in: 0..<dataset.queryCount) { query, line in
            if query % 4096 == 0 { try Interruption.check() }
            try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            row.removeAll(keepingCapacity: true)
            try scanner.appendRow(positives: [], negatives: [], to: &row)
            size.rowBytes += row.count + 1
            size.mediaBytes += Self.mediaBytes(scanner, dataset)
            for links in [dataset.positives, dataset.negatives] {
                guard let targets = try links?.targets(of: query), !targets.isEmpty else { continue }
                size.rowBytes += targets.count - 1
                for target in targets {
                    size.rowBytes += passageBytes[Int(target)]
                    size.mediaBytes += mediaBytes[Int(target)]
                }
            }
        }
        return size
    }

    private func measureDocuments(of dataset: Dataset) throws {
        passageBytes = []
        mediaBytes = []
        passageBytes.reserveCapacity(dataset.documentCount)
        mediaBytes.reserveCapacity(dataset.documentCount)
        let scanner = RecordScanner(.document)
        let parser = JSONParser()
        var passage: [UInt8] = []
        try dataset.forEachDocumentRecord(in: 0..<dataset.documentCount) { document, line in
            if document % 4096 == 0 { try Interruption.check() }
            try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            passage.removeAll(keepingCapacity: true)
            scanner.appendPassage(to: &passage)
            passageBytes.append(passage.count)
            mediaBytes.append(Self.mediaBytes(scanner, dataset))
        }
        documentsDigest = dataset.manifest.documents.logicalDigest
    }

    /// Of the items that a record names and the dataset has.
    private static func mediaBytes(_ scanner: RecordScanner, _ dataset: Dataset) -> Int {
        guard dataset.mediaCount > 0 else { return 0 }
        return MediaKind.allCases.reduce(0) { $0 + (scanner.media($1)?.size ?? 0) }
    }
}
