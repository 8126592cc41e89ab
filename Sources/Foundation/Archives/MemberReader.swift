public import Base
public import SystemPackage

/// The members of a zip, a tar or a folder, each once, in order: the files of raw sources, whatever they came in.
///
/// A tar may be plain or packed with gzip, zstd, xz or bzip2, which is told by content, and come from stdin. Of a zip the
/// directory at its end counts. The files of a folder come in the order of their names' bytes. Folders and hidden files
/// (`HiddenFile`) are passed over; archives within archives are files like others. Nothing is written anywhere.
///
/// Errors, all with advice: a link, a device, a file with holes, an encrypted one; a name that is no plain relative path
/// in UTF-8; two members of one name; a wrong checksum or size; an archive that is cut off, also between two members;
/// more than `ArchiveLimits` allow.
///
/// Memory: a buffer; for an archive 16 bytes a member (up to 43 while the table grows), for a zip some 250 more; for a
/// folder the names on the way to the present file. Not Sendable: it has a position.
public final class MemberReader {
    private enum Source {
        case folder(FilePath)
        /// The file as it lies there, hashed as reading goes on.
        case zip(ArchiveReader, RawInput)
        case tar(ArchiveReader, InputStream)
    }

    /// Shown in messages; stdin is "standard input".
    public let path: String
    private let source: Source
    private var walk: FolderWalk?
    /// The current file of a folder.
    private var file: RawInput?
    /// Its path by way of the folder; where the file is a link in a `HubCache`, it lies elsewhere.
    private var fileName: String?
    private var earlierByteCount = 0

    /// - Parameters:
    ///   - path: a folder, a zip or a tar; "-" is a tar from stdin.
    ///   - hashing: whether `finish` shall know the SHA-256 of the archive.
    public init(_ path: FilePath, hashing: Bool = false, limits: ArchiveLimits = ArchiveLimits()) throws {
        if path != "-", Files.isDirectory(path) {
            self.path = path.string
            source = .folder(path)
            walk = try FolderWalk(path)
            return
        }
        let raw = try RawInput(path, hashing: hashing)
        self.path = raw.path
        let head = try raw.peek(MisplacedFile.headByteCount)
        if let error = MisplacedFile.error(at: raw.path, head: head, wanted: .archive) { throw error }
        guard !head.isEmpty else {
            throw InputError(
                "the file is empty, and no archive", at: Place(path: raw.path), advice: "Fetch or make it again.")
        }
        if [[0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6], [0x50, 0x4B, 7, 8]].contains(where: { head.starts(with: $0) }) {
            guard raw.isRegularFile else {
                throw InputError(
                    "a zip cannot be read from a stream", at: Place(path: raw.path),
                    advice: "Its directory is at its end: save it as a file, and name that.")
            }
            source = .zip(try ArchiveReader(zip: path, limits: limits), raw)
        } else {
            let stream = try InputStream(raw, head: head)
            source = .tar(try ArchiveReader(tar: stream, limits: limits), stream)
        }
    }

    public var isFolder: Bool {
        guard case .folder = source else { return false }
        return true
    }

    /// Goes to the next member and gives its name, relative and without a `./` before it; nil at the end.
    public func next() throws -> String? {
        switch source {
        case .folder(let root):
            earlierByteCount = rawByteCount
            (file, fileName) = (nil, nil)
            guard let next = try walk!.next() else { return nil }
            file = try RawInput(next.path, hashing: false, followsLinks: false)
            fileName = root.appending(next.name).string
            return next.name
        case .tar(let archive, _): return try Self.nextMember(of: archive)
        case .zip(let archive, let raw):
            try Interruption.check()
            let name = try Self.nextMember(of: archive)
            try raw.pass(to: archive.zipPosition ?? 0)
            return name
        }
    }

    private static func nextMember(of archive: ArchiveReader) throws -> String? {
        while let name = try archive.next() {
            if !HiddenFile.isHidden(path: name) { return name }
        }
        return nil
    }

    /// What messages call the current member: the archive and its name in it.
    public var memberPath: String {
        switch source {
        case .folder: fileName ?? path
        case .tar(let archive, _), .zip(let archive, _): archive.memberPath
        }
    }

    /// Unpacked bytes of the current member; nil where that is not told beforehand, and without a member.
    public var memberByteCount: Int? {
        switch source {
        case .folder: file?.fileByteCount
        case .tar(let archive, _), .zip(let archive, _): archive.memberByteCount
        }
    }

    /// Up to `target.count` bytes of the current member, at least one unless its end is reached; 0 at its end.
    public func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !target.isEmpty else { return 0 }
        switch source {
        case .folder: return try file?.read(into: target) ?? 0
        case .tar(let archive, _): return try archive.read(into: target)
        case .zip(let archive, let raw):
            let count = try archive.read(into: target)
            try raw.pass(to: archive.zipPosition ?? 0)
            return count
        }
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

    /// Bytes of the archive itself read so far, packed as they are; of a folder those of its files.
    public var rawByteCount: Int {
        switch source {
        case .folder: earlierByteCount + (file?.byteCount ?? 0)
        case .tar(_, let stream): stream.rawByteCount ?? 0
        case .zip(let archive, _): archive.zipPosition ?? 0
        }
    }

    /// Size and SHA-256 of the archive itself, to be called at the end; nil when not hashing, and of a folder.
    ///
    /// What was not gone through by then is hashed, not checked.
    public func finish() throws -> (size: Int, sha256: SHA256Digest)? {
        switch source {
        case .folder: nil
        case .tar(_, let stream): try stream.finish()
        case .zip(_, let raw): try raw.finish().map { (raw.byteCount, $0) }
        }
    }
}
