internal import Base
internal import Glibc

/// A stored line, seen as an id and the rest, without parsing the rest.
package struct StoredLine {
    package let bytes: UnsafeRawBufferPointer
    /// The id as it stands between its quotes.
    package let quotedID: Range<Int>
    package let idHasEscapes: Bool

    /// Nil where the line does not begin with the kind's id field.
    package init?(_ bytes: UnsafeRawBufferPointer, kind: RecordKind) {
        let prefix = kind.linePrefix
        let start = prefix.utf8CodeUnitCount
        guard bytes.count > start, memcmp(bytes.baseAddress!, prefix.utf8Start, start) == 0 else { return nil }
        var hasEscapes = false
        var position = start
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                self.bytes = bytes
                quotedID = start..<position
                idHasEscapes = hasEscapes
                return
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position += 1
            }
            position += 1
        }
        return nil
    }

    /// What the content hash covers: everything behind the id, so that equal content under two ids has one hash.
    package var content: UnsafeRawBufferPointer { bytes.slice(quotedID.upperBound + 1..<bytes.count) }

    package func hasID(_ id: UnsafeRawBufferPointer) -> Bool {
        if idHasEscapes { return unescape(bytes.slice(quotedID)).elementsEqual(id) }
        guard quotedID.count == id.count else { return false }
        return id.isEmpty || memcmp(bytes.baseAddress! + quotedID.lowerBound, id.baseAddress!, id.count) == 0
    }

    package var id: [UInt8] { idHasEscapes ? unescape(bytes.slice(quotedID)) : Array(bytes.slice(quotedID)) }
}

/// The bytes that the inside of a JSON string stands for. Escapes that JSON does not know are kept as they are.
private func unescape(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
        let byte = text[position]
        position += 1
        guard byte == UInt8(ascii: "\\"), position < text.count else {
            result.append(byte)
            continue
        }
        let escape = text[position]
        position += 1
        switch escape {
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"):
            guard var scalar = hexadecimalDigits(text, at: position) else {
                result += [byte, escape]
                continue
            }
            position += 4
            if scalar >> 10 == 0x36, position + 6 <= text.count, text[position] == byte,
                text[position + 1] == escape, let low = hexadecimalDigits(text, at: position + 2), low >> 10 == 0x37
            {
                scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
                position += 6
            }
            guard let valid = Unicode.Scalar(scalar) else {
                result += Array("\\u".utf8) + text[position - 4..<position]
                continue
            }
            UTF8.encode(valid) { result.append($0) }
        default: result.append(escape)
        }
    }
    return result
}

private func hexadecimalDigits(_ text: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
    guard start + 4 <= text.count else { return nil }
    var value: UInt32 = 0
    for byte in text[start..<start + 4] {
        switch byte {
        case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
        case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
        case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
        default: return nil
        }
    }
    return value
}
