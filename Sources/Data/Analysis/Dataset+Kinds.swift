internal import Base
internal import Store
internal import StoreFormat

/// Reads either kind of record of a dataset.
extension Dataset {
    func count(_ kind: RecordKind) -> Int { kind == .documents ? documentCount : queryCount }

    func table(_ kind: RecordKind) -> Manifest.RecordTable {
        kind == .documents ? manifest.documents : manifest.queries
    }

    func contentHash(_ kind: RecordKind, _ ordinal: Int) throws -> ContentHash {
        try kind == .documents ? documentContentHash(ordinal) : queryContentHash(ordinal)
    }

    func id(_ kind: RecordKind, _ ordinal: Int) throws -> [UInt8] {
        try kind == .documents ? documentID(ordinal) : queryID(ordinal)
    }

    func forEachRecord(
        _ kind: RecordKind, in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        switch kind {
        case .documents: try forEachDocumentRecord(in: range, body)
        case .queries: try forEachQueryRecord(in: range, body)
        }
    }

    func forEachID(
        _ kind: RecordKind, in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        switch kind {
        case .documents: try forEachDocumentID(in: range, body)
        case .queries: try forEachQueryID(in: range, body)
        }
    }

    /// All links with a name that a person or a program may read, judgements by split.
    var linkTables: [(name: String, links: Links)] {
        var tables: [(name: String, links: Links)] = []
        if let positives { tables.append(("positives", positives)) }
        if let negatives { tables.append(("negatives", negatives)) }
        return tables + judgements.map { ("judgements/" + $0.split, $0.links) }
    }
}

extension RecordReader {
    func withRecord<Result>(
        _ kind: RecordKind, _ ordinal: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        switch kind {
        case .documents: try withDocumentRecord(ordinal, body)
        case .queries: try withQueryRecord(ordinal, body)
        }
    }

    /// Whether a record has this id.
    func hasID(_ kind: RecordKind, _ ordinal: Int, _ id: UnsafeRawBufferPointer) throws -> Bool {
        try kind == .documents ? documentHasID(ordinal, id) : queryHasID(ordinal, id)
    }

    func ordinal(_ kind: RecordKind, id: UnsafeRawBufferPointer) throws -> Int? {
        try kind == .documents ? documentOrdinal(id: id) : queryOrdinal(id: id)
    }
}

/// Cuts `0..<count` into ranges for workers.
struct OrdinalRanges {
    let count: Int
    var size = 4096
    private var next = 0

    init(count: Int, size: Int = 4096) {
        self.count = count
        self.size = size
    }

    mutating func nextRange() -> Range<Int>? {
        guard next < count else { return nil }
        let range = next..<min(next + size, count)
        next = range.upperBound
        return range
    }
}
