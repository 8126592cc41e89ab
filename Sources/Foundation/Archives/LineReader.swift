internal import Base
internal import Glibc

/// Cuts a stream into batches of whole lines, ready to be handed to workers.
///
/// A batch holds about `batchByteCount` bytes, more if a line is longer. Lines end in a newline; the last may lack it. A line that is
/// longer than the limit is no line of any batch but one of its faults, and passed over without being held.
/// A UTF-8 byte order mark at the start is skipped. Not Sendable: it has a position.
public final class LineReader {
    /// No line may be longer where nothing else is asked for (64 MiB): beyond it, a file without newlines would fill the memory.
    public static let longestLine = 64 << 20
    /// The same for lines of columns, as those of judgements (1 MiB).
    public static let longestLineOfColumns = 1 << 20
    /// So much is kept of a line that is too long.
    static let keptByteCount = 1 << 10
    /// A line that is too long is passed over up to here (1 GiB): a stream without line feeds may have no end at all.
    package static let longestPassedLine = 1 << 30

    private let stream: InputStream
    private let batchByteCount: Int
    private let lineLimit: Int
    private var rest: [UInt8] = []
    private var line = 1
    private var byteOffset = 0
    private var isAtEnd = false
    /// Whether the rest of a line that is too long comes next.
    private var isWithinLongLine = false

    /// - Parameter lineLimit: bytes of the longest line.
    public init(_ stream: InputStream, batchByteCount: Int = 1 << 20, lineLimit: Int = LineReader.longestLine) {
        self.stream = stream
        stream.expectText()
        self.batchByteCount = max(1, batchByteCount)
        self.lineLimit = max(1, lineLimit)
    }

    /// The next whole lines; nil at the end.
    ///
    /// - Throws: what the stream throws.
    public func nextBatch() throws -> LineBatch? {
        if isWithinLongLine { try skipLongLine() }
        guard !isAtEnd || !rest.isEmpty else { return nil }
        var capacity = max(batchByteCount, min(rest.count * 2, rest.count + lineLimit + 1))
        var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity + LineBatch.padding, alignment: 64)
        var isHandedOver = false
        defer { if !isHandedOver { buffer.deallocate() } }
        rest.withUnsafeBytes { buffer.copyMemory(from: $0) }
        var filled = rest.count
        var searched = 0
        var end: Int?
        while true {
            while filled < capacity, !isAtEnd {
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<capacity])
                let count = try stream.read(into: target)
                if count == 0 { isAtEnd = true }
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
            if filled > lineLimit { break }
            searched = filled
            capacity = min(capacity * 2, max(capacity, lineLimit) + 1)
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: capacity + LineBatch.padding, alignment: 64)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
            buffer.deallocate()
            buffer = larger
        }
        var count = end ?? 0
        var fault: LineBatch.Fault?
        // Where a batch is no longer than a line may be, none of its lines is.
        if let long = end == nil ? 0..<filled : longLine(in: buffer, upTo: count) {
            // The lines before it are a batch of their own.
            count = long.lowerBound
            if count == 0 {
                fault = longLineFault(UnsafeRawBufferPointer(rebasing: buffer[long]))
                isWithinLongLine = true
                line += 1
            }
        }
        rest = Array(buffer[count..<filled])
        guard count > 0 || fault != nil else { return nil }
        var start = 0
        if byteOffset == 0, count >= 3, buffer[0] == 0xEF, buffer[1] == 0xBB, buffer[2] == 0xBF { start = 3 }
        memset(buffer.baseAddress! + count, 0, LineBatch.padding)
        isHandedOver = true
        let batch = LineBatch(
            path: stream.path, firstLine: line, byteOffset: byteOffset, start: start, count: count, buffer: buffer,
            faults: fault.map { [$0] } ?? [])
        line += batch.newlineCount
        byteOffset += count
        return batch
    }

    // MARK: - Lines that are too long

    /// The first line that is, among whole lines.
    private func longLine(in buffer: UnsafeMutableRawBufferPointer, upTo end: Int) -> Range<Int>? {
        guard end > lineLimit else { return nil }
        let base = UnsafeRawPointer(buffer.baseAddress!)
        var start = 0
        while start < end {
            let lineEnd = memchr(base + start, 0x0A, end - start).map { UnsafeRawPointer($0) - base } ?? end
            if lineEnd - start > lineLimit { return start..<lineEnd }
            start = lineEnd + 1
        }
        return nil
    }

    private func longLineFault(_ bytes: UnsafeRawBufferPointer) -> LineBatch.Fault {
        LineBatch.Fault(
            lineCountBefore: 0, error: longLine(bytes), line: Array(bytes.prefix(Self.keptByteCount)))
    }

    private func longLine(_ bytes: UnsafeRawBufferPointer) -> InputError {
        InputError(
            "a line longer than \(lineLimit) bytes", at: Place(path: stream.path, line: line, byteOffset: byteOffset),
            offender: Array(bytes.prefix(41)),
            advice: "Is this a file of lines? JSON Lines have one record a line. Longer records are read with "
                + "--max-record-bytes, where a tool has it.")
    }

    /// Goes behind the newline of a line that is too long.
    ///
    /// - Throws: `InputError` where it is too long for that as well.
    private func skipLongLine() throws {
        isWithinLongLine = false
        let start = byteOffset
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1 << 20, rest.count), alignment: 64)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: rest)
        var filled = rest.count
        while true {
            let base = UnsafeRawPointer(buffer.baseAddress!)
            if let newline = memchr(base, 0x0A, filled) {
                let end = UnsafeRawPointer(newline) - base + 1
                byteOffset += end
                rest = Array(buffer[end..<filled])
                return
            }
            byteOffset += filled
            rest = []
            guard !isAtEnd else { return }
            guard byteOffset - start <= Self.longestPassedLine else {
                throw InputError(
                    "a line longer than \(Self.longestPassedLine) bytes",
                    at: Place(path: stream.path, line: line - 1, byteOffset: start),
                    advice:
                        "There is no end of it in sight, and the rest of the file is not read. Is this a file of lines?"
                )
            }
            try Interruption.check()
            filled = try stream.read(into: buffer)
            if filled == 0 { isAtEnd = true }
        }
    }
}
