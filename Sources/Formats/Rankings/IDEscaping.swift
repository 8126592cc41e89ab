/// Percent-escaping of ids for formats whose fields end at whitespace.
///
/// Bytes up to 0x20, 0x7F and `%` become `%XX`; every other byte stays as it is, so that ids without such bytes look
/// the same escaped and not. It is the inverse of ``unescape(_:into:)`` for every byte string.
public enum IDEscaping {
    static let percent = UInt8(ascii: "%")

    @inline(__always)
    static func needsEscape(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F || byte == percent }

    /// Appends the escaped form of `id`.
    public static func escape(_ id: UnsafeRawBufferPointer, into text: inout [UInt8]) {
        for byte in id {
            if needsEscape(byte) {
                text.append(percent)
                text.append(digit(byte >> 4))
                text.append(digit(byte & 15))
            } else {
                text.append(byte)
            }
        }
    }

    /// Appends the id that `text` stands for.
    ///
    /// - Returns: false where a `%` is not followed by two hexadecimal digits; `id` then holds a part.
    public static func unescape(_ text: UnsafeRawBufferPointer, into id: inout [UInt8]) -> Bool {
        var index = 0
        while index < text.count {
            let byte = text[index]
            guard byte == percent else {
                id.append(byte)
                index += 1
                continue
            }
            guard index + 2 < text.count, let high = value(text[index + 1]), let low = value(text[index + 2]) else {
                return false
            }
            id.append(high << 4 | low)
            index += 3
        }
        return true
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x41 + value - 10 }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
