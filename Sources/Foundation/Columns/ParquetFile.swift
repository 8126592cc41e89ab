internal import Base
internal import CArrow
public import SystemPackage

/// A Parquet file, its footer read.
///
/// Not Sendable: Arrow's reader serves one thread at a time.
public final class ParquetFile {
    public let path: FilePath
    /// The top-level columns, in the file's order. Names may repeat.
    public var fields: [ColumnField] { schema.fields }
    public let rowCount: Int
    private let schema: TableSchema
    private let handle: OpaquePointer

    /// - Parameter memoryLimit: bytes that reading it may take at one time; a file that asks for more is an error.
    /// - Throws: `ParquetError` for a file that cannot be read as Parquet; `SystemError` where there is none.
    public init(_ path: FilePath, memoryLimit: Int = 1 << 30) throws {
        self.path = path
        // Says "no such file" as the other readers do.
        _ = try Files.size(path)
        var opened: OpaquePointer?
        var message: UnsafeMutablePointer<CChar>?
        let status = tvt_parquet_open(path.string, Int64(memoryLimit), &opened, &message)
        guard status == 0, let opened else { throw ParquetError(path, status: status, message) }
        handle = opened
        var schema = ArrowSchema()
        let schemaStatus = tvt_parquet_schema(opened, &schema, &message)
        guard schemaStatus == 0 else {
            tvt_parquet_close(opened)
            throw ParquetError(path, status: schemaStatus, message)
        }
        self.schema = TableSchema(releasing: &schema)
        rowCount = Int(tvt_parquet_row_count(opened))
    }

    deinit { tvt_parquet_close(handle) }

    /// Whether a file begins as Parquet files do. A stream does not: it is left unopened, since its writer would notice.
    public static func isParquet(_ path: FilePath) throws -> Bool {
        if Files.isStream(path) { return false }
        let file = try MappedFile(path)
        return withExtendedLifetime(file) { file.bytes.prefix(4).elementsEqual("PAR1".utf8) }
    }

    /// Begins to read columns from the first row on.
    ///
    /// - Parameters:
    ///   - names: columns of the file, in the order that rows shall have; others are not read.
    ///   - batchBytes: about how much is read at a time, by the sizes that the file claims.
    /// - Throws: `ParquetError` for a column that is not there, is there twice, or has a type that is not read: unions,
    ///   intervals, run-end encoding.
    public func pass(over names: [String], batchBytes: Int = 8 << 20) throws -> ParquetPass {
        let (columns, chosen) = try schema.columns(names, of: path)
        var pass: OpaquePointer?
        var message: UnsafeMutablePointer<CChar>?
        let status = tvt_parquet_pass_begin(handle, columns, Int32(columns.count), Int64(batchBytes), &pass, &message)
        guard status == 0, let pass else { throw ParquetError(path, status: status, message) }
        return ParquetPass(path, pass, chosen, rowCount: rowCount)
    }
}

/// A pass over some columns of a Parquet file, from the first row to the last.
public final class ParquetPass {
    private let path: FilePath
    private let handle: OpaquePointer
    private let columns: [(name: String, shape: ColumnShape)]
    private let rowCount: Int
    private var nextRow = 0

    init(_ path: FilePath, _ handle: OpaquePointer, _ columns: [(name: String, shape: ColumnShape)], rowCount: Int) {
        self.path = path
        self.handle = handle
        self.columns = columns
        self.rowCount = rowCount
    }

    deinit { tvt_parquet_pass_end(handle) }

    /// The next rows; nil behind the last.
    ///
    /// - Throws: `ParquetError` for damage, and where the rows end before the number that the file claims.
    public func next() throws -> RecordBatch? {
        var array = ArrowArray()
        var message: UnsafeMutablePointer<CChar>?
        let status = tvt_parquet_next(handle, &array, &message)
        guard status == 0 else { throw ParquetError(path, status: status, message) }
        guard array.release != nil else {
            guard nextRow == rowCount else {
                throw ParquetError(path, "it ends after \(nextRow) of \(rowCount) rows")
            }
            return nil
        }
        let batch = RecordBatch(path, array, columns, firstRow: nextRow)
        nextRow += batch.rowCount
        return batch
    }
}
