import Base
import SystemPackage

/// A zip file with stored entries, made by hand so that tests can put in what no tool would.
///
/// Source: PKWARE's APPNOTE.TXT, 4.3.
struct ZipFile {
    private(set) var bytes: [UInt8] = []
    private var directory: [UInt8] = []
    private var count = 0

    /// - Parameter entries: names with contents; a name may occur twice.
    init(_ entries: [(name: String, contents: [UInt8])]) {
        for (name, contents) in entries { add(name, contents) }
        let start = bytes.count
        bytes += directory
        bytes += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + word(count, 2) + word(count, 2)
        bytes += word(directory.count, 4) + word(start, 4) + [0, 0]
    }

    private mutating func add(_ name: String, _ contents: [UInt8]) {
        let sizes = word(Int(Self.checksum(contents)), 4) + word(contents.count, 4) + word(contents.count, 4)
        // Version 2.0, names in UTF-8, stored, 1 January 1980.
        let common: [UInt8] = [20, 0, 0, 8, 0, 0, 0, 0, 33, 0] + sizes + word(name.utf8.count, 2) + [0, 0]
        directory += [0x50, 0x4B, 1, 2, 20, 0] + common + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0] + word(bytes.count, 4)
        directory += Array(name.utf8)
        bytes += [0x50, 0x4B, 3, 4] + common + Array(name.utf8) + contents
        count += 1
    }

    private func word(_ value: Int, _ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// CRC-32, bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0 as UInt32) { checksum, byte in
            (0..<8).reduce(checksum ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
    }
}
