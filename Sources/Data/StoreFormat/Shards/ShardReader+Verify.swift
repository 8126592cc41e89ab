internal import Base
internal import Zstandard

extension ShardReader {
    /// Checks the pages of the record index and of the content hashes, and that the index is one of this shard's.
    package func checkPages() throws {
        try checkIndexPages()
        var lastFrame = -1
        for record in 0..<recordCount {
            let (frame, start, end) = try location(of: record)
            // Frames are numbered without gaps, and each begins with its first record.
            guard frame == lastFrame ? start > 0 : frame == lastFrame + 1 && start == 0, end.map({ $0 > start }) ?? true
            else { throw DamagedBlob(path, "record \(record) is out of order in the record index") }
            lastFrame = frame
        }
        guard lastFrame == trailer.frameCount - 1 else { throw DamagedBlob(path, "a frame holds no record") }
        var expected = dataOffset
        for frame in 0..<trailer.frameCount {
            let bytes = try frameBytes(frame)
            let start = bytes.baseAddress.map { $0 - self.bytes.baseAddress! } ?? 0
            guard start == expected else { throw DamagedBlob(path, "frame \(frame) does not follow the one before it") }
            expected = start + bytes.count
        }
        guard expected == trailer.indexOffset else { throw DamagedBlob(path, "there is a gap behind the last frame") }
        try checkSeekTable()
    }

    /// Checks all that precedes the index against the trailer, each frame, each line and each content hash.
    package func checkData() throws {
        advise(.sequential)
        try ensure(0..<bytes.count)
        var hash = ContentHashStream()
        hash.update(bytes.slice(0..<trailer.indexOffset))
        guard hash.digest().low == trailer.bodyHash else {
            throw DamagedBlob(path, "header, dictionary or frames do not match their checksum")
        }
        if header.dictionary != nil { _ = try dictionaryBytes() }
        let cursor = try FrameCursor()
        guard let kind = header.kind.records else { return try checkItems(with: cursor) }
        var rawBytes = 0
        try forEachRecord(in: 0..<recordCount, with: cursor) { record, line in
            rawBytes += line.count + 1
            guard let parsed = StoredLine(line, kind: kind) else {
                throw DamagedBlob(path, "record \(record) does not begin with its id")
            }
            guard try ContentHash.of(parsed.content) == contentHash(of: record) else {
                throw DamagedBlob(path, "record \(record) does not match its content hash")
            }
        }
        guard rawBytes == trailer.rawBytes else {
            throw DamagedBlob(path, "the records have \(rawBytes) bytes instead of \(trailer.rawBytes)")
        }
    }

    /// Checks each item of media against its digest.
    private func checkItems(with cursor: FrameCursor) throws {
        var rawBytes = 0
        for item in 0..<recordCount {
            var hash = SHA256Stream()
            try cursor.forEachPiece(of: item, in: self) {
                hash.update($0)
                rawBytes += $0.count
            }
            guard try hash.finalize() == digest(of: item) else {
                throw DamagedBlob(path, "item \(item) does not match its digest")
            }
            try Interruption.check()
        }
        guard rawBytes == trailer.rawBytes else {
            throw DamagedBlob(path, "the items have \(rawBytes) bytes instead of \(trailer.rawBytes)")
        }
    }

    /// Builds the seek table again from the index; every byte of it must be the same.
    private func checkSeekTable() throws {
        var offsets: [UInt64] = []
        var rawSizes: [UInt32] = []
        for frame in 0..<trailer.frameCount {
            let bytes = try frameBytes(frame)
            offsets.append(UInt64(bytes.baseAddress! - self.bytes.baseAddress!))
            do throws(ZstandardError) {
                rawSizes.append(UInt32(truncatingIfNeeded: try Frame.contentSize(bytes)))
            } catch {
                throw DamagedBlob(path, "frame \(frame): \(error.message)")
            }
        }
        offsets.append(UInt64(trailer.indexOffset))
        var leading = [UInt32(ShardFormat.skippableHeaderBytes + ShardFormat.headerBytes)]
        if header.dictionary != nil { leading.append(UInt32(dataOffset) - leading[0]) }
        let trailerFrame = ShardFormat.skippableHeaderBytes + ShardFormat.trailerBytes
        let seekTableSize = SeekTable.byteCount(entries: leading.count + rawSizes.count + 3)
        let seekTableOffset = bytes.count - seekTableSize
        try ensure(seekTableOffset - trailerFrame..<bytes.count)
        let tail = [
            trailer.contentHashOffset - trailer.indexOffset,
            seekTableOffset - trailerFrame - trailer.contentHashOffset, trailerFrame,
        ]
        let expected = SeekTable.bytes(
            leadingFrames: leading, frameOffsets: offsets, frameRawSizes: rawSizes,
            tailFrames: tail.map { UInt32(truncatingIfNeeded: $0) })
        guard bytes.slice(seekTableOffset..<bytes.count).elementsEqual(expected) else {
            throw DamagedBlob(path, "its seek table does not match its frames")
        }
        let trailerHeader = bytes.slice(seekTableOffset - trailerFrame..<seekTableOffset - ShardFormat.trailerBytes)
        guard
            trailerHeader.elementsEqual(
                ShardFormat.skippableHeader(ShardFormat.trailerMagic, ShardFormat.trailerBytes)),
            trailer.bytes.elementsEqual(bytes.slice(seekTableOffset - ShardFormat.trailerBytes..<seekTableOffset))
        else { throw DamagedBlob(path, "its trailer is damaged") }
    }
}

extension RecordSet {
    /// Reads all records: every id must be found at its ordinal, and the logical digest and the lengths must come out.
    ///
    /// - Throws: `DamagedBlob` for the first fault.
    package func checkAgainst(_ table: Manifest.RecordTable) throws {
        var logical = LogicalDigestBuilder()
        var lengths = LengthStatistics()
        var leaves: [UInt8] = []
        var ends: [UInt32] = []
        let index = try idIndex()
        func flush() {
            leaves.withUnsafeBytes { logical.add($0, ends: ends) }
            leaves.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
        }
        try forEachRecord(in: 0..<count) { ordinal, bytes in
            lengths.add(bytes.count)
            let id = try parsed(bytes, ordinal: ordinal).id
            let hash = id.withUnsafeBytes { IdIndexFormat.hash($0) }
            guard try index.ordinal(hash: hash, where: { $0 == ordinal }) != nil else {
                throw DamagedBlob(index.path, "it does not find record \(ordinal), \(escaped(id))")
            }
            let content = try contentHash(of: ordinal)
            leaves.append(littleEndian: UInt32(id.count))
            leaves += id
            leaves.append(littleEndian: content.low)
            leaves.append(littleEndian: content.high)
            ends.append(UInt32(leaves.count))
            if leaves.count > 1 << 20 { flush() }
        }
        flush()
        guard logical.finish(kind: kind, count: count) == table.logicalDigest else {
            throw DamagedBlob(index.path, "the \(kind) do not match their logical digest")
        }
        guard lengths == table.lengths else {
            throw DamagedBlob(index.path, "the \(kind) have other lengths than the manifest says")
        }
    }
}
