internal import Base
internal import SystemPackage

/// An OpenType font whose glyphs are PNG images.
///
/// Source: OpenType 1.9, tables cmap (format 12), CBLC and CBDT.
struct ColourFont {
    private let bytes: BigEndianBytes
    private let imageStart: Int
    private let glyphs: [CharacterGroup]
    private let images: [UInt16: Range<Int>]

    /// Characters that follow one another, and so do their glyphs.
    private struct CharacterGroup {
        let characters: ClosedRange<UInt32>
        let firstGlyph: UInt32
    }

    /// - Throws: `InputError` for a file that is cut off or has another layout.
    init(_ path: FilePath) throws {
        bytes = BigEndianBytes(try Files.readAll(path), path: path.string)
        var tables: [String: Int] = [:]
        for index in 0..<Int(try bytes.uint16(at: 4)) {
            let record = 12 + 16 * index
            tables[try bytes.tag(at: record)] = Int(try bytes.uint32(at: record + 8))
        }
        guard let map = tables["cmap"], let places = tables["CBLC"], let images = tables["CBDT"] else {
            throw bytes.fault("a font without the tables cmap, CBLC and CBDT", at: 12)
        }
        imageStart = images
        glyphs = try Self.groups(bytes, map)
        self.images = try Self.places(bytes, places, images)
    }

    /// - Returns: a PNG file; nil where the font has none for the character.
    func image(of character: Unicode.Scalar) throws -> [UInt8]? {
        guard let group = glyphs.first(where: { $0.characters.contains(character.value) }),
            let glyph = UInt16(
                exactly: UInt64(group.firstGlyph) + UInt64(character.value - group.characters.lowerBound)),
            let range = images[glyph]
        else { return nil }
        return Array(try bytes.slice(range))
    }

    private static func groups(_ bytes: BigEndianBytes, _ table: Int) throws -> [CharacterGroup] {
        for index in 0..<Int(try bytes.uint16(at: table + 2)) {
            let subtable = table + Int(try bytes.uint32(at: table + 4 + 8 * index + 4))
            guard try bytes.uint16(at: subtable) == 12 else { continue }
            let count = Int(try bytes.uint32(at: subtable + 12))
            return try (0..<count).map { index in
                let group = subtable + 16 + 12 * index
                let (first, last) = (try bytes.uint32(at: group), try bytes.uint32(at: group + 4))
                guard first <= last else { throw bytes.fault("a group of characters ends before it begins", at: group) }
                return CharacterGroup(characters: first...last, firstGlyph: try bytes.uint32(at: group + 8))
            }
        }
        throw bytes.fault("cmap has no subtable of format 12", at: table)
    }

    /// Where the images of the first strike lie.
    private static func places(_ bytes: BigEndianBytes, _ table: Int, _ images: Int) throws -> [UInt16: Range<Int>] {
        guard try bytes.uint32(at: table + 4) > 0 else { throw bytes.fault("a font without a strike", at: table) }
        let array = table + Int(try bytes.uint32(at: table + 8))
        var places: [UInt16: Range<Int>] = [:]
        for index in 0..<Int(try bytes.uint32(at: table + 16)) {
            let (first, last) = (try bytes.uint16(at: array + 8 * index), try bytes.uint16(at: array + 8 * index + 2))
            let subtable = array + Int(try bytes.uint32(at: array + 8 * index + 4))
            let format = try bytes.uint16(at: subtable)
            guard format == 1, first <= last else {
                throw bytes.fault("an index of images of format \(format); 1 is read", at: subtable)
            }
            let kind = try bytes.uint16(at: subtable + 2)
            guard kind == 17 else { throw bytes.fault("images of format \(kind); 17 is read", at: subtable) }
            let start = images + Int(try bytes.uint32(at: subtable + 4))
            for glyph in first...last {
                let offset = subtable + 8 + 4 * Int(glyph - first)
                let (from, to) = (Int(try bytes.uint32(at: offset)), Int(try bytes.uint32(at: offset + 4)))
                // Equal ones: no image. Five bytes of metrics and four of the length precede one.
                guard to > from else { continue }
                let length = Int(try bytes.uint32(at: start + from + 5))
                guard length <= to - from - 9 else { throw bytes.fault("an image beyond its place", at: start + from) }
                places[glyph] = start + from + 9..<start + from + 9 + length
            }
        }
        return places
    }
}

/// Numbers in a file, most significant byte first; nothing beyond its end is read.
struct BigEndianBytes {
    private let bytes: [UInt8]
    private let path: String

    init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
    }

    func fault(_ reason: String, at offset: Int) -> InputError {
        InputError(reason, at: Place(path: path, byteOffset: offset))
    }

    func slice(_ range: Range<Int>) throws -> ArraySlice<UInt8> {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
            throw fault("the file is cut off", at: bytes.count)
        }
        return bytes[range]
    }

    private func number(at offset: Int, byteCount: Int) throws -> UInt32 {
        try slice(offset..<offset + byteCount).reduce(0) { $0 << 8 | UInt32($1) }
    }

    func uint16(at offset: Int) throws -> UInt16 { UInt16(try number(at: offset, byteCount: 2)) }

    func uint32(at offset: Int) throws -> UInt32 { try number(at: offset, byteCount: 4) }

    func tag(at offset: Int) throws -> String {
        String(String.UnicodeScalarView(try slice(offset..<offset + 4).map { Unicode.Scalar($0) }))
    }
}
