package import Base
internal import Synchronization
package import SystemPackage

/// The records of one kind: shards in order, and the index from ids to ordinals.
///
/// Shards and index are opened when they are first needed, so opening a dataset costs nothing per record or shard.
package final class RecordSet: Sendable {
    package let kind: RecordKind
    package let shards: ShardList
    private let indexPath: FilePath?
    private let origin: any BlobOrigin
    private let recordsDigest: SHA256Digest
    private let index = AtomicLazyReference<IdIndex>()
    /// Cursors that nobody uses now. Not in a hot loop: a scan or a training reader has a cursor of its own.
    package let cursors = CursorPool()

    /// - Parameters:
    ///   - shardSizes: what the manifest says; another shard in the place of one is noticed by its size.
    ///   - indexPath: nil while the set is being written.
    package init(
        kind: RecordKind, shards: [(path: FilePath, recordCount: Int)], shardSizes: [Int]? = nil,
        indexPath: FilePath?, recordsDigest: SHA256Digest, origin: any BlobOrigin = LocalBlobs()
    ) {
        self.kind = kind
        self.origin = origin
        self.indexPath = indexPath
        self.recordsDigest = recordsDigest
        self.shards = ShardList(kind: ShardKind(kind), shards: shards, sizes: shardSizes, origin: origin)
    }

    package var count: Int { shards.count }
    package var parts: [ShardList.Part] { shards.parts }

    package func shard(_ part: Int) throws -> ShardReader { try shards.shard(part) }

    /// The part that holds an ordinal.
    package func part(of ordinal: Int) -> Int { shards.part(of: ordinal) }

    /// Calls `body` with a record's line, which is valid within it only.
    @inlinable
    package func withRecord<Result>(
        _ ordinal: Int, cursor: FrameCursor, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        precondition(ordinal >= 0 && ordinal < count, "ordinal \(ordinal) of \(count)")
        let part = part(of: ordinal)
        return try body(try shard(part).record(ordinal - parts[part].firstOrdinal, with: cursor))
    }

    @inlinable
    package func withRecord<Result>(_ ordinal: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result
    {
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        return try withRecord(ordinal, cursor: cursor, body)
    }

    /// All records of a range in order; each frame is decompressed once.
    package func forEachRecord(
        in range: Range<Int>, cursor: FrameCursor, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "ordinals \(range) of \(count)")
        guard !range.isEmpty else { return }
        var part = part(of: range.lowerBound)
        var ordinal = range.lowerBound
        while ordinal < range.upperBound {
            let shard = try shard(part)
            let first = parts[part].firstOrdinal
            let end = min(range.upperBound, first + parts[part].recordCount)
            try shard.forEachRecord(in: ordinal - first..<end - first, with: cursor) { record, line in
                try body(first + record, line)
            }
            ordinal = end
            part += 1
        }
    }

    package func forEachRecord(in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        try forEachRecord(in: range, cursor: cursor, body)
    }

    /// The ordinal of an id; nil where there is none.
    package func ordinal(id: UnsafeRawBufferPointer, cursor: FrameCursor) throws -> Int? {
        try idIndex().ordinal(hash: IdIndexFormat.hash(id)) { ordinal in
            guard ordinal < count else { throw try DamagedBlob(idIndex().path, "it points at record \(ordinal)") }
            return try withRecord(ordinal, cursor: cursor) { try hasID($0, id, ordinal: ordinal) }
        }
    }

    package func ordinal(id: UnsafeRawBufferPointer) throws -> Int? {
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        return try ordinal(id: id, cursor: cursor)
    }

    /// Whether a record has the id, as far as the fingerprints of the id index tell.
    package func probablyHas(id: UnsafeRawBufferPointer) throws -> Bool {
        try idIndex().ordinal(hash: IdIndexFormat.hash(id)) { _ in true } != nil
    }

    package func idIndex() throws -> IdIndex {
        if let index = index.load() { return index }
        guard let indexPath else { throw Failure(.bug, "the \(kind) have no id index yet") }
        let opened = try origin.opening(indexPath) { try IdIndex(indexPath, kind: ShardKind(kind), origin: origin) }
        guard opened.keyCount == count, opened.recordsDigest == recordsDigest else {
            throw DamagedBlob(indexPath, "it is the id index of other records")
        }
        return index.storeIfNil(opened)
    }

    private func hasID(_ line: UnsafeRawBufferPointer, _ id: UnsafeRawBufferPointer, ordinal: Int) throws -> Bool {
        try parsed(line, ordinal: ordinal).hasID(id)
    }

    package func id(of ordinal: Int) throws -> [UInt8] {
        try withRecord(ordinal) { try parsed($0, ordinal: ordinal).id }
    }

    package func parsed(_ line: UnsafeRawBufferPointer, ordinal: Int) throws -> StoredLine {
        guard let parsed = StoredLine(line, kind: kind) else {
            throw DamagedBlob(parts[part(of: ordinal)].path, "record \(ordinal) does not begin with its id")
        }
        return parsed
    }

    package func contentHash(of ordinal: Int) throws -> ContentHash {
        precondition(ordinal >= 0 && ordinal < count, "ordinal \(ordinal) of \(count)")
        let part = part(of: ordinal)
        return try shard(part).contentHash(of: ordinal - parts[part].firstOrdinal)
    }
}
