internal import Archives
internal import Base
internal import SystemPackage

/// Whole lines of a text file, in order, in chunks: the file itself, mapped, or what a decompressor or stdin gives.
final class LineSource {
    let path: String
    private let mapping: MappedFile?
    private let stream: InputStream?
    /// Of a stream: the chunk last given, and behind it the beginning of a line.
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 64)
    private var filled = 0
    private var chunkCount = 0
    private var isAtEnd = false
    private static let chunkByteCount = 1 << 20
    /// Bytes of all chunks given so far.
    private var givenByteCount = 0

    init(_ path: FilePath) throws {
        let stream = try InputStream(path)
        self.path = stream.path
        // Pipes have no size and cannot be mapped.
        if path != "-", stream.compression == .none, let mapping = try? MappedFile(path) {
            if let error = MisplacedFile.error(
                at: path.string, head: Array(mapping.bytes.prefix(MisplacedFile.headByteCount)), wanted: .text)
            {
                throw error
            }
            mapping.advise(.sequential)
            self.mapping = mapping
            self.stream = nil
        } else {
            self.mapping = nil
            self.stream = stream
        }
    }

    deinit { buffer.deallocate() }

    /// Bytes of all lines; nil where a stream gives them.
    var byteCount: Int? { mapping?.count }

    /// The lines that follow those of the last chunk; nil at the end. Valid until the next call.
    func next() throws -> UnsafeRawBufferPointer? {
        guard !isAtEnd else { return nil }
        guard let stream else {
            isAtEnd = true
            let bytes = mapping!.bytes
            // A file without line feeds is none of lines; of a mapped one no other line costs memory before it is looked at.
            let head = bytes.prefix(LineReader.longestLineOfColumns + 1)
            guard head.count <= LineReader.longestLineOfColumns || head.contains(0x0A) else { throw longLine(bytes) }
            return bytes.isEmpty ? nil : bytes
        }
        let rest = UnsafeRawBufferPointer(rebasing: buffer[chunkCount..<filled])
        buffer.copyMemory(from: rest)
        filled = rest.count
        chunkCount = 0
        var searched = 0
        while chunkCount == 0 {
            if buffer.count - filled < LineSource.chunkByteCount / 2 { grow() }
            let count = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            filled += count
            if count == 0 {
                isAtEnd = true
                chunkCount = filled
                break
            }
            if let newline = buffer[searched..<filled].lastIndex(of: 0x0A) { chunkCount = newline + 1 }
            searched = filled
            // Beyond it, a stream without line feeds would fill the memory.
            guard chunkCount > 0 || filled <= LineReader.longestLineOfColumns else {
                throw longLine(UnsafeRawBufferPointer(buffer))
            }
        }
        givenByteCount += chunkCount
        return chunkCount == 0 ? nil : UnsafeRawBufferPointer(rebasing: buffer[..<chunkCount])
    }

    /// - Parameter bytes: what it begins with.
    private func longLine(_ bytes: UnsafeRawBufferPointer) -> InputError {
        InputError(
            "a line longer than \(LineReader.longestLineOfColumns) bytes",
            at: Place(path: path, byteOffset: givenByteCount), offender: Array(bytes.prefix(41)),
            advice: "Lines of runs and judgements are short: is this such a file?")
    }

    private func grow() {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(buffer.count * 2, LineSource.chunkByteCount), alignment: 64)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        buffer.deallocate()
        buffer = larger
    }
}

/// Splits a chunk of lines into fields. Line numbers and byte offsets count from the start of the file.
struct FieldScanner {
    let path: String
    private var chunk = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    /// Bytes of the file before `chunk`.
    private var chunkOffset = 0
    /// 1-based number of the line last read.
    private(set) var line = 0
    private(set) var lineStart = 0
    private var lineEnd = 0
    /// Start and end of each field of the line last read.
    private(set) var starts = InlineArray<6, Int>(repeating: 0)
    private(set) var ends = InlineArray<6, Int>(repeating: 0)

    init(path: String) { self.path = path }

    /// Goes on with a chunk of whole lines that follows the last.
    mutating func feed(_ next: UnsafeRawBufferPointer) {
        chunkOffset += chunk.count
        chunk = next
        position = 0
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        if chunkOffset == 0, chunk.starts(with: byteOrderMark) { position = byteOrderMark.count }
    }

    @inline(__always)
    func field(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: chunk[starts[index]..<ends[index]])
    }

    func place(field name: String? = nil, at index: Int? = nil) -> Place {
        let start = index.map { starts[$0] } ?? lineStart
        return Place(path: path, line: line, byteOffset: chunkOffset + start, field: name)
    }

    /// Bytes of the line last read, without its end.
    var lineByteCount: Int { lineEnd - lineStart }

    /// The beginning of the line last read, for messages.
    var lineExcerpt: [UInt8] { Array(chunk[lineStart..<lineEnd].prefix(80)) }

    /// - Throws: `InputError` where the line last read is longer than a line may be.
    @inline(__always)
    func requireBoundedLine() throws {
        guard lineByteCount <= LineReader.longestLineOfColumns else { throw tooLong() }
    }

    private func tooLong() -> InputError {
        InputError(
            "a line longer than \(LineReader.longestLineOfColumns) bytes", at: place(), offender: lineExcerpt,
            advice: "Lines of runs and judgements are short: is this such a file?")
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D && byte != 0x0A) }

    /// The next line that is not blank, split at runs of blanks; nil at the end of the chunk. At most six fields are
    /// kept; more are counted.
    @inline(__always)
    mutating func nextBlankSeparated() -> Int? {
        let end = chunk.count
        while position < end {
            line += 1
            lineStart = position
            var count = 0
            var index = position
            while true {
                while index < end, FieldScanner.isBlank(chunk[index]) { index += 1 }
                if index == end || chunk[index] == 0x0A { break }
                let start = index
                while index < end {
                    let byte = chunk[index]
                    if byte <= 0x20, byte == 0x0A || FieldScanner.isBlank(byte) { break }
                    index += 1
                }
                if count < 6 {
                    starts[count] = start
                    ends[count] = index
                }
                count += 1
            }
            lineEnd = index
            position = index + 1
            if count > 0 { return count }
        }
        return nil
    }

    /// The next line that is not empty, split at each tab; nil at the end of the chunk.
    @inline(__always)
    mutating func nextTabSeparated() -> Int? {
        let end = chunk.count
        while position < end {
            line += 1
            lineStart = position
            var count = 0
            var index = position
            var start = position
            while index < end, chunk[index] != 0x0A {
                if chunk[index] == 0x09 {
                    if count < 6 {
                        starts[count] = start
                        ends[count] = index
                    }
                    count += 1
                    start = index + 1
                }
                index += 1
            }
            lineEnd = index
            position = index + 1
            // A carriage return before the line feed belongs to the line's end.
            if lineEnd > lineStart, chunk[lineEnd - 1] == 0x0D { lineEnd -= 1 }
            if count < 6 {
                starts[count] = min(start, lineEnd)
                ends[count] = lineEnd
            }
            if lineEnd > lineStart { return count + 1 }
        }
        return nil
    }

    /// Steps back so that the line last read is read again.
    mutating func rewindLine() {
        position = lineStart
        line -= 1
    }
}
