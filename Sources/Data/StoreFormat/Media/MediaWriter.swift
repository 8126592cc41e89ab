package import Base
package import Records
internal import SystemPackage
internal import Zstandard

/// Writes the items of a new version, each once, in the order in which they are first added.
///
/// Memory: 52 bytes an item to know it again, 52 an item of the open shard.
package final class MediaWriter {
    private let options: WriterOptions
    private let scratch: ScratchFolder
    private let known = DigestTable()
    private var shard: ShardWriter?
    private var shards: [Manifest.Shard] = []
    private var staged: [StagedBlob] = []
    private var hashes: SpillFile?
    private var logical = MediaDigestBuilder()
    private var countByKind: [MediaKind: Int] = [:]
    private var rawBytes = 0
    /// Only where items came without the field that names them.
    private var isCounted: [Bool] = []
    /// References of records to items that are not here.
    package var externalCount = 0

    package init(options: WriterOptions, scratch: ScratchFolder) throws {
        self.options = options
        self.scratch = scratch
        hashes = try SpillFile(creating: scratch.path("media.hashes"))
    }

    package var itemCount: Int { known.count }

    /// The number of an item; nil where there is none.
    package func number(of digest: SHA256Digest) -> Int? { known.number(of: digest) }

    /// - Returns: false where the item is there already.
    package func add(_ item: MediaItem, as kind: MediaKind) throws -> Bool {
        guard known.number(of: item.digest) == nil else { return false }
        try add(item.digest, byteCount: item.byteCount) { try item.writeFrame($0) }
        countByKind[kind, default: 0] += 1
        return true
    }

    /// Counts an item by the first field that names it.
    package func countOnce(_ number: Int, as kind: MediaKind) {
        while isCounted.count < known.count { isCounted.append(false) }
        guard !isCounted[number] else { return }
        isCounted[number] = true
        countByKind[kind, default: 0] += 1
    }

    /// Adds an item that is not there yet.
    ///
    /// - Parameter writeFrame: hands out its frame.
    package func add(
        _ digest: SHA256Digest, byteCount: Int,
        writeFrame: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        guard known.count < Int(UInt32.max) - 1 else {
            throw Failure(.badData, "a dataset holds at most 2^32 − 2 items of media")
        }
        let position = shard?.position ?? 0
        let count = shard?.recordCount ?? 0
        if count > 0,
            position + RawFrame.byteCount(of: byteCount) > options.mediaShardBytes || count >= options.recordsPerShard
        {
            try closeShard()
        }
        if shard == nil {
            // Items come in batches of 16 MiB, faster than they are hashed.
            let blob = try scratch.blob("media-\(shards.count).tvz", hashWindow: 64)
            shard = try ShardWriter(blob, kind: .media, dictionary: nil)
        }
        try shard?.append(digest: digest, rawSize: byteCount, write: writeFrame)
        rawBytes += byteCount
        try note(digest)
    }

    /// Takes over a shard of another version as it is; none of its items may be there yet.
    package func adopt(_ shard: Manifest.Shard, _ reader: ShardReader) throws {
        try closeShard()
        for item in 0..<reader.recordCount { try note(reader.digest(of: item)) }
        rawBytes += shard.rawBytes
        shards.append(shard)
    }

    private func note(_ digest: SHA256Digest) throws {
        guard known.insert(digest) else { throw Failure(.bug, "the item \(digest) was added twice") }
        logical.add(digest)
        try hashes?.write(digest.bytes.withUnsafeBytes { IdIndexFormat.hash($0) })
    }

    private func closeShard() throws {
        guard let full = try shard.take()?.finish() else { return }
        shards.append(full.shard)
        staged.append(full.blob)
    }

    /// Ends the adding and builds the index.
    ///
    /// - Returns: nil where there is nothing to tell.
    package func finish() throws -> (table: Manifest.MediaTable, blobs: [StagedBlob])? {
        try closeShard()
        guard let spilled = try hashes.take()?.finish() else { throw Failure(.bug, "the media were finished twice") }
        // An error that the caller caught and went on from must not become a dataset with a hole.
        guard shards.reduce(0, { $0 + $1.recordCount }) == known.count else {
            throw Failure(.bug, "some media are lost, because an earlier error was ignored")
        }
        defer { try? spilled.remove() }
        guard known.count > 0 || externalCount > 0 else { return nil }
        let digest = logical.finish(count: known.count)
        let index = try IdIndexBuilder(kind: .media, scratch: scratch, keysPerPartition: options.keysPerPartition)
            .build(hashes: spilled, recordsDigest: digest, into: try scratch.blob("media.index")) { _ in
                // Two digests may have one hash: a lookup compares the digests.
            }
        let table = Manifest.MediaTable(
            itemCount: known.count, rawBytes: rawBytes, countByKind: countByKind, externalCount: externalCount,
            itemsDigest: digest, index: index.descriptor, shards: shards)
        return (table, staged + [index])
    }
}

/// What the media index is bound to: SHA-256 of `tvt-media-1\0`, the digests in their order and their number (u64).
struct MediaDigestBuilder {
    private var hash = SHA256Stream()

    init() { Array("tvt-media-1\0".utf8).withUnsafeBytes { hash.update($0) } }

    mutating func add(_ digest: SHA256Digest) { digest.bytes.withUnsafeBytes { hash.update($0) } }

    mutating func finish(count: Int) -> SHA256Digest {
        withUnsafeBytes(of: UInt64(count).littleEndian) { hash.update($0) }
        return hash.finalize()
    }
}
