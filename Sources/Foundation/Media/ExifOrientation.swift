extension Orientation {
    /// From an EXIF block (a TIFF header and its first directory); upright where it does not say, or is damaged.
    ///
    /// Source: EXIF 2.32, tag 0x0112.
    init(exif bytes: UnsafeRawBufferPointer) {
        self = .upright
        guard bytes.count >= 8 else { return }
        let isLittle = bytes[0] == UInt8(ascii: "I")
        guard bytes[1] == bytes[0], isLittle || bytes[0] == UInt8(ascii: "M") else { return }
        func integer(at offset: Int, byteCount: Int) -> Int? {
            guard offset >= 0, offset <= bytes.count - byteCount else { return nil }
            let digits = bytes[offset..<offset + byteCount]
            return isLittle
                ? digits.reversed().reduce(0) { $0 << 8 | Int($1) } : digits.reduce(0) { $0 << 8 | Int($1) }
        }
        guard integer(at: 2, byteCount: 2) == 42, let directory = integer(at: 4, byteCount: 4),
            let count = integer(at: directory, byteCount: 2)
        else { return }
        for entry in 0..<count {
            let offset = directory + 2 + entry * 12
            guard let tag = integer(at: offset, byteCount: 2) else { return }
            // A short, one of them.
            guard tag == 0x0112, integer(at: offset + 2, byteCount: 2) == 3 else { continue }
            if let value = integer(at: offset + 8, byteCount: 2),
                let known = Orientation(rawValue: UInt8(clamping: value))
            {
                self = known
            }
            return
        }
    }
}
