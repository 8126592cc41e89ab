internal import Archives
internal import Base
internal import Records
internal import Store
internal import StoreFormat

/// What a worker makes of a batch of lines: records as they will be stored, with their hashes, row by row.
struct ScannedBatch: Sendable {
    /// A record, or (without a line) a mere reference to one by its id.
    struct Record: Sendable {
        var idHash: ContentHash
        var contentHash: ContentHash
        /// The id's bytes, then the record's line.
        var start: Int
        var idCount: Int32
        var lineCount: Int32
        /// Its references to media.
        var firstMedia: Int32
        var mediaCount: Int32
    }

    /// What a record says of an image, a video or a sound; without an item the reference stays as it was.
    struct Media: Sendable {
        let kind: MediaKind
        let item: MediaItem?
        /// Of the bytes that the item was made of, where it was encoded anew.
        let sourceByteCount: Int?
        /// Whether the item is a file that the record names.
        var isFile = false
        /// What the reference names where there is no item.
        var outside: OutsideMedia?
    }

    /// A passage of a v1 row.
    enum Passage: Sendable {
        /// The bytes of this document's passage came again.
        case known(UInt32)
        /// A record, and the hash of the passage's bytes where they were cut out of the row.
        case scanned(record: Int, source: ContentHash?)
    }

    /// A query and what it refers to.
    struct Links: Sendable {
        /// The record of the query; its positives and its negatives follow.
        var first: Int
        var positiveCount = 0
        var negativeCount = 0
        /// Where there are scores: those of its positives, then those of its negatives.
        var firstScore = 0
        var hasPositiveScores = false
        var hasNegativeScores = false
        /// Whether its id is a hash of all that is known of it; of a shared query, of what it asks.
        var hasMadeID = false
        /// Whether other rows may have further links of the query.
        var isShared = false
    }

    /// Something that the row of a source stands for.
    enum Part: Sendable {
        /// Its record, and the hash of its text where it has nothing else.
        case document(Int, text: ContentHash?)
        /// The text of this document came again.
        case known(UInt32)
        case query(Links)
        /// The records from `first` on refer to the query and the document.
        case judgement(split: String, first: Int, grade: Float)
        case count(String, Int)
    }

    struct Row: Sendable {
        /// The row's own record, and what a v2 query refers to.
        var links: Links
        /// The first passage of a v1 row: its positives, then its negatives.
        var firstPassage: Int
        /// What the row of a source stands for.
        var firstPart = 0
        var partCount = 0
        var lineNumber: Int
        var byteOffset: Int
        var byteCount: Int
        /// Why the row cannot be accepted, a `RecordFault`; or what ends the conversion at this row, whatever is allowed for.
        /// Then it has no records.
        var failure: (any Error)?
        /// Records whose id was made from their content.
        var madeIDCount = 0

        mutating func forgetRecords() {
            links = Links(first: links.first)
            partCount = 0
            madeIDCount = 0
        }
    }

    let lines: LineBatch
    private(set) var bytes: [UInt8] = []
    private(set) var records: [Record] = []
    private(set) var passages: [Passage] = []
    private(set) var scores: [Float] = []
    private(set) var parts: [Part] = []
    private(set) var rows: [Row] = []
    private(set) var media: [Media] = []
    private let intake: MediaIntake?
    /// Of all items that are in memory.
    private var heldByteCount = 0
    /// A record without its id, to be hashed.
    private var nameless: [UInt8] = []

    init(_ lines: LineBatch, intake: MediaIntake?) {
        self.lines = lines
        self.intake = intake
        bytes.reserveCapacity(lines.byteCount + lines.byteCount / 8)
    }

    /// Scans every line that is not blank; a fault is kept with its row.
    mutating func scan(_ body: (LineBatch.Line, inout ScannedBatch, inout Row) throws -> Void) {
        lines.forEachLine { line in
            guard !line.isBlank else { return }
            let start = end
            var row = Row(
                links: Links(first: records.count), firstPassage: passages.count, lineNumber: line.number,
                byteOffset: line.byteOffset, byteCount: line.bytes.count)
            do {
                try body(line, &self, &row)
            } catch var fault as RecordFault {
                cut(to: start)
                row.forgetRecords()
                if !line.hasNewline, fault.advice == nil {
                    fault.advice = "It is the last line and has no newline: the file may be cut off."
                }
                row.failure = fault
            } catch {
                cut(to: start)
                row.forgetRecords()
                row.failure = error
            }
            rows.append(row)
        }
    }

    /// How much there is.
    var end: End {
        End(
            bytes: bytes.count, records: records.count, passages: passages.count, scores: scores.count,
            parts: parts.count, media: media.count)
    }

    struct End {
        let bytes: Int
        let records: Int
        let passages: Int
        let scores: Int
        let parts: Int
        let media: Int
    }

    /// Takes back what was appended since `end` was this.
    mutating func cut(to end: End) {
        bytes.removeLast(bytes.count - end.bytes)
        records.removeLast(records.count - end.records)
        passages.removeLast(passages.count - end.passages)
        scores.removeLast(scores.count - end.scores)
        parts.removeLast(parts.count - end.parts)
        media.removeLast(media.count - end.media)
    }

    /// Appends a passage whose document is known.
    mutating func append(known ordinal: UInt32) { passages.append(.known(ordinal)) }

    /// Appends a passage that a scanner holds.
    ///
    /// - Returns: whether it had no id and was given one.
    mutating func append(passage scanner: RecordScanner, source: ContentHash?) throws -> Bool {
        let isMadeID = try append(scanner)
        passages.append(.scanned(record: records.count - 1, source: source))
        return isMadeID
    }

    mutating func append(part: Part) { parts.append(part) }

    /// Appends the record that a scanner holds.
    ///
    /// - Parameter makeID: gives an id to a record that has none; called when its media are known.
    /// - Returns: whether the record had no id and was given one.
    /// - Throws: `RecordFault` for media that should be there and are not; what else an intake throws.
    @discardableResult
    mutating func append(
        _ scanner: RecordScanner, makeID: (RecordScanner) throws -> [UInt8] = { $0.contentID() }
    ) throws -> Bool {
        let firstMedia = media.count
        if scanner.hasMedia { try takeMedia(of: scanner) }
        guard let id = scanner.id else {
            let made = try makeID(scanner)
            made.withUnsafeBytes { append(scanner, id: $0, firstMedia: firstMedia) }
            return true
        }
        append(scanner, id: id, firstMedia: firstMedia)
        return false
    }

    /// Notes what the record refers to; where there is an intake, digests take the place of names.
    private mutating func takeMedia(of scanner: RecordScanner) throws {
        for kind in MediaKind.allCases {
            guard let reference = scanner.media(kind) else { continue }
            do throws(RecordFault) { try reference.check() } catch { throw error.inside(scanner.name(of: kind)) }
            var taken: MediaIntake.Taken?
            do {
                taken = try intake?.item(of: reference, as: kind, heldByteCount: heldByteCount)
            } catch var fault as RecordFault {
                fault.kind = .media
                fault.media?.recordID = scanner.id.map { Array($0) }
                fault.media?.isOfQuery = scanner.isOfQueries
                throw fault.inside(scanner.name(of: kind))
            }
            if let taken {
                scanner.replace(kind, by: taken.reference)
                heldByteCount += taken.item.heldByteCount
            }
            media.append(
                Media(
                    kind: kind, item: taken?.item, sourceByteCount: taken?.sourceByteCount,
                    isFile: taken?.isFile ?? false, outside: taken == nil ? OutsideMedia(reference) : nil))
        }
    }

    private mutating func append(_ scanner: RecordScanner, id: UnsafeRawBufferPointer, firstMedia: Int) {
        append(id: id, firstMedia: firstMedia) { scanner.appendRecord(id: id, to: &$0) }
    }

    /// Appends a document of texts alone, in valid UTF-8, as a scanner would find it.
    mutating func append(
        documentID id: UnsafeRawBufferPointer, title: UnsafeRawBufferPointer?, text: UnsafeRawBufferPointer
    ) {
        append(id: id, firstMedia: media.count) {
            Document.appendJSONLine(id: id, title: title, text: text, to: &$0)
        }
    }

    /// The id that such a document gets where it has none, as `RecordScanner.contentID` would give it.
    mutating func contentID(title: UnsafeRawBufferPointer?, text: UnsafeRawBufferPointer) -> [UInt8] {
        nameless.removeAll(keepingCapacity: true)
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        Document.appendJSONLine(id: none, title: title, text: text, to: &nameless)
        return ContentHash.of(nameless).hexDigits
    }

    private mutating func append(id: UnsafeRawBufferPointer, firstMedia: Int, line: (inout [UInt8]) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: id)
        line(&bytes)
        let lineStart = start + id.count
        let contentHash = bytes.withUnsafeBytes { ContentHash.of(UnsafeRawBufferPointer(rebasing: $0[lineStart...])) }
        records.append(
            Record(
                idHash: .of(id), contentHash: contentHash, start: start, idCount: Int32(id.count),
                lineCount: Int32(bytes.count - lineStart), firstMedia: Int32(firstMedia),
                mediaCount: Int32(media.count - firstMedia)))
    }

    /// Appends a reference to a record by its id.
    mutating func append(reference id: UnsafeRawBufferPointer) {
        let start = bytes.count
        bytes.append(contentsOf: id)
        let hash = ContentHash.of(id)
        records.append(
            Record(
                idHash: hash, contentHash: hash, start: start, idCount: Int32(id.count), lineCount: 0,
                firstMedia: Int32(media.count), mediaCount: 0))
    }

    mutating func append(score: Float) { scores.append(score) }

    /// The scores of a query's positives and of its negatives, where it has them.
    func scores(of links: Links) -> (positives: ArraySlice<Float>?, negatives: ArraySlice<Float>?) {
        let middle = links.firstScore + (links.hasPositiveScores ? links.positiveCount : 0)
        return (
            links.hasPositiveScores ? scores[links.firstScore..<middle] : nil,
            links.hasNegativeScores ? scores[middle..<middle + links.negativeCount] : nil
        )
    }

    func parts(of row: Row) -> ArraySlice<Part> { parts[row.firstPart..<row.firstPart + row.partCount] }

    func withID<Result>(of record: Record, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[record.start..<record.start + Int(record.idCount)]))
        }
    }

    func withLine<Result>(of record: Record, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let start = record.start + Int(record.idCount)
        return try bytes.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[start..<start + Int(record.lineCount)]))
        }
    }

    func media(of record: Record) -> ArraySlice<Media> {
        media[Int(record.firstMedia)..<Int(record.firstMedia + record.mediaCount)]
    }

    func id(of record: Record) -> [UInt8] { withID(of: record) { Array($0) } }

    func place(of row: Row) -> Place { lines.place(line: row.lineNumber, byteOffset: row.byteOffset) }

    /// The input line of a row as it was.
    func withSource<Result>(of row: Row, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try lines.withBytes(at: row.byteOffset, count: row.byteCount, body)
    }
}
