extension TemplateValue {
    /// Python's `str`: what a template prints.
    ///
    /// - Throws: `TemplateFault` for what Python prints with an address, as a macro.
    /// - Complexity: O(``weight``), which callers bound.
    func printed() throws -> String {
        switch self {
        case .undefined: ""
        case .string(let text), .safe(let text): text
        default: try representation()
        }
    }

    /// Python's `repr`: what a value is printed as within a list.
    func representation() throws -> String {
        switch self {
        case .undefined: return "Undefined"
        case .none: return "None"
        case .bool(let value): return value ? "True" : "False"
        case .integer(let value): return "\(value)"
        case .double(let value): return pythonRepresentation(value)
        case .string(let text): return pythonRepresentation(text)
        case .safe(let text): return "Markup(\(pythonRepresentation(text)))"
        case .list(let items): return "[\(try Self.representations(items))]"
        case .tuple(let items): return "(\(try Self.representations(items))\(items.values.count == 1 ? "," : ""))"
        case .mapping(let mapping): return try Self.representation(of: mapping)
        case .view(let view): return "\(view.kind.rawValue)([\(try Self.representations(view.items))])"
        case .range(let range):
            return "range(\(range.first), \(range.end)\(range.step == 1 ? "" : ", \(range.step)"))"
        case .namespace, .generator, .macro, .loop, .function, .method:
            throw TemplateFault("a \(typeName) cannot be printed")
        }
    }

    private static func representations(_ items: TemplateItems) throws -> String {
        try items.values.map { try $0.representation() }.joined(separator: ", ")
    }

    private static func representation(of mapping: TemplateMapping) throws -> String {
        let fields = try zip(mapping.keys, mapping.values).map { key, value in
            "\(try key.value.representation()): \(try value.representation())"
        }
        return "{\(fields.joined(separator: ", "))}"
    }
}

extension TemplateFault {
    static let tooLarge = TemplateFault("a text has more than \(TemplateLimits.outputByteCount) bytes")
}

/// A string in Python's quotes.
func pythonRepresentation(_ text: String) -> String {
    let hasSingle = text.utf8.contains(UInt8(ascii: "'"))
    let quote: Unicode.Scalar = hasSingle && !text.utf8.contains(UInt8(ascii: "\"")) ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\", quote: result.append(contentsOf: ["\\", scalar])
        case "\n": result.append(contentsOf: ["\\", "n"])
        case "\r": result.append(contentsOf: ["\\", "r"])
        case "\t": result.append(contentsOf: ["\\", "t"])
        case _ where scalar.isPythonPrintable: result.append(scalar)
        default:
            let (mark, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
            result.append(contentsOf: "\\\(mark)\(hexadecimal(scalar.value, width: width))".unicodeScalars)
        }
    }
    result.append(quote)
    return String(result)
}

func hexadecimal(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Unicode.Scalar {
    /// Python's `str.isprintable`, by the Unicode version of Swift's library.
    fileprivate var isPythonPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: self == " "
        default: true
        }
    }
}

/// A double with the fewest digits that read back equal, as Python's `repr` places them.
func pythonRepresentation(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    let sign = value.sign == .minus ? "-" : ""
    guard value != 0 else { return sign + "0.0" }
    // Swift finds the same digits, and places them otherwise.
    var mantissa = value.magnitude.description[...]
    var exponent = 0
    if let mark = mantissa.firstIndex(of: "e") {
        exponent = Int(mantissa[mantissa.index(after: mark)...])!
        mantissa = mantissa[..<mark]
    }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    exponent += parts[0].count
    var digits = Array(parts.joined())
    while digits.count > 1, digits[0] == "0" {
        digits.removeFirst()
        exponent -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    // value = 0.d1d2… · 10^exponent
    switch exponent {
    case 1...16 where digits.count <= exponent:
        return sign + String(digits) + String(repeating: "0", count: exponent - digits.count) + ".0"
    case 1...16: return sign + String(digits[..<exponent]) + "." + String(digits[exponent...])
    case -3...0: return sign + "0." + String(repeating: "0", count: -exponent) + String(digits)
    default:
        let power = exponent - 1
        let tail = digits.count > 1 ? "." + String(digits[1...]) : ""
        let written = "\(abs(power))"
        return "\(sign)\(digits[0])\(tail)e\(power < 0 ? "-" : "+")\(written.count < 2 ? "0" : "")\(written)"
    }
}
