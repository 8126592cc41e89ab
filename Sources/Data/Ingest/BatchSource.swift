package import Archives
package import Base
package import SystemPackage

/// Where records come from, in batches of lines: a file of lines, the samples of a tar, the rows of a table.
package protocol BatchSource: AnyObject {
    /// As messages name it.
    var path: String { get }
    /// The next lines, and the faults of rows that could not be made lines of; nil at the end.
    ///
    /// - Throws: what keeps the rest of the file from being read.
    func nextBatch() throws -> LineBatch?
    /// Bytes of the file read so far, for the progress; unpacked ones where the others are not known.
    var readByteCount: Int { get }
    /// Unpacked bytes so far.
    var parsedByteCount: Int { get }
    /// Columns of a table that records have no place for, and how many values of each were left out so far.
    var leftOutColumns: [(name: String, count: Int)] { get }
    /// Size and SHA-256 of the file, at the end; nil where it is no file of its own.
    func finish() throws -> (size: Int, sha256: SHA256Digest)?
}

extension BatchSource {
    package var leftOutColumns: [(name: String, count: Int)] { [] }
}

extension LineBatch {
    /// Calls `body` with every line and `fault` with what stands among the lines, in order.
    package func forEachLine(
        _ body: (Line) throws -> Void, fault: (Fault) throws -> Void
    ) rethrows {
        var rest = faults[...]
        var index = 0
        try forEachLine { line in
            while let next = rest.first, next.lineCountBefore <= index {
                try fault(next)
                rest.removeFirst()
            }
            try body(line)
            if !line.isBlank { index += 1 }
        }
        for next in rest { try fault(next) }
    }
}

/// How records are read, whatever they lie in.
package struct ReadingContext {
    /// Gets what readers find of items of media, before the records that name them.
    package let carried: CarriedMedia
    package let batchByteCount: Int
    /// Bytes of the longest record.
    package let recordByteLimit: Int

    package init(
        carried: CarriedMedia = CarriedMedia(), batchByteCount: Int = 1 << 20,
        recordByteLimit: Int = LineReader.longestLine
    ) {
        self.carried = carried
        self.batchByteCount = batchByteCount
        self.recordByteLimit = recordByteLimit
    }
}

/// The lines of a stream.
final class LineBatches: BatchSource {
    private let stream: InputStream
    private let reader: LineReader

    init(_ stream: InputStream, batchByteCount: Int = 1 << 20, lineLimit: Int) {
        self.stream = stream
        reader = LineReader(stream, batchByteCount: batchByteCount, lineLimit: lineLimit)
    }

    convenience init(_ stream: InputStream, _ context: ReadingContext) {
        self.init(stream, batchByteCount: context.batchByteCount, lineLimit: context.recordByteLimit)
    }

    var path: String { stream.path }
    func nextBatch() throws -> LineBatch? { try reader.nextBatch() }
    var readByteCount: Int { stream.rawByteCount ?? stream.byteOffset }
    var parsedByteCount: Int { stream.byteOffset }
    func finish() throws -> (size: Int, sha256: SHA256Digest)? { try stream.finish() }
}

/// A file of records, opened when its turn comes.
package struct RecordFile {
    package let path: FilePath
    /// Whether items of media come with its records.
    let carriesMedia: Bool
    /// Whether nothing may come of it, as of an archive in which all files belong to other splits.
    let mayBeEmpty: Bool
    package let open: (ReadingContext) throws -> any BatchSource

    package init(
        _ path: FilePath, carriesMedia: Bool = true, mayBeEmpty: Bool = false,
        open: @escaping (ReadingContext) throws -> any BatchSource
    ) {
        self.path = path
        self.mayBeEmpty = mayBeEmpty
        self.carriesMedia = carriesMedia
        self.open = open
    }

    /// JSON Lines that lie wherever they do.
    package init(lines file: StreamFile) {
        self.init(file.path, carriesMedia: false) { LineBatches(try file.open(), $0) }
    }

    /// JSON Lines, plain or packed; "-" is stdin.
    package init(lines path: FilePath) { self.init(lines: StreamFile(path)) }
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

/// A file of judgements, opened when its turn comes.
package struct JudgementFile {
    package let path: FilePath
    /// Whether its rows are objects with named fields; otherwise its name and its first line tell.
    let hasObjects: Bool
    let open: (ReadingContext) throws -> any BatchSource

    /// Lines of columns, or JSON Lines.
    package init(_ file: StreamFile) {
        path = file.path
        hasObjects = false
        open = { _ in LineBatches(try file.open(), lineLimit: LineReader.longestLineOfColumns) }
    }

    /// The rows of a table, or the objects of an array.
    package init(rows file: RecordFile) {
        path = file.path
        hasObjects = true
        open = file.open
    }
}
