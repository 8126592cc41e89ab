internal import Archives
internal import Base
internal import Columns
internal import Ingest
internal import JSON
internal import SystemPackage

/// The files of rows that a source is made of.
enum SourceFiles {
    /// Endings of packed files.
    static let packings = ["", ".gz", ".zst", ".xz"]

    /// Files as they are named, and of folders all Parquet files and JSON Lines, in the order of their names.
    static func rows(of sources: [FilePath]) throws -> [FilePath] {
        try find(sources, holding: ".parquet and no .jsonl") { name in
            name.hasSuffix(".parquet") || packings.contains { name.hasSuffix(".jsonl" + $0) }
        }
    }

    /// Files as they are named, and of folders those whose relative names are wanted, in the order of their names.
    ///
    /// - Parameter what: kinds of files, for the message that there are none.
    static func find(
        _ sources: [FilePath], holding what: String, where isWanted: (String) -> Bool
    ) throws -> [FilePath] {
        try sources.flatMap { source -> [FilePath] in
            guard source != "-", Files.isDirectory(source) else { return [source] }
            let names = try SourceTree(source).names.filter(isWanted)
            guard !names.isEmpty else {
                throw Failure(
                    .missingInput, "\(source) holds no \(what) file",
                    advice: "Name the files, or the folder that they are in.")
            }
            return names.map { source.appending($0) }
        }
    }

    /// A file, read as what it is: a table or JSON Lines.
    ///
    /// - Parameter columns: which of a table's columns are read; nil for all.
    static func records(_ path: FilePath, columns: [String]? = nil) throws -> RecordFile {
        guard path != "-", Files.exists(path), try ParquetFile.isParquet(path) else { return RecordFile(lines: path) }
        return RecordFile(path) { try TableReader(path, columns: columns, carried: $0, batchByteCount: $1) }
    }

    /// Calls `body` with every row of a file, before the conversion begins.
    ///
    /// - Throws: `InputError` with the row's place for a `RecordFault` of `body`.
    static func forEachRow(of path: FilePath, _ body: (JSONNode) throws -> Void) throws {
        var files = AnnotationFiles()
        try files.forEachRow(of: records(path).open(CarriedMedia(), 1 << 20)) { row, _ in try body(row) }
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
