package import Base
internal import Synchronization
package import SystemPackage
internal import Zstandard

/// A shard, mapped. Opening it reads its header, its trailer and the ends of its sections, whatever its size.
package final class ShardReader: Sendable {
    package let path: FilePath
    package let header: ShardHeader
    package let trailer: ShardTrailer
    /// Where the first frame with data starts.
    let dataOffset: Int
    private let file: MappedFile
    /// Records, then frame offsets.
    private let index: CheckedPages
    private let hashes: CheckedPages
    private let loadedDictionary = AtomicLazyReference<DecompressionDictionary>()

    /// - Throws: `DamagedBlob` for a file that is no whole shard; `Failure` for a newer format version.
    package init(_ path: FilePath, kind: ShardKind, origin: any BlobOrigin = LocalBlobs()) throws {
        self.path = path
        let file = try origin.map(path)
        self.file = file
        let bytes = file.bytes
        func damaged(_ reason: String) -> DamagedBlob { DamagedBlob(path, reason) }

        // From the back: seek table, trailer; then what the trailer says must fit what is there.
        let least =
            8 + ShardFormat.headerBytes + 8 + 8 + 8 + 8 + ShardFormat.trailerBytes + SeekTable.byteCount(entries: 4)
        guard bytes.count >= least else { throw damaged("\(bytes.count) bytes are too few for a shard") }
        try file.ensure(0..<least)
        try file.ensure(bytes.count - least..<bytes.count)
        guard bytes.integer(at: bytes.count - 4, as: UInt32.self) == ShardFormat.seekableFooterMagic else {
            throw damaged("it does not end with a seek table: it is cut off, or no shard")
        }
        let entries = Int(bytes.integer(at: bytes.count - 9, as: UInt32.self))
        let seekTableOffset = bytes.count - SeekTable.byteCount(entries: entries)
        let trailerOffset = seekTableOffset - ShardFormat.trailerBytes
        guard trailerOffset >= 8 + ShardFormat.headerBytes else { throw damaged("its trailer is damaged") }
        try file.ensure(trailerOffset..<bytes.count)
        guard
            let trailer = ShardTrailer(bytes.slice(trailerOffset..<seekTableOffset))
        else { throw damaged("its trailer is damaged") }
        self.trailer = trailer

        guard bytes[8..<16].elementsEqual(ShardFormat.headerSignature),
            bytes.integer(at: 0, as: UInt32.self) == ShardFormat.headerMagic,
            bytes.integer(at: 4, as: UInt32.self) == UInt32(ShardFormat.headerBytes)
        else { throw damaged("its header is damaged") }
        let version = bytes.integer(at: 16, as: UInt16.self)
        guard version == ShardFormat.version else {
            throw Failure(.badData, "\(path): shard version \(version) is not known", advice: "Use a newer tvt.")
        }
        guard bytes.integer(at: 18, as: UInt16.self) == kind.rawValue else {
            throw damaged("it does not hold what the manifest says: \(kind)")
        }
        let flags = bytes.integer(at: 20, as: UInt32.self)
        guard flags & ~ShardFormat.usesDictionary == 0 else { throw damaged("its header has unknown flags") }
        let usesDictionary = flags & ShardFormat.usesDictionary != 0
        header = ShardHeader(
            kind: kind, dictionary: usesDictionary ? SHA256Digest(bytes: Array(bytes[24..<56])) : nil)

        var dataOffset = 8 + ShardFormat.headerBytes
        if usesDictionary {
            guard bytes.integer(at: dataOffset, as: UInt32.self) == ShardFormat.dictionaryMagic else {
                throw damaged("its dictionary is damaged")
            }
            dataOffset += 8 + Int(bytes.integer(at: dataOffset + 4, as: UInt32.self))
        }
        self.dataOffset = dataOffset

        // No count can exceed the file's size, so none of these sums overflows once that is known.
        let count = bytes.count
        guard trailer.recordCount <= count, trailer.frameCount <= count, trailer.frameCount <= trailer.recordCount,
            entries == trailer.frameCount + (usesDictionary ? 5 : 4),
            // A record has a newline, and an item of media is not empty and has a frame of its own.
            trailer.rawBytes >= (kind == .media ? 1 : 2) * trailer.recordCount,
            kind != .media || trailer.frameCount == trailer.recordCount,
            trailer.indexOffset >= dataOffset, trailer.indexOffset < count, trailer.contentHashOffset < count
        else { throw damaged("its trailer contradicts its size") }
        func section(_ offset: Int, _ magic: UInt32, _ byteCount: Int, endsAt end: Int) throws -> Range<Int> {
            let whole = byteCount + CheckedPages.checksumBytes(for: byteCount)
            let start = offset + ShardFormat.skippableHeaderBytes
            guard start + whole == end else { throw damaged("its sections are damaged") }
            try file.ensure(offset..<start)
            guard bytes.integer(at: offset, as: UInt32.self) == magic,
                Int(bytes.integer(at: offset + 4, as: UInt32.self)) == whole
            else { throw damaged("its sections are damaged") }
            return start..<start + byteCount
        }
        let indexRegion = try section(
            trailer.indexOffset, ShardFormat.indexMagic, trailer.recordCount * 8 + (trailer.frameCount + 1) * 8,
            endsAt: trailer.contentHashOffset)
        let hashRegion = try section(
            trailer.contentHashOffset, ShardFormat.contentHashMagic, trailer.recordCount * kind.hashBytes,
            endsAt: trailerOffset - ShardFormat.skippableHeaderBytes)
        index = CheckedPages(
            file, path: path, region: indexRegion, checksumOffset: indexRegion.upperBound, name: "record index")
        hashes = CheckedPages(
            file, path: path, region: hashRegion, checksumOffset: hashRegion.upperBound,
            name: kind == .media ? "digests" : "content hashes")
    }

    package var recordCount: Int { trailer.recordCount }
    var bytes: UnsafeRawBufferPointer { file.bytes }

    /// Must precede a look at ``bytes``.
    func ensure(_ range: Range<Int>) throws { try file.ensure(range) }

    func advise(_ access: MappedFile.Access) { file.advise(access) }

    /// The dictionary, digested once; nil where the frames need none.
    func dictionary() throws -> DecompressionDictionary? {
        guard header.dictionary != nil else { return nil }
        if let dictionary = loadedDictionary.load() { return dictionary }
        return loadedDictionary.storeIfNil(try DecompressionDictionary(dictionaryBytes()))
    }

    /// The dictionary as it was trained, checked against its digest; nil for none.
    package func dictionaryBytes() throws -> UnsafeRawBufferPointer {
        let start = 2 * ShardFormat.skippableHeaderBytes + ShardFormat.headerBytes
        let dictionary = file.bytes.slice(start..<dataOffset)
        try file.ensure(start..<dataOffset)
        var isGood = SHA256Digest.of(dictionary) == header.dictionary
        if !isGood, try file.fetchAgain(start..<dataOffset) {
            isGood = SHA256Digest.of(dictionary) == header.dictionary
        }
        guard isGood else {
            throw DamagedBlob(path, "its dictionary does not match its digest")
        }
        return dictionary
    }

    /// Where a record is.
    ///
    /// - Returns: its frame, its offset in the decompressed frame, and the next record's; nil where it is the last of
    ///   its frame.
    package func location(of record: Int) throws -> (frame: Int, start: Int, end: Int?) {
        precondition(record >= 0 && record < trailer.recordCount, "a record of the shard")
        let hasNext = record + 1 < trailer.recordCount
        try index.check(record * 8..<(record + (hasNext ? 2 : 1)) * 8)
        let frame = index.bytes.integer(at: record * 8, as: UInt32.self)
        let start = Int(index.bytes.integer(at: record * 8 + 4, as: UInt32.self))
        var end: Int?
        if hasNext, index.bytes.integer(at: record * 8 + 8, as: UInt32.self) == frame {
            end = Int(index.bytes.integer(at: record * 8 + 12, as: UInt32.self))
        }
        guard frame < trailer.frameCount else {
            throw DamagedBlob(path, "record \(record) is in frame \(frame) of \(trailer.frameCount)")
        }
        return (Int(frame), start, end)
    }

    /// Checks every page of the record index and of the content hashes.
    func checkIndexPages() throws {
        try index.check(0..<index.bytes.count)
        try hashes.check(0..<hashes.bytes.count)
    }

    /// Asks the system to start reading a part of the file.
    func adviseSoon(_ range: Range<Int>) { file.advise(.soon, for: range) }

    /// Tells the system that frames will be read in no order. The index, whose pages are checked as wholes, is not.
    package func expectScatteredFrames() { file.advise(.random, for: dataOffset..<trailer.indexOffset) }

    /// A frame as it is stored.
    package func frameBytes(_ frame: Int) throws -> UnsafeRawBufferPointer {
        let range = try range(ofFrame: frame)
        try file.ensure(range)
        return file.bytes.slice(range)
    }

    /// Takes a part of the file that was read out of the process's memory; the system may keep it in its own.
    func discard(_ range: Range<Int>) { file.discard(range) }

    /// Where a frame lies in the file.
    package func range(ofFrame frame: Int) throws -> Range<Int> {
        let offset = (trailer.recordCount + frame) * 8
        try index.check(offset..<offset + 16)
        let start = index.bytes.integer(at: offset, as: UInt64.self)
        let end = index.bytes.integer(at: offset + 8, as: UInt64.self)
        guard start >= UInt64(dataOffset), start < end, end <= UInt64(trailer.indexOffset) else {
            throw DamagedBlob(path, "frame \(frame) lies outside the data")
        }
        return Int(start)..<Int(end)
    }

    /// Whether the shard comes from a server.
    var canFetchAgain: Bool { file.isFetched }

    /// Gets a frame that turned out to be damaged from its origin again.
    ///
    /// - Returns: false where it comes from nowhere else.
    func fetchAgain(_ frame: UnsafeRawBufferPointer) throws -> Bool {
        guard let start = frame.baseAddress.map({ $0 - file.bytes.baseAddress! }) else { return false }
        return try file.fetchAgain(start..<start + frame.count)
    }

    /// A record without its newline; valid until the cursor's next use.
    package func record(_ record: Int, with cursor: FrameCursor) throws -> UnsafeRawBufferPointer {
        let (frame, start, end) = try location(of: record)
        let contents = try cursor.contents(of: frame, in: self)
        return try line(in: contents, from: start, to: end ?? contents.count, record: record)
    }

    /// The line between two offsets of a frame's contents, without its newline.
    private func line(
        in contents: UnsafeRawBufferPointer, from start: Int, to end: Int, record: Int
    ) throws -> UnsafeRawBufferPointer {
        guard start < end, end <= contents.count, contents[end - 1] == UInt8(ascii: "\n") else {
            throw DamagedBlob(path, "record \(record) is not a line of its frame")
        }
        return contents.slice(start..<end - 1)
    }

    /// The records of a range in order; each frame is decompressed once.
    package func forEachRecord(
        in range: Range<Int>, with cursor: FrameCursor, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var record = range.lowerBound
        while record < range.upperBound {
            var (frame, start, end) = try location(of: record)
            let contents = try cursor.contents(of: frame, in: self)
            while true {
                try body(record, line(in: contents, from: start, to: end ?? contents.count, record: record))
                record += 1
                guard end != nil, record < range.upperBound else { break }
                (frame, start, end) = try location(of: record)
            }
        }
    }

    package func contentHash(of record: Int) throws -> ContentHash {
        precondition(record >= 0 && record < trailer.recordCount, "a record of the shard")
        try hashes.check(record * 16..<record * 16 + 16)
        return ContentHash(
            high: hashes.bytes.integer(at: record * 16 + 8, as: UInt64.self),
            low: hashes.bytes.integer(at: record * 16, as: UInt64.self))
    }

    /// The SHA-256 of an item of media.
    package func digest(of item: Int) throws -> SHA256Digest {
        precondition(item >= 0 && item < trailer.recordCount && header.kind == .media, "an item of the shard")
        try hashes.check(item * 32..<item * 32 + 32)
        return SHA256Digest(bytes: Array(hashes.bytes[item * 32..<item * 32 + 32]))
    }

    /// Whether an item of media has this digest; makes no object.
    func hasDigest(_ digest: SHA256Digest, at item: Int) throws -> Bool {
        try hashes.check(item * 32..<item * 32 + 32)
        return hashes.bytes[item * 32..<item * 32 + 32].elementsEqual(digest.bytes)
    }
}
