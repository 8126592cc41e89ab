extension JSONValue {
    /// The one canonical form of this value: RFC 8785 (JCS).
    ///
    /// No spaces; fields sorted by UTF-16 code units; numbers as ECMAScript prints doubles. Whole numbers are printed
    /// in full even beyond 2^53, where RFC 8785 advises strings: sizes and seeds must not be rounded.
    ///
    /// - Precondition: no NaN and no infinity inside.
    public func canonical() -> [UInt8] {
        var output: [UInt8] = []
        appendCanonical(to: &output)
        return output
    }

    /// The value over several lines, indented by two spaces, fields in their own order, with a newline at the end.
    ///
    /// - Precondition: no NaN and no infinity inside.
    public func pretty() -> String {
        var output: [UInt8] = []
        appendPretty(to: &output, indent: 0)
        output.append(0x0A)
        return String(decoding: output, as: UTF8.self)
    }

    /// The value on one line, fields in their own order, numbers value-equal, without a newline.
    ///
    /// - Precondition: no NaN and no infinity inside.
    public func appendLine(to output: inout [UInt8]) {
        switch self {
        case .array(let values):
            output.append(0x5B)
            for (position, value) in values.enumerated() {
                if position > 0 { output.append(0x2C) }
                value.appendLine(to: &output)
            }
            output.append(0x5D)
        case .object(let object):
            output.append(0x7B)
            for (position, field) in object.enumerated() {
                if position > 0 { output.append(0x2C) }
                JSONText.appendString(field.key, to: &output)
                output.append(0x3A)
                field.value.appendLine(to: &output)
            }
            output.append(0x7D)
        case .number(let value): JSONText.appendDouble(value, to: &output)
        default: appendCanonical(to: &output)
        }
    }

    private func appendCanonical(to output: inout [UInt8]) {
        switch self {
        case .null: JSONText.appendLiteral("null", to: &output)
        case .bool(let value): JSONText.appendLiteral(value ? "true" : "false", to: &output)
        case .integer(let value): JSONText.appendInteger(value, to: &output)
        case .number(let value): JSONText.appendCanonicalDouble(value, to: &output)
        case .string(let value): JSONText.appendString(value, to: &output)
        case .array(let values):
            output.append(0x5B)
            for (position, value) in values.enumerated() {
                if position > 0 { output.append(0x2C) }
                value.appendCanonical(to: &output)
            }
            output.append(0x5D)
        case .object(let object):
            let order = object.keys.indices.sorted {
                object.keys[$0].utf16.lexicographicallyPrecedes(object.keys[$1].utf16)
            }
            output.append(0x7B)
            for (rank, position) in order.enumerated() {
                if rank > 0 { output.append(0x2C) }
                JSONText.appendString(object.keys[position], to: &output)
                output.append(0x3A)
                object.values[position].appendCanonical(to: &output)
            }
            output.append(0x7D)
        }
    }

    private func appendPretty(to output: inout [UInt8], indent: Int) {
        func newLine(_ indent: Int) {
            output.append(0x0A)
            output.append(contentsOf: repeatElement(0x20, count: indent))
        }
        switch self {
        case .array(let values) where !values.isEmpty:
            output.append(0x5B)
            for (position, value) in values.enumerated() {
                if position > 0 { output.append(0x2C) }
                newLine(indent + 2)
                value.appendPretty(to: &output, indent: indent + 2)
            }
            newLine(indent)
            output.append(0x5D)
        case .object(let object) where !object.isEmpty:
            output.append(0x7B)
            for (position, field) in object.enumerated() {
                if position > 0 { output.append(0x2C) }
                newLine(indent + 2)
                JSONText.appendString(field.key, to: &output)
                JSONText.appendLiteral(": ", to: &output)
                field.value.appendPretty(to: &output, indent: indent + 2)
            }
            newLine(indent)
            output.append(0x7D)
        default: appendLine(to: &output)
        }
    }
}

extension JSONText {
    /// Appends a double as ECMAScript's Number::toString prints it (ECMA-262, 6.1.6.1.20), which RFC 8785 demands.
    ///
    /// - Precondition: `value` is finite.
    static func appendCanonicalDouble(_ value: Double, to output: inout [UInt8]) {
        precondition(value.isFinite, "JSON has no NaN and no infinity")
        if value == 0 {
            output.append(UInt8(ascii: "0"))
            return
        }
        if value < 0 { output.append(UInt8(ascii: "-")) }
        let (digits, exponent) = shortestDigits(value.magnitude)
        // value = 0.d1d2d3… × 10^exponent
        switch exponent {
        case digits.count...21:
            output.append(contentsOf: digits)
            output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: exponent - digits.count))
        case 1...21:
            output.append(contentsOf: digits[..<exponent])
            output.append(UInt8(ascii: "."))
            output.append(contentsOf: digits[exponent...])
        case -5...0:
            appendLiteral("0.", to: &output)
            output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -exponent))
            output.append(contentsOf: digits)
        default:
            output.append(digits[0])
            if digits.count > 1 {
                output.append(UInt8(ascii: "."))
                output.append(contentsOf: digits[1...])
            }
            output.append(UInt8(ascii: "e"))
            output.append(UInt8(ascii: exponent > 0 ? "+" : "-"))
            appendInteger(abs(exponent - 1), to: &output)
        }
    }

    /// The fewest decimal digits that read back as `value`, and the power of ten of the point before them.
    private static func shortestDigits(_ value: Double) -> (digits: [UInt8], exponent: Int) {
        var digits: [UInt8] = []
        var exponent = 0
        var pointAt: Int?
        let text = Array(value.description.utf8)
        var position = 0
        while position < text.count {
            let byte = text[position]
            if byte == UInt8(ascii: ".") {
                pointAt = digits.count
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(String(decoding: text[(position + 1)...], as: UTF8.self))!
                break
            } else {
                digits.append(byte)
            }
            position += 1
        }
        exponent += pointAt ?? digits.count
        let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(leading)
        exponent -= leading
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return (digits, exponent)
    }
}
