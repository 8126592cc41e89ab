internal import Archives
internal import Base
internal import Columns
internal import Glibc
internal import Ingest
internal import JSON
internal import RawSources
internal import Records
internal import SystemPackage

/// How the rows of a file are laid out, told by its first bytes.
enum RowFormat: Equatable {
    /// Parquet, or an Arrow file or stream.
    case columns
    case jsonLines
    /// One JSON array of objects: the file itself, or a member of the object that it is.
    case jsonArray(member: String?)
    case delimited(Delimited)

    struct Delimited: Equatable {
        var delimiter: UInt8
        var quotes: Bool
        /// Nil where the first row names the columns.
        var columns: [String]?

        var format: DelimitedFormat {
            DelimitedFormat(delimiter: delimiter, quoting: quotes ? .rfc4180 : .none, columns: columns)
        }

        static let names: [(name: String, byte: UInt8)] = [
            ("comma", 0x2C), ("tab", 0x09), ("semicolon", 0x3B), ("pipe", 0x7C),
        ]
    }

    /// What is told about delimited text from outside.
    struct Hints: Equatable, Sendable {
        var delimiter: UInt8?
        var quotes: Bool?
        var columns: [String]?
    }

    /// So much of a text is looked at.
    private static let headByteCount = 1 << 20

    /// - Throws: `Failure` where there is no such file, or it can be read only once; `InputError` for an empty one.
    static func of(_ path: FilePath, _ hints: Hints) throws -> RowFormat {
        try checkReadableTwice(path)
        if try ParquetFile.isParquet(path) || ArrowFile.isArrow(path) { return .columns }
        var head = try self.head(of: path)
        if head.starts(with: [0xEF, 0xBB, 0xBF]) { head.removeFirst(3) }
        if isUTF16(head) {
            throw InputError(
                "this is a text in UTF-16", at: Place(path: path.string),
                advice: "Convert the file: iconv -f UTF-16 -t UTF-8 FILE > NEW. Excel writes it as \"Unicode Text\".")
        }
        guard let first = head.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else {
            throw InputError(
                "there are no rows", at: Place(path: path.string),
                advice: "The file is empty: was it written to its end?")
        }
        if head.prefix(1024).contains(0) {
            throw InputError(
                "it is none of CSV, TSV, JSON Lines, a JSON array, Parquet and Arrow", at: Place(path: path.string),
                advice:
                    "Images, sounds, videos and PDFs are for `tvt-convert corpus`; zips and tars are to be unpacked.")
        }
        if hints == Hints() {
            if first == UInt8(ascii: "[") { return .jsonArray(member: nil) }
            if first == UInt8(ascii: "{") {
                let format = json(head)
                if format == .jsonLines { try checkLineEnds(head, of: path) }
                return format
            }
        }
        try checkLineEnds(head, of: path)
        return .delimited(delimited(head, isTabbed: path.string.contains(".tsv"), hints))
    }

    /// By its byte order mark, or by texts in ASCII, of which every second byte is zero.
    private static func isUTF16(_ head: [UInt8]) -> Bool {
        if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) { return true }
        let probe = head.prefix(64)
        guard probe.count >= 8 else { return false }
        return [0, 1].contains { offset in
            probe.enumerated().allSatisfy { ($0.offset % 2 == offset) == ($0.element == 0) }
        }
    }

    /// Lines may end in LF, or CR LF; of what ends in CR alone, all would be one line.
    private static func checkLineEnds(_ head: [UInt8], of path: FilePath) throws {
        guard !head.contains(0x0A), let end = head.firstIndex(of: 0x0D), end + 1 < head.count else { return }
        throw InputError(
            "its lines end in CR alone, as on old Macs", at: Place(path: path.string, byteOffset: end),
            advice: "Convert the file: tr '\\r' '\\n' < FILE > NEW.")
    }

    /// The first rows are looked at before all of them are read.
    private static func checkReadableTwice(_ path: FilePath) throws {
        var status = stat()
        guard path != "-", stat(path.string, &status) == 0 else {
            if path != "-", errno == ENOENT { throw Failure(.missingInput, "\(path) does not exist") }
            if path != "-" { throw SystemError.last("look at", path) }
            throw Failure(.usage, "rows are not read from standard input", advice: "Save them in a file first.")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(
                .usage, "\(path) is no regular file",
                advice: "The first rows are looked at before all are read: save a pipe's output in a file first.")
        }
    }

    private static func head(of path: FilePath) throws -> [UInt8] {
        let stream = try InputStream(path)
        var head = [UInt8](repeating: 0, count: headByteCount)
        var count = 0
        try head.withUnsafeMutableBytes { buffer in
            while count < buffer.count {
                let read = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                if read == 0 { break }
                count += read
            }
        }
        return Array(head[..<count])
    }

    /// Lines of objects, or one object over several lines that has the rows in a member.
    private static func json(_ head: [UInt8]) -> RowFormat {
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        func parses(_ bytes: [UInt8]) -> JSONNode? { bytes.withUnsafeBytes { try? parser.parse($0) } }
        let line = Array(head.prefix { $0 != 0x0A })
        let rest = head.dropFirst(line.count).contains { $0 > 0x20 }
        guard let whole = parses(line) else {
            // A first line that is broken, or goes beyond what is looked at; or one object that goes over several lines.
            let lines = head.split(separator: 0x0A).dropFirst().prefix(20)
            // The last element of an array may be a line that parses as well.
            let rows = lines.count { parses(Array($0))?.kind == .object }
            if rows > 1 || rows == lines.count && rows > 0 { return .jsonLines }
            let member = arrayMember(of: head)
            guard line.count < head.count || rowMembers.contains(member ?? "") else { return .jsonLines }
            return member.map { .jsonArray(member: $0) } ?? .jsonLines
        }
        // A single line that holds all rows, as {"data": [{…}, …]}; a row of lists is one of JSON Lines.
        let member = whole.fields.first { isRows($0.value) }.map { String(decoding: $0.key, as: UTF8.self) }
        if !rest, let member, rowMembers.contains(member) { return .jsonArray(member: member) }
        return .jsonLines
    }

    /// What people call the member that has the rows.
    private static let rowMembers = ["data", "rows", "examples", "records", "items"]

    private static func isRows(_ node: JSONNode) -> Bool {
        node.kind == .array && Array(node.elements).first?.kind == .object
    }

    /// The name before the first array of objects, in an object that goes over several lines.
    private static func arrayMember(of head: [UInt8]) -> String? {
        let text = String(decoding: head, as: UTF8.self)
        guard let match = text.firstMatch(of: #/"([^"\\]+)"\s*:\s*\[\s*\{/#) else { return nil }
        return String(match.output.1)
    }

    private static func delimited(_ head: [UInt8], isTabbed: Bool, _ hints: Hints) -> Delimited {
        var counts: [UInt8: Int] = [:]
        var isQuoted = false
        for byte in head {
            if byte == 0x22 { isQuoted.toggle() }
            if !isQuoted, byte == 0x0A { break }
            if !isQuoted, Delimited.names.contains(where: { $0.byte == byte }) { counts[byte, default: 0] += 1 }
        }
        let found = Delimited.names.map(\.byte).max { counts[$0, default: 0] < counts[$1, default: 0] }
        let usual: UInt8 = isTabbed ? 0x09 : 0x2C
        let guessed = counts[usual] != nil ? usual : counts.isEmpty ? usual : found ?? usual
        let delimiter = hints.delimiter ?? guessed
        return Delimited(
            delimiter: delimiter, quotes: hints.quotes ?? (delimiter != 0x09 || hasQuotedFields(head, delimiter)),
            columns: hints.columns)
    }

    /// Whether there are fields in quotes as writers of CSV have them, and all rows have as many fields as the first then.
    /// Where texts merely have quotes in them, as in tables of tabs, it is not so.
    private static func hasQuotedFields(_ head: [UInt8], _ delimiter: UInt8) -> Bool {
        var (position, count, firstCount, hasQuoted) = (0, 0, 0, false)
        while position < head.count {
            if head[position] == 0x22 {
                hasQuoted = true
                position += 1
                while position < head.count, head[position] != 0x22 || head.dropFirst(position + 1).first == 0x22 {
                    position += head[position] == 0x22 ? 2 : 1
                }
                position += 1
                // What is cut off says nothing; otherwise the quote does not end.
                guard position <= head.count else { return head.count == headByteCount }
                guard position == head.count || [delimiter, 0x0D, 0x0A].contains(head[position]) else { return false }
            } else {
                while position < head.count, head[position] != delimiter, head[position] != 0x0A { position += 1 }
            }
            count += 1
            if position < head.count, head[position] == 0x0D { position += 1 }
            if position < head.count, head[position] == 0x0A {
                if firstCount == 0 { firstCount = count }
                guard count == firstCount else { return false }
                count = 0
            }
            position += 1
        }
        return hasQuoted
    }
}

/// A file of rows, and how they are read.
struct RowFile {
    let path: FilePath
    let format: RowFormat

    init(_ path: FilePath, _ hints: RowFormat.Hints = .init()) throws {
        self.path = path
        format = try .of(path, hints)
    }

    /// What the file is, for people.
    var kind: String {
        switch format {
        case .columns: (try? ParquetFile.isParquet(path)) == true ? "Parquet" : "Arrow"
        case .jsonLines: "JSON Lines"
        case .jsonArray(nil): "a JSON array"
        case .jsonArray(let member?): "JSON, rows in \"\(member)\""
        case .delimited(let text):
            "delimited by \(RowFormat.Delimited.names.first { $0.byte == text.delimiter }?.name ?? "a character")"
                + (text.quotes ? "" : ", quotes are text")
        }
    }

    /// - Parameters:
    ///   - columns: of a table, those to read; nil for all.
    ///   - media: of a table, those that hold images, videos or sounds.
    func records(columns: [String]?, media: [String: MediaKind]) -> RecordFile {
        switch format {
        case .columns:
            RecordFile(path, carriesMedia: !media.isEmpty) {
                try TableReader(path, columns: columns, media: media, $0)
            }
        case .jsonLines: RecordFile(lines: path)
        case .jsonArray(let member):
            RecordFile(path, carriesMedia: false) {
                JSONArrayReader(try InputStream(path, hashing: true), member: member, $0)
            }
        case .delimited(let text):
            RecordFile(path, carriesMedia: false) {
                DelimitedReader(try InputStream(path, hashing: true), text.format, $0)
            }
        }
    }
}
