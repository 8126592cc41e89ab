/// How `tojson` writes, with the names of Python's `json.dumps`.
struct TemplateJSONStyle {
    var isASCII = false
    /// What a level is indented by; nil for one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
}

extension TemplateValue {
    /// The value as Python's `json.dumps` writes it.
    ///
    /// - Throws: `TemplateFault` for what is no JSON, as an undefined value.
    func json(_ style: TemplateJSONStyle) throws -> String {
        var output = ""
        try appendJSON(to: &output, style, level: 0)
        return output
    }

    private func appendJSON(to output: inout String, _ style: TemplateJSONStyle, level: Int) throws {
        guard output.utf8.count <= TemplateLimits.outputByteCount else { throw TemplateFault.tooLarge }
        switch self {
        case .none: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .integer(let value): output += "\(value)"
        case .double(let value): output += Self.json(value)
        case .string(let text), .safe(let text): Self.appendJSON(text, to: &output, isASCII: style.isASCII)
        case .list(let items), .tuple(let items):
            try Self.appendRow(items.values, brackets: ("[", "]"), to: &output, style, level: level) {
                try $0.appendJSON(to: &$1, style, level: level + 1)
            }
        case .mapping(let mapping):
            var fields = Array(zip(mapping.keys, mapping.values))
            if style.sortsKeys {
                let order = try TemplateValue.sorted(mapping.keys.map(\.value))
                fields = order.map { fields[$0] }
            }
            try Self.appendRow(fields, brackets: ("{", "}"), to: &output, style, level: level) { field, output in
                Self.appendJSON(Self.name(field.0), to: &output, isASCII: style.isASCII)
                output += style.keySeparator
                try field.1.appendJSON(to: &output, style, level: level + 1)
            }
        default: throw TemplateFault("a value of type \(typeName) cannot be written as JSON")
        }
    }

    private static func appendRow<Element>(
        _ elements: [Element], brackets: (String, String), to output: inout String, _ style: TemplateJSONStyle,
        level: Int,
        append: (Element, inout String) throws -> Void
    ) throws {
        output += brackets.0
        func newLine(_ level: Int) -> String { style.indent.map { "\n" + String(repeating: $0, count: level) } ?? "" }
        for (position, element) in elements.enumerated() {
            output += (position > 0 ? style.itemSeparator : "") + newLine(level + 1)
            try append(element, &output)
        }
        output += (elements.isEmpty ? "" : newLine(level)) + brackets.1
    }

    private static func json(_ value: Double) -> String {
        value.isFinite ? pythonRepresentation(value) : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    }

    /// A key as text: numbers, truth and none are written as values.
    private static func name(_ key: TemplateKey) -> String {
        switch key {
        case .string(let text): text
        case .none: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): "\(value)"
        case .double(let value): json(value)
        }
    }

    private static func appendJSON(_ text: String, to output: inout String, isASCII: Bool) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case "\u{8}": output += "\\b"
            case "\u{C}": output += "\\f"
            case _ where scalar.value < 0x20 || isASCII && scalar.value > 0x7E:
                for unit in UTF16.encode(scalar)! { output += "\\u" + hexadecimal(UInt32(unit), width: 4) }
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}
