package import Base
internal import Synchronization
internal import SystemPackage

/// The items of a version: shards in order, and the index from digests to their places.
///
/// Opened when first needed, like a ``RecordSet``. All reads may be made from any thread.
package final class MediaSet: Sendable {
    package let shards: ShardList
    private let indexPath: FilePath
    private let itemsDigest: SHA256Digest
    private let origin: any BlobOrigin
    private let index = AtomicLazyReference<IdIndex>()
    package let cursors = CursorPool()

    package init(_ table: Manifest.MediaTable, in layout: StoreLayout, origin: any BlobOrigin) {
        self.origin = origin
        indexPath = layout.blob(table.index.digest)
        itemsDigest = table.itemsDigest
        shards = ShardList(
            kind: .media, shards: table.shards.map { (layout.blob($0.blob.digest), $0.recordCount) },
            sizes: table.shards.map(\.blob.size), origin: origin)
    }

    package var count: Int { shards.count }

    private func idIndex() throws -> IdIndex {
        if let index = index.load() { return index }
        let opened = try origin.opening(indexPath) { try IdIndex(indexPath, kind: .media, origin: origin) }
        guard opened.keyCount == count, opened.recordsDigest == itemsDigest else {
            throw DamagedBlob(indexPath, "it is the index of other media")
        }
        return index.storeIfNil(opened)
    }

    /// The number of the item with a digest; nil where there is none.
    package func number(of digest: SHA256Digest) throws -> Int? {
        let index = try idIndex()
        return try index.ordinal(hash: digest.bytes.withUnsafeBytes { IdIndexFormat.hash($0) }) { number in
            guard number < count else { throw DamagedBlob(index.path, "it points at item \(number) of \(count)") }
            let (shard, item) = try place(of: number)
            return try shard.hasDigest(digest, at: item)
        }
    }

    private func place(of number: Int) throws -> (shard: ShardReader, item: Int) {
        precondition(number >= 0 && number < count, "item \(number) of \(count)")
        let part = shards.part(of: number)
        return (try shards.shard(part), number - shards.parts[part].firstOrdinal)
    }

    package func digest(of number: Int) throws -> SHA256Digest {
        let (shard, item) = try place(of: number)
        return try shard.digest(of: item)
    }

    /// In bytes, as the frame's header says.
    package func byteCount(of number: Int) throws -> Int {
        let (shard, item) = try place(of: number)
        return try shard.contentSize(of: shard.frameBytes(item), frame: item)
    }

    /// Calls `body` with where an item is. Afterwards its pages are not the process's memory any more, in which whole shards
    /// would gather otherwise.
    private func reading<Result>(_ number: Int, _ body: (ShardReader, Int) throws -> Result) throws -> Result {
        let (shard, item) = try place(of: number)
        let range = try shard.range(ofFrame: item)
        defer { shard.discard(range) }
        return try body(shard, item)
    }

    /// Calls `body` with the item's bytes, which are valid within it only.
    package func withItem<Result>(_ number: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try reading(number) { shard, item in
            let cursor = try cursors.take()
            defer { cursors.put(cursor) }
            return try body(cursor.contents(of: item, in: shard))
        }
    }

    /// Writes the item's bytes to the start of `buffer`.
    ///
    /// - Returns: their number.
    /// - Precondition: the buffer is large enough.
    package func read(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try reading(number) { shard, item in
            let cursor = try cursors.take()
            defer { cursors.put(cursor) }
            return try cursor.read(item, of: shard) { size in
                precondition(size <= buffer.count, "room for \(size) bytes")
                return buffer
            }
        }
    }

    /// Hands out the item piece by piece; its checksum is checked behind the last one.
    package func forEachPiece(of number: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let (shard, item) = try place(of: number)
        let cursor = try cursors.take()
        defer { cursors.put(cursor) }
        try cursor.forEachPiece(of: item, in: shard, body)
    }

    package func reader(of number: Int) throws -> MediaReader {
        let (shard, item) = try place(of: number)
        return try MediaReader(shard, frame: item)
    }

    /// Every digest must be found at its place, and together they must be the manifest's.
    ///
    /// - Throws: `DamagedBlob` for the first fault.
    package func checkAgainst(_ digest: SHA256Digest) throws {
        let index = try idIndex()
        var logical = MediaDigestBuilder()
        for number in 0..<count {
            let found = try self.digest(of: number)
            logical.add(found)
            guard try self.number(of: found) == number else {
                throw DamagedBlob(index.path, "it does not find item \(number), \(found)")
            }
        }
        guard logical.finish(count: count) == digest else {
            throw DamagedBlob(index.path, "the media do not match their digest")
        }
    }
}
