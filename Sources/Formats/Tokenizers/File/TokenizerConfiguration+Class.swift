internal import Base
internal import JSON

extension TokenizerConfiguration {
    /// Compares `tokenizer.json` with what the tokenizer's class makes of it.
    ///
    /// Where the two versions of transformers follow the file, it counts. Where version 5 follows the class, and the file is
    /// one that version 4 wrote for the same class, the class counts. Anything else is refused.
    mutating func checkClass(_ part: Component, default defaultClass: String, modelClass: String) throws {
        let name = part.has("tokenizer_class") ? try part.string("tokenizer_class") : defaultClass
        guard let named = TokenizerClass.named(name) else {
            throw part.error(
                "the tokenizer class \"\(name)\" is not built in", "tokenizer_class",
                advice: "built in here: " + TokenizerClass.names.joined(separator: ", "))
        }
        try checkEnds(part, named)
        // Version 5 takes the file as it is where the model has no class of its own, and where a Llama's is byte-level.
        if TokenizerClass.named(modelClass)?.steps == .file || named.steps == .file || isByteLevelLlama(named) {
            try checkFlagsOfFile(part)
        } else {
            try checkSteps(part, named)
        }
        // And it believes Qwen 2 models no other class.
        if TokenizerClass.stem(modelClass) == "Qwen2Tokenizer", named.steps != .qwen2,
            let own = TokenizerClass.named(modelClass)
        {
            try checkSteps(part, own)
        }
    }

    private func isByteLevelLlama(_ named: TokenizerClass) -> Bool {
        guard named.steps == .llama, case .byteLevel = tokenizer.preTokenizers.last else { return false }
        return true
    }

    private func disagree(_ part: Component, _ field: String, _ wanted: String, _ found: String) -> InputError {
        part.error(
            "the tokenizer's class makes it \(wanted), but tokenizer.json has \(found)", field,
            advice: "Implementations differ in which they follow: make the two files say the same.")
    }

    // MARK: - What stands around a text

    private func checkEnds(_ part: Component, _ named: TokenizerClass) throws {
        switch named.ends {
        case .file: return
        case .tokens(let before, let after):
            for (field, ids) in [(before, tokenizer.prefix), (after, tokenizer.suffix)] {
                try checkEnd(part, named, field, field, isThere: true, ids)
            }
        case .flags, .first:
            for (flag, field, ids) in [
                ("add_bos_token", "bos_token", tokenizer.prefix), ("add_eos_token", "eos_token", tokenizer.suffix),
            ] {
                if part.has(flag) {
                    try checkEnd(part, named, flag, field, isThere: part.bool(flag), ids)
                } else if case .first = named.ends {
                    try checkEnd(part, named, field, field, isThere: flag == "add_bos_token", ids)
                }
            }
        }
    }

    private func checkEnd(
        _ part: Component, _ named: TokenizerClass, _ field: String, _ tokenField: String, isThere: Bool, _ ids: [Int32]
    ) throws {
        guard isThere else {
            guard ids.isEmpty else { throw disagree(part, field, "nothing there", "a token around each text") }
            return
        }
        guard let token = try self.token(part, named, tokenField), let id = tokenizer.id(of: token), ids == [id] else {
            let token = try self.token(part, named, tokenField).map { escaped($0) } ?? "no token"
            throw disagree(part, field, "\(token) around a text", "another post_processor")
        }
    }

    // MARK: - Steps

    private mutating func checkSteps(_ part: Component, _ named: TokenizerClass) throws {
        // transformers gives the others ids behind the vocabulary, which the model does not have.
        for field in named.tokens.keys.sorted() {
            guard let token = try token(part, named, field), tokenizer.id(of: token) != nil else { continue }
            try requireAdded(token, part, field)
        }
        switch named.steps {
        case .file: return
        case .bert: try checkBert(part, named)
        case .gpt2: try checkByteLevel(part, isQwen: false)
        case .qwen2: try checkByteLevel(part, isQwen: true)
        case .xlmRoberta: try followXLMRoberta(part)
        case .llama: try followLlama(part, isCode: named.name == "CodeLlamaTokenizer")
        case .gemma: try checkGemma(part, named)
        }
    }

    /// Version 4 overrides the flag of a byte-level pre-tokenizer of every class; version 5 of none that takes the file.
    private func checkFlagsOfFile(_ part: Component) throws {
        guard part.has("add_prefix_space"), tokenizer.preTokenizers.count == 1,
            case .byteLevel(let addsSpace, _, _) = tokenizer.preTokenizers[0],
            addsSpace != (try part.bool("add_prefix_space"))
        else { return }
        throw disagree(part, "add_prefix_space", "\(!addsSpace)", "\(addsSpace)")
    }

    private func checkBert(_ part: Component, _ named: TokenizerClass) throws {
        let lowercases = try part.bool("do_lower_case", default: true)
        let wanted = BertNormalizer(
            cleansText: true, separatesIdeographs: try part.bool("tokenize_chinese_chars", default: true),
            stripsAccents: try part.bool("strip_accents", default: lowercases), lowercases: lowercases)
        guard tokenizer.normalizers.count == 1, case .bert(let found) = tokenizer.normalizers[0] else {
            throw disagree(part, "tokenizer_class", "a BertNormalizer", "another normalizer")
        }
        let pairs = [
            ("do_lower_case", wanted.lowercases, found.lowercases),
            ("strip_accents", wanted.stripsAccents, found.stripsAccents),
            ("tokenize_chinese_chars", wanted.separatesIdeographs, found.separatesIdeographs),
            ("tokenizer_class", wanted.cleansText, found.cleansText),
        ]
        for (field, wanted, found) in pairs where wanted != found {
            let name = field == "tokenizer_class" ? "clean_text" : field
            throw disagree(part, field, "\(name) \(wanted)", "the opposite")
        }
        guard tokenizer.preTokenizers.count == 1, case .bert = tokenizer.preTokenizers[0] else {
            throw disagree(part, "tokenizer_class", "a BertPreTokenizer", "another pre_tokenizer")
        }
        guard case .wordPiece(let model) = tokenizer.model, model.continuingPrefix == Array("##".utf8),
            model.maxScalarsPerWord == 100
        else {
            throw disagree(part, "tokenizer_class", "WordPiece with ## and words of up to 100 characters", "others")
        }
        try checkUnknown(part, named)
    }

    private func checkByteLevel(_ part: Component, isQwen: Bool) throws {
        let normalizers = tokenizer.normalizers
        if isQwen {
            guard normalizers.count == 1, case .form(.composed) = normalizers[0] else {
                throw disagree(part, "tokenizer_class", "NFC", "another normalizer")
            }
        } else if !normalizers.isEmpty {
            throw disagree(part, "tokenizer_class", "no normalizer", "one")
        }
        guard case .byteLevel(let addsSpace, let splits, _) = tokenizer.preTokenizers.last, splits == !isQwen,
            tokenizer.preTokenizers.count == (isQwen ? 2 : 1), !isQwen || splitsAsQwen(tokenizer.preTokenizers[0])
        else {
            throw disagree(
                part, "tokenizer_class", isQwen ? "Qwen 2's expression, then ByteLevel" : "ByteLevel",
                "another pre_tokenizer")
        }
        let wanted = try part.bool("add_prefix_space", default: false)
        guard wanted == addsSpace else { throw disagree(part, "add_prefix_space", "\(wanted)", "\(addsSpace)") }
        guard case .bytePair(let model) = tokenizer.model, model.readsBytes, !model.ignoresMerges,
            model.unknown == nil || !model.byteIDs.contains(-1)
        else {
            throw disagree(
                part, "tokenizer_class", "byte pairs with all merges and no unknown token", "another model")
        }
    }

    private func splitsAsQwen(_ step: PreTokenizer) -> Bool {
        guard case .split(.scanner(let scanner), .isolated, isInverted: false) = step else { return false }
        return scanner == .qwen2
    }

    // MARK: - SentencePiece's models

    /// Version 4 wrote `[Precompiled, Strip, Replace]` and `Metaspace`, old versions what version 5 builds.
    private mutating func followXLMRoberta(_ part: Component) throws {
        guard case .unigram(let model) = tokenizer.model, model.unknownID == 3, model.fallbackIDs.isEmpty else {
            throw disagree(part, "tokenizer_class", "Unigram whose unknown token is 3", "another model")
        }
        var kept: [Normalizer] = []
        for (index, step) in tokenizer.normalizers.enumerated() {
            switch step {
            case .precompiled where index == 0: kept.append(step)
            case .strip(left: false, right: true): continue
            case .replace(.expression, with: Self.metaspace): continue
            default: throw disagree(part, "tokenizer_class", "a Precompiled normalizer", "another")
            }
        }
        let words = tokenizer.preTokenizers
        guard case .metaspace(let metaspace) = words.last, metaspace.replacement == Self.metaspace, metaspace.splits,
            words.count == 1 || (words.count == 2 && words[0].splitsAtWhitespace)
        else { throw disagree(part, "tokenizer_class", "Metaspace over words", "another pre_tokenizer") }
        let wanted: Metaspace.Prepending = try part.bool("add_prefix_space", default: true) ? .always : .never
        guard wanted == metaspace.prepending else {
            throw disagree(
                part, "add_prefix_space", "prepend_scheme \(wanted.rawValue)", metaspace.prepending.rawValue)
        }
        tokenizer.replaceSteps(kept, [.whitespaceSplit, .metaspace(metaspace)])
    }

    /// Version 4 wrote `[Prepend, Replace]` for a `legacy` tokenizer, and `Metaspace` for another; version 5 writes
    /// `Metaspace`, but loses `legacy`, so that it does not always read what it wrote.
    private mutating func followLlama(_ part: Component, isCode: Bool) throws {
        try checkFallback(part, hasUnknown: isCode)
        let found: Metaspace.Prepending
        /// Whether the file says when `▁` is put before a text, and not the class alone.
        let isStated: Bool
        switch (tokenizer.normalizers.map(\.spaceStep), tokenizer.preTokenizers.count) {
        case ([.prepend, .replace], 0): (found, isStated) = (.always, false)
        case ([.replace], 0): (found, isStated) = (.never, true)
        case ([], 1):
            guard case .metaspace(let metaspace) = tokenizer.preTokenizers[0], !metaspace.splits,
                metaspace.replacement == Self.metaspace
            else { fallthrough }
            (found, isStated) = (metaspace.prepending, true)
        default: throw disagree(part, "tokenizer_class", "Metaspace without splits", "other steps")
        }
        let prepends = try part.bool("add_prefix_space", default: true)
        guard prepends == (found != .never) else {
            throw disagree(
                part, "add_prefix_space", prepends ? "▁ before a text" : "nothing before a text", "the opposite")
        }
        let isLegacy = try !isCode && part.bool("legacy", default: false)
        let wanted: Metaspace.Prepending = !prepends ? .never : isLegacy ? .always : .first
        if isStated, found != wanted, part.has("legacy") || isCode {
            throw disagree(part, isCode ? "tokenizer_class" : "legacy", wanted.rawValue, found.rawValue)
        }
        tokenizer.replaceSteps(
            [], [.metaspace(Metaspace(replacement: Self.metaspace, prepending: wanted, splits: false))])
    }

    private func checkGemma(_ part: Component, _ named: TokenizerClass) throws {
        try checkUnknown(part, named)
        try checkFallback(part, hasUnknown: true)
        guard tokenizer.normalizers.map(\.spaceStep) == [.replace] else {
            throw disagree(part, "tokenizer_class", "Replace of spaces by ▁", "another normalizer")
        }
        // No space is left that it could split at.
        switch tokenizer.preTokenizers.first {
        case nil: return
        case .split(.literal([0x20]), .mergedWithPrevious, isInverted: false): return
        default: throw disagree(part, "tokenizer_class", "Split at spaces", "another pre_tokenizer")
        }
    }

    /// Byte pairs as SentencePiece's are converted. Version 5 gives Llama's no unknown token, which does not matter where every
    /// byte has a token.
    private func checkFallback(_ part: Component, hasUnknown: Bool) throws {
        guard case .bytePair(let model) = tokenizer.model, !model.readsBytes, !model.ignoresMerges,
            !model.fallbackIDs.isEmpty, model.continuingPrefix.isEmpty, model.endSuffix.isEmpty,
            hasUnknown
                ? model.unknown?.isFused == true : model.unknown == nil || !model.fallbackIDs.contains(-1)
        else {
            throw disagree(
                part, "tokenizer_class",
                "byte pairs that fall back to bytes, with " + (hasUnknown ? "a fused unknown token" : "every byte"),
                "another model")
        }
    }

    private func checkUnknown(_ part: Component, _ named: TokenizerClass) throws {
        let wanted = try token(part, named, "unk_token")
        guard wanted == tokenizer.unknownToken else {
            throw disagree(
                part, "unk_token", wanted.map { escaped($0) } ?? "nothing",
                tokenizer.unknownToken.map { escaped($0) } ?? "nothing")
        }
    }

    /// A special token: that of the configuration, else that of the class.
    private func token(_ part: Component, _ named: TokenizerClass, _ field: String) throws -> [UInt8]? {
        if part.object[field] != nil { return try token(part, field) }
        return named.tokens[field].map { Array($0.utf8) }
    }

    private static let metaspace = Array("▁".utf8)
}

/// How SentencePiece's spaces are written by normalizers.
private enum SpaceStep { case prepend, replace, other }

extension Normalizer {
    fileprivate var spaceStep: SpaceStep {
        let mark = Array("▁".utf8)
        switch self {
        case .prepend(mark): return .prepend
        case .replace(.literal([0x20]), with: mark): return .replace
        default: return .other
        }
    }
}

extension PreTokenizer {
    fileprivate var splitsAtWhitespace: Bool {
        if case .whitespaceSplit = self { true } else { false }
    }
}
