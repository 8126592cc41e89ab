package import Archives
package import Base
package import SystemPackage

/// Where records come from, in batches of lines: a file of lines, the samples of a tar, the rows of a table.
package protocol BatchSource: AnyObject {
    /// As messages name it.
    var path: String { get }
    func nextBatch() throws -> LineBatch?
    /// Bytes of the file read so far, for the progress; unpacked ones where the others are not known.
    var readByteCount: Int { get }
    /// Unpacked bytes so far.
    var parsedByteCount: Int { get }
    /// Size and SHA-256 of the file, at the end; nil where it is no file of its own.
    func finish() throws -> (size: Int, sha256: SHA256Digest)?
}

/// The lines of a stream.
final class LineBatches: BatchSource {
    private let stream: InputStream
    private let reader: LineReader

    init(_ stream: InputStream, batchByteCount: Int) {
        self.stream = stream
        reader = LineReader(stream, batchByteCount: batchByteCount)
    }

    var path: String { stream.path }
    func nextBatch() throws -> LineBatch? { try reader.nextBatch() }
    var readByteCount: Int { stream.rawByteCount ?? stream.byteOffset }
    var parsedByteCount: Int { stream.byteOffset }
    func finish() throws -> (size: Int, sha256: SHA256Digest)? { try stream.finish() }
}

/// A file of records, opened when its turn comes.
package struct RecordFile {
    let path: FilePath
    /// Whether items of media come with its records.
    let carriesMedia: Bool
    /// Whether nothing may come of it, as of an archive in which all files belong to other splits.
    let mayBeEmpty: Bool
    package let open: (_ carried: CarriedMedia, _ batchByteCount: Int) throws -> any BatchSource

    /// - Parameter open: gives what it reads of items to `carried`, before the records that name them.
    package init(
        _ path: FilePath, carriesMedia: Bool = true, mayBeEmpty: Bool = false,
        open: @escaping (_ carried: CarriedMedia, _ batchByteCount: Int) throws -> any BatchSource
    ) {
        self.path = path
        self.mayBeEmpty = mayBeEmpty
        self.carriesMedia = carriesMedia
        self.open = open
    }

    /// JSON Lines that lie wherever they do.
    package init(lines file: StreamFile) {
        self.init(file.path, carriesMedia: false) { LineBatches(try file.open(), batchByteCount: $1) }
    }

    /// JSON Lines, plain or packed; "-" is stdin.
    package init(lines path: FilePath) {
        self.path = path
        (carriesMedia, mayBeEmpty) = (false, false)
        open = { LineBatches(try InputStream(path, hashing: true), batchByteCount: $1) }
    }
}

/// A file or the member of an archive, opened when its turn comes.
package struct StreamFile {
    /// As messages name it; no file lies there where it is a member.
    package let path: FilePath
    package let open: () throws -> InputStream

    package init(_ path: FilePath, open: @escaping () throws -> InputStream) {
        self.path = path
        self.open = open
    }

    /// - Parameter path: "-" is stdin.
    package init(_ path: FilePath) { self.init(path) { try InputStream(path, hashing: true) } }
}
