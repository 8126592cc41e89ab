package import Base
internal import SystemPackage

/// A shard being written. Memory: 24 bytes a record (40 an item of media) and 12 a frame until it is finished.
package struct ShardWriter: ~Copyable {
    private var blob: BlobWriter
    private var bodyHash = ContentHashStream()
    private var dataOffset: Int
    private let leadingFrames: [UInt32]
    private var index: [UInt8] = []
    /// Of records their content hashes, of media their digests.
    private var hashes: [UInt8] = []
    private var frameOffsets: [UInt64] = []
    private var frameRawSizes: [UInt32] = []
    package private(set) var recordCount = 0
    private(set) var rawBytes = 0

    package init(_ blob: consuming BlobWriter, kind: ShardKind, dictionary: [UInt8]?) throws {
        self.blob = blob
        let digest = dictionary.map { SHA256Digest.of($0) }
        let header = ShardHeader(kind: kind, dictionary: digest).bytes
        var start = ShardFormat.skippableHeader(ShardFormat.headerMagic, header.count) + header
        var leadingFrames = [UInt32(start.count)]
        if let dictionary {
            start += ShardFormat.skippableHeader(ShardFormat.dictionaryMagic, dictionary.count) + dictionary
            leadingFrames.append(UInt32(ShardFormat.skippableHeaderBytes + dictionary.count))
        }
        self.leadingFrames = leadingFrames
        dataOffset = start.count
        try writeBody(start)
    }

    /// Bytes written so far.
    package var position: Int { blob.position }

    private mutating func writeBody(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try writeBody($0) } }

    private mutating func writeBody(_ bytes: UnsafeRawBufferPointer) throws {
        bodyHash.update(bytes)
        try blob.write(bytes)
    }

    /// Appends some of a batch's frames, one behind the other.
    ///
    /// - Parameters:
    ///   - frames: which frames of the batch.
    ///   - bytes: where they stand in `batch.frames`.
    package mutating func append(_ batch: borrowing EncodedBatch, frames: Range<Int>, bytes: Range<Int>) throws {
        var offset = position
        var record = frames.lowerBound == 0 ? 0 : Int(batch.frameRecordEnds[frames.lowerBound - 1])
        let firstRecord = record
        for frame in frames {
            let number = UInt32(frameOffsets.count)
            frameOffsets.append(UInt64(offset))
            frameRawSizes.append(batch.frameRawSizes[frame])
            rawBytes += Int(batch.frameRawSizes[frame])
            offset += Int(batch.frameSizes[frame])
            let end = Int(batch.frameRecordEnds[frame])
            while record < end {
                index.append(littleEndian: number)
                index.append(littleEndian: batch.recordOffsets[record])
                record += 1
            }
        }
        recordCount += record - firstRecord
        hashes.append(contentsOf: batch.contentHashes[firstRecord * 16..<record * 16])
        try batch.frames.withUnsafeBytes { try writeBody($0.slice(bytes)) }
    }

    /// Appends an item of media, which is a frame of its own.
    ///
    /// - Parameter write: hands out the frame from its start to its end, in as many pieces as it likes.
    package mutating func append(
        digest: SHA256Digest, rawSize: Int, write: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        index.append(littleEndian: UInt32(frameOffsets.count))
        index.append(littleEndian: UInt32(0))
        frameOffsets.append(UInt64(position))
        frameRawSizes.append(UInt32(rawSize))
        hashes += digest.bytes
        recordCount += 1
        rawBytes += rawSize
        try write { try writeBody($0) }
    }

    /// Writes the tail and makes the blob durable.
    package consuming func finish() throws -> StagedShard {
        let indexOffset = blob.position
        frameOffsets.append(UInt64(indexOffset))
        for offset in frameOffsets { index.append(littleEndian: offset) }
        let indexChecksums = index.withUnsafeBytes { CheckedPages.checksums(of: $0) }
        let indexBytes = index.count + indexChecksums.count
        try blob.write(ShardFormat.skippableHeader(ShardFormat.indexMagic, indexBytes))
        try blob.write(index)
        try blob.write(indexChecksums)

        let contentHashOffset = blob.position
        let hashChecksums = hashes.withUnsafeBytes { CheckedPages.checksums(of: $0) }
        let hashBytes = hashes.count + hashChecksums.count
        try blob.write(ShardFormat.skippableHeader(ShardFormat.contentHashMagic, hashBytes))
        try blob.write(hashes)
        try blob.write(hashChecksums)

        let trailer = ShardTrailer(
            recordCount: recordCount, frameCount: frameRawSizes.count, rawBytes: rawBytes, indexOffset: indexOffset,
            contentHashOffset: contentHashOffset, bodyHash: bodyHash.digest().low)
        try blob.write(ShardFormat.skippableHeader(ShardFormat.trailerMagic, ShardFormat.trailerBytes) + trailer.bytes)

        let tailSizes = [indexBytes, hashBytes, ShardFormat.trailerBytes].map { $0 + ShardFormat.skippableHeaderBytes }
        try blob.write(
            SeekTable.bytes(
                leadingFrames: leadingFrames, frameOffsets: frameOffsets, frameRawSizes: frameRawSizes,
                tailFrames: tailSizes.map { UInt32($0) }))
        let frameCount = frameRawSizes.count
        let staged = try blob.finish()
        return StagedShard(
            blob: staged,
            shard: Manifest.Shard(
                blob: staged.descriptor, recordCount: recordCount, frameCount: frameCount, rawBytes: rawBytes))
    }
}

/// A finished shard that is not committed yet.
package struct StagedShard: Sendable {
    package let blob: StagedBlob
    package let shard: Manifest.Shard
}

/// The seek table of zstd's seekable format: one entry for every frame of the file, skippable ones with size 0.
enum SeekTable {
    static func bytes(
        leadingFrames: [UInt32], frameOffsets: [UInt64], frameRawSizes: [UInt32], tailFrames: [UInt32]
    ) -> [UInt8] {
        let count = leadingFrames.count + frameRawSizes.count + tailFrames.count
        var bytes = ShardFormat.skippableHeader(ShardFormat.seekTableMagic, byteCount(entries: count) - 8)
        func append(_ size: UInt32, _ rawSize: UInt32) {
            bytes.append(littleEndian: size)
            bytes.append(littleEndian: rawSize)
        }
        for size in leadingFrames { append(size, 0) }
        for frame in frameRawSizes.indices {
            append(UInt32(frameOffsets[frame + 1] - frameOffsets[frame]), frameRawSizes[frame])
        }
        for size in tailFrames { append(size, 0) }
        bytes.append(littleEndian: UInt32(count))
        bytes.append(0)
        bytes.append(littleEndian: ShardFormat.seekableFooterMagic)
        return bytes
    }

    /// Size of the whole skippable frame.
    static func byteCount(entries: Int) -> Int {
        ShardFormat.skippableHeaderBytes + entries * 8 + ShardFormat.seekFooterBytes
    }
}
