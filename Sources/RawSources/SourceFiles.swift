internal import Archives
internal import Base
internal import Columns
internal import Ingest
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
}
