internal import Base
internal import Glibc

/// The lines of an `.ids` file: one id a line, a line feed in an id written `\n`, a backslash `\\`.
enum IDLines {
    static func append(_ id: UnsafeRawBufferPointer, to text: inout [UInt8]) {
        if id.contains(where: { $0 == 0x0A || $0 == 0x5C }) {
            for byte in id {
                switch byte {
                case 0x0A: text.append(contentsOf: [0x5C, 0x6E])
                case 0x5C: text.append(contentsOf: [0x5C, 0x5C])
                default: text.append(byte)
                }
            }
        } else {
            text.append(contentsOf: id)
        }
        text.append(0x0A)
    }

    static func unescape(_ line: UnsafeRawBufferPointer) -> [UInt8] {
        var id: [UInt8] = []
        id.reserveCapacity(line.count)
        var index = 0
        while index < line.count {
            if line[index] == 0x5C, index + 1 < line.count {
                id.append(line[index + 1] == 0x6E ? 0x0A : line[index + 1])
                index += 2
            } else {
                id.append(line[index])
                index += 1
            }
        }
        return id
    }
}

/// Finds the line of a row in a mapped `.ids` file. Keeps the offset of every 8th line only, so that 10^8 ids take
/// 100 MB and not 800.
struct IDIndex: Sendable {
    private static let stride = 8
    private let file: MappedFile
    private let offsets: [Int]
    private let hasEscapes: Bool

    /// - Throws: `InputError` where the file has not `count` lines.
    init(_ file: MappedFile, count: Int) throws {
        self.file = file
        var offsets: [Int] = []
        offsets.reserveCapacity(count / IDIndex.stride + 1)
        var lines = 0
        var position = 0
        if let start = file.bytes.baseAddress {
            while position < file.count {
                if lines % IDIndex.stride == 0 { offsets.append(position) }
                guard let end = memchr(start + position, 0x0A, file.count - position) else {
                    throw InputError(
                        "the last line has no end", at: Place(path: file.path.string, line: lines + 1),
                        advice: NumpyHeader.advice)
                }
                position = UnsafeRawPointer(end) - start + 1
                lines += 1
            }
            hasEscapes = memchr(start, 0x5C, file.count) != nil
        } else {
            hasEscapes = false
        }
        guard lines == count else {
            throw InputError(
                "\(lines) ids for \(count) vectors", at: Place(path: file.path.string), advice: NumpyHeader.advice)
        }
        self.offsets = offsets
    }

    func withID<Result>(_ row: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let start = file.bytes.baseAddress!
        var position = offsets[row / IDIndex.stride]
        for _ in 0..<row % IDIndex.stride {
            position = UnsafeRawPointer(memchr(start + position, 0x0A, file.count - position)!) - start + 1
        }
        let end = UnsafeRawPointer(memchr(start + position, 0x0A, file.count - position)!) - start
        let line = UnsafeRawBufferPointer(start: start + position, count: end - position)
        guard hasEscapes, line.contains(0x5C) else { return try body(line) }
        return try IDLines.unescape(line).withUnsafeBytes { try body($0) }
    }
}
