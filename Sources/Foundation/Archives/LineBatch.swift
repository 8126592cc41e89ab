public import Base
internal import Glibc

/// Some whole lines of a stream, with their place.
///
/// `@unchecked Sendable`: the memory is filled before the batch exists and only read afterwards.
public final class LineBatch: @unchecked Sendable {
    /// Readable bytes behind the last line, as simdjson wants them.
    static let padding = 64

    public let path: String
    /// 1-based number of the first line.
    public let firstLine: Int
    /// Offset of the batch in the decompressed stream.
    public let byteOffset: Int
    public let newlineCount: Int
    /// What stood among the lines and is none of them, in order. Who passes over these loses records.
    public let faults: [Fault]
    private let origins: Origins
    private let start: Int
    private let count: Int
    private let buffer: UnsafeMutableRawBufferPointer

    /// What the lines are, where they were made by a reader, and where messages say that they come from.
    public enum Origins: Sendable {
        /// Lines of the stream itself, or rows of a table: number and byte are enough.
        case lines
        /// Files of their own, as the members of a tar: the path of each.
        case files([String])
        /// Rows of text that may have several lines: for each the number of its first, and its byte in the stream.
        case rows([(line: Int, byteOffset: Int)])
        /// Elements of an array: for each its byte in the stream.
        case elements([Int])
    }

    /// A row that its reader could not make a line of.
    public struct Fault: Sendable {
        /// How many of the batch's lines that are not blank stand before it.
        public let lineCountBefore: Int
        public let error: InputError
        /// The row as it was, or its beginning where it is too long to be held.
        public let line: [UInt8]

        public init(lineCountBefore: Int, error: InputError, line: [UInt8]) {
            self.lineCountBefore = lineCountBefore
            self.error = error
            self.line = line
        }
    }

    /// Lines that come from elsewhere than a stream of lines.
    ///
    /// - Parameters:
    ///   - path: of what holds them.
    ///   - firstLine: 1-based number of the first among all that `path` holds; of rows each has its own.
    ///   - byteOffset: bytes of all such lines before.
    ///   - text: the lines, each with its newline.
    public convenience init(
        path: String, firstLine: Int, byteOffset: Int, origins: Origins, text: [UInt8], faults: [Fault] = []
    ) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count + Self.padding, alignment: 64)
        text.withUnsafeBytes { buffer.copyMemory(from: $0) }
        memset(buffer.baseAddress! + text.count, 0, Self.padding)
        self.init(
            path: path, firstLine: firstLine, byteOffset: byteOffset, start: 0, count: text.count, buffer: buffer,
            origins: origins, faults: faults)
    }

    init(
        path: String, firstLine: Int, byteOffset: Int, start: Int, count: Int, buffer: UnsafeMutableRawBufferPointer,
        origins: Origins = .lines, faults: [Fault] = []
    ) {
        self.faults = faults
        self.origins = origins
        self.path = path
        self.firstLine = firstLine
        self.byteOffset = byteOffset
        self.start = start
        self.count = count
        self.buffer = buffer
        newlineCount = Self.newlines(in: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }

    deinit { buffer.deallocate() }

    private static func newlines(in bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        var count = 0
        var position = 0
        // memchr looks at 64 bytes at once where the processor can; a loop over bytes takes as long as reading the file.
        while let newline = memchr(base + position, 0x0A, bytes.count - position) {
            count += 1
            position = UnsafeRawPointer(newline) - base + 1
        }
        return count
    }

    public var byteCount: Int { count }

    /// Where a line is, by its number and its offset as ``forEachLine(_:)`` gives them.
    public func place(line: Int, byteOffset: Int) -> Place {
        switch origins {
        case .lines: Place(path: path, line: line, byteOffset: byteOffset)
        case .files(let names): Place(path: names[line - firstLine])
        case .rows(let rows):
            Place(path: path, line: line, byteOffset: rows.first { $0.line == line }?.byteOffset)
        case .elements(let offsets):
            Place(path: "\(path), element \(line)", byteOffset: offsets[line - firstLine])
        }
    }

    public struct Line {
        /// Without the newline; at least 64 bytes behind it may be read. Valid as long as the batch.
        public let bytes: UnsafeRawBufferPointer
        /// 1-based, in the stream; of a row of text with several lines that of the first; of an element its number.
        public let number: Int
        /// Offset of the line in the decompressed stream, or among the lines that a reader made.
        public let byteOffset: Int
        /// False only for a last line that the stream's end cuts off, or that was written without a newline.
        public let hasNewline: Bool

        /// Whether there is nothing but spaces, tabs and carriage returns.
        public var isBlank: Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
    }

    /// Calls `body` with some bytes of the batch, found by their offset in the decompressed stream.
    ///
    /// - Precondition: the range lies within the batch.
    public func withBytes<Result>(
        at byteOffset: Int, count: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let start = byteOffset - self.byteOffset
        return try body(UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]))
    }

    /// Calls `body` with every line in order.
    public func forEachLine(_ body: (Line) throws -> Void) rethrows {
        let base = UnsafeRawPointer(buffer.baseAddress!)
        var position = start
        var index = 0
        while position < count {
            let newline = memchr(base + position, 0x0A, count - position)
            let end = newline.map { UnsafeRawPointer($0) - base } ?? count
            let number = if case .rows(let rows) = origins { rows[index].line } else { firstLine + index }
            try body(
                Line(
                    bytes: UnsafeRawBufferPointer(start: base + position, count: end - position), number: number,
                    byteOffset: byteOffset + position, hasNewline: newline != nil))
            position = end + 1
            index += 1
        }
    }
}
