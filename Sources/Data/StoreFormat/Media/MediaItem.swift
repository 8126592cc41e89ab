public import Base
public import Records
public import SystemPackage
internal import Zstandard

/// The bytes of an image, a video or a sound, looked at and ready to be written.
///
/// Making one reads and hashes all bytes and is what workers are for; ``DatasetWriter/add(_:as:)`` then only writes.
/// The frame depends on the bytes alone, wherever they came from.
public struct MediaItem: Sendable {
    /// The largest item: the seek table of a shard counts a frame's bytes in 32 bits.
    public static let largestByteCount = 4 << 30 - 1 << 20
    /// Items above this stay in their file until they are written.
    public static let largestInMemory = 16 << 20

    public let digest: SHA256Digest
    public let byteCount: Int
    public let header: MediaHeader
    private let body: Body

    private enum Body: Sendable {
        case frame([UInt8])
        /// - Parameter hash: XXH64 of the bytes, by which a change of the file is noticed.
        case file(FilePath, hash: UInt64, shrinks: Bool)
    }

    /// An item that lies in memory; its frame is a copy.
    ///
    /// - Throws: `Failure` with status 65 for no bytes, or more than ``largestByteCount``.
    public init(_ bytes: UnsafeRawBufferPointer) throws {
        try Self.check(bytes.count, "the item")
        digest = .of(bytes)
        byteCount = bytes.count
        header = MediaHeader(bytes)
        let shrinks = try Self.shrinks(header, bytes.count) { Array(bytes.slice($0)) }
        body = .frame(try Self.frame(bytes, shrinks: shrinks))
    }

    public init(_ bytes: [UInt8]) throws { self = try bytes.withUnsafeBytes { try MediaItem($0) } }

    /// A file's bytes. Memory: the item twice up to ``largestInMemory``, otherwise a mebibyte.
    ///
    /// - Parameter isKept: false leaves the bytes in the file, which must stay as it is, until the item is written.
    /// - Throws: `SystemError` where the file cannot be read; `Failure` with status 65 for an empty one, or one of more
    ///   than ``largestByteCount``.
    public init(contentsOf path: FilePath, isKept: Bool = true) throws {
        let file = try InputFile(path)
        try Self.check(file.byteCount, path.string)
        if isKept, file.byteCount <= Self.largestInMemory {
            let bytes = try file.read(0..<file.byteCount)
            self = try MediaItem(bytes)
            return
        }
        var sha256 = SHA256Stream()
        var xxh64 = XXH64Stream()
        var header: MediaHeader?
        try file.forEachBlock(of: MediaHeader.prefixBytes) { block in
            if header == nil { header = MediaHeader(block) }
            sha256.update(block)
            xxh64.update(block)
            try Interruption.check()
        }
        digest = sha256.finalize()
        byteCount = file.byteCount
        self.header = header ?? MediaHeader(UnsafeRawBufferPointer(start: nil, count: 0))
        let shrinks = try Self.shrinks(self.header, byteCount) { try file.read($0) }
        body = .file(path, hash: xxh64.digest(), shrinks: shrinks)
    }

    /// What a record says of the item.
    ///
    /// - Parameter name: kept beside the digest; nil for none.
    public func reference(name: String? = nil) -> MediaReference { MediaReference(said(name: name)) }

    /// The same, to be added to.
    public func said(name: String? = nil) -> MediaReference.Item {
        MediaReference.Item(
            digest: digest, size: byteCount, format: header.format?.rawValue, width: header.width,
            height: header.height, name: name)
    }

    /// Bytes of memory that the item holds.
    public var heldByteCount: Int {
        if case .frame(let frame) = body { frame.count } else { 0 }
    }

    private static func check(_ byteCount: Int, _ name: String) throws {
        guard byteCount > 0 else {
            throw Failure(.badData, "\(name) is empty", advice: "An image, video or sound has at least one byte.")
        }
        guard byteCount <= largestByteCount else {
            throw Failure(
                .badData, "\(name) has \(byteCount) bytes; the limit is \(largestByteCount)",
                advice: "A frame of a shard has less than 4 GiB: cut the item into parts.")
        }
    }

    // MARK: - Frames

    private static let sampleBytes = 1 << 16

    /// Whether zstd makes a sixteenth less of samples from the start, the middle and the end. Never asked of formats
    /// that are compressed already, so that they are read at the speed of memory.
    private static func shrinks(
        _ header: MediaHeader, _ byteCount: Int, read: (Range<Int>) throws -> [UInt8]
    ) throws -> Bool {
        if let format = header.format, format.isCompressed { return false }
        let ranges =
            byteCount <= 3 * sampleBytes
            ? [0..<byteCount]
            : [0, (byteCount - sampleBytes) / 2, byteCount - sampleBytes].map { $0..<$0 + sampleBytes }
        var compressor = try Compressor(level: 1)
        var compressed: [UInt8] = []
        var rawBytes = 0
        for range in ranges {
            let sample = try read(range)
            rawBytes += sample.count
            _ = try sample.withUnsafeBytes { try compressor.compress($0, appendingTo: &compressed) }
        }
        return compressed.count <= rawBytes - rawBytes / 16
    }

    private static func frame(_ bytes: UnsafeRawBufferPointer, shrinks: Bool) throws -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(shrinks ? bytes.count / 2 : RawFrame.byteCount(of: bytes.count))
        var encoder = try ItemEncoder(byteCount: bytes.count, shrinks: shrinks)
        try encoder.add(bytes) { frame.append(contentsOf: $0) }
        return frame
    }

    /// Hands out the item's frame in order.
    ///
    /// - Throws: `Failure` with status 65 where its file changed since it was looked at.
    func writeFrame(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        switch body {
        case .frame(let frame): try frame.withUnsafeBytes { try write($0) }
        case .file(let path, let hash, let shrinks):
            let file = try InputFile(path)
            var found = XXH64Stream()
            if file.byteCount == byteCount {
                var encoder = try ItemEncoder(byteCount: byteCount, shrinks: shrinks)
                try file.forEachBlock { block in
                    found.update(block)
                    try encoder.add(block, write)
                    try Interruption.check()
                }
            }
            guard file.byteCount == byteCount, found.digest() == hash else {
                throw Failure(
                    .badData, "\(path) changed while it was read", advice: "Run it again when nobody writes there.")
            }
        }
    }
}

/// Makes a frame of content that comes in blocks, all but the last of a multiple of 128 KiB.
private struct ItemEncoder: ~Copyable {
    private static let compressionLevel: Int32 = 3

    private let byteCount: Int
    private var doneCount = 0
    /// Nil for a raw frame.
    private var compressor: Compressor?
    private var hash = XXH64Stream()

    init(byteCount: Int, shrinks: Bool) throws {
        self.byteCount = byteCount
        guard shrinks else {
            compressor = nil
            return
        }
        var compressor = try Compressor(level: Self.compressionLevel)
        try compressor.beginFrame(byteCount: byteCount)
        self.compressor = consume compressor
    }

    mutating func add(_ block: UnsafeRawBufferPointer, _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        let isRaw = compressor == nil
        if isRaw {
            if doneCount == 0 { try RawFrame.header(contentSize: byteCount).withUnsafeBytes { try write($0) } }
            hash.update(block)
        }
        var start = 0
        // Compressed in the same pieces wherever the content comes from, because the frame may depend on them.
        while start < block.count {
            let end = min(start + RawFrame.blockBytes, block.count)
            let piece = block.slice(start..<end)
            doneCount += piece.count
            let isLast = doneCount == byteCount
            if isRaw {
                try RawFrame.blockHeader(byteCount: piece.count, isLast: isLast).withUnsafeBytes { try write($0) }
                try write(piece)
            } else {
                try compressor?.compress(piece: piece, isLast: isLast, write)
            }
            start = end
        }
        if isRaw, doneCount == byteCount {
            try RawFrame.checksum(hash.digest()).withUnsafeBytes { try write($0) }
        }
    }
}
