package import Archives
package import Base
package import Ingest
internal import JSON

/// The rows of a CSV or TSV as the lines of JSON objects: keys are the columns' names, values are strings.
///
/// Lines end in LF or CR LF; a UTF-8 byte order mark at the start and empty lines are passed over. An empty field is an
/// empty string. A row that cannot be read in one way only is a fault with its place: where it begins, the line counts line breaks
/// inside of quotes. Reading goes on with the line behind the fault.
/// Memory: a batch, twice, and the longest row.
///
/// Not Sendable: it has a position.
package final class DelimitedReader: BatchSource {
    private let stream: InputStream
    private let format: DelimitedFormat
    private let batchByteCount: Int
    private let rows: DelimitedRows
    /// Of the columns, with the colon behind.
    private var keys: [[UInt8]] = []
    /// Behind the last field of each row: `,"name":"value"`.
    private let constants: [UInt8]
    private var madeByteCount = 0
    /// So many faults end a batch.
    private static let mostFaults = 1000

    /// - Parameters:
    ///   - constants: fields that each row gets besides.
    ///   - bufferByteCount: of the stream at a time.
    package init(
        _ stream: InputStream, _ format: DelimitedFormat, constants: [(name: String, value: String)] = [],
        _ context: ReadingContext = ReadingContext(), bufferByteCount: Int = 1 << 20
    ) {
        self.stream = stream
        self.format = format
        batchByteCount = max(1, context.batchByteCount)
        rows = DelimitedRows(
            stream, format, rowByteLimit: context.recordByteLimit, bufferByteCount: bufferByteCount)
        var text: [UInt8] = []
        for (name, value) in constants {
            text.append(0x2C)
            JSONText.appendString(name, to: &text)
            text.append(0x3A)
            JSONText.appendString(value, to: &text)
        }
        self.constants = text
    }

    package var path: String { stream.path }
    package var readByteCount: Int { stream.rawByteCount ?? stream.byteOffset }
    package var parsedByteCount: Int { stream.byteOffset }
    package func finish() throws -> (size: Int, sha256: SHA256Digest)? { try stream.finish() }

    /// The names of the columns, in order; reads the header where there is one.
    ///
    /// - Throws: `InputError` for an empty file, and for names that come twice.
    package func columns() throws -> [String] {
        guard rows.names.isEmpty else { return rows.names }
        var names: [String] = []
        if let given = format.columns {
            names = given
        } else {
            do {
                guard try rows.next() else { throw rows.emptyFile() }
            } catch let fault as DelimitedRows.RowFault {
                // Without its header nothing of the file can be read.
                throw fault.error
            }
            names = rows.fields.map { field in
                rows.withContent(of: field) { String(decoding: $0, as: UTF8.self) }
            }
        }
        var positions: [[UInt8]: Int] = [:]
        for (index, name) in names.enumerated() {
            if let first = positions.updateValue(index, forKey: Array(name.utf8)) {
                throw InputError(
                    "columns \(first + 1) and \(index + 1) have the same name",
                    at: Place(path: path, line: rows.line, field: name),
                    advice: "A value is told by its column's name: rename one in the header.")
            }
        }
        keys = names.map { name in
            var key: [UInt8] = []
            JSONText.appendString(name, to: &key)
            return key + [0x3A]
        }
        rows.names = names
        return names
    }

    /// - Throws: `InputError` for a header that cannot be read; what the stream throws.
    package func nextBatch() throws -> LineBatch? {
        _ = try columns()
        var text: [UInt8] = []
        text.reserveCapacity(batchByteCount + batchByteCount / 4)
        var places: [(line: Int, byteOffset: Int)] = []
        var faults: [LineBatch.Fault] = []
        while text.count < batchByteCount, faults.count < Self.mostFaults {
            do {
                guard try rows.next() else { break }
                guard rows.fields.count == keys.count else { throw rows.wrongColumnCount() }
            } catch let fault as DelimitedRows.RowFault {
                faults.append(
                    .init(lineCountBefore: places.count, error: fault.error, line: try rows.leaveOut(fault)))
                continue
            }
            places.append((rows.line, rows.byteOffset))
            appendRow(to: &text)
        }
        guard !places.isEmpty || !faults.isEmpty else { return nil }
        defer { madeByteCount += text.count }
        return LineBatch(
            path: path, firstLine: places.first?.line ?? rows.line, byteOffset: madeByteCount, origins: .rows(places),
            text: text, faults: faults)
    }

    private func appendRow(to text: inout [UInt8]) {
        var separator: UInt8 = 0x7B
        for (field, key) in zip(rows.fields, keys) {
            text.append(separator)
            separator = 0x2C
            text.append(contentsOf: key)
            rows.withContent(of: field) { JSONText.appendString($0, to: &text) }
        }
        text.append(contentsOf: constants)
        text.append(0x7D)
        text.append(0x0A)
    }
}
