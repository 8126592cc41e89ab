internal import Base
internal import Zstandard

/// About a mebibyte of lines on their way to a worker, already divided into frames.
struct RecordBatch: Sendable {
    let kind: RecordKind
    /// Lines with their newlines.
    var bytes: [UInt8] = []
    /// End of each line in `bytes`.
    var recordEnds: [UInt32] = []
    /// Number of the batch's records up to the end of each finished frame.
    var frameRecordEnds: [UInt32] = []

    init(kind: RecordKind, capacity: Int) {
        self.kind = kind
        bytes.reserveCapacity(capacity)
    }
}

/// A batch as it goes into a shard, with all that is computed per record.
package struct EncodedBatch: Sendable {
    package var frames: [UInt8] = []
    package var frameSizes: [UInt32] = []
    package var frameRawSizes: [UInt32] = []
    package var frameRecordEnds: [UInt32] = []
    /// Offset of each record in its decompressed frame.
    package var recordOffsets: [UInt32] = []
    /// 16 bytes a record, low word first.
    package var contentHashes: [UInt8] = []
    var idHashes: [UInt64] = []
    /// What the logical digest is made of: length of id (u32), id, content hash, for each record.
    var leaves: [UInt8] = []
    var leafEnds: [UInt32] = []

    package init() {}
}

extension RecordBatch {
    /// Compresses and hashes; run on a worker.
    func encode(with compressor: inout Compressor) throws -> EncodedBatch {
        var encoded = EncodedBatch()
        encoded.frames.reserveCapacity(bytes.count / 2)
        encoded.recordOffsets.reserveCapacity(recordEnds.count)
        encoded.contentHashes.reserveCapacity(recordEnds.count * 16)
        encoded.idHashes.reserveCapacity(recordEnds.count)
        encoded.leaves.reserveCapacity(recordEnds.count * 40)
        encoded.leafEnds.reserveCapacity(recordEnds.count)
        encoded.frameRecordEnds = frameRecordEnds
        try bytes.withUnsafeBytes { bytes in
            var record = 0
            var start = 0
            for frameEnd in frameRecordEnds {
                let frameStart = start
                while record < frameEnd {
                    let end = Int(recordEnds[record])
                    try describe(bytes.slice(start..<end - 1), offset: start - frameStart, in: &encoded)
                    start = end
                    record += 1
                }
                let size = try compressor.compress(bytes.slice(frameStart..<start), appendingTo: &encoded.frames)
                encoded.frameSizes.append(UInt32(size))
                encoded.frameRawSizes.append(UInt32(start - frameStart))
            }
        }
        return encoded
    }

    private func describe(_ bytes: UnsafeRawBufferPointer, offset: Int, in encoded: inout EncodedBatch) throws {
        guard let line = StoredLine(bytes, kind: kind) else {
            throw Failure(.bug, "a record passed the check of its first field and then failed it")
        }
        let hash = ContentHash.of(line.content)
        encoded.recordOffsets.append(UInt32(offset))
        encoded.contentHashes.append(littleEndian: hash.low)
        encoded.contentHashes.append(littleEndian: hash.high)
        func note(_ id: UnsafeRawBufferPointer) {
            encoded.idHashes.append(IdIndexFormat.hash(id))
            encoded.leaves.append(littleEndian: UInt32(id.count))
            encoded.leaves.append(contentsOf: id)
        }
        if line.idHasEscapes { line.id.withUnsafeBytes(note) } else { note(bytes.slice(line.quotedID)) }
        encoded.leaves.append(littleEndian: hash.low)
        encoded.leaves.append(littleEndian: hash.high)
        encoded.leafEnds.append(UInt32(encoded.leaves.count))
    }
}
