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
        try records(
            "tevatron", queries: SourceFiles.rows(of: queries).map { try SourceFiles.records($0) },
            corpus: SourceFiles.rows(of: corpus).map { try SourceFiles.records($0) }, judgements: judgements,
            into: destination,
            reference: reference, options: options)
    }
}
