internal import CSimdJSON

/// Writes JSON tokens into byte arrays.
///
/// Strings are escaped as RFC 8785 asks: short escapes where they exist, `\u00xx` in lower case for other control
/// characters, everything else as UTF-8.
public enum JSONText {
    /// Appends a quoted, escaped string.
    ///
    /// - Parameter bytes: valid UTF-8; not checked again.
    @inlinable
    public static func appendString(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(0x22)
        var start = 0
        while true {
            let stop = firstSpecial(in: bytes, from: start)
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<stop]))
            guard stop < bytes.count else { break }
            appendEscape(of: bytes[stop], to: &output)
            start = stop + 1
        }
        output.append(0x22)
    }

    /// Appends a quoted, escaped string.
    public static func appendString(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendString(UnsafeRawBufferPointer($0), to: &output) }
    }

    /// Appends a quoted, escaped string of bytes that are known to be valid UTF-8.
    public static func appendString(_ bytes: [UInt8], to output: inout [UInt8]) {
        bytes.withUnsafeBytes { appendString($0, to: &output) }
    }

    /// Appends the bytes of an ASCII or UTF-8 literal as they are.
    @inlinable
    public static func appendLiteral(_ text: StaticString, to output: inout [UInt8]) {
        text.withUTF8Buffer { output.append(contentsOf: $0) }
    }

    /// Appends a whole number in decimal.
    public static func appendInteger<Number: FixedWidthInteger>(_ value: Number, to output: inout [UInt8]) {
        output.append(contentsOf: String(value).utf8)
    }

    /// Appends the shortest decimal that reads back as the same double, keeping a mark (`.0` or an exponent) that it
    /// is one.
    ///
    /// - Precondition: `value` is finite; JSON has no other numbers.
    public static func appendDouble(_ value: Double, to output: inout [UInt8]) {
        precondition(value.isFinite, "JSON has no NaN and no infinity")
        output.append(contentsOf: value.description.utf8)
    }

    /// Appends the shortest decimal that reads back as the same float32, by way of a double too, with a mark that it is
    /// no whole number.
    ///
    /// - Precondition: `value` is finite.
    public static func appendFloat(_ value: Float, to output: inout [UInt8]) {
        precondition(value.isFinite, "JSON has no NaN and no infinity")
        let text = value.description
        // Rounded twice, first to a double, a decimal next to the middle of two floats may become the other one.
        if let double = Double(text), Float(double).bitPattern == value.bitPattern {
            output.append(contentsOf: text.utf8)
        } else {
            appendDouble(Double(value), to: &output)
        }
    }

    /// Appends any value of a tape as compact JSON: fields in their order, numbers value-equal.
    public static func append(_ node: JSONNode, to output: inout [UInt8]) {
        switch node.kind {
        case .string: appendString(node.string!, to: &output)
        case .integer: appendInteger(node.integer!, to: &output)
        case .unsigned: appendInteger(node.unsigned!, to: &output)
        case .number: appendDouble(node.double!, to: &output)
        case .true: appendLiteral("true", to: &output)
        case .false: appendLiteral("false", to: &output)
        case .null: appendLiteral("null", to: &output)
        case .array:
            output.append(0x5B)
            var isFirst = true
            for element in node.elements {
                if !isFirst { output.append(0x2C) }
                isFirst = false
                append(element, to: &output)
            }
            output.append(0x5D)
        case .object:
            output.append(0x7B)
            var isFirst = true
            for (key, value) in node.fields {
                if !isFirst { output.append(0x2C) }
                isFirst = false
                appendString(key, to: &output)
                output.append(0x3A)
                append(value, to: &output)
            }
            output.append(0x7D)
        }
    }

    /// Whether bytes are valid UTF-8: for those that become a string without being parsed.
    public static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        return tvt_json_is_utf8(start.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// Position of the first byte at or after `start` that must be escaped, or the count.
    @inlinable
    static func firstSpecial(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let count = bytes.count
        var position = start
        // Four words a step: the marks of all 32 bytes are combined and tested once.
        while position + 32 <= count {
            let word0 = marks(base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let word1 = marks(base.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self))
            let word2 = marks(base.loadUnaligned(fromByteOffset: position + 16, as: UInt64.self))
            let word3 = marks(base.loadUnaligned(fromByteOffset: position + 24, as: UInt64.self))
            if word0 | word1 | word2 | word3 != 0 { break }
            position += 32
        }
        while position + 8 <= count {
            let found = marks(base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            if found != 0 { return position + found.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < count {
            let byte = bytes[position]
            if byte < 0x20 || byte == 0x22 || byte == 0x5C { return position }
            position += 1
        }
        return count
    }

    /// A word whose lowest set bit lies in the first byte (little-endian) below 0x20 or equal to `"` or `\`; 0 if none.
    ///
    /// Higher bits may be false marks (borrows), the lowest never is.
    @inlinable @inline(__always)
    static func marks(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let control = (word &- (ones &* 0x20)) & ~word
        return (control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)) & (ones &* 0x80)
    }

    @usableFromInline
    static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
        output.append(0x5C)
        switch byte {
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case 0x22, 0x5C: output.append(byte)
        default:
            appendLiteral("u00", to: &output)
            let digits: StaticString = "0123456789abcdef"
            digits.withUTF8Buffer { digits in
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            }
        }
    }
}
