package import Archives
package import Base
internal import Ingest
internal import JSON

/// The rows of a CSV or TSV as the lines of JSON objects: keys are the columns' names, values are strings.
///
/// Lines end in LF or CR LF; a UTF-8 byte order mark at the start and empty lines are passed over. An empty field is an
/// empty string. Anything that cannot be read in one way only is an error with its place: where a row begins, the line counts
/// line breaks inside of quotes.
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
    private var madeByteCount = 0

    package init(
        _ stream: InputStream, _ format: DelimitedFormat, batchByteCount: Int = 1 << 20, bufferByteCount: Int = 1 << 20
    ) {
        self.stream = stream
        self.format = format
        self.batchByteCount = max(1, batchByteCount)
        rows = DelimitedRows(stream, format, bufferByteCount: bufferByteCount)
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
            guard try rows.next() else { throw rows.emptyFile() }
            names = rows.fields.map { field in
                rows.withContent(of: field) { String(decoding: $0, as: UTF8.self) }
            }
        }
        for (index, name) in names.enumerated() {
            if let first = names[..<index].firstIndex(where: { $0.utf8.elementsEqual(name.utf8) }) {
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

    /// - Throws: `InputError` for a row that cannot be read, with its line, byte and field; what the stream throws.
    package func nextBatch() throws -> LineBatch? {
        _ = try columns()
        var text: [UInt8] = []
        text.reserveCapacity(batchByteCount + batchByteCount / 4)
        var places: [(line: Int, byteOffset: Int)] = []
        while text.count < batchByteCount, try rows.next() {
            guard rows.fields.count == keys.count else { throw rows.wrongColumnCount() }
            places.append((rows.line, rows.byteOffset))
            appendRow(to: &text)
        }
        guard !places.isEmpty else { return nil }
        defer { madeByteCount += text.count }
        return LineBatch(
            path: path, firstLine: places[0].line, byteOffset: madeByteCount, origins: .rows(places), text: text)
    }

    private func appendRow(to text: inout [UInt8]) {
        var separator: UInt8 = 0x7B
        for (field, key) in zip(rows.fields, keys) {
            text.append(separator)
            separator = 0x2C
            text.append(contentsOf: key)
            rows.withContent(of: field) { JSONText.appendString($0, to: &text) }
        }
        text.append(0x7D)
        text.append(0x0A)
    }
}
