internal import Base
internal import CArrow
internal import JSON
public import SystemPackage

/// Some rows of a table, decoded.
///
/// `@unchecked Sendable`: nothing of it changes, and Arrow's arrays may be read and released on any thread.
public final class RecordBatch: @unchecked Sendable {
    public let path: FilePath
    /// Position in the file of the batch's first row.
    public let firstRow: Int
    public let rowCount: Int
    private var array: ArrowArray
    private let columns: [(name: String, key: [UInt8], column: Column)]

    /// Appends a binary value to a row as JSON.
    ///
    /// - Parameters:
    ///   - value: the bytes; valid during the call.
    ///   - path: where in the row they are: `image.bytes`.
    ///   - row: the row to append a JSON value to.
    public typealias BytesWriter = (
        _ value: UnsafeRawBufferPointer, _ path: [String], _ row: inout [UInt8]
    ) throws -> Void

    init(_ path: FilePath, _ array: ArrowArray, _ columns: [(name: String, shape: ColumnShape)], firstRow: Int) {
        self.path = path
        self.array = array
        self.firstRow = firstRow
        rowCount = Int(array.length)
        self.columns = columns.enumerated().map { index, column in
            var key: [UInt8] = []
            JSONText.appendString(column.name, to: &key)
            return (column.name, key, Column(array.children[index]!, column.shape))
        }
    }

    deinit { array.release(&array) }

    /// Appends a row as a JSON object, its keys in the order of the columns that were asked for.
    ///
    /// Integers and finite floats are numbers, NaN is null (pandas writes it for "missing"), decimals are strings that
    /// keep their digits, dates and times ISO 8601 strings, durations whole numbers of their unit, a map an array of
    /// `{"key":…,"value":…}`. All rows have the same keys; what is missing is null.
    ///
    /// - Parameters:
    ///   - row: within the batch.
    ///   - writeBytes: called for each binary value.
    /// - Throws: `InputError` with the row (1-based, as its line) and the column for what JSON cannot say: an infinity.
    public func appendJSON(ofRow row: Int, to output: inout [UInt8], writeBytes: BytesWriter) throws {
        output.append(UInt8(ascii: "{"))
        for index in columns.indices {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output += columns[index].key
            output.append(UInt8(ascii: ":"))
            try appendJSON(ofRow: row, column: index, to: &output, writeBytes: writeBytes)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends one value as JSON.
    ///
    /// - Parameters:
    ///   - column: position among those that were asked for.
    ///   - form: how ids in it are written.
    public func appendJSON(
        ofRow row: Int, column index: Int, to output: inout [UInt8], form: ValueForm = .plain,
        writeBytes: BytesWriter
    ) throws {
        precondition(row >= 0 && row < rowCount, "a row of the batch")
        let (name, _, column) = columns[index]
        var writer = ValueWriter(output: consume output, path: [name], form: form)
        defer { output = writer.output }
        do {
            try writer.append(column, row, writeBytes)
        } catch let fault as UnsayableValue {
            throw InputError(fault.reason, at: Place(path: path.string, line: firstRow + row + 1, field: fault.field))
        }
    }

    public func isNull(row: Int, column: Int) -> Bool { columns[column].column.isNull(row) }

    /// The bytes of a text or of a binary value; valid as long as the batch.
    ///
    /// - Parameter field: of a column of structures, the one that is meant.
    /// - Returns: nil for null, for a field that there is not, and for values of other types.
    public func bytes(ofRow row: Int, column index: Int, field: String? = nil) -> UnsafeRawBufferPointer? {
        precondition(row >= 0 && row < rowCount, "a row of the batch")
        let column = columns[index].column
        guard let field else { return column.slice(row) }
        guard case .structure(let fields) = column.contents, !column.isNull(row) else { return nil }
        return fields.first { $0.name == field }?.column.slice(column.position(row))
    }
}

/// How the values of a column are written as JSON.
public enum ValueForm: Sendable, Equatable {
    case plain
    /// Whole numbers as strings of their decimal digits: ids, or lists of them.
    case ids
    /// Structures that are records: whole numbers of the field of this name as strings, and no field where it is null.
    case records(id: String)
}

/// A value that JSON has no form for.
struct UnsayableValue: Error {
    let reason: String
    let field: String
}
