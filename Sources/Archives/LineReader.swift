public import Base
internal import Glibc

/// Cuts a stream into batches of whole lines, ready to be handed to workers.
///
/// A batch holds about `batchByteCount` bytes, more if a line is longer. Lines end in a newline; the last may lack it.
/// A UTF-8 byte order mark at the start is skipped. Not Sendable: it has a position.
public final class LineReader {
    /// No line may be longer (1 GiB): beyond it, a file without newlines would fill the memory.
    public static let longestLine = 1 << 30

    private let stream: InputStream
    private let batchByteCount: Int
    private var rest: [UInt8] = []
    private var line = 1
    private var byteOffset = 0
    private var isAtEnd = false

    public init(_ stream: InputStream, batchByteCount: Int = 1 << 20) {
        self.stream = stream
        self.batchByteCount = max(1, batchByteCount)
    }

    /// The next whole lines; nil at the end.
    ///
    /// - Throws: what the stream throws; `InputError` for a line longer than `longestLine`.
    public func nextBatch() throws -> LineBatch? {
        guard !isAtEnd else { return nil }
        var capacity = max(batchByteCount, rest.count * 2)
        var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + LineBatch.padding, alignment: 64)
        var isHandedOver = false
        defer { if !isHandedOver { buffer.deallocate() } }
        rest.withUnsafeBytes { buffer.copyMemory(from: $0) }
        var filled = rest.count
        var searched = 0
        var end: Int?
        while true {
            while filled < capacity {
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<capacity])
                let count = try stream.read(into: target)
                if count == 0 {
                    isAtEnd = true
                    break
                }
                filled += count
            }
            if isAtEnd {
                end = filled
                break
            }
            if let newline = buffer[searched..<filled].lastIndex(of: 0x0A) {
                end = newline + 1
                break
            }
            guard filled <= Self.longestLine else {
                throw InputError(
                    "a line longer than 1 GiB", at: Place(path: stream.path, line: line, byteOffset: byteOffset),
                    advice: "Is this a file of lines? JSON Lines have one record a line.")
            }
            searched = filled
            capacity *= 2
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: capacity + LineBatch.padding, alignment: 64)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
            buffer.deallocate()
            buffer = larger
        }
        let count = end!
        rest = Array(buffer[count..<filled])
        guard count > 0 else { return nil }
        var start = 0
        if byteOffset == 0, count >= 3, buffer[0] == 0xEF, buffer[1] == 0xBB, buffer[2] == 0xBF { start = 3 }
        memset(buffer.baseAddress! + count, 0, LineBatch.padding)
        isHandedOver = true
        let batch = LineBatch(
            path: stream.path, firstLine: line, byteOffset: byteOffset, start: start, count: count, buffer: buffer)
        line += batch.newlineCount
        byteOffset += count
        return batch
    }
}

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
    /// Where the lines are files of their own (members of a tar), the paths of these; else empty.
    private let names: [String]
    private let start: Int
    private let count: Int
    private let buffer: UnsafeMutableRawBufferPointer

    /// Lines that come from elsewhere than a stream of lines.
    ///
    /// - Parameters:
    ///   - path: of what holds them.
    ///   - firstLine: 1-based number of the first among all that `path` holds.
    ///   - names: for each line, what messages call it.
    ///   - text: the lines, each with its newline.
    public convenience init(path: String, firstLine: Int, byteOffset: Int, names: [String], text: [UInt8]) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count + Self.padding, alignment: 64)
        text.withUnsafeBytes { buffer.copyMemory(from: $0) }
        memset(buffer.baseAddress! + text.count, 0, Self.padding)
        self.init(
            path: path, firstLine: firstLine, byteOffset: byteOffset, start: 0, count: text.count, buffer: buffer,
            names: names)
    }

    init(
        path: String, firstLine: Int, byteOffset: Int, start: Int, count: Int, buffer: UnsafeMutableRawBufferPointer,
        names: [String] = []
    ) {
        self.names = names
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

    /// Where a line is, by its number and its offset in the stream; for a file of its own, its path.
    public func place(line: Int, byteOffset: Int) -> Place {
        names.isEmpty
            ? Place(path: path, line: line, byteOffset: byteOffset) : Place(path: names[line - firstLine])
    }

    public struct Line {
        /// Without the newline; at least 64 bytes behind it may be read. Valid as long as the batch.
        public let bytes: UnsafeRawBufferPointer
        /// 1-based, in the stream.
        public let number: Int
        /// Offset of the line in the decompressed stream.
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
        var number = firstLine
        while position < count {
            let newline = memchr(base + position, 0x0A, count - position)
            let end = newline.map { UnsafeRawPointer($0) - base } ?? count
            try body(
                Line(
                    bytes: UnsafeRawBufferPointer(start: base + position, count: end - position), number: number,
                    byteOffset: byteOffset + position, hasNewline: newline != nil))
            position = end + 1
            number += 1
        }
    }
}
