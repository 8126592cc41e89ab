internal import Base
internal import CArrow
public import SystemPackage

/// A file of Arrow's IPC format (`.arrow`, Feather version 2), or a stream of it in a file, as the `datasets` library writes.
///
/// Buffers that are not compressed are mapped, so that a batch may be as large as the file.
/// Not Sendable: Arrow's reader serves one thread at a time.
public final class ArrowFile: TableFile {
    public let path: FilePath
    public var fields: [ColumnField] { schema.fields }
    /// Nil for a stream.
    public let knownRowCount: Int?
    private let schema: TableSchema
    private let handle: OpaquePointer

    /// - Parameter memoryLimit: bytes that reading it may take at one time, mapped ones apart.
    /// - Throws: `ParquetError` for a file that cannot be read as Arrow's; `SystemError` where there is none.
    public init(_ path: FilePath, memoryLimit: Int = 1 << 30) throws {
        self.path = path
        // Says "no such file" as the other readers do.
        _ = try Files.size(path)
        var opened: OpaquePointer?
        var message: UnsafeMutablePointer<CChar>?
        let status = tvt_arrow_open(path.string, Int64(memoryLimit), &opened, &message)
        guard status == 0, let opened else { throw ParquetError(path, status: status, message, format: "Arrow") }
        handle = opened
        var schema = ArrowSchema()
        let schemaStatus = tvt_arrow_schema(opened, &schema, &message)
        guard schemaStatus == 0 else {
            tvt_arrow_close(opened)
            throw ParquetError(path, status: schemaStatus, message, format: "Arrow")
        }
        self.schema = TableSchema(releasing: &schema)
        let rowCount = Int(tvt_arrow_row_count(opened))
        knownRowCount = rowCount < 0 ? nil : rowCount
    }

    deinit { tvt_arrow_close(handle) }

    /// Whether a file begins as Arrow's files do, or as its streams: with the message of a schema.
    public static func isArrow(_ path: FilePath) throws -> Bool {
        if Files.isStream(path) { return false }
        let file = try MappedFile(path)
        return withExtendedLifetime(file) {
            let head = file.bytes.prefix(8)
            if head.starts(with: "ARROW1".utf8) { return true }
            guard head.count == 8, head.prefix(4).allSatisfy({ $0 == 0xFF }) else { return false }
            // The message's size, a multiple of 8 that the file has.
            let count = (4..<8).reduce(0) { $0 | Int(head[$1]) << (8 * ($1 - 4)) }
            return count > 0 && count % 8 == 0 && count <= file.bytes.count - 8
        }
    }

    public func tablePass(over names: [String]) throws -> any TablePass {
        let (positions, columns) = try schema.columns(names, of: path)
        var pass: OpaquePointer?
        var message: UnsafeMutablePointer<CChar>?
        let status = tvt_arrow_pass_begin(handle, positions, Int32(positions.count), &pass, &message)
        guard status == 0, let pass else { throw ParquetError(path, status: status, message, format: "Arrow") }
        return ArrowPass(path, pass, columns)
    }
}

/// A pass over some columns of an Arrow file, from the first row to the last.
private final class ArrowPass: TablePass {
    private let path: FilePath
    private let handle: OpaquePointer
    private let columns: [(name: String, shape: ColumnShape)]
    private var nextRow = 0

    init(_ path: FilePath, _ handle: OpaquePointer, _ columns: [(name: String, shape: ColumnShape)]) {
        (self.path, self.handle, self.columns) = (path, handle, columns)
    }

    deinit { tvt_arrow_pass_end(handle) }

    func next() throws -> RecordBatch? {
        var array = ArrowArray()
        var message: UnsafeMutablePointer<CChar>?
        let status = tvt_arrow_next(handle, &array, &message)
        guard status == 0 else { throw ParquetError(path, status: status, message, format: "Arrow") }
        guard array.release != nil else { return nil }
        let batch = RecordBatch(path, array, columns, firstRow: nextRow)
        nextRow += batch.rowCount
        return batch
    }
}
