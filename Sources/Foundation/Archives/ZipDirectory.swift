internal import Base
internal import Glibc
internal import SystemPackage

/// The directory at the end of a zip, looked through before libarchive reads it: what it hides or lets pass.
///
/// libarchive cuts names at a NUL, takes sockets for files, reads members that lie on top of each other, and holds the whole
/// directory in memory.
/// Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3.
struct ZipDirectory {
    /// Folders and links included.
    let memberCount: Int

    /// - Throws: `InputError` for a file without a directory or a damaged one, and for members that no tool would write.
    init(_ path: FilePath, limits: ArchiveLimits) throws {
        let file = try InputFile(path)
        let fileByteCount = file.byteCount
        let end = try Self.end(of: file)
        memberCount = end.memberCount
        guard memberCount <= limits.memberCount else {
            throw ArchiveLimits.error("it has more than \(limits.memberCount) members", path.string)
        }
        guard memberCount > 0 else {
            throw InputError("the zip has no members", at: Place(path: path.string), advice: "Pack it again.")
        }
        var bodies: [(start: Int, end: Int)] = []
        bodies.reserveCapacity(memberCount)
        var total = 0
        var cursor = Cursor(file: file, position: end.start, end: end.start + end.byteCount)
        for _ in 0..<memberCount {
            let member = try cursor.next()
            let (sum, isLarge) = total.addingReportingOverflow(member.unpacked)
            total = isLarge ? .max : sum
            guard !member.name.contains(0) else {
                throw InputError(
                    "the name of a member contains a NUL", at: Place(path: path.string), offender: member.name,
                    advice: "Other tools see another name than this one has: fetch the archive from a better place.")
            }
            if let mode = member.mode, let reason = MemberKind.fault(of: mode) {
                throw MemberKind.error(reason, "\(path)/\(String(decoding: member.name, as: UTF8.self))")
            }
            if let name = Self.unreadMethod(member.method) {
                throw InputError(
                    "the member is packed with \(name) (method \(member.method)), which is not read",
                    at: Place(path: "\(path)/\(String(decoding: member.name, as: UTF8.self))"),
                    advice:
                        "The zip may be whole: unpack it with another tool (7z x) and name the folder, or pack it anew "
                        + "with Deflate (zip -r).")
            }
            if let excess = limits.excess(member: (member.unpacked, member.packed), total: nil) {
                throw ArchiveLimits.error(excess, "\(path)/\(String(decoding: member.name, as: UTF8.self))")
            }
            // The local header has 30 bytes and a name at least.
            let (bodyEnd, isBeyond) = (member.offset + 30).addingReportingOverflow(member.packed)
            guard !isBeyond, bodyEnd <= end.start else {
                throw Self.damage(path.string, "a member is not within the file")
            }
            bodies.append((member.offset, bodyEnd))
        }
        if let excess = limits.excess(member: nil, total: (total, fileByteCount)) {
            throw ArchiveLimits.error(excess, path.string)
        }
        bodies.sort { ($0.start, $0.end) < ($1.start, $1.end) }
        for (one, next) in zip(bodies, bodies.dropFirst()) where next.start < one.end {
            throw InputError(
                "two members lie on top of each other", at: Place(path: path.string, byteOffset: next.start),
                advice: "Archives that are made to fill the disk look like this: no tool packs like that.")
        }
    }

    /// What libarchive does not unpack; nil for a method that it does. Source: APPNOTE.TXT, 4.4.5.
    private static func unreadMethod(_ method: Int) -> String? {
        switch method {
        // Stored, Deflate, BZIP2, LZMA, Zstandard, XZ, PPMd. Encryption (99) has words of its own.
        case 0, 8, 12, 14, 93, 95, 98, 99: nil
        case 1: "Shrink"
        case 2...5: "Reduce"
        case 6: "Implode"
        case 9: "Deflate64"
        case 10: "PKWARE's Implode"
        case 16: "IBM's CMPSC"
        case 18: "IBM's TERSE"
        case 19: "IBM's LZ77"
        case 20: "an old Zstandard"
        case 94: "MP3"
        case 96: "JPEG"
        case 97: "WavPack"
        default: "an unknown method"
        }
    }

    private struct Member {
        let name: [UInt8]
        let method: Int
        let offset: Int
        let packed: Int
        let unpacked: Int
        /// Of Unix; nil where another system wrote it.
        let mode: mode_t?
    }

    private struct End {
        let memberCount: Int
        let start: Int
        let byteCount: Int
    }

    private static func damage(_ path: String, _ message: String) -> InputError {
        InputError(
            "the zip is damaged or cut off (\(message))", at: Place(path: path),
            advice: "Its directory is at its end: fetch or make the file again.")
    }

    private static func end(of file: borrowing InputFile) throws -> End {
        let path = file.path.string
        let size = file.byteCount
        let tailStart = max(0, size - 22 - 65_535)
        let tail = try file.read(tailStart..<size)
        let found = stride(from: tail.count - 22, through: 0, by: -1).first { position in
            tail[position...].starts(with: [0x50, 0x4B, 5, 6])
                && position + 22 + Int(number(tail, position + 20, 2)) == tail.count
        }
        guard let found else { throw damage(path, "there is no directory") }
        var memberCount = Int(number(tail, found + 10, 2))
        var byteCount = Int(number(tail, found + 12, 4))
        var start = Int(number(tail, found + 16, 4))
        var end = tailStart + found
        var disks = [Int(number(tail, found + 4, 2)), Int(number(tail, found + 6, 2))]
        if end >= 20 {
            let locator = try file.read(end - 20..<end)
            if locator.starts(with: [0x50, 0x4B, 6, 7]) {
                guard let position = Int(exactly: number(locator, 8, 8)), position >= 0, position <= end - 20 - 56
                else { throw damage(path, "its end is nowhere") }
                let record = try file.read(position..<position + 56)
                guard record.starts(with: [0x50, 0x4B, 6, 6]),
                    let members = Int(exactly: number(record, 32, 8)),
                    let bytes = Int(exactly: number(record, 40, 8)),
                    let first = Int(exactly: number(record, 48, 8))
                else { throw damage(path, "its end is damaged") }
                (memberCount, byteCount, start, end) = (members, bytes, first, position)
                disks = [Int(number(record, 16, 4)), Int(number(record, 20, 4))]
            }
        }
        guard disks == [0, 0] else {
            throw InputError(
                "the zip is one of several parts", at: Place(path: path),
                advice: "Join them: zip -s 0 PART --out WHOLE.")
        }
        // 46 bytes a member: a directory cannot promise more than it has room for.
        guard start <= end, byteCount <= end - start, memberCount <= byteCount / 46 else {
            throw damage(path, "the directory is not within the file")
        }
        guard start + byteCount == end else {
            throw InputError(
                "there are bytes between the directory of the zip and its end, or before its members",
                at: Place(path: path, byteOffset: start + byteCount),
                advice: "Was something joined to it? Pack it again.")
        }
        return End(memberCount: memberCount, start: start, byteCount: byteCount)
    }

    fileprivate static func number(_ bytes: [UInt8], _ position: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
    }

    /// Reads the members of a directory in pieces.
    private struct Cursor: ~Copyable {
        let file: InputFile
        var position: Int
        let end: Int
        private var piece: [UInt8] = []
        private var pieceStart = 0

        init(file: consuming InputFile, position: Int, end: Int) {
            self.file = file
            self.position = position
            self.end = end
            pieceStart = position
        }

        private mutating func take(_ count: Int) throws -> [UInt8] {
            guard count <= end - position else { throw damage(file.path.string, "the directory is cut off") }
            if position + count > pieceStart + piece.count {
                pieceStart = position
                piece = try file.read(position..<min(end, position + max(count, 1 << 20)))
            }
            let start = position - pieceStart
            position += count
            return Array(piece[start..<start + count])
        }

        mutating func next() throws -> Member {
            let header = try take(46)
            guard header.starts(with: [0x50, 0x4B, 1, 2]) else {
                throw damage(file.path.string, "no member of the directory begins at byte \(position - 46)")
            }
            let name = try take(Int(number(header, 28, 2)))
            let extra = try take(Int(number(header, 30, 2)))
            _ = try take(Int(number(header, 32, 2)))
            var sizes = [number(header, 24, 4), number(header, 20, 4), number(header, 42, 4)]
            var rest = extra[...]
            while rest.count >= 4 {
                let field = Array(rest)
                let count = Int(number(field, 2, 2))
                guard count <= field.count - 4 else { break }
                if number(field, 0, 2) == 1 {
                    var large = Array(field[4..<4 + count])[...]
                    for index in sizes.indices where sizes[index] == 0xFFFF_FFFF && large.count >= 8 {
                        sizes[index] = number(Array(large.prefix(8)), 0, 8)
                        large = large.dropFirst(8)
                    }
                }
                rest = rest.dropFirst(4 + count)
            }
            let known = sizes.compactMap { Int(exactly: $0) }
            guard known.count == 3, known[2] <= end else {
                throw damage(file.path.string, "a member is not within the file")
            }
            // Unix and macOS.
            let mode = [3, 19].contains(header[5]) ? mode_t(number(header, 40, 2)) : nil
            return Member(
                name: name, method: Int(number(header, 10, 2)), offset: known[2], packed: known[1], unpacked: known[0],
                mode: mode)
        }
    }
}
