internal import Archives
package import Base
internal import JSON
package import Records
internal import Store
internal import StoreFormat

/// Takes the documents, queries and judgements of a source's rows, on a worker.
///
/// Not Sendable: it holds the batch under way.
package final class RowRecords {
    /// Where the id of a document comes from.
    package enum DocumentID {
        /// The field `docid`.
        case given
        /// A hash of the record: equal records are one document.
        case content
        /// The SHA-256 of its image, video or sound, in hexadecimal: equal items are one document.
        case media(MediaKind)
    }

    /// The report's words for links that would say two things.
    package static let negativesThatArePositives = "negatives that are positives too, left out"

    private let parser = JSONParser()
    private let documents = RecordScanner(.document.withOptionalID)
    private let queries = RecordScanner(.query.withOptionalID)
    private var batch: ScannedBatch
    private var row: ScannedBatch.Row?
    private let seen: SeenPassages

    private init(_ lines: LineBatch, _ seen: SeenPassages) {
        batch = ScannedBatch(lines, intake: nil)
        self.seen = seen
    }

    /// Reads every line of a batch as a row of a source.
    static func scan(
        _ lines: LineBatch, _ rows: any SourceRows, _ seen: SeenPassages, intake: MediaIntake?
    ) -> ScannedBatch {
        let records = RowRecords(lines, seen)
        // The tapes of rows must outlast the parses of their records.
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        var batch = ScannedBatch(lines, intake: intake)
        batch.scan { line, batch, row in
            swap(&records.batch, &batch)
            records.row = row
            row.firstPart = records.batch.parts.count
            defer {
                row.partCount = records.batch.parts.count - row.firstPart
                row.madeIDCount = records.row?.madeIDCount ?? 0
                swap(&records.batch, &batch)
            }
            let root = try RecordScanner.root(of: line.bytes, padded: true, parser: parser)
            guard root.kind == .object else {
                throw RecordFault("\(root.kind.name) where a row should be", advice: "Each row is an object.")
            }
            try rows.read(root, into: records)
        }
        return batch
    }

    /// Adds a document.
    ///
    /// - Returns: its id, for the queries that refer to it.
    /// - Throws: `RecordFault` for a record that cannot be one.
    @discardableResult
    package func addDocument(_ line: RecordLine, id: DocumentID = .given) throws -> [UInt8] {
        try scan(line, documents)
        let number = batch.records.count
        switch id {
        case .given:
            guard documents.id != nil else { throw RecordFault("the document has no id", field: "docid") }
            try batch.append(documents)
        case .content:
            try batch.append(documents)
            row?.madeIDCount += 1
        case .media(let kind):
            try batch.append(documents) { scanner in
                let reference = scanner.media(kind)
                guard let digest = reference?.digest else {
                    let isFile = reference.map { OutsideMedia($0) == .file } ?? true
                    throw RecordFault(
                        "the \(kind.rawValue) is not at hand, and its digest would be the document's id",
                        field: scanner.name(of: kind),
                        advice: isFile
                            ? "--assets names the folder with the files."
                            : "Only files are taken: write it to one, and name that; or give the documents ids of their own."
                    )
                }
                return Array(digest.hex.utf8)
            }
        }
        batch.append(part: .document(number, text: nil))
        return batch.id(of: batch.records[number])
    }

    /// Adds a document of texts alone, in valid UTF-8, which takes no parse.
    ///
    /// - Parameter id: not empty.
    package func addDocument(
        id: UnsafeRawBufferPointer, title: UnsafeRawBufferPointer?, text: UnsafeRawBufferPointer
    ) {
        batch.append(part: .document(batch.records.count, text: nil))
        batch.append(documentID: id, title: title, text: text)
    }

    /// Adds a document of texts alone, in valid UTF-8, whose id is a hash of the record: equal records are one document.
    ///
    /// - Parameter hash: of the text, where there is no title: one that was taken before is not laid out again.
    /// - Returns: its id, for the queries that refer to it.
    package func addDocument(
        title: UnsafeRawBufferPointer? = nil, text: UnsafeRawBufferPointer, hash: ContentHash? = nil
    ) -> [UInt8] {
        let id = batch.contentID(title: title, text: text)
        row?.madeIDCount += 1
        if let hash, let ordinal = seen.ordinal(of: hash) {
            batch.append(part: .known(ordinal))
        } else {
            batch.append(part: .document(batch.records.count, text: hash))
            id.withUnsafeBytes { batch.append(documentID: $0, title: title, text: text) }
        }
        return id
    }

    /// Adds a query with the links that its line has as `positive_document_ids`, …. Without an id it gets a hash of all that
    /// the line says; equal ones are one query.
    package func addQuery(_ line: RecordLine) throws {
        try scan(line, queries)
        var part = ScannedBatch.Links(first: batch.records.count)
        part.hasMadeID = queries.id == nil
        try batch.append(queries) { scanner in
            var said: [UInt8] = []
            scanner.appendRecord(id: UnsafeRawBufferPointer(start: nil, count: 0), to: &said)
            for role in [FieldRole.positives, .negatives, .positiveScores, .negativeScores] {
                said.append(0x0A)
                if let node = scanner.node(role) { JSONText.append(node, to: &said) }
            }
            return Array(ContentHash.of(said).hex.utf8)
        }
        try batch.appendLinks(of: queries, to: &part)
        batch.append(part: .query(part))
    }

    /// Adds a query that other rows may have further links of, or a part of one: it is written once, when all rows are read.
    ///
    /// Without an id it gets a hash of its text and media, whatever else the line says. A source that has such queries has
    /// no others.
    package func addSharedQuery(_ line: RecordLine) throws {
        try scan(line, queries)
        var part = ScannedBatch.Links(first: batch.records.count)
        part.hasMadeID = queries.id == nil
        part.isShared = true
        try batch.append(queries) { scanner in
            var asked: [UInt8] = []
            if let text = scanner.node(.text)?.string { asked += text }
            for kind in MediaKind.allCases {
                guard let media = scanner.media(kind) else { continue }
                // No text has this byte.
                asked.append(0xFF)
                asked += media.digest.map { Array($0.hex.utf8) } ?? media.json
            }
            return ContentHash.of(asked).hexDigits
        }
        try batch.appendLinks(of: queries, to: &part)
        batch.append(part: .query(part))
    }

    /// The number of the row in its input: of its first line, or among rows or elements.
    package var rowNumber: Int { row.flatMap { batch.place(of: $0).line } ?? row?.lineNumber ?? 0 }

    /// Adds a judgement about a query and a document, of this row or of one before.
    package func addJudgement(split: String, query: [UInt8], document: [UInt8], grade: Float) {
        let first = batch.records.count
        query.withUnsafeBytes { batch.append(reference: $0) }
        document.withUnsafeBytes { batch.append(reference: $0) }
        batch.append(part: .judgement(split: split, first: first, grade: grade))
    }

    /// The id of the query that was added last.
    package var lastQueryID: [UInt8]? {
        for part in batch.parts.reversed() {
            if case .query(let links) = part { return batch.id(of: batch.records[links.first]) }
        }
        return nil
    }

    /// Counts something that the report and the manifest tell, if the row is taken.
    package func count(_ what: String, _ count: Int = 1) { batch.append(part: .count(what, count)) }

    private func scan(_ line: RecordLine, _ scanner: RecordScanner) throws(RecordFault) {
        let json = line.closed
        let root = json.withUnsafeBytes { bytes in
            Result { () throws(RecordFault) in try RecordScanner.root(of: bytes, padded: false, parser: parser) }
        }
        try scanner.scan(root.get())
    }
}
