internal import Base

/// The logical digest of a record set: a Merkle tree of two levels over ids and content hashes, in the order of
/// ordinals. It does not depend on frames, shards, dictionaries or levels.
///
/// A group is SHA-256 over its first ordinal (u64) and, for each of its 4,096 records, the id's length (u32), the id and
/// the content hash (16 bytes). The root is SHA-256 over `tvt-records-1\0`, the kind (u16), the count (u64) and the
/// groups' digests.
struct LogicalDigestBuilder {
    static let recordsPerGroup = 4096
    private var group = SHA256Stream()
    private var groupRecords = 0
    private var groups: [UInt8] = []
    private var count = 0

    /// Adds records, whose leaves stand one behind the other.
    mutating func add(_ leaves: UnsafeRawBufferPointer, ends: [UInt32]) {
        var record = 0
        var start = 0
        while record < ends.count {
            if groupRecords == 0 {
                group = SHA256Stream()
                withUnsafeBytes(of: UInt64(count).littleEndian) { group.update($0) }
            }
            let taken = min(ends.count - record, Self.recordsPerGroup - groupRecords)
            let end = Int(ends[record + taken - 1])
            group.update(leaves.slice(start..<end))
            record += taken
            groupRecords += taken
            count += taken
            start = end
            if groupRecords == Self.recordsPerGroup { closeGroup() }
        }
    }

    private mutating func closeGroup() {
        guard groupRecords > 0 else { return }
        groups += group.finalize().bytes
        groupRecords = 0
    }

    mutating func finish(kind: RecordKind, count: Int) -> SHA256Digest {
        closeGroup()
        var root = Array("tvt-records-1\0".utf8)
        root.append(littleEndian: kind.rawValue)
        root.append(littleEndian: UInt64(count))
        return SHA256Digest.of(root + groups)
    }
}
