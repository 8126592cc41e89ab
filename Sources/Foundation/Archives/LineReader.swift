internal import Base
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
