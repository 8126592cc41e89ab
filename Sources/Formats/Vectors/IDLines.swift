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

    /// The id that a line stands for, whose escapes have been checked.
    static func unescape(_ line: UnsafeRawBufferPointer) -> [UInt8] {
        var id: [UInt8] = []
        id.reserveCapacity(line.count)
        var index = 0
        while index < line.count {
            if line[index] == backslash {
                id.append(line[index + 1] == 0x6E ? 0x0A : backslash)
                index += 2
            } else {
                id.append(line[index])
                index += 1
            }
        }
        return id
    }

    static let backslash: UInt8 = 0x5C

    /// Where a backslash stands that begins no escape; nil where there is none.
    static func badEscape(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        var position = 0
        while let found = memchr(start + position, CInt(backslash), bytes.count - position) {
            position = UnsafeRawPointer(found) - start
            guard position + 1 < bytes.count, bytes[position + 1] == 0x6E || bytes[position + 1] == backslash else {
                return position
            }
            position += 2
        }
        return nil
    }
}

/// Finds the line of a row in a mapped `.ids` file. Keeps the offset of every 8th line only, so that 10^8 ids take
/// 100 MB and not 800.
struct IDIndex: Sendable {
    private static let stride = 8
    private let file: MappedFile
    private let offsets: [Int]
    private let hasEscapes: Bool

    /// - Throws: `InputError` where the file has not `count` lines, or one with an escape that is none.
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
            hasEscapes = memchr(start, CInt(IDLines.backslash), file.count) != nil
            if hasEscapes { try IDIndex.checkEscapes(of: file) }
        } else {
            hasEscapes = false
        }
        guard lines == count else {
            throw InputError(
                "\(lines) ids for \(count) vectors", at: Place(path: file.path.string), advice: NumpyHeader.advice)
        }
        self.offsets = offsets
    }

    private static func checkEscapes(of file: MappedFile) throws {
        let bytes = file.bytes
        guard let bad = IDLines.badEscape(in: bytes) else { return }
        let before = bytes[..<bad]
        let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        throw InputError(
            "a backslash that is followed neither by n nor by another backslash",
            at: Place(path: file.path.string, line: before.count { $0 == 0x0A } + 1, byteOffset: bad),
            offender: bytes[start...].prefix(80).prefix { $0 != 0x0A }.map { $0 }, advice: NumpyHeader.advice)
    }

    /// Requires the file to be the one that was written with its part.
    ///
    /// - Throws: `InputError` that names what it looks like instead.
    func requireDigest(of part: VectorsPart, among parts: [VectorsPart]) throws {
        let digest = SHA256Digest.of(file.bytes)
        guard digest != part.idsDigest else { return }
        let path = file.path.string
        if file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw InputError(
                "the first id begins with a byte order mark that tvt-encode did not write",
                at: Place(path: path, line: 1, byteOffset: 0), offender: Array(file.bytes.prefix(40)),
                advice: NumpyHeader.advice)
        }
        if let other = parts.first(where: { $0.idsDigest == digest }) {
            throw InputError(
                "these are the ids of part \(other.index), not of part \(part.index)", at: Place(path: path),
                advice: NumpyHeader.advice)
        }
        throw InputError(
            "its SHA-256 is not the one that \(VectorsManifest.fileName) records", at: Place(path: path),
            advice: NumpyHeader.advice)
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
