public import Base
public import SystemPackage

/// The members of a tar in their order, once; plain, or packed with gzip, zstd or xz, which is told by content.
///
/// A tar that is cut off, also between two members, is an error. Folders are passed over; links are errors.
/// Not Sendable: it has a position.
public final class TarReader {
    /// Shown in messages; stdin is "standard input".
    public let path: String
    private let raw: RawInput
    private let reader: ArchiveReader

    /// - Parameters:
    ///   - path: a file, or "-" for stdin.
    ///   - hashing: whether `finish` shall know the SHA-256 of the file.
    public init(_ path: FilePath, hashing: Bool = false) throws {
        raw = try RawInput(path, hashing: hashing)
        self.path = raw.path
        reader = try ArchiveReader(tar: raw)
    }

    /// Goes to the next member and gives its name; nil at the end.
    public func next() throws -> String? { try reader.nextEntry() }

    /// Up to `target.count` bytes of the current member, at least one unless its end is reached; 0 at its end.
    public func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        target.isEmpty ? 0 : try reader.read(into: target)
    }

    /// All that is left of the current member, up to `limit` bytes; nil where it has more.
    public func readAll(limit: Int) throws -> [UInt8]? {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { return nil }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Bytes of the file itself read so far, before decompression.
    public var rawByteCount: Int { raw.byteCount }

    /// Size and SHA-256 of the file itself, to be called at the end; nil when not hashing.
    public func finish() throws -> (size: Int, sha256: SHA256Digest)? {
        guard let sha256 = try raw.finish() else { return nil }
        return (raw.byteCount, sha256)
    }
}
