public import Base
public import SystemPackage

/// How a file is packed, told by its first bytes.
public enum Compression: String, Sendable {
    case none, gzip, zstd, xz, bzip2

    init(head: [UInt8]) {
        if head.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
            self = .zstd
        } else if head.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
            self = .xz
        } else if head.starts(with: [0x42, 0x5A, 0x68]), head.dropFirst(4).starts(with: [0x31, 0x41, 0x59, 0x26]) {
            self = .bzip2
        } else {
            self = .none
        }
    }
}

/// The decompressed bytes of a file, of stdin or of an archive's member, in order.
///
/// gzip, zstd, xz and bzip2 are recognised by content, whatever the name; members are given as they are. A stream that ends
/// early is an error, and so is a wrong checksum.
/// Not Sendable: it has a position.
public final class InputStream {
    private enum Source {
        case plain
        case gzip(GzipReader)
        case packed(CompressedReader)
        case member(MemberReader)
    }

    /// Shown in messages; stdin is "standard input".
    public let path: String
    public let compression: Compression
    /// Decompressed bytes given so far.
    public private(set) var byteOffset = 0
    private let raw: RawInput?
    private let source: Source
    /// Whether its beginning is looked at for what is no text.
    private var isText = false

    /// - Parameters:
    ///   - path: a file, or "-" for stdin.
    ///   - hashing: whether `finish` shall know the SHA-256 of the file.
    public convenience init(_ path: FilePath, hashing: Bool = false) throws {
        let raw = try RawInput(path, hashing: hashing)
        try self.init(raw, head: raw.peek(MisplacedFile.headByteCount))
    }

    /// - Parameter head: the first bytes, which were peeked at.
    init(_ raw: RawInput, head: [UInt8]) throws {
        path = raw.path
        compression = Compression(head: head)
        self.raw = raw
        source =
            switch compression {
            case .none: .plain
            case .gzip: .gzip(try GzipReader(raw))
            case .zstd, .xz, .bzip2: .packed(try CompressedReader(raw))
            }
    }

    /// What is left of the current member of an archive or a folder; the reader must stay at it meanwhile.
    public init(memberOf reader: MemberReader) {
        path = reader.memberPath
        compression = .none
        raw = nil
        source = .member(reader)
    }

    /// Lets the first `read` throw an `InputError` where the stream begins as a `MisplacedFile` does, in whose place lines or a JSON
    /// text should be.
    package func expectText() { isText = true }

    /// Up to `target.count` bytes, at least one unless the end is reached; 0 at the end.
    ///
    /// - Throws: `InputError` for a damaged or truncated stream, `SystemError` when reading fails, `Failure` with status
    ///   130 after an interruption.
    public func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !target.isEmpty else { return 0 }
        try Interruption.check()
        var count = try readSource(into: target)
        if byteOffset == 0, isText {
            // A decompressor may give its first bytes one by one.
            let wanted = min(target.count, MisplacedFile.headByteCount)
            while count < wanted {
                let more = try readSource(into: UnsafeMutableRawBufferPointer(rebasing: target[count...]))
                if more == 0 { break }
                count += more
            }
            let head = Array(target[..<min(count, MisplacedFile.headByteCount)])
            if let error = MisplacedFile.error(at: path, head: head, wanted: .text) { throw error }
        }
        byteOffset += count
        return count
    }

    private func readSource(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        switch source {
        case .plain: try raw!.read(into: target)
        case .gzip(let reader): try reader.read(into: target)
        case .packed(let reader): try reader.read(into: target)
        case .member(let reader): try reader.read(into: target)
        }
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

    /// Bytes of the file itself read so far, before decompression; nil for a member.
    public var rawByteCount: Int? { raw?.byteCount }

    /// Size and SHA-256 of the file itself, to be called at the end; nil when not hashing, and for a member.
    public func finish() throws -> (size: Int, sha256: SHA256Digest)? {
        guard let raw, let sha256 = try raw.finish() else { return nil }
        return (raw.byteCount, sha256)
    }
}
