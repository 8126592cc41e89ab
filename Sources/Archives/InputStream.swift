public import Base
public import SystemPackage

/// How a file is packed, told by its first bytes.
public enum Compression: String, Sendable {
    case none, gzip, zstd, xz

    init(head: [UInt8]) {
        if head.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            self = .zstd
        } else if head.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
            self = .xz
        } else {
            self = .none
        }
    }
}

/// The decompressed bytes of a file, of stdin or of an archive's entry, in order.
///
/// gzip, zstd and xz are recognised by content, whatever the name. A stream that ends early is an error.
/// Not Sendable: it has a position.
public final class InputStream {
    /// Shown in messages; stdin is "standard input".
    public let path: String
    public let compression: Compression
    /// Decompressed bytes given so far.
    public private(set) var byteOffset = 0
    private let raw: RawInput?
    private let reader: ArchiveReader?

    /// - Parameters:
    ///   - path: a file, or "-" for stdin.
    ///   - hashing: whether `finish` shall know the SHA-256 of the file.
    public init(_ path: FilePath, hashing: Bool = false) throws {
        let raw = try RawInput(path, hashing: hashing)
        self.path = raw.path
        compression = Compression(head: try raw.peek(6))
        self.raw = raw
        reader = compression == .none ? nil : try ArchiveReader(decompressing: raw)
    }

    /// The current entry of an archive.
    init(entry name: String, of reader: ArchiveReader, archive: String) {
        path = archive + "/" + name
        compression = .none
        raw = nil
        self.reader = reader
    }

    /// Up to `target.count` bytes, at least one unless the end is reached; 0 at the end.
    ///
    /// - Throws: `InputError` for a damaged or truncated stream, `SystemError` when reading fails.
    public func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !target.isEmpty else { return 0 }
        let count =
            if let reader { try reader.read(into: target) } else { try raw!.read(into: target) }
        byteOffset += count
        return count
    }

    /// All bytes up to the end.
    public func readAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            if count == 0 { return bytes }
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Bytes of the file itself read so far, before decompression; nil for an archive's entry.
    public var rawByteCount: Int? { raw?.byteCount }

    /// Size and SHA-256 of the file itself, to be called at the end; nil when not hashing.
    public func finish() throws -> (size: Int, sha256: SHA256Digest)? {
        guard let raw, let sha256 = try raw.finish() else { return nil }
        return (raw.byteCount, sha256)
    }
}
