public import Ingest
public import SystemPackage

extension Conversions {
    /// Takes a dataset as Tevatron publishes it: records in the v2 form, in Parquet or JSON Lines.
    ///
    /// - Parameters:
    ///   - queries: files, or folders whose files are taken in the order of their names.
    ///   - judgements: as ``records(queries:corpus:judgements:into:reference:options:)`` takes them.
    /// - Throws: as that; `ParquetError` for a file that is damaged.
    public static func tevatron(
        queries: [FilePath], corpus: [FilePath], judgements: [FilePath] = [],
        into destination: any ConversionDestination, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        let (queries, corpus) = (try SourceFiles.rows(of: queries), try SourceFiles.rows(of: corpus))
        return try records(
            "tevatron", queries: queries.files.map { try SourceFiles.records($0) },
            corpus: corpus.files.map { try SourceFiles.records($0) }, judgements: judgements,
            unread: queries.unread + corpus.unread, into: destination, reference: reference, options: options)
    }

    /// Takes v1 rows in JSON Lines or Parquet.
    ///
    /// - Parameter sources: files, or folders whose files are taken in the order of their names; "-" is stdin.
    public static func v1(
        _ sources: [FilePath], into destination: any ConversionDestination, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        let found = try SourceFiles.rows(of: sources)
        return try rows(
            found.files.map {
                try SourceFiles.records($0, nullColumns: ["positive_passages", "negative_passages"])
            }, unread: found.unread, into: destination, reference: reference, options: options)
    }
}
