internal import Archives
internal import Base
internal import Columns
public import Ingest
public import Store
public import SystemPackage

extension Conversions {
    /// Takes a dataset as Tevatron publishes it: records in the v2 form, in Parquet or JSON Lines.
    ///
    /// - Parameters:
    ///   - queries: files, or folders whose files are taken in the order of their names.
    ///   - judgements: as ``records(queries:corpus:judgements:into:reference:options:)`` takes them.
    /// - Throws: as that; `ParquetError` for a file that is damaged.
    public static func tevatron(
        queries: [FilePath], corpus: [FilePath], judgements: [FilePath] = [], into store: Store, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        try records(
            "tevatron", queries: recordFiles(queries), corpus: recordFiles(corpus), judgements: judgements, into: store,
            reference: reference, options: options)
    }

    /// Each file, read as what it is.
    private static func recordFiles(_ sources: [FilePath]) throws -> [RecordFile] {
        var files: [FilePath] = []
        for source in sources {
            guard source != "-", Files.isDirectory(source) else {
                files.append(source)
                continue
            }
            let names = try SourceTree(source).names.filter { name in
                name.hasSuffix(".parquet") || ["", ".gz", ".zst", ".xz"].contains { name.hasSuffix(".jsonl" + $0) }
            }
            guard !names.isEmpty else {
                throw Failure(
                    .missingInput, "\(source) holds no .parquet and no .jsonl file",
                    advice: "Name the files, or the folder that they are in.")
            }
            files += names.map { source.appending($0) }
        }
        return try files.map { path in
            guard path != "-", try ParquetFile.isParquet(path) else { return RecordFile(lines: path) }
            return RecordFile(path) { try TableReader(path, carried: $0, batchByteCount: $1) }
        }
    }
}
