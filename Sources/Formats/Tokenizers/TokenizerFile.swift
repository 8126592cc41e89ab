internal import Base
internal import JSON

/// The parts of a `tokenizer.json`, checked. Whatever would change the ids and is not built in is an error.
struct TokenizerFile {
    private(set) var normalizer = Normalizer.none
    private(set) var preTokenizer = PreTokenizer.none
    private(set) var model: WordPiece
    private(set) var highestModelID: Int32
    /// The model's unknown token and prefix of continuing pieces, as they are written.
    private(set) var unknownToken: [UInt8]
    private(set) var continuingPrefix: [UInt8]
    private(set) var addedTokens: [AddedToken] = []
    /// Special ids before and after a text.
    private(set) var prefix: [Int32] = []
    private(set) var suffix: [Int32] = []
    private(set) var truncatesLeft = false
    let path: String

    init(_ bytes: [UInt8], path: String) throws {
        self.path = path
        let root = try Component(JSONValue.parse(bytes, path: path), path: path, place: "")
        try root.allow([
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
            "decoder", "model",
        ])
        let modelPart = try root.component("model")
        (model, highestModelID) = try Self.model(modelPart)
        unknownToken = Array(try modelPart.string("unk_token").utf8)
        continuingPrefix = Array(try modelPart.string("continuing_subword_prefix").utf8)
        if let part = try root.optional("normalizer") { normalizer = try Self.normalizer(part) }
        if let part = try root.optional("pre_tokenizer") { preTokenizer = try Self.preTokenizer(part) }
        try readAddedTokens(root)
        if let part = try root.optional("post_processor") { try readPostProcessor(part) }
        if let part = try root.optional("truncation") { try readTruncation(part) }
    }

    private static func model(_ part: Component) throws -> (WordPiece, highestID: Int32) {
        // Old files leave the type out.
        if part.has("type") { try part.requireType(["WordPiece"]) }
        try part.allow(["type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"])
        var tokens: [(bytes: [UInt8], id: Int32)] = []
        var unknownID: Int32?
        let unknown = Array(try part.string("unk_token").utf8)
        for (token, value) in try part.component("vocab").object {
            guard let id = value.integer.flatMap(Int32.init(exactly:)), id >= 0 else {
                throw part.error("a token's id is no number from 0 to \(Int32.max)", "vocab", Array(token.utf8))
            }
            let bytes = Array(token.utf8)
            tokens.append((bytes, id))
            if bytes == unknown { unknownID = id }
        }
        guard let unknownID else {
            throw part.error("the unknown token is not in the vocabulary", "unk_token", unknown)
        }
        let longest = try part.integer("max_input_chars_per_word")
        let prefix = Array(try part.string("continuing_subword_prefix").utf8)
        let model = WordPiece(
            tokens: tokens, continuingPrefix: prefix, unknownID: unknownID, maxScalarsPerWord: longest)
        return (model, tokens.map(\.id).max() ?? 0)
    }

    private static func normalizer(_ part: Component) throws -> Normalizer {
        switch try part.requireType(["BertNormalizer", "Lowercase", "Sequence"]) {
        case "Sequence":
            try part.allow(["type", "normalizers"])
            return try part.components("normalizers").reduce(.none) { first, part in
                let second = try normalizer(part)
                guard let both = first.followed(by: second) else {
                    throw part.error("a second normalizer of this kind is not built in", "type")
                }
                return both
            }
        case "Lowercase":
            try part.allow(["type"])
            return .bert(.lowercase)
        default:
            try part.allow(["type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"])
            let lowercases = try part.bool("lowercase")
            return .bert(
                BertNormalizer(
                    cleansText: try part.bool("clean_text"),
                    separatesIdeographs: try part.bool("handle_chinese_chars"),
                    stripsAccents: part.has("strip_accents") ? try part.bool("strip_accents") : lowercases,
                    lowercases: lowercases))
        }
    }

    private static func preTokenizer(_ part: Component) throws -> PreTokenizer {
        try part.requireType(["BertPreTokenizer"])
        try part.allow(["type"])
        return .bert
    }

    /// Added tokens get the ids that the library gives them: that of the vocabulary, else the next free one. It only
    /// logs when the file says otherwise; here that is an error.
    private mutating func readAddedTokens(_ root: Component) throws {
        var next = Int32(model.starting.count)
        for part in try root.components("added_tokens") {
            try part.allow(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
            let content = Array(try part.string("content").utf8)
            guard !content.isEmpty else { throw part.error("an added token without text", "content") }
            guard !addedTokens.contains(where: { $0.content == content }) else {
                throw part.error("the same added token twice", "content", content)
            }
            var id = model.starting.find(content)
            if id < 0 {
                id = next
                next += 1
            }
            let declared = try part.integer("id")
            guard declared == id else {
                throw part.error(
                    "the added token has id \(declared), but its place in the vocabulary is \(id)", "id", content)
            }
            addedTokens.append(
                AddedToken(
                    id: id, content: content, isSingleWord: try part.bool("single_word"),
                    stripsLeft: try part.bool("lstrip"), stripsRight: try part.bool("rstrip"),
                    isNormalized: try part.bool("normalized")))
        }
    }

    /// The id of a token as it is written: an added one's, else that of the vocabulary.
    func id(of token: [UInt8]) -> Int32? {
        if let added = addedTokens.first(where: { $0.content == token }) { return added.id }
        let id = model.starting.find(token)
        return id < 0 ? nil : id
    }

    /// The normal forms of the added tokens that are found in normalised text.
    func normalizedPatterns() throws -> [(bytes: [UInt8], token: AddedToken)] {
        var patterns: [(bytes: [UInt8], token: AddedToken)] = []
        for token in addedTokens where token.isNormalized {
            var normal = [UInt8](repeating: 0, count: Normalizer.growthLimit * token.content.count + 8)
            let count = normal.withUnsafeMutableBufferPointer { output in
                token.content.withUnsafeBufferPointer { normalizer.apply($0, to: output.baseAddress!) }
            }
            normal.removeLast(normal.count - count)
            let place = Place(path: path, field: "added_tokens.content")
            guard !normal.isEmpty else {
                throw InputError(
                    "nothing is left of the added token once normalised", at: place, offender: token.content)
            }
            guard !patterns.contains(where: { $0.bytes == normal }) else {
                throw InputError("two added tokens are equal once normalised", at: place, offender: token.content)
            }
            patterns.append((normal, token))
        }
        return patterns
    }

    private mutating func readPostProcessor(_ part: Component) throws {
        switch try part.requireType(["TemplateProcessing", "BertProcessing"]) {
        case "BertProcessing":
            try part.allow(["type", "sep", "cls"])
            prefix = [try part.tokenAndID("cls")]
            suffix = [try part.tokenAndID("sep")]
        default:
            try part.allow(["type", "single", "pair", "special_tokens"])
            try readTemplate(part)
        }
    }

    /// Takes the template for one text apart into what comes before and after the text.
    private mutating func readTemplate(_ part: Component) throws {
        let tokens = try part.component("special_tokens")
        var isPastText = false
        for piece in try part.components("single") {
            if let sequence = try piece.optional("Sequence") {
                guard try sequence.string("id") == "A", !isPastText else {
                    throw sequence.error("the template for one text must contain it once, as \"A\"", "id")
                }
                isPastText = true
            } else {
                let name = try piece.component("SpecialToken").string("id")
                let ids = try tokens.component(name).ids("ids")
                if isPastText { suffix += ids } else { prefix += ids }
            }
        }
        guard isPastText else { throw part.error("the template for one text does not contain it", "single") }
    }

    private mutating func readTruncation(_ part: Component) throws {
        try part.allow(["direction", "max_length", "strategy", "stride"])
        let strategy = try part.string("strategy")
        guard strategy == "LongestFirst" || strategy == "OnlyFirst" else {
            throw part.error("truncation strategy \"\(strategy)\" is not built in", "strategy")
        }
        guard part.has("direction") else { return }
        switch try part.string("direction") {
        case "Right": truncatesLeft = false
        case "Left": truncatesLeft = true
        case let other: throw part.error("truncation direction \"\(other)\" is unknown", "direction")
        }
    }
}
