internal import Base
internal import JSON

extension TokenizerFile {
    /// The model; a last pre-tokenizer that maps bytes to characters is spared that if the model can read bytes.
    static func model(_ part: Component, splittingWith preTokenizers: inout [PreTokenizer]) throws -> TokenModel {
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
            return .bytePair(try bytePairEncoding(part, readsBytes: readsBytes))
        case "Unigram": return .unigram(try unigram(part))
        default: return .wordPiece(try wordPiece(part))
        }
    }

    private static func vocabulary(_ part: Component) throws -> [(bytes: [UInt8], id: Int32)] {
        try part.component("vocab").object.map { token, value in
            guard let id = value.integer.flatMap(Int32.init(exactly:)), id >= 0 else {
                throw part.error("expected a token's id from 0 to \(Int32.max)", "vocab", Array(token.utf8))
            }
            return (Array(token.utf8), id)
        }
    }

    private static func wordPiece(_ part: Component) throws -> WordPiece {
        try part.allow(["type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"])
        let tokens = try vocabulary(part)
        let unknown = Array(try part.string("unk_token").utf8)
        guard let unknownID = tokens.first(where: { $0.bytes == unknown })?.id else {
            throw part.error("the unknown token is not in the vocabulary", "unk_token", unknown)
        }
        return WordPiece(
            tokens: tokens, continuingPrefix: Array(try part.string("continuing_subword_prefix").utf8),
            unknownID: unknownID, maxScalarsPerWord: try part.integer("max_input_chars_per_word"))
    }

    private static func bytePairEncoding(_ part: Component, readsBytes: Bool) throws -> BytePairEncoding {
        try part.allow([
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
            "byte_fallback", "ignore_merges", "vocab", "merges",
        ])
        if part.has("dropout"), part.object["dropout"]?.double != 0 {
            throw part.error(
                "dropout makes tokens random", "dropout", advice: "set it to null: retrievers are encoded without it")
        }
        let tokens = try vocabulary(part)
        let names = Vocabulary(tokens)
        let prefix = Array((try part.optionalString("continuing_subword_prefix") ?? "").utf8)
        var model = BytePairEncoding(
            names: names, vocabulary: names, pairs: PairTable(try merges(part, names, prefixLength: prefix.count)))
        model.continuingPrefix = prefix
        model.endSuffix = Array((try part.optionalString("end_of_word_suffix") ?? "").utf8)
        model.ignoresMerges = try part.bool("ignore_merges", default: false)
        if let unknown = try part.optionalString("unk_token") {
            let bytes = Array(unknown.utf8)
            let id = names.find(bytes)
            guard id >= 0 else { throw part.error("the unknown token is not in the vocabulary", "unk_token", bytes) }
            model.unknown = BytePairEncoding.Unknown(id: id, isFused: try part.bool("fuse_unk", default: false))
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
                model.vocabulary = Vocabulary(
                    tokens.compactMap { token in ByteAlphabet.bytes(of: token.bytes).map { ($0, token.id) } })
            }
        }
        return model
    }

    /// Merges are written as `"left right"` or as `["left", "right"]`.
    private static func merges(
        _ part: Component, _ names: Vocabulary, prefixLength: Int
    ) throws -> [(left: Int32, right: Int32, merged: Int32)] {
        try part.array("merges").map { entry in
            let sides: [[UInt8]]
            if let text = entry.string {
                sides = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
            } else {
                sides = (entry.array ?? []).compactMap { $0.string.map { Array($0.utf8) } }
            }
            guard sides.count == 2 else { throw part.error("expected pairs of tokens", "merges") }
            let ids = [sides[0], sides[1], sides[0] + sides[1].dropFirst(prefixLength)].map { bytes in
                (bytes, names.find(bytes))
            }
            for (bytes, id) in ids where id < 0 {
                throw part.error("a merge has a token that is not in the vocabulary", "merges", bytes)
            }
            return (ids[0].1, ids[1].1, ids[2].1)
        }
    }

    private static func unigram(_ part: Component) throws -> Unigram {
        try part.allow(["type", "unk_id", "vocab", "byte_fallback"])
        let tokens = try part.array("vocab").enumerated().map { index, entry in
            guard let pair = entry.array, pair.count == 2, let token = pair[0].string, let score = pair[1].double,
                score.isFinite
            else { throw part.error("expected a token and its score", "vocab[\(index)]") }
            return (bytes: Array(token.utf8), score: score)
        }
        guard part.has("unk_id") else {
            throw part.error(
                "a vocabulary without a token for unknown characters is not supported", "unk_id")
        }
        let unknownID = try part.integer("unk_id")
        guard unknownID < tokens.count else {
            throw part.error("\(unknownID) is not an id of the vocabulary", "unk_id")
        }
        let fallsBack = try part.bool("byte_fallback", default: false)
        return Unigram(tokens: tokens, unknownID: Int32(unknownID), fallsBackToBytes: fallsBack)
    }

    /// Ids of the tokens `<0x00>` to `<0xFF>`, -1 for one that is not there.
    static func byteTokens(_ names: Vocabulary) -> [Int32] {
        let digits = Array("0123456789ABCDEF".utf8)
        return (0..<256).map {
            names.find(Array("<0x".utf8) + [digits[$0 >> 4], digits[$0 & 15]] + [UInt8(ascii: ">")])
        }
    }
}
