package import Archives
package import Base
package import Columns
package import Ingest
internal import JSON
package import Records
package import SystemPackage

/// The rows of a Parquet or Arrow file as the lines of records.
///
/// A column is a field of its name; null is a field that is not there. Whole numbers that are ids become texts, and so do binary
/// values of 16 bytes, as UUIDs are written; columns of other binary values are left out and counted. A column of images, videos
/// or sounds (by its name, or as it is said) may hold bytes; texts, which refer to files; or structures of `bytes` and `path` as the `datasets`
/// library writes them, of which the path is the item's name, or refers to a file where there are no bytes. Files are looked for
/// beside the table where nothing else answers for names; a column none of whose rows leads to an item is an error.
/// Memory: a batch of the file (about 8 MiB), its rows as text, and the items of one batch of rows.
///
/// Not Sendable: it has a position.
package final class TableReader: BatchSource {
    package let path: String
    private let file: any TableFile
    private let pass: any TablePass
    private let fileByteCount: Int
    /// Hashes the file in step with its rows: takes ranges of it, then nil, which it answers with the digest.
    private let hash: OrderedWorkers<Range<Int>?, SHA256Digest?>
    private var hashedByteCount = 0
    private let carried: CarriedMedia
    private let folder: FilePath
    private let keys: [[UInt8]]
    private var columns: [TableColumn]
    private let names: [String]
    /// Whether the nulls of a column are fields.
    private let keepsNulls: [Bool]
    private let batchByteCount: Int
    private let recordByteLimit: Int
    private var leftOutCounts: [Int]
    private var batch: RecordBatch?
    /// In the batch.
    private var nextRow = 0
    private var readRowCount = 0
    package private(set) var parsedByteCount = 0
    /// So many faults end a batch.
    private static let mostFaults = 1000

    /// - Parameters:
    ///   - columns: the columns to read, in the order of the fields; nil for all.
    ///   - renamed: the fields that columns become whose names are others.
    ///   - nullColumns: columns whose nulls are fields, and not fields that are missing.
    ///   - media: columns of images, videos and sounds; nil tells them by the names of fields.
    package init(
        _ path: FilePath, columns: [String]? = nil, renamed: [String: String] = [:], nullColumns: Set<String> = [],
        media: [String: MediaKind]? = nil, _ context: ReadingContext
    ) throws {
        self.path = path.string
        carried = context.carried
        batchByteCount = context.batchByteCount
        recordByteLimit = context.recordByteLimit
        folder = path.removingLastComponent()
        fileByteCount = try Files.size(path)
        file = try Self.open(path)
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
        let names = columns ?? file.fields.map(\.name)
        pass = try file.tablePass(over: names)
        let fields = Dictionary(file.fields.map { ($0.name, $0) }) { first, _ in first }
        self.columns = try names.map { name in
            guard let media else { return try TableColumn(fields[name]!, as: renamed[name] ?? name, of: path) }
            return try TableColumn(fields[name]!, kind: media[name], of: path)
        }
        keys = names.map { name in
            var key: [UInt8] = []
            JSONText.appendString(renamed[name] ?? name, to: &key)
            return key
        }
        keepsNulls = names.map { nullColumns.contains($0) }
        leftOutCounts = names.map { _ in 0 }
        self.names = names
    }

    /// A file of columns, of whichever format it is.
    package static func open(_ path: FilePath) throws -> any TableFile {
        if try ParquetFile.isParquet(path) { return try ParquetFile(path) }
        return try ArrowFile(path)
    }

    package var leftOutColumns: [(name: String, count: Int)] { zip(names, leftOutCounts).map { ($0, $1) } }

    /// By the share of the rows; nothing before the end where their number is not known.
    package var readByteCount: Int {
        guard let rowCount = file.knownRowCount else { return hashedByteCount }
        return rowCount == 0 ? fileByteCount : fileByteCount * readRowCount / rowCount
    }

    package func finish() throws -> (size: Int, sha256: SHA256Digest)? {
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

    package func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var faults: [LineBatch.Fault] = []
        let firstRow = readRowCount
        let offset = parsedByteCount
        var heldByteCount = 0
        carried.beginBatch()
        while text.count < batchByteCount, heldByteCount < carried.batchHeldByteCount, faults.count < Self.mostFaults {
            guard let batch = try rows() else { break }
            let start = text.count
            do {
                try append(batch, nextRow, to: &text, &heldByteCount)
                if text.count - start > recordByteLimit { throw longRow() }
            } catch let error as InputError {
                let row = text[start...].prefix(1024)
                faults.append(
                    .init(lineCountBefore: readRowCount - firstRow - faults.count, error: error, line: Array(row)))
                // A blank line keeps the numbers of those that follow.
                text.removeLast(text.count - start)
            }
            text.append(UInt8(ascii: "\n"))
            nextRow += 1
            readRowCount += 1
        }
        guard readRowCount > firstRow else {
            try checkItems()
            return nil
        }
        try hash(to: readByteCount)
        parsedByteCount += text.count
        return LineBatch(
            path: path, firstLine: firstRow + 1, byteOffset: offset, origins: .lines, text: text, faults: faults)
    }

    private func longRow() -> InputError {
        InputError(
            "a row of more than \(recordByteLimit) bytes", at: Place(path: path, line: readRowCount + 1),
            advice: "Longer records are read with --max-record-bytes.")
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
        for column in columns.indices {
            guard !batch.isNull(row: row, column: column) else {
                guard keepsNulls[column] else { continue }
                begin(column)
                JSONText.appendLiteral("null", to: &text)
                continue
            }
            switch columns[column] {
            case .value(let form):
                begin(column)
                try batch.appendJSON(ofRow: row, column: column, to: &text, form: form) { bytes, _, text in
                    JSONText.appendString(TableColumn.uuid(bytes), to: &text)
                }
            case .leftOut: leftOutCounts[column] += 1
            case .item(var item):
                guard let reference = try reference(&item, batch, row, column, &heldByteCount) else { continue }
                columns[column] = .item(item)
                begin(column)
                text += reference
            }
        }
        if separator == UInt8(ascii: "{") { text.append(separator) }
        text.append(UInt8(ascii: "}"))
    }

    // MARK: - Images, videos and sounds

    /// What the record says of its item, as JSON; nil where there is nothing to say.
    private func reference(
        _ item: inout TableColumn.ItemColumn, _ batch: RecordBatch, _ row: Int, _ column: Int,
        _ heldByteCount: inout Int
    ) throws -> [UInt8]? {
        func value(_ place: TableColumn.ItemColumn.Place?) -> UnsafeRawBufferPointer? {
            place.flatMap { batch.bytes(ofRow: row, column: column, field: $0.field) }
        }
        func carry(_ found: CarriedItem) -> [UInt8] {
            item.foundCount += 1
            heldByteCount += found.heldByteCount
            return carried.add(found).json
        }
        let path = value(item.path)
        let name = path.flatMap { String(validating: $0, as: UTF8.self) }
        // An empty one is the record's fault, which shows when it is taken.
        if let bytes = value(item.bytes) { return carry(try CarriedItem(bytes, name: name)) }
        guard let path else { return nil }
        var json: [UInt8] = []
        JSONText.appendString(path, to: &json)
        // Names are answered for by somebody else, or are addresses.
        if carried.answersNames || name.map({ AssetFolder.hasScheme($0) }) ?? false {
            item.foundCount += 1
        } else if let name, let file = AssetFolder.path(of: name, in: folder), Files.exists(file),
            !Files.isDirectory(file), !Files.isStream(file), !FolderLinks.leadsOut(file, of: folder)
        {
            return carry(try CarriedItem(file: file, name: name))
        } else if item.firstUnfoundRow == nil {
            item.firstUnfoundRow = readRowCount + 1
        }
        return json
    }

    /// Checks, when all rows are read, that columns of items have any.
    private func checkItems() throws {
        for (name, column) in zip(names, columns) {
            guard case .item(let item) = column, item.foundCount == 0, let row = item.firstUnfoundRow else { continue }
            throw InputError(
                "no row of the column has bytes, and no file is where the names of its rows say",
                at: Place(path: path, line: row, field: name),
                advice:
                    "The table was written with paths: write it with the bytes of its files, put the files beside it, or "
                    + "name their folder with --assets.")
        }
    }
}
