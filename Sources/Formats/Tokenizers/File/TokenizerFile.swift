internal import Base
internal import JSON

/// The parts of a `tokenizer.json`, checked. Whatever would change the ids and is not built in is an error.
struct TokenizerFile {
    private(set) var normalizers: [Normalizer] = []
    private(set) var preTokenizers: [PreTokenizer] = []
    private(set) var model: TokenModel
    /// The model's unknown token as it is written; nil without one, or where it is given by its id.
    private(set) var unknownToken: [UInt8]?
    private(set) var addedTokens: [AddedToken] = []
    /// Positions in ``addedTokens`` by content.
    private var addedPositions: [[UInt8]: Int] = [:]
    /// Special ids before and after a text.
    private(set) var prefix: [Int32] = []
    private(set) var suffix: [Int32] = []
    private(set) var truncatesLeft = false
    let path: String

    init(_ bytes: [UInt8], path: String) throws {
        self.path = path
        let document = try TokenizerDocument(bytes, path: path)
        defer { withExtendedLifetime(document) {} }
        let root = document.root
        try root.allow([
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
            "decoder", "model",
        ])
        // The decoder turns ids into text, which nothing here does.
        if let part = try root.optional("normalizer") { normalizers = Normalizer.joined(try Self.normalizers(part)) }
        if let part = try root.optional("pre_tokenizer") { preTokenizers = try Self.preTokenizers(part) }
        let modelPart = try root.component("model")
        model = try Self.model(modelPart, in: document, splittingWith: &preTokenizers)
        unknownToken = try modelPart.optionalString("unk_token").map { Array($0.utf8) }
        try readAddedTokens(root)
        if let part = try root.optional("post_processor") { (prefix, suffix) = try Self.specialTokens(part) }
        if let part = try root.optional("truncation") { try readTruncation(part) }
    }

    /// Added tokens get the ids that the library gives them: that of the vocabulary, else the next free one. It only
    /// logs when the file says otherwise; here that is an error.
    private mutating func readAddedTokens(_ root: Component) throws {
        var next = model.count
        for part in try root.components("added_tokens") {
            try part.allow(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])
            let content = Array(try part.string("content").utf8)
            guard !content.isEmpty else { throw part.error("an added token without text", "content") }
            guard addedToken(content) == nil else {
                throw part.error("the same added token twice", "content", content)
            }
            let known = model.id(of: content)
            let wanted = known < 0 ? next : Int(known)
            next = max(next, wanted + 1)
            let declared = try part.integer("id")
            guard declared == wanted, let id = Int32(exactly: wanted) else {
                throw part.error(
                    "the added token has id \(declared), but its place in the vocabulary is \(wanted)", "id", content)
            }
            addedPositions[content] = addedTokens.count
            try part.checkFlags(["special"])
            addedTokens.append(
                AddedToken(
                    id: id, content: content, isSingleWord: try part.bool("single_word"),
                    stripsLeft: try part.bool("lstrip"), stripsRight: try part.bool("rstrip"),
                    isNormalized: try part.bool("normalized")))
        }
    }

    /// The added token that is written like this, if there is one.
    func addedToken(_ content: [UInt8]) -> AddedToken? { addedPositions[content].map { addedTokens[$0] } }

    /// Puts other steps in the place of the file's; the model must read the same words, of bytes or of characters.
    mutating func replaceSteps(_ normalizers: [Normalizer], _ preTokenizers: [PreTokenizer]) {
        self.normalizers = normalizers
        self.preTokenizers = preTokenizers
    }

    /// The id of a token as it is written: an added one's, else that of the vocabulary.
    func id(of token: [UInt8]) -> Int32? {
        if let added = addedToken(token) { return added.id }
        let id = model.id(of: token)
        return id < 0 ? nil : id
    }

    /// The normal forms of the added tokens that are found in normalised text.
    func normalizedPatterns() throws -> [(bytes: [UInt8], token: AddedToken)] {
        var patterns: [(bytes: [UInt8], token: AddedToken)] = []
        var seen: Set<[UInt8]> = []
        for token in addedTokens where token.isNormalized {
            let normal = try normalized(token.content)
            let place = Place(path: path, field: "added_tokens.content")
            guard !normal.isEmpty else {
                throw InputError(
                    "nothing is left of the added token once normalised", at: place, offender: token.content)
            }
            guard seen.insert(normal).inserted else {
                throw InputError("two added tokens are equal once normalised", at: place, offender: token.content)
            }
            patterns.append((normal, token))
        }
        return patterns
    }

    private func normalized(_ content: [UInt8]) throws -> [UInt8] {
        var text = TextBuffer()
        text.append(content)
        for normalizer in normalizers {
            var next = TextBuffer()
            do {
                _ = try normalizer.apply(text.bytes, to: &next)
            } catch {
                throw InputError(
                    "a regular expression of the normalizer gave up: \(error.message)",
                    at: Place(path: path, field: "added_tokens.content"), offender: content)
            }
            text = next
        }
        return Array(text.bytes)
    }

    private mutating func readTruncation(_ part: Component) throws {
        try part.allow(["direction", "max_length", "strategy", "stride"])
        let strategy = try part.string("strategy")
        guard strategy == "LongestFirst" || strategy == "OnlyFirst" else {
            throw part.error("truncation strategy \"\(strategy)\" is not built in", "strategy")
        }
        for name in ["max_length", "stride"] where part.has(name) { _ = try part.integer(name) }
        guard part.has("direction") else { return }
        switch try part.string("direction") {
        case "Right": truncatesLeft = false
        case "Left": truncatesLeft = true
        case let other: throw part.error("truncation direction \"\(other)\" is unknown", "direction")
        }
    }
}
