internal import Archives
internal import Base
internal import Columns
internal import Ingest
internal import JSON
internal import SystemPackage

/// The files of rows that a source is made of, and those beside them that are not read.
struct SourceFiles {
    private(set) var files: [FilePath] = []
    /// Of the folders that were named.
    private(set) var unread: [FilePath] = []

    /// Endings of packed files.
    static let packings = ["", ".gz", ".zst", ".xz", ".bz2"]

    /// Whether a name ends so, packed or not, in letters of any case.
    static func hasEnding(_ name: String, _ endings: String...) -> Bool {
        let name = name.lowercased()
        return endings.contains { ending in packings.contains { name.hasSuffix(ending + $0) } }
    }

    /// Files as they are named, and of folders all Parquet files and JSON Lines, in the order of their names.
    static func rows(of sources: [FilePath]) throws -> SourceFiles {
        try SourceFiles(sources, holding: ".parquet and no .jsonl") { hasEnding($0, ".parquet", ".jsonl", ".ndjson") }
    }

    /// Files as they are named, and of folders those whose relative names are wanted, in the order of their names.
    ///
    /// - Parameter what: kinds of files, for the message that there are none.
    init(_ sources: [FilePath], holding what: String, where isWanted: (String) -> Bool) throws {
        for source in sources {
            guard source != "-", Files.isDirectory(source) else {
                files.append(source)
                continue
            }
            let names = try SourceTree(source).names
            let wanted = names.filter(isWanted)
            guard !wanted.isEmpty else {
                throw Failure(
                    .missingInput, "\(source) holds no \(what) file",
                    advice: "Name the files, or the folder that they are in.")
            }
            files += wanted.map { source.appending($0) }
            unread += names.filter { !isWanted($0) }.map { source.appending($0) }
        }
    }

    /// A file, read as what it is: a table, a JSON array of objects, or JSON Lines.
    ///
    /// - Parameters:
    ///   - columns: which of a table's columns are read; nil for all.
    ///   - nullColumns: columns of a table whose nulls are fields, and not fields that are missing.
    static func records(
        _ path: FilePath, columns: [String]? = nil, nullColumns: Set<String> = []
    ) throws -> RecordFile {
        // What cannot be mapped, as a pipe, is no table; what cannot be read says so where it is opened.
        guard path != "-", (try? ParquetFile.isParquet(path)) == true else { return records(StreamFile(path)) }
        return RecordFile(path) { try TableReader(path, columns: columns, nullColumns: nullColumns, $0) }
    }

    /// A file that is no table: a JSON array of objects where it is called so, or JSON Lines.
    static func records(_ file: StreamFile) -> RecordFile {
        guard hasEnding(file.path.string, ".json") else { return RecordFile(lines: file) }
        return RecordFile(file.path, carriesMedia: false) { context in
            // Many who publish JSON Lines call them so.
            try isArray(file) ? JSONArrayReader(file.open(), context) : RecordFile(lines: file).open(context)
        }
    }

    /// Whether a file's first byte that is no space is a bracket.
    private static func isArray(_ file: StreamFile) throws -> Bool {
        guard file.path != "-" else { return false }
        let stream = try file.open()
        var head = [UInt8](repeating: 0, count: 1 << 12)
        let count = try head.withUnsafeMutableBytes { try stream.read(into: $0) }
        return head[..<count].first { $0 > 0x20 && ![0xEF, 0xBB, 0xBF].contains($0) } == UInt8(ascii: "[")
    }

    /// Calls `body` with every row of a file, before the conversion begins; faults are left to who reads it again.
    static func forEachRow(of path: FilePath, _ body: (JSONNode) throws -> Void) throws {
        var files = AnnotationFiles()
        try files.forEachRow(of: records(path).open(ReadingContext())) { row, _ in try body(row) }
    }

    private static let splits = ["train", "val", "valid", "validation", "dev", "test"]

    /// The split that a file belongs to, as its name says (`train-00000-of-00002.parquet`, `audiocaps_val.csv`), or else the folder that it
    /// lies in.
    static func knownSplit(of path: FilePath) -> String? {
        let folder = path.removingLastComponent().lastComponent?.string
        for name in [path.stem, folder].compactMap({ $0 }) {
            let words = name.split { !$0.isLetter }.map(String.init)
            if let split = words.first(where: { splits.contains($0) }) { return split }
        }
        return nil
    }

    /// As `knownSplit`.
    ///
    /// - Throws: `Failure` with status 64 where nothing tells it.
    static func split(of path: FilePath) throws -> String {
        if let split = knownSplit(of: path) { return split }
        throw Failure(
            .usage, "the name of \(path) does not tell its split",
            advice: "Files are called train.csv, val-00000-of-00001.parquet, or lie in a folder of their split.")
    }
}

extension RawSource {
    /// A source whose files all hold rows of one kind.
    static func rows(
        _ command: String, of sources: [FilePath], options: JSONObject = [:], _ rows: (FilePath) -> any SourceRows
    ) throws -> RawSource {
        let found = try SourceFiles.rows(of: sources)
        var source = RawSource(
            command, try found.files.map { Input(try SourceFiles.records($0), rows($0)) }, options: options)
        source.warn(unread: found.unread)
        return source
    }
}
