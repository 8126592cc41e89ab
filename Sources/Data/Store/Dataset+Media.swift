public import Base
internal import Records
public import StoreFormat

/// The images, videos and sounds that records name by digest. All reads check the frame's checksum.
extension Dataset {
    /// How many items the version holds; records may name others.
    public var mediaCount: Int { media?.count ?? 0 }

    /// The number of an item, by which it is read; nil where the version does not hold it.
    ///
    /// - Complexity: one cache line of the index.
    public func mediaNumber(of digest: SHA256Digest) throws -> Int? {
        try naming(digest) { try media?.number(of: digest) }
    }

    public func hasMedia(_ digest: SHA256Digest) throws -> Bool { try mediaNumber(of: digest) != nil }

    /// - Precondition: the number is below ``mediaCount``.
    public func mediaDigest(_ number: Int) throws -> SHA256Digest { try named(number) { try $0.digest(of: number) } }

    /// An item's size in bytes.
    public func mediaByteCount(_ number: Int) throws -> Int { try named(number) { try $0.byteCount(of: number) } }

    /// Calls `body` with an item's bytes, which are valid within it only.
    ///
    /// Memory: the item.
    /// - Throws: `DamagedBlob` where the bytes are not what was written.
    public func withMedia<Result>(
        _ number: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try named(number) { try $0.withItem(number, body) }
    }

    /// As above, by digest; nil where the version does not hold the item.
    public func withMedia<Result>(
        _ digest: SHA256Digest, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result? {
        try mediaNumber(of: digest).map { try withMedia($0, body) }
    }

    /// Writes an item's bytes to the start of a buffer, without a copy in between.
    ///
    /// - Returns: the number of bytes.
    /// - Precondition: the buffer holds ``mediaByteCount(_:)`` bytes.
    public func readMedia(_ number: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try named(number) { try $0.read(number, into: buffer) }
    }

    /// Hands out an item piece by piece, for items that should not be in memory as a whole.
    ///
    /// The pieces are verified only when this returns: its checksum stands behind the last one. Memory: 256 KiB; up to
    /// 2 MiB more for an item that was worth compressing.
    public func forEachMediaPiece(of number: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try named(number) { try $0.forEachPiece(of: number, body) }
    }

    /// Reads an item as far as somebody asks, for those who wait between two pieces.
    public func mediaReader(_ number: Int) throws -> MediaReader { try named(number) { try $0.reader(of: number) } }

    private func named<Result>(_ number: Int, _ body: (MediaSet) throws -> Result) throws -> Result {
        guard let media, number >= 0, number < media.count else {
            preconditionFailure("item \(number) of \(mediaCount)")
        }
        do {
            return try body(media)
        } catch let error as DamagedBlob {
            throw error.reading("item \(number) of the media of \(reference)")
        }
    }

    private func naming<Result>(_ digest: SHA256Digest, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as DamagedBlob {
            throw error.reading("the item \(digest) of \(reference)")
        }
    }
}
