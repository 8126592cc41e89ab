internal import Archives
internal import Base
internal import Glibc
internal import JSON

/// Finds the fields of one row of delimited text after the other.
///
/// Not Sendable: it has a position.
final class DelimitedRows {
    /// A row that cannot be read.
    struct RowFault: Error {
        let error: InputError
        /// Where in the buffer the line is that the row is left out up to; nil where the row has an end.
        let position: Int?
    }

    /// Offsets in the buffer, without the quotes around it.
    struct Field {
        var start: Int
        var end: Int
        var hasDoubledQuotes: Bool
    }

    private enum Found {
        /// The end of the fields, and where the next row begins.
        case row(end: Int, next: Int)
        /// The row goes on behind what the buffer has.
        case more
    }

    private let stream: InputStream
    private let format: DelimitedFormat
    /// No row and no field may be longer: beyond it, a quote that never ends would fill the memory.
    private let rowByteLimit: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var isAtEnd = false
    /// Of the buffer, in the stream.
    private var bufferOffset = 0
    /// Where the present row begins and ends in the buffer.
    private var start = 0
    private var nextStart = 0
    private var lineCount = 0
    private var unquoted: [UInt8] = []
    /// Of the present row.
    private(set) var fields: [Field] = []
    /// 1-based number of the present row's first line.
    private(set) var line = 1
    /// Of the columns, for messages; empty until they are known.
    var names: [String] = []

    init(_ stream: InputStream, _ format: DelimitedFormat, rowByteLimit: Int, bufferByteCount: Int) {
        self.stream = stream
        stream.expectText()
        self.format = format
        self.rowByteLimit = rowByteLimit
        buffer = .allocate(byteCount: max(3, bufferByteCount), alignment: 64)
    }

    deinit { buffer.deallocate() }

    /// Where the present row begins in the stream.
    var byteOffset: Int { bufferOffset + start }

    /// Goes to the next row that is no empty line; false at the end.
    func next() throws -> Bool {
        if stream.byteOffset == 0 { try skipByteOrderMark() }
        advance()
        while true {
            if start == filled, try !fill() {
                guard stream.byteOffset > 0 else { throw emptyFile() }
                return false
            }
            fields.removeAll(keepingCapacity: true)
            lineCount = 1
            switch format.quoting == .none ? try splitLine() : try splitQuoted() {
            // Only while there is more, so that this ends.
            case .more: _ = try fill()
            case .row(let end, let next):
                nextStart = next
                if fields.count == 1, fields[0].start == start, fields[0].end == start {
                    advance()
                    continue
                }
                try checkText(upTo: end)
                return true
            }
        }
    }

    /// Goes behind the present row.
    private func advance() {
        start = nextStart
        line += lineCount
        lineCount = 0
    }

    // MARK: - Rows that are left out

    /// Ends the present row at the line where its fault was found.
    ///
    /// - Returns: the row as it is, or its beginning where it is too long to be held.
    func leaveOut(_ fault: RowFault) throws -> [UInt8] {
        guard var searched = fault.position else {
            var end = nextStart
            if end > start, buffer[end - 1] == 0x0A { end -= 1 }
            return Array(buffer[start..<end])
        }
        while true {
            if let newline = newline(from: searched) {
                nextStart = newline + 1
                lineCount = newlineCount(in: start..<nextStart)
                return Array(buffer[start..<newline])
            }
            guard filled - start <= rowByteLimit else { return try passLongRow() }
            searched = filled - start
            // The row moves to the start of the buffer.
            guard try fill() else {
                (nextStart, lineCount) = (filled, newlineCount(in: start..<filled))
                return Array(buffer[start..<filled])
            }
        }
    }

    /// Goes behind the line of a row that is too long to be held.
    private func passLongRow() throws -> [UInt8] {
        let kept = Array(buffer[start..<min(filled, start + 1024)])
        lineCount = newlineCount(in: start..<filled)
        let offset = byteOffset
        while true {
            (start, nextStart) = (filled, filled)
            guard byteOffset - offset <= LineReader.longestPassedLine else {
                throw InputError(
                    "a row longer than \(LineReader.longestPassedLine) bytes",
                    at: Place(path: stream.path, line: line, byteOffset: offset),
                    advice: "There is no end of it in sight, and the rest of the file is not read. Is this such a file?"
                )
            }
            try Interruption.check()
            guard try fill() else { return kept }
            guard let newline = newline(from: 0) else { continue }
            nextStart = newline + 1
            lineCount += 1
            return kept
        }
    }

    private func newline(from position: Int) -> Int? {
        let base = UnsafeRawPointer(buffer.baseAddress!)
        return memchr(base + position, 0x0A, filled - position).map { UnsafeRawPointer($0) - base }
    }

    /// The bytes of a field, with single quotes for doubled ones.
    func withContent<Result>(of field: Field, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[field.start..<field.end])
        guard field.hasDoubledQuotes else { return body(bytes) }
        unquoted.removeAll(keepingCapacity: true)
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            unquoted.append(byte)
            position += byte == 0x22 ? 2 : 1
        }
        return unquoted.withUnsafeBytes { body($0) }
    }

    // MARK: - Fields

    /// A row that is a line.
    private func splitLine() throws -> Found {
        let base = UnsafeRawPointer(buffer.baseAddress!)
        var end = filled
        var next = filled
        if let newline = memchr(base + start, 0x0A, filled - start) {
            end = UnsafeRawPointer(newline) - base
            next = end + 1
            if end > start, buffer[end - 1] == 0x0D { end -= 1 }
        } else if !isAtEnd {
            if filled - start > rowByteLimit {
                // The buffer is looked through once more for each doubling of it.
                var last = start
                while let found = memchr(base + last, Int32(format.delimiter), filled - last) {
                    last = UnsafeRawPointer(found) - base + 1
                    fields.append(Field(start: 0, end: 0, hasDoubledQuotes: false))
                }
                try checkLength(from: last, to: filled)
            }
            return .more
        }
        var position = start
        while let found = memchr(base + position, Int32(format.delimiter), end - position) {
            let fieldEnd = UnsafeRawPointer(found) - base
            try checkLength(from: position, to: fieldEnd)
            fields.append(Field(start: position, end: fieldEnd, hasDoubledQuotes: false))
            position = fieldEnd + 1
        }
        try checkLength(from: position, to: end)
        fields.append(Field(start: position, end: end, hasDoubledQuotes: false))
        return .row(end: end, next: next)
    }

    /// A row whose fields may be quoted.
    private func splitQuoted() throws -> Found {
        let delimiter = format.delimiter
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
        var position = start
        while true {
            let after: Int
            if position < filled, bytes[position] == 0x22 {
                guard let field = try quotedField(bytes, from: position) else { return .more }
                fields.append(field)
                after = field.end + 1
                if after < filled, bytes[after] == 0x0D, after + 1 == filled, !isAtEnd { return .more }
            } else {
                var end = position
                while end < filled, bytes[end] != delimiter, bytes[end] != 0x0A, bytes[end] != 0x22 { end += 1 }
                try checkLength(from: position, to: end)
                if end == filled, !isAtEnd { return .more }
                if end < filled, bytes[end] == 0x22 {
                    throw strayQuote("a quote within a field that does not begin with one", fields.count, at: end)
                }
                let isCarriageReturn = end < filled && bytes[end] == 0x0A && end > position && bytes[end - 1] == 0x0D
                fields.append(
                    Field(start: position, end: isCarriageReturn ? end - 1 : end, hasDoubledQuotes: false))
                after = end
            }
            guard after < filled else { return .row(end: after, next: after) }
            switch bytes[after] {
            case delimiter: position = after + 1
            case 0x0A: return .row(end: after, next: after + 1)
            case 0x0D where after + 1 < filled && bytes[after + 1] == 0x0A: return .row(end: after, next: after + 2)
            default: throw strayQuote("text behind the quote that ends a field", fields.count - 1, at: after - 1)
            }
        }
    }

    /// The field whose quote is at `position`; nil where more of the file is needed.
    private func quotedField(_ bytes: UnsafeRawBufferPointer, from position: Int) throws -> Field? {
        var field = Field(start: position + 1, end: position + 1, hasDoubledQuotes: false)
        let base = bytes.baseAddress!
        while true {
            guard let found = memchr(base + field.end, 0x22, filled - field.end) else {
                try checkLength(from: field.start, to: filled, isQuoted: true)
                guard !isAtEnd else { throw endlessQuote(position) }
                return nil
            }
            field.end = UnsafeRawPointer(found) - base
            try checkLength(from: field.start, to: field.end, isQuoted: true)
            if field.end + 1 == filled, !isAtEnd { return nil }
            guard field.end + 1 < filled, bytes[field.end + 1] == 0x22 else {
                lineCount += newlineCount(in: field.start..<field.end)
                return field
            }
            field.hasDoubledQuotes = true
            field.end += 2
        }
    }

    private func newlineCount(in range: Range<Int>) -> Int {
        let base = UnsafeRawPointer(buffer.baseAddress!)
        var count = 0
        var position = range.lowerBound
        while let found = memchr(base + position, 0x0A, range.upperBound - position) {
            count += 1
            position = UnsafeRawPointer(found) - base + 1
        }
        return count
    }

    // MARK: - The buffer

    /// Gets more of the stream behind what is there; false at its end.
    private func fill() throws -> Bool {
        guard !isAtEnd else { return false }
        if start > 0 {
            memmove(buffer.baseAddress!, buffer.baseAddress! + start, filled - start)
            bufferOffset += start
            filled -= start
            (start, nextStart) = (0, 0)
        }
        if filled == buffer.count {
            guard filled <= rowByteLimit else {
                throw RowFault(
                    error: InputError(
                        "a row longer than \(rowByteLimit) bytes", at: place(), offender: offender(from: start),
                        advice: "Are the delimiter and the quoting those of the file? Longer rows are read with "
                            + "--max-record-bytes."), position: start)
            }
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 64)
            larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
            buffer.deallocate()
            buffer = larger
        }
        while filled < buffer.count {
            let count = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if count == 0 {
                isAtEnd = true
                break
            }
            filled += count
        }
        return true
    }

    private func skipByteOrderMark() throws {
        _ = try fill()
        if filled >= 3, buffer[..<3].elementsEqual([0xEF, 0xBB, 0xBF]) { nextStart = 3 }
    }

    // MARK: - Faults

    private func place(field: Int? = nil, at position: Int? = nil) -> Place {
        let name = field.flatMap { $0 < names.count ? names[$0] : nil } ?? field.map { "column \($0 + 1)" }
        return Place(path: stream.path, line: line, byteOffset: bufferOffset + (position ?? start), field: name)
    }

    private func offender(from position: Int) -> [UInt8] { Array(buffer[position..<min(filled, position + 41)]) }

    func emptyFile() -> InputError {
        InputError("the file is empty", at: Place(path: stream.path), advice: "Was it written to its end?")
    }

    func wrongColumnCount() -> RowFault {
        let missing = fields.count < names.count ? fields.count : nil
        let error = InputError(
            "\(fields.count) columns where \(names.count) should be", at: place(field: missing),
            offender: offender(from: start),
            advice: format.quoting == .none
                ? "Each line has the same number of columns; without quotes, a text cannot have the delimiter in it."
                : "Each row has the same number of columns; a text with the delimiter in it stands in quotes.")
        return RowFault(error: error, position: nil)
    }

    private func checkLength(from start: Int, to end: Int, isQuoted: Bool = false) throws {
        guard end - start > rowByteLimit else { return }
        let error = InputError(
            "a field of more than \(rowByteLimit) bytes", at: place(field: fields.count, at: start),
            offender: offender(from: start),
            advice: isQuoted
                ? "Does the quote at its start end anywhere? Files with quotes as characters are read without quoting."
                : "Are the delimiter and the quoting those of the file?")
        throw RowFault(error: error, position: self.start)
    }

    private func endlessQuote(_ position: Int) -> RowFault {
        let error = InputError(
            "the quote that begins this field does not end", at: place(field: fields.count, at: position),
            offender: offender(from: position),
            advice: "The file may be cut off; or its quotes are characters, and it is to be read without quoting.")
        return RowFault(error: error, position: start)
    }

    private func strayQuote(_ reason: String, _ field: Int, at position: Int) -> RowFault {
        let error = InputError(
            reason, at: place(field: field, at: position),
            offender: offender(from: position),
            advice: "A field with a quote in it stands in quotes, and the quote twice: \"say \"\"so\"\"\".")
        return RowFault(error: error, position: position)
    }

    private func checkText(upTo end: Int) throws {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<end])
        guard !JSONText.isUTF8(bytes) else { return }
        for (index, field) in fields.enumerated() {
            let content = UnsafeRawBufferPointer(rebasing: buffer[field.start..<field.end])
            guard !JSONText.isUTF8(content) else { continue }
            let error = InputError(
                "not valid UTF-8", at: place(field: index, at: field.start), offender: Array(content.prefix(41)),
                advice: "Convert the file: iconv -f ENCODING -t UTF-8.")
            throw RowFault(error: error, position: nil)
        }
    }
}
