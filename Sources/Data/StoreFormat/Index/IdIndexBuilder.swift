package import Base

/// Builds an id index from the hashes of all ids, in memory that does not grow with their number.
///
/// The hashes are cut by their leading bits into partitions that fit in memory; since a key's home bucket is monotone
/// in its hash, partition after partition fills the table from front to back. Equal ids have equal hashes, so they
/// meet here and are reported.
package struct IdIndexBuilder {
    private let kind: ShardKind
    private let scratch: ScratchFolder
    private let keysPerPartition: Int

    /// - Parameter keysPerPartition: memory for one partition is about this many keys × 32 bytes.
    package init(kind: ShardKind, scratch: ScratchFolder, keysPerPartition: Int) {
        self.kind = kind
        self.scratch = scratch
        self.keysPerPartition = keysPerPartition
    }

    private struct Key: BitwiseCopyable {
        var hash: UInt64
        var ordinal: UInt32
        var unused: UInt32 = 0
    }

    /// - Parameters:
    ///   - hashes: a `UInt64` for each id, in the order of ordinals.
    ///   - onEqualHashes: called with ordinals whose hashes are equal, ascending; their ids are most likely equal.
    package func build(
        hashes: SpilledData, recordsDigest: SHA256Digest, into blob: consuming BlobWriter,
        onEqualHashes: ([UInt32]) throws -> Void
    ) throws -> StagedBlob {
        let keyCount = hashes.byteCount / 8
        var table = TableWriter(
            blob, homeBucketCount: IdIndexFormat.homeBucketCount(keys: keyCount))
        try table.blob.write(IdIndexFormat.header(kind: kind, keys: keyCount, recordsDigest: recordsDigest))
        var partitionBits = 0
        while keyCount >> partitionBits > keysPerPartition { partitionBits += 1 }
        if partitionBits == 0 {
            var keys: [Key] = []
            keys.reserveCapacity(keyCount)
            var ordinal: UInt32 = 0
            try hashes.forEachBlock { block in
                for offset in stride(from: 0, to: block.count, by: 8) {
                    keys.append(Key(hash: block.integer(at: offset, as: UInt64.self), ordinal: ordinal))
                    ordinal &+= 1
                }
            }
            try place(keys, partitionBits: 0, in: &table, onEqualHashes)
        } else {
            for partition in try partitions(of: hashes, bits: partitionBits) {
                var keys: [Key] = []
                keys.reserveCapacity(partition.byteCount / 12)
                try partition.forEachBlock(of: 12 << 14) { block in
                    for offset in stride(from: 0, to: block.count, by: 12) {
                        keys.append(
                            Key(
                                hash: block.integer(at: offset, as: UInt64.self),
                                ordinal: block.integer(at: offset + 8, as: UInt32.self)))
                    }
                }
                try partition.remove()
                try place(keys, partitionBits: partitionBits, in: &table, onEqualHashes)
            }
        }
        return try table.finish()
    }

    /// Writes (hash, ordinal) to one spill file for each value of the leading bits.
    private func partitions(of hashes: SpilledData, bits: Int) throws -> [SpilledData] {
        let count = 1 << bits
        var files: [PartitionFile] = []
        for partition in 0..<count {
            files.append(try PartitionFile(creating: scratch.path("ids-\(kind.rawValue)-\(partition)")))
        }
        var ordinal: UInt32 = 0
        try hashes.forEachBlock { block in
            for offset in stride(from: 0, to: block.count, by: 8) {
                let hash = block.integer(at: offset, as: UInt64.self)
                try files[Int(hash >> (64 - UInt64(bits)))].append(hash, ordinal)
                ordinal &+= 1
            }
        }
        return try files.map { try $0.finish() }
    }

    private func place(
        _ keys: consuming [Key], partitionBits: Int, in table: inout TableWriter,
        _ onEqualHashes: ([UInt32]) throws -> Void
    ) throws {
        let sorted = Self.sorted(keys, skippingBits: partitionBits)
        var start = 0
        while start < sorted.count {
            let hash = sorted[start].hash
            var end = start + 1
            while end < sorted.count, sorted[end].hash == hash { end += 1 }
            if end - start > 1 { try onEqualHashes(sorted[start..<end].map(\.ordinal)) }
            for key in sorted[start..<end] { try table.insert(hash: key.hash, ordinal: key.ordinal) }
            start = end
        }
    }

    /// By hash, then ordinal. The keys come in the order of ordinals and have the same leading `bits`.
    ///
    /// One stable counting pass on the next 16 bits leaves bins of a few dozen keys, which insertion sort finishes.
    private static func sorted(_ keys: consuming [Key], skippingBits bits: Int) -> [Key] {
        let keys = keys
        guard keys.count > 64 else { return keys.sorted { ($0.hash, $0.ordinal) < ($1.hash, $1.ordinal) } }
        let binBits = min(16, max(1, Int.bitWidth - (keys.count / 16).leadingZeroBitCount))
        @inline(__always) func bin(_ key: Key) -> Int { Int((key.hash << UInt64(bits)) >> UInt64(64 - binBits)) }
        var starts = [Int](repeating: 0, count: 1 << binBits + 1)
        for key in keys { starts[bin(key) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        let bounds = starts
        return [Key](unsafeUninitializedCapacity: keys.count) { sorted, count in
            for key in keys {
                let bin = bin(key)
                sorted.initializeElement(at: starts[bin], to: key)
                starts[bin] += 1
            }
            for bin in 0..<(1 << binBits) {
                let range = bounds[bin]..<bounds[bin + 1]
                guard range.count > 1 else { continue }
                for index in range.dropFirst() {
                    let key = sorted[index]
                    var hole = index
                    while hole > range.lowerBound, sorted[hole - 1].hash > key.hash {
                        sorted[hole] = sorted[hole - 1]
                        hole -= 1
                    }
                    sorted[hole] = key
                }
            }
            count = keys.count
        }
    }
}
