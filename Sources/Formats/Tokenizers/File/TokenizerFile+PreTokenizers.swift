internal import Base
internal import JSON

extension TokenizerFile {
    /// The steps of a pre-tokenizer, sequences within sequences flattened.
    static func preTokenizers(_ part: Component) throws -> [PreTokenizer] {
        switch try part.requireType([
            "BertPreTokenizer", "ByteLevel", "Split", "Metaspace", "Whitespace", "WhitespaceSplit", "Digits",
            "Punctuation", "CharDelimiterSplit", "UnicodeScripts", "FixedLength", "Sequence",
        ]) {
        case "ByteLevel":
            // trim_offsets concerns offsets only.
            try part.allow(["type", "add_prefix_space", "trim_offsets", "use_regex"])
            try part.checkFlags(["trim_offsets"])
            return [
                .byteLevel(
                    addsSpace: try part.bool("add_prefix_space"), splits: try part.bool("use_regex", default: true),
                    mapsBytes: true)
            ]
        case "Split":
            try part.allow(["type", "pattern", "behavior", "invert"])
            return [
                .split(
                    try pattern(part), try behavior(part), isInverted: try part.bool("invert", default: false))
            ]
        case "Metaspace": return [.metaspace(try metaspace(part))]
        case "Digits":
            try part.allow(["type", "individual_digits"])
            return [.digits(areSingle: try part.bool("individual_digits"))]
        case "Punctuation":
            try part.allow(["type", "behavior"])
            return [.punctuation(part.has("behavior") ? try behavior(part) : .isolated)]
        case "CharDelimiterSplit":
            try part.allow(["type", "delimiter"])
            return [.delimiter(try scalar(part, "delimiter").value)]
        case "FixedLength":
            try part.allow(["type", "length"])
            let length = part.has("length") ? try part.integer("length") : 5
            guard length > 0 else { throw part.error("expected a length from 1", "length") }
            return [.fixedLength(length)]
        case "Sequence":
            try part.allow(["type", "pretokenizers"])
            return try part.components("pretokenizers").flatMap(preTokenizers)
        case let simple:
            try part.allow(["type"])
            switch simple {
            case "BertPreTokenizer": return [.bert]
            case "Whitespace": return [.whitespace]
            case "WhitespaceSplit": return [.whitespaceSplit]
            default: return [.scripts]
            }
        }
    }

    private static func behavior(_ part: Component) throws -> SplitBehavior {
        let name = try part.string("behavior")
        guard let behavior = SplitBehavior(rawValue: name) else {
            throw part.error("split behavior \"\(name)\" is not supported", "behavior")
        }
        return behavior
    }

    private static func metaspace(_ part: Component) throws -> Metaspace {
        try part.allow(["type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"])
        // The replacement once more, in old files.
        _ = try part.optionalString("str_rep")
        var prepending = Metaspace.Prepending.always
        if let scheme = try part.optionalString("prepend_scheme") {
            guard let known = Metaspace.Prepending(rawValue: scheme) else {
                throw part.error("prepend scheme \"\(scheme)\" is not supported", "prepend_scheme")
            }
            prepending = known
        }
        if part.has("add_prefix_space"), try !part.bool("add_prefix_space") {
            guard !part.has("prepend_scheme") || prepending == .never else {
                throw part.error("add_prefix_space false contradicts prepend_scheme", "add_prefix_space")
            }
            prepending = .never
        }
        return Metaspace(
            replacement: try scalar(part, "replacement").bytes, prepending: prepending,
            splits: try part.bool("split", default: true))
    }

    /// A field that holds one scalar.
    private static func scalar(_ part: Component, _ name: String) throws -> (value: UInt32, bytes: [UInt8]) {
        let text = try part.string(name)
        guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
            throw part.error("expected one character", name, Array(text.utf8))
        }
        return (scalar.value, Array(text.utf8))
    }
}
