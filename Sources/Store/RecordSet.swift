internal import Base
internal import Synchronization
internal import SystemPackage

/// The records of one kind: shards in order, and the index from ids to ordinals.
///
/// Shards and index are opened when they are first needed, so opening a dataset costs nothing per record or shard.
final class RecordSet: Sendable {
    struct Part: Sendable {
        let path: FilePath
        let firstOrdinal: Int
        let recordCount: Int
        /// Nil while the set is being written.
        let byteCount: Int?
    }

    let kind: RecordKind
    let count: Int
    let parts: [Part]
    private let indexPath: FilePath?
    private let origin: (any BlobOrigin)?
    private let recordsDigest: SHA256Digest
    private let index = AtomicLazyReference<IdIndex>()
    // One slot a part, set once; freed in deinit.
    private nonisolated(unsafe) let readers: UnsafeMutablePointer<AtomicLazyReference<ShardReader>>
    /// Cursors that nobody uses now. Not in a hot loop: a scan or a training reader has a cursor of its own.
    private let cursors = CursorPool()

    /// - Parameters:
    ///   - shardSizes: what the manifest says; another shard in the place of one is noticed by its size.
    ///   - indexPath: nil while the set is being written.
    init(
        kind: RecordKind, shards: [(path: FilePath, recordCount: Int)], shardSizes: [Int]? = nil,
        indexPath: FilePath?, recordsDigest: SHA256Digest, origin: (any BlobOrigin)? = nil
    ) {
        self.kind = kind
        self.origin = origin
        self.indexPath = indexPath
        self.recordsDigest = recordsDigest
        var parts: [Part] = []
        var first = 0
        for (number, shard) in shards.enumerated() where shard.recordCount > 0 {
            parts.append(
                Part(
                    path: shard.path, firstOrdinal: first, recordCount: shard.recordCount,
                    byteCount: shardSizes?[number]))
            first += shard.recordCount
        }
        self.parts = parts
        count = first
        readers = .allocate(capacity: max(1, parts.count))
        for slot in 0..<max(1, parts.count) { (readers + slot).initialize(to: AtomicLazyReference()) }
    }

    deinit {
        readers.deinitialize(count: max(1, parts.count))
        readers.deallocate()
    }

    func shard(_ part: Int) throws -> ShardReader {
        if let reader = readers[part].load() { return reader }
        let reader = try origin.opening(parts[part].path) {
            try ShardReader(parts[part].path, kind: kind, origin: origin)
        }
        guard reader.recordCount == parts[part].recordCount else {
            throw DamagedBlob(
                reader.path,
                "it holds \(reader.recordCount) records, but the manifest says \(parts[part].recordCount)")
        }
        if let size = parts[part].byteCount, size != reader.bytes.count {
            throw DamagedBlob(reader.path, "it has \(reader.bytes.count) bytes instead of \(size)")
        }
        return readers[part].storeIfNil(reader)
    }

    /// The part that holds an ordinal.
    func part(of ordinal: Int) -> Int {
        var low = 0
        var high = parts.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if parts[middle].firstOrdinal <= ordinal { low = middle } else { high = middle }
        }
        return low
    }

    /// Calls `body` with a record's line, which is valid within it only.
    func withRecord<Result>(
        _ ordinal: Int, cursor: FrameCursor, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        precondition(ordinal >= 0 && ordinal < count, "ordinal \(ordinal) of \(count)")
        let part = part(of: ordinal)
        return try body(try shard(part).record(ordinal - parts[part].firstOrdinal, with: cursor))
    }

    func withRecord<Result>(_ ordinal: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        return try withRecord(ordinal, cursor: cursor, body)
    }

    /// All records of a range in order; each frame is decompressed once.
    func forEachRecord(
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

    func forEachRecord(in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        try forEachRecord(in: range, cursor: cursor, body)
    }

    /// The ordinal of an id; nil where there is none.
    func ordinal(id: UnsafeRawBufferPointer, cursor: FrameCursor) throws -> Int? {
        try idIndex().ordinal(hash: IdIndexFormat.hash(id)) { ordinal in
            guard ordinal < count else { throw try DamagedBlob(idIndex().path, "it points at record \(ordinal)") }
            return try withRecord(ordinal, cursor: cursor) { try hasID($0, id, ordinal: ordinal) }
        }
    }

    func ordinal(id: UnsafeRawBufferPointer) throws -> Int? {
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        return try ordinal(id: id, cursor: cursor)
    }

    func idIndex() throws -> IdIndex {
        if let index = index.load() { return index }
        guard let indexPath else { throw Failure(.bug, "the \(kind) have no id index yet") }
        let opened = try origin.opening(indexPath) { try IdIndex(indexPath, kind: kind, origin: origin) }
        guard opened.keyCount == count, opened.recordsDigest == recordsDigest else {
            throw DamagedBlob(indexPath, "it is the id index of other records")
        }
        return index.storeIfNil(opened)
    }

    private func hasID(_ line: UnsafeRawBufferPointer, _ id: UnsafeRawBufferPointer, ordinal: Int) throws -> Bool {
        try parsed(line, ordinal: ordinal).hasID(id)
    }

    func id(of ordinal: Int) throws -> [UInt8] { try withRecord(ordinal) { try parsed($0, ordinal: ordinal).id } }

    func parsed(_ line: UnsafeRawBufferPointer, ordinal: Int) throws -> RecordLine {
        guard let parsed = RecordLine(line, kind: kind) else {
            throw DamagedBlob(parts[part(of: ordinal)].path, "record \(ordinal) does not begin with its id")
        }
        return parsed
    }

    func contentHash(of ordinal: Int) throws -> ContentHash {
        precondition(ordinal >= 0 && ordinal < count, "ordinal \(ordinal) of \(count)")
        let part = part(of: ordinal)
        return try shard(part).contentHash(of: ordinal - parts[part].firstOrdinal)
    }
}

/// Decompression contexts to borrow.
final class CursorPool: Sendable {
    /// `@unchecked Sendable`: a cursor is either in the pool or with the one who took it.
    private struct Parked: @unchecked Sendable {
        let cursor: FrameCursor
    }

    private let parked = Mutex<[Parked]>([])

    func take() throws -> FrameCursor {
        if let cursor = parked.withLock({ $0.popLast() }) { return cursor.cursor }
        return try FrameCursor()
    }

    func put(_ cursor: FrameCursor) {
        let returned = Parked(cursor: cursor)
        parked.withLock { if $0.count < 64 { $0.append(returned) } }
    }
}
