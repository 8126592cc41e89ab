internal import Archives
internal import Base
internal import Columns
internal import Ingest
internal import JSON
internal import Records
internal import SystemPackage

/// The rows of a Parquet file as the lines of records.
///
/// A column is a field of its name; null is a field that is not there. A column of images, videos or sounds (by its name) may
/// hold texts, which are references; bytes; or structures of `bytes` and `path` as the `datasets` library writes them, of
/// which the path is the item's name, or a reference where there are no bytes.
/// Memory: a batch of the file (about 8 MiB), its rows as text, and the items of one batch of rows.
///
/// Not Sendable: it has a position.
final class TableReader: BatchSource {
    private enum Cell {
        case value
        /// Bytes in the column itself, or in a field of its structures.
        case item(MediaKind, bytes: String?, path: String?)
    }

    let path: String
    private let file: ParquetFile
    private let pass: ParquetPass
    private let fileByteCount: Int
    /// Hashes the file in step with its rows: takes ranges of it, then nil, which it answers with the digest.
    private let hash: OrderedWorkers<Range<Int>?, SHA256Digest?>
    private var hashedByteCount = 0
    private let carried: CarriedMedia
    private let keys: [[UInt8]]
    private let cells: [Cell]
    private let names: [String]
    private let batchByteCount: Int
    private var batch: RecordBatch?
    /// In the batch.
    private var nextRow = 0
    private var readRowCount = 0
    private(set) var parsedByteCount = 0

    /// - Parameter columns: the columns to read, in the order of the fields; nil for all.
    init(_ path: FilePath, columns: [String]? = nil, carried: CarriedMedia, batchByteCount: Int) throws {
        self.path = path.string
        self.carried = carried
        self.batchByteCount = batchByteCount
        fileByteCount = try Files.size(path)
        file = try ParquetFile(path)
        // What waits is ranges: as many as a batch of rows can be made of.
        hash = try OrderedWorkers(workers: 1, window: 64) {
            let input = try InputFile(path)
            var stream = SHA256Stream()
            return { range in
                guard let range else { return stream.finalize() }
                try input.read(range).withUnsafeBytes { stream.update($0) }
                return nil
            }
        }
        names = columns ?? file.fields.map(\.name)
        pass = try file.pass(over: names)
        cells = try names.map { [file] name in try Self.cell(file.fields.first { $0.name == name }!, of: path) }
        keys = names.map { name in
            var key: [UInt8] = []
            JSONText.appendString(name, to: &key)
            return key
        }
    }

    var readByteCount: Int { file.rowCount == 0 ? fileByteCount : fileByteCount * readRowCount / file.rowCount }

    func finish() throws -> (size: Int, sha256: SHA256Digest)? {
        try hash(to: fileByteCount)
        try hash.drain { _ in }
        var digest: SHA256Digest?
        try hash.submit(nil) { digest = $0 }
        if digest == nil { digest = try hash.takeOldest() ?? nil }
        return digest.map { (fileByteCount, $0) }
    }

    private func hash(to end: Int) throws {
        while hashedByteCount < end {
            let piece = hashedByteCount..<min(hashedByteCount + 1 << 20, end)
            try hash.submit(piece) { _ in }
            hashedByteCount = piece.upperBound
        }
    }

    private static let mediaFields: [String: MediaKind] = [
        "image": .image, "document_image": .image, "query_image": .image, "video": .video, "document_video": .video,
        "query_video": .video, "audio": .audio, "document_audio": .audio, "query_audio": .audio,
    ]

    private static func cell(_ field: ColumnField, of path: FilePath) throws -> Cell {
        if let kind = mediaFields[field.name] {
            switch field.type {
            case .bytes: return .item(kind, bytes: nil, path: nil)
            case .structure(let fields):
                let isPlain = fields.allSatisfy {
                    $0.name == "bytes" && $0.type == .bytes || $0.name == "path" && $0.type == .text
                }
                if isPlain, fields.contains(where: { $0.name == "bytes" }) {
                    return .item(kind, bytes: "bytes", path: fields.contains { $0.name == "path" } ? "path" : nil)
                }
            case .text, .null: return .value
            default: break
            }
            throw InputError(
                "its type is none of an image, a video or a sound", at: Place(path: path.string, field: field.name),
                advice: "It holds bytes, or structures of bytes and path, or texts that refer to files.")
        }
        guard !field.type.holdsBytes else {
            throw InputError(
                "the column holds binary values, which a record has no place for",
                at: Place(path: path.string, field: field.name),
                advice: "Records take bytes as image, video and audio: rename the column, or leave it out of the file.")
        }
        return .value
    }

    func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        let firstRow = readRowCount
        let offset = parsedByteCount
        var heldByteCount = 0
        carried.beginBatch()
        while text.count < batchByteCount, heldByteCount < carried.batchHeldByteCount {
            guard let batch = try rows() else { break }
            try append(batch, nextRow, to: &text, &heldByteCount)
            text.append(UInt8(ascii: "\n"))
            nextRow += 1
            readRowCount += 1
        }
        guard readRowCount > firstRow else { return nil }
        try hash(to: readByteCount)
        parsedByteCount += text.count
        return LineBatch(path: path, firstLine: firstRow + 1, byteOffset: offset, origins: .lines, text: text)
    }

    /// The batch that the next row is in; nil behind the last.
    private func rows() throws -> RecordBatch? {
        while batch.map({ nextRow == $0.rowCount }) ?? true {
            guard let next = try pass.next() else { return nil }
            batch = next
            nextRow = 0
        }
        return batch
    }

    private func append(_ batch: RecordBatch, _ row: Int, to text: inout [UInt8], _ heldByteCount: inout Int) throws {
        var separator = UInt8(ascii: "{")
        func begin(_ column: Int) {
            text.append(separator)
            separator = UInt8(ascii: ",")
            text += keys[column]
            text.append(UInt8(ascii: ":"))
        }
        for column in cells.indices where !batch.isNull(row: row, column: column) {
            switch cells[column] {
            case .value:
                begin(column)
                try batch.appendJSON(ofRow: row, column: column, to: &text) { _, _, _ in
                    preconditionFailure("such columns are refused")
                }
            case .item(_, let bytesField, let pathField):
                if let bytes = batch.bytes(ofRow: row, column: column, field: bytesField) {
                    let name = pathField.flatMap { batch.bytes(ofRow: row, column: column, field: $0) }
                    // An empty one is the record's fault, which shows when it is taken.
                    let item = try CarriedItem(bytes, name: name.flatMap { String(validating: $0, as: UTF8.self) })
                    heldByteCount += item.heldByteCount
                    begin(column)
                    text += carried.add(item).json
                } else if let pathField, let name = batch.bytes(ofRow: row, column: column, field: pathField) {
                    begin(column)
                    JSONText.appendString(name, to: &text)
                }
            }
        }
        if separator == UInt8(ascii: "{") { text.append(separator) }
        text.append(UInt8(ascii: "}"))
    }
}

extension ColumnType {
    /// Whether there are binary values anywhere in it.
    fileprivate var holdsBytes: Bool {
        switch self {
        case .bytes, .fixedBytes: true
        case .list(let element), .fixedList(let element, _): element.holdsBytes
        case .map(let key, let value): key.holdsBytes || value.holdsBytes
        case .structure(let fields): fields.contains { $0.type.holdsBytes }
        default: false
        }
    }
}
