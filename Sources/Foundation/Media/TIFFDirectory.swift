internal import CAV

/// The first directory of a TIFF file, which an EXIF block is too.
///
/// Source: TIFF 6.0; EXIF 2.32.
struct TIFFDirectory {
    private let bytes: MediaBytes
    private let isLittleEndian: Bool
    private var start = 0
    private var count = 0

    /// - Returns: nil for bytes that are no TIFF, or end before their directory.
    init?(_ bytes: MediaBytes) {
        self.bytes = bytes
        guard let order = bytes.read(at: 0, count: 2), order[0] == order[1] else { return nil }
        switch order[0] {
        case UInt8(ascii: "I"): isLittleEndian = true
        case UInt8(ascii: "M"): isLittleEndian = false
        default: return nil
        }
        guard integer(at: 2, byteCount: 2) == 42, let start = integer(at: 4, byteCount: 4),
            let count = integer(at: start, byteCount: 2)
        else { return nil }
        self.start = start
        self.count = count
    }

    private func integer(at offset: Int, byteCount: Int) -> Int? {
        bytes.read(at: offset, count: byteCount).map { digits in
            (isLittleEndian ? digits.reversed() : digits).reduce(0) { $0 << 8 | Int($1) }
        }
    }

    /// Where the entry of a field begins; nil where there is none.
    private func entry(tag: Int) -> Int? {
        for entry in 0..<count {
            let offset = start + 2 + entry * 12
            guard let found = integer(at: offset, byteCount: 2) else { return nil }
            if found == tag { return offset }
        }
        return nil
    }

    /// The first number of a field, a byte, a short or a long; nil where there is none.
    private func integer(tag: Int) -> Int? {
        if let offset = entry(tag: tag), let type = integer(at: offset + 2, byteCount: 2) {
            guard let width = Self.widths[type], let number = integer(at: offset + 4, byteCount: 4), number > 0
            else { return nil }
            // What does not fit in the entry stands elsewhere.
            guard number <= 4 / width else {
                return integer(at: offset + 8, byteCount: 4).flatMap { integer(at: $0, byteCount: width) }
            }
            return integer(at: offset + 8, byteCount: width)
        }
        return nil
    }

    /// How the image is meant to be seen; upright where that is not said.
    var orientation: Orientation {
        integer(tag: 0x0112).flatMap { Orientation(rawValue: UInt8(clamping: $0)) } ?? .upright
    }

    /// Whether its pixels are four inks: cyan, magenta, yellow, black.
    var hasInks: Bool { integer(tag: Self.colours) == Self.inks }

    /// Makes libav hand inks on as they are: what it makes of them is darker than what others do.
    var inkPatch: tvt_av_patch? {
        guard hasInks, let offset = entry(tag: Self.colours), let type = integer(at: offset + 2, byteCount: 2),
            let width = Self.widths[type]
        else { return nil }
        return tvt_av_patch(offset: offset + 8, value: 2, byteCount: UInt8(width), isBigEndian: !isLittleEndian)
    }

    /// Bytes of a number, by the type of its field.
    private static let widths = [1: 1, 3: 2, 4: 4]
    private static let colours = 0x0106
    private static let inks = 5

    /// Refuses what libav calls damaged because it does not know it.
    ///
    /// - Throws: ``MediaError`` for numbers that are no integers of at most 16 bits, for unknown colours and compressions, and
    ///   for inks that are not four of a byte.
    func checkVariant() throws(MediaError) {
        if integer(tag: 0x0153) == 3 { throw MediaError(.unsupported, "a TIFF of floating-point numbers") }
        if let bits = integer(tag: 0x0102), bits > 16 {
            throw MediaError(.unsupported, "a TIFF of \(bits) bits a number")
        }
        // Two greys, RGB, a palette, a mask, inks, YCbCr.
        if let colours = integer(tag: Self.colours), colours > 6 {
            throw MediaError(.unsupported, "a TIFF of colour space \(colours)")
        }
        if hasInks {
            let (count, bits) = (integer(tag: 0x0115) ?? 1, integer(tag: 0x0102) ?? 1)
            guard count == 4, bits == 8, ![6, 7].contains(integer(tag: 0x0103)) else {
                throw MediaError(.unsupported, "a TIFF of \(count) inks of \(bits) bits, or of inks within a JPEG")
            }
        }
        // None, CCITT (three), LZW, JPEG (old and new), Deflate (two), PackBits, LZMA.
        let known: Set = [1, 2, 3, 4, 5, 6, 7, 8, 32_946, 32_773, 34_925]
        if let compression = integer(tag: 0x0103), !known.contains(compression) {
            throw MediaError(.unsupported, "a TIFF of compression \(compression)")
        }
    }
}

extension Orientation {
    /// From an EXIF block, with or without `Exif\0\0` before it; upright where it does not say, or is damaged.
    init(exif bytes: UnsafeRawBufferPointer) {
        let marker = Array("Exif\0\0".utf8)
        let block = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(bytes.starts(with: marker) ? marker.count : 0))
        self = TIFFDirectory(.memory(block))?.orientation ?? .upright
    }
}
