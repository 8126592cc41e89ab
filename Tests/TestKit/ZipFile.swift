/// A zip file with stored members, made by hand so that tests can put in what no tool would.
///
/// Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3.
public struct ZipFile: Sendable {
    public struct Member: Sendable {
        public var name: [UInt8]
        public var contents: [UInt8]
        /// Set bit 11: the name is UTF-8.
        public var flags = 0x0800
        /// Of Unix, with the kind of file; 0 for none.
        public var mode = 0
        /// What the directory says where it lies.
        public var checksum: UInt32?
        public var unpackedByteCount: Int?
        /// Its bytes are those of the member of this number, as far as the directory tells.
        public var sharesBytesOf: Int?

        public init(_ name: String, _ contents: [UInt8] = []) {
            self.name = Array(name.utf8)
            self.contents = contents
        }
    }

    public private(set) var bytes: [UInt8] = []
    private var directory: [UInt8] = []
    private var offsets: [Int] = []

    /// - Parameter entries: names with contents; a name may occur twice.
    public init(_ entries: [(name: String, contents: [UInt8])]) {
        self.init(entries.map { Member($0.name, $0.contents) })
    }

    /// - Parameter isZip64: whether the end is one of zip64; it must be for more than 65,535 members.
    public init(_ members: [Member], isZip64: Bool = false, comment: [UInt8] = []) {
        for member in members { add(member) }
        let start = bytes.count
        bytes += directory
        if isZip64 {
            let record = bytes.count
            bytes += [0x50, 0x4B, 6, 6] + word(44, 8) + [45, 0, 45, 0] + word(0, 8)
            bytes += word(members.count, 8) + word(members.count, 8) + word(directory.count, 8) + word(start, 8)
            bytes += [0x50, 0x4B, 6, 7] + word(0, 4) + word(record, 8) + word(1, 4)
            bytes += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + word(0xFFFF, 2) + word(0xFFFF, 2)
            bytes += word(0xFFFF_FFFF, 4) + word(0xFFFF_FFFF, 4)
        } else {
            bytes += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + word(members.count, 2) + word(members.count, 2)
            bytes += word(directory.count, 4) + word(start, 4)
        }
        bytes += word(comment.count, 2) + comment
    }

    private mutating func add(_ member: Member) {
        let checksum = member.checksum ?? Self.checksum(member.contents)
        let sizes =
            word(Int(checksum), 4) + word(member.contents.count, 4)
            + word(member.unpackedByteCount ?? member.contents.count, 4)
        // Version 2.0, stored, 1 January 1980.
        let common: [UInt8] =
            [20, 0] + word(member.flags, 2) + [0, 0, 0, 0, 33, 0] + sizes + word(member.name.count, 2) + [0, 0]
        directory += [0x50, 0x4B, 1, 2, 20, member.mode == 0 ? 0 : 3] + common + [0, 0, 0, 0, 0, 0]
        directory += word(member.mode << 16, 4) + word(member.sharesBytesOf.map { offsets[$0] } ?? bytes.count, 4)
        directory += member.name
        offsets.append(bytes.count)
        guard member.sharesBytesOf == nil else { return }
        bytes += [0x50, 0x4B, 3, 4] + common + member.name + member.contents
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
