internal import CArrow
public import SystemPackage

/// A file of columns, of which some are read from the first row to the last.
public protocol TableFile: AnyObject {
    var path: FilePath { get }
    /// The top-level columns, in the file's order. Names may repeat.
    var fields: [ColumnField] { get }
    /// Nil where the file does not tell it before it is read.
    var knownRowCount: Int? { get }

    /// - Parameter names: columns of the file, in the order that rows shall have; others are not read.
    /// - Throws: `ParquetError` for a column that is not there, is there twice, or has a type that is not read.
    func tablePass(over names: [String]) throws -> any TablePass
}

/// A pass over some columns of a file.
public protocol TablePass: AnyObject {
    /// The next rows; nil behind the last.
    func next() throws -> RecordBatch?
}

extension ParquetFile: TableFile {
    public var knownRowCount: Int? { rowCount }
    public func tablePass(over names: [String]) throws -> any TablePass { try pass(over: names) }
}

extension ParquetPass: TablePass {}

/// Names, types and layouts of the columns of a file.
struct TableSchema {
    let fields: [ColumnField]
    private let shapes: [ColumnShape?]

    /// Reads a schema of the C data interface, and releases it.
    init(releasing schema: inout ArrowSchema) {
        defer { schema.release(&schema) }
        var fields: [ColumnField] = []
        var shapes: [ColumnShape?] = []
        for index in 0..<Int(schema.n_children) {
            let child = schema.children[index]!
            // A column of a strange type hinders nobody who does not ask for it.
            let shape = try? ColumnShape(UnsafePointer(child))
            shapes.append(shape)
            fields.append(ColumnField(name: String(cString: child.pointee.name), type: shape?.type ?? .null))
        }
        (self.fields, self.shapes) = (fields, shapes)
    }

    /// The positions and shapes of columns.
    ///
    /// - Throws: `ParquetError` for a column that is not there, is there twice, or has a type that is not read: unions,
    ///   intervals, run-end encoding.
    func columns(
        _ names: [String], of path: FilePath
    ) throws -> (positions: [Int32], columns: [(name: String, shape: ColumnShape)]) {
        var positions: [Int32] = []
        var columns: [(name: String, shape: ColumnShape)] = []
        let known = Dictionary(grouping: fields.indices) { fields[$0].name }
        for name in names {
            let found = known[name] ?? []
            guard let index = found.first else {
                let known = fields.prefix(20).map { "\"\($0.name)\"" }.joined(separator: ", ")
                throw ParquetError(path, "there is no column \"\(name)\"; there are \(known)")
            }
            guard found.count == 1 else { throw ParquetError(path, "there are \(found.count) columns \"\(name)\"") }
            guard let shape = shapes[index] else {
                throw ParquetError(path, "the column \"\(name)\" has a type that tvt does not read")
            }
            positions.append(Int32(index))
            columns.append((name, shape))
        }
        return (positions, columns)
    }
}
