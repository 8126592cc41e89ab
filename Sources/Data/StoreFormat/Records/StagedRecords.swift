package import Base
internal import SystemPackage

/// The records of one kind, written and not committed yet.
package struct StagedRecords {
    package let kind: RecordKind
    package let count: Int
    package let shards: [StagedShard]
    package let dictionary: StagedBlob?
    package let logicalDigest: SHA256Digest
    let idHashes: SpilledData
    package let lengths: LengthStatistics

    /// The records as they lie in the writer's folder.
    package func open(idIndex: StagedBlob?) -> RecordSet {
        RecordSet(
            kind: kind, shards: shards.map { ($0.blob.path, $0.shard.recordCount) }, indexPath: idIndex?.path,
            recordsDigest: logicalDigest)
    }

    /// - Throws: `DuplicateIDs` where two records have the same id.
    package func buildIndex(scratch: ScratchFolder, reference: String, options: WriterOptions) throws -> StagedBlob {
        let records = open(idIndex: nil)
        var duplicates = DuplicateIDs(kind: kind, reference: reference)
        let builder = IdIndexBuilder(
            kind: ShardKind(kind), scratch: scratch, keysPerPartition: options.keysPerPartition)
        let blob = try builder.build(
            hashes: idHashes, recordsDigest: logicalDigest, into: try scratch.blob("\(kind).index")
        ) { ordinals in
            // Equal hashes are almost surely equal ids; the ids decide.
            var first: [[UInt8]: Int] = [:]
            for ordinal in ordinals {
                let id = try records.id(of: Int(ordinal))
                if let earlier = first[id] {
                    duplicates.add(id: id, first: earlier, second: Int(ordinal))
                } else {
                    first[id] = Int(ordinal)
                }
            }
        }
        try idHashes.remove()
        guard duplicates.count == 0 else { throw duplicates }
        return blob
    }

    package func table(idIndex: StagedBlob) -> Manifest.RecordTable {
        Manifest.RecordTable(
            recordCount: count, rawBytes: shards.reduce(0) { $0 + $1.shard.rawBytes }, logicalDigest: logicalDigest,
            dictionaries: dictionary.map { [$0.descriptor] } ?? [], idIndex: idIndex.descriptor,
            shards: shards.map(\.shard),
            lengths: lengths)
    }

    package var blobs: [StagedBlob] { shards.map(\.blob) + [dictionary].compactMap { $0 } }
}
