internal import Base
internal import JSON
internal import RegularExpressions

extension TokenizerFile {
    /// The steps of a normalizer, sequences within sequences flattened.
    static func normalizers(_ part: Component) throws -> [Normalizer] {
        switch try part.requireType([
            "BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Replace", "Prepend",
            "Nmt", "Precompiled", "ByteLevel", "Sequence",
        ]) {
        case "BertNormalizer": return [.bert(try bertNormalizer(part))]
        case "Strip":
            try part.allow(["type", "strip_left", "strip_right"])
            return [.strip(left: try part.bool("strip_left"), right: try part.bool("strip_right"))]
        case "Replace":
            try part.allow(["type", "pattern", "content"])
            return [.replace(try pattern(part), with: Array(try part.string("content").utf8))]
        case "Prepend":
            try part.allow(["type", "prepend"])
            return [.prepend(Array(try part.string("prepend").utf8))]
        case "Precompiled":
            try part.allow(["type", "precompiled_charsmap"])
            guard let text = try part.optionalString("precompiled_charsmap"), !text.isEmpty else { return [] }
            guard let bytes = base64Bytes(text), let map = PrecompiledMap(bytes) else {
                throw part.error("the table is damaged or cut off", "precompiled_charsmap")
            }
            return [.precompiled(map)]
        case "Sequence":
            try part.allow(["type", "normalizers"])
            return try part.components("normalizers").flatMap(normalizers)
        case let simple:
            try part.allow(["type"])
            switch simple {
            case "NFC": return [.form(.composed)]
            case "NFD": return [.form(.decomposed)]
            case "NFKC": return [.form(.compatibilityComposed)]
            case "NFKD": return [.form(.compatibilityDecomposed)]
            case "Lowercase": return [.lowercase]
            case "StripAccents": return [.stripAccents]
            case "Nmt": return [.nmt]
            default: return [.byteLevel]
            }
        }
    }

    private static func bertNormalizer(_ part: Component) throws -> BertNormalizer {
        try part.allow(["type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"])
        let lowercases = try part.bool("lowercase")
        return BertNormalizer(
            cleansText: try part.bool("clean_text"),
            separatesIdeographs: try part.bool("handle_chinese_chars"),
            stripsAccents: part.has("strip_accents") ? try part.bool("strip_accents") : lowercases,
            lowercases: lowercases)
    }

    /// The `pattern` of a component: `{"String": …}` or `{"Regex": …}`.
    static func pattern(_ part: Component) throws -> Pattern {
        let pattern = try part.component("pattern")
        try pattern.allow(["String", "Regex"])
        if let literal = try pattern.optionalString("String") { return .literal(Array(literal.utf8)) }
        let expression = try pattern.string("Regex")
        if let scanner = ExpressionScanner.of(expression) { return .scanner(scanner) }
        do {
            return .expression(try RegularExpression(expression))
        } catch {
            throw pattern.error(
                "not a regular expression: \(error.message)", "Regex", Array(expression.utf8))
        }
    }
}

/// The bytes that base64 (RFC 4648, padded) stands for; nil if it is none.
private func base64Bytes(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count / 4 * 3)
    var bits: UInt32 = 0
    var digits = 0
    var padding = 0
    for character in text.utf8 {
        let value: UInt8
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "="):
            value = 0
            padding += 1
        default: return nil
        }
        if padding > 0 && character != UInt8(ascii: "=") { return nil }
        bits = bits << 6 | UInt32(value)
        digits += 1
        if digits % 4 == 0 {
            bytes += [
                UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8),
                UInt8(truncatingIfNeeded: bits),
            ]
        }
    }
    guard digits % 4 == 0, padding <= 2 else { return nil }
    bytes.removeLast(padding)
    return bytes
}
