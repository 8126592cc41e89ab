internal import Base
internal import JSON

extension TokenizerFile {
    /// The model; a last pre-tokenizer that maps bytes to characters is spared that if the model can read bytes.
    static func model(
        _ part: Component, in document: TokenizerDocument, splittingWith preTokenizers: inout [PreTokenizer]
    ) throws -> TokenModel {
        // Old files leave the type out.
        let type =
            part.has("type")
            ? try part.requireType(["WordPiece", "BPE", "Unigram"]) : part.has("merges") ? "BPE" : "WordPiece"
        switch type {
        case "BPE":
            var readsBytes = false
            if case .byteLevel(let addsSpace, let splits, _) = preTokenizers.last {
                readsBytes = true
                preTokenizers[preTokenizers.count - 1] = .byteLevel(
                    addsSpace: addsSpace, splits: splits, mapsBytes: false)
            }
            return .bytePair(try bytePairEncoding(part, document, readsBytes: readsBytes))
        case "Unigram": return .unigram(try unigram(part, document))
        default: return .wordPiece(try wordPiece(part, document))
        }
    }

    /// A list of the model, of which `part` has only the name.
    private static func list(
        _ part: Component, _ name: String, _ node: JSONNode?, _ kind: JSONNode.Kind
    ) throws -> JSONNode {
        guard let node else { throw part.error("missing field", name) }
        guard node.kind == kind else { throw part.error("expected \(kind.name)", name) }
        return node
    }

    private static func vocabulary(
        _ part: Component, _ document: TokenizerDocument
    ) throws -> (tokens: TokenList, names: Vocabulary) {
        var tokens = TokenList()
        for (token, value) in try list(part, "vocab", document.vocabulary, .object).fields {
            guard let id = value.integer.flatMap(Int32.init(exactly:)), id >= 0 else {
                throw part.error("expected a token's id from 0 to \(Int32.max)", "vocab", Array(token))
            }
            tokens.append(token, id: id)
        }
        let names = Vocabulary(tokens)
        if names.count < tokens.count {
            var seen: Set<[UInt8]> = []
            for index in 0..<tokens.count where !seen.insert(tokens.column[index]).inserted {
                throw part.error("the same token twice", "vocab", tokens.column[index])
            }
        }
        return (tokens, names)
    }

    private static func wordPiece(_ part: Component, _ document: TokenizerDocument) throws -> WordPiece {
        try part.allow(["type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"])
        let (tokens, names) = try vocabulary(part, document)
        let unknown = Array(try part.string("unk_token").utf8)
        let unknownID = names.find(unknown)
        guard unknownID >= 0 else {
            throw part.error("the unknown token is not in the vocabulary", "unk_token", unknown)
        }
        return WordPiece(
            tokens: tokens, starting: names,
            continuingPrefix: Array(try part.string("continuing_subword_prefix").utf8), unknownID: unknownID,
            maxScalarsPerWord: try part.integer("max_input_chars_per_word"))
    }

    private static func bytePairEncoding(
        _ part: Component, _ document: TokenizerDocument, readsBytes: Bool
    ) throws -> BytePairEncoding {
        try part.allow([
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges",
        ])
        if part.has("dropout"), part.object["dropout"]?.double != 0 {
            throw part.error(
                "dropout makes tokens random", "dropout", advice: "set it to null: retrievers are encoded without it")
        }
        let (tokens, names) = try vocabulary(part, document)
        let prefix = Array((try part.optionalString("continuing_subword_prefix") ?? "").utf8)
        var model = BytePairEncoding(
            names: names, vocabulary: names,
            pairs: PairTable(try merges(part, document, names, prefixLength: prefix.count)))
        model.continuingPrefix = prefix
        model.endSuffix = Array((try part.optionalString("end_of_word_suffix") ?? "").utf8)
        model.ignoresMerges = try part.bool("ignore_merges", default: false)
        let isFused = try part.bool("fuse_unk", default: false)
        if let unknown = try part.optionalString("unk_token") {
            let bytes = Array(unknown.utf8)
            let id = names.find(bytes)
            guard id >= 0 else { throw part.error("the unknown token is not in the vocabulary", "unk_token", bytes) }
            model.unknown = BytePairEncoding.Unknown(id: id, isFused: isFused)
        }
        let affixes = model.continuingPrefix.isEmpty && model.endSuffix.isEmpty
        // With prefixes or suffixes, or bytes that fall back to others, the characters are needed as they are written.
        let fallsBack = try part.bool("byte_fallback", default: false)
        if fallsBack { model.fallbackIDs = byteTokens(names) }
        if readsBytes {
            guard affixes, !fallsBack else {
                throw part.error(
                    "byte-level pre-tokenisation together with byte fallback, prefixes or suffixes of tokens is not supported",
                    fallsBack ? "byte_fallback" : "continuing_subword_prefix")
            }
            model.readsBytes = true
            model.byteIDs = (0..<256).map { byte in
                var character = [UInt8](repeating: 0, count: 4)
                var length = 0
                character.withUnsafeMutableBufferPointer {
                    writeScalar(ByteAlphabet.scalar(UInt8(byte)), $0.baseAddress!, &length)
                }
                return names.find(Array(character[..<length]))
            }
            if model.ignoresMerges {
                model.vocabulary = Vocabulary(tokens.compactMap { ByteAlphabet.bytes(of: $0) })
            }
        }
        return model
    }

    /// Merges are written as `"left right"` or as `["left", "right"]`.
    private static func merges(
        _ part: Component, _ document: TokenizerDocument, _ names: Vocabulary, prefixLength: Int
    ) throws -> [(left: Int32, right: Int32, merged: Int32)] {
        var merges: [(left: Int32, right: Int32, merged: Int32)] = []
        var text = TextBuffer()
        for entry in try list(part, "merges", document.merges, .array).elements {
            guard let (left, right) = pair(entry) else { throw part.error("expected pairs of tokens", "merges") }
            text.removeAll()
            text.append(left)
            text.append(right)
            let ids = [names.find(text.base, left.count), names.find(text.base + left.count, right.count)]
            if prefixLength > 0 {
                text.removeAll()
                text.append(left)
                text.append(UnsafeRawBufferPointer(rebasing: right.dropFirst(prefixLength)))
            }
            let merged = names.find(text.base, text.count)
            guard ids[0] >= 0, ids[1] >= 0, merged >= 0 else {
                throw part.error(
                    "a merge has a token that is not in the vocabulary", "merges",
                    ids[0] < 0 ? Array(left) : ids[1] < 0 ? Array(right) : Array(text.bytes))
            }
            merges.append((ids[0], ids[1], merged))
        }
        return merges
    }

    /// The two sides of a merge; nil if it does not have two.
    private static func pair(_ entry: JSONNode) -> (left: UnsafeRawBufferPointer, right: UnsafeRawBufferPointer)? {
        if let line = entry.string {
            guard let space = line.firstIndex(of: 0x20), !line[(space + 1)...].contains(0x20) else { return nil }
            return (
                UnsafeRawBufferPointer(rebasing: line[..<space]), UnsafeRawBufferPointer(rebasing: line[(space + 1)...])
            )
        }
        var sides = entry.elements
        guard let left = sides.next()?.string, let right = sides.next()?.string, sides.next() == nil else { return nil }
        return (left, right)
    }

    private static func unigram(_ part: Component, _ document: TokenizerDocument) throws -> Unigram {
        try part.allow(["type", "unk_id", "vocab", "byte_fallback"])
        var tokens = TokenList()
        var scores: [Double] = []
        for entry in try list(part, "vocab", document.vocabulary, .array).elements {
            var sides = entry.elements
            guard let token = sides.next()?.string, let score = sides.next()?.double, sides.next() == nil,
                score.isFinite
            else { throw part.error("expected a token and its score", "vocab[\(scores.count)]") }
            tokens.append(token, id: Int32(scores.count))
            scores.append(score)
        }
        guard part.has("unk_id") else {
            throw part.error(
                "a vocabulary without a token for unknown characters is not supported", "unk_id")
        }
        let unknownID = try part.integer("unk_id")
        guard unknownID < scores.count else {
            throw part.error("\(unknownID) is not an id of the vocabulary", "unk_id")
        }
        let fallsBack = try part.bool("byte_fallback", default: false)
        return Unigram(tokens: tokens, scores: scores, unknownID: Int32(unknownID), fallsBackToBytes: fallsBack)
    }

    /// Ids of the tokens `<0x00>` to `<0xFF>`, -1 for one that is not there.
    static func byteTokens(_ names: Vocabulary) -> [Int32] {
        let digits = Array("0123456789ABCDEF".utf8)
        return (0..<256).map {
            names.find(Array("<0x".utf8) + [digits[$0 >> 4], digits[$0 & 15]] + [UInt8(ascii: ">")])
        }
    }
}
