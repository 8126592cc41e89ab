internal import Base
internal import Synchronization
package import SystemPackage

/// The shards of one kind in order, each opened when it is first needed.
package final class ShardList: Sendable {
    package struct Part: Sendable {
        package let path: FilePath
        package let firstOrdinal: Int
        package let recordCount: Int
        /// Nil while the shards are being written.
        let byteCount: Int?
    }

    let kind: ShardKind
    /// Of all records, or items of media.
    package let count: Int
    package let parts: [Part]
    private let origin: any BlobOrigin
    // One slot a part, set once; freed in deinit.
    private nonisolated(unsafe) let readers: UnsafeMutablePointer<AtomicLazyReference<ShardReader>>

    /// - Parameter sizes: what the manifest says; another shard in the place of one is noticed by its size.
    init(
        kind: ShardKind, shards: [(path: FilePath, recordCount: Int)], sizes: [Int]? = nil,
        origin: any BlobOrigin = LocalBlobs()
    ) {
        self.kind = kind
        self.origin = origin
        var parts: [Part] = []
        var first = 0
        for (number, shard) in shards.enumerated() where shard.recordCount > 0 {
            parts.append(
                Part(
                    path: shard.path, firstOrdinal: first, recordCount: shard.recordCount, byteCount: sizes?[number]))
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

    package func shard(_ part: Int) throws -> ShardReader {
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
    package func part(of ordinal: Int) -> Int {
        var low = 0
        var high = parts.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if parts[middle].firstOrdinal <= ordinal { low = middle } else { high = middle }
        }
        return low
    }
}
