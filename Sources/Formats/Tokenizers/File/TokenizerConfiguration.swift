internal import Base
internal import JSON
internal import SystemPackage

/// What the files beside `tokenizer.json` say: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.
///
/// transformers makes a tokenizer of all of them, and not always in the same way: version 5 takes the vocabulary and
/// the added tokens of a `BertTokenizer` from `tokenizer.json` and builds the rest anew from `tokenizer_config.json`;
/// version 4 takes `tokenizer.json` and replaces three flags of its normalizer. Folders whose files agree mean the same
/// to both; one where they do not is refused, and the field named.
///
/// Source: `tokenization_utils_tokenizers.py` and `models/bert/tokenization_bert.py` of transformers 5.24,
/// `tokenization_utils_fast.py` of 4.57.
struct TokenizerConfiguration {
    static let fileName = "tokenizer_config.json"

    /// `model_max_length`: the most ids of a text, special ones included; `Int.max` for none, nil where nothing is said.
    private(set) var maxLength: Int?
    /// `truncation_side`; nil where nothing is said.
    private(set) var truncatesLeft: Bool?
    /// `eos_token`, as it is written; nil where nothing is said.
    private(set) var endOfText: [UInt8]?
    /// Every token that one of the files calls special.
    private(set) var specialTokens: Set<[UInt8]> = []

    private let tokenizer: TokenizerFile

    /// Fields that ids do not depend on: how batches are padded and truncated by default, and where files were.
    private static let harmless: Set<String> = [
        "add_bos_token", "add_eos_token", "backend", "cache_dir", "chat_template", "clean_up_tokenization_spaces",
        "deprecation_warnings", "do_basic_tokenize", "errors", "full_tokenizer_file", "is_local", "local_files_only",
        "max_length", "model_input_names", "name_or_path", "pad_to_multiple_of", "pad_token_id", "pad_token_type_id",
        "padding", "padding_side", "processor_class", "return_tensors", "revision", "special_tokens_map_file",
        "stride", "tokenizer_file", "tokenizer_type", "truncation", "truncation_strategy", "trust_remote_code",
        "use_fast", "verbose", "vocab_file",
    ]

    /// Fields of which only these values, or none, are understood.
    private static let fixed: [(field: String, values: [JSONValue])] = [
        ("auto_map", []), ("init_inputs", [[]]), ("never_split", [[]]), ("split_special_tokens", [false]),
        ("wordpieces_prefix", ["##"]), ("clean_text", [true]), ("add_prefix_space", [false]),
    ]

    /// Reads the files of a folder and compares them with its `tokenizer.json`.
    ///
    /// - Parameter defaultClass: the tokenizer class of the model, where `tokenizer_config.json` names none.
    init(_ folder: FilePath, for tokenizer: TokenizerFile, defaultClass: String) throws {
        self.tokenizer = tokenizer
        let file = folder.appending(Self.fileName)
        let value = Files.exists(file) ? try JSONValue.parse(pythonFile: file) : [:]
        let part = try Component(value, path: file.string, place: "")
        for (field, _) in part.object where !Self.isKnown(field) {
            throw part.error(
                "this field is not understood, and may change the tokens", field,
                advice: "if tokens do not depend on it, remove it from the file")
        }
        for (field, values) in Self.fixed where part.has(field) {
            guard values.contains(part.object[field] ?? .null) else {
                throw part.error("this value is not supported", field)
            }
        }
        try readLimits(part)
        try checkClass(part, default: defaultClass)
        try checkTokens(part)
        try checkAddedTokens(part)
        for name in ["special_tokens_map.json", "added_tokens.json"] {
            let file = folder.appending(name)
            guard Files.exists(file) else { continue }
            let part = try Component(JSONValue.parse(pythonFile: file), path: file.string, place: "")
            if name == "added_tokens.json" { try checkLegacyTokens(part) } else { try checkTokens(part) }
        }
    }

    private static func isKnown(_ field: String) -> Bool {
        harmless.contains(field) || fixed.contains { $0.field == field } || field.hasSuffix("_token")
            || [
                "tokenizer_class", "do_lower_case", "strip_accents", "tokenize_chinese_chars", "model_max_length",
                "max_len",
                "truncation_side", "added_tokens_decoder", "additional_special_tokens", "extra_special_tokens",
            ].contains(field)
    }

    private mutating func readLimits(_ part: Component) throws {
        // The second name is that of old versions, which is still read.
        if let field = ["model_max_length", "max_len"].first(where: { part.has($0) }) {
            guard let limit = part.object[field]?.double, limit >= 1 else {
                throw part.error("a length from 1 is expected", field)
            }
            // 10^30 stands for no limit.
            maxLength = limit < 1e15 ? Int(limit) : .max
        }
        guard part.has("truncation_side") else { return }
        switch try part.string("truncation_side") {
        case "left": truncatesLeft = true
        case "right": truncatesLeft = false
        default: throw part.error("left or right is expected", "truncation_side")
        }
    }

    private func checkClass(_ part: Component, default defaultClass: String) throws {
        let name = part.has("tokenizer_class") ? try part.string("tokenizer_class") : defaultClass
        switch name {
        case "BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast":
            try checkBert(part)
        case "PreTrainedTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend":
            // They take tokenizer.json as it is; flags of other classes mean nothing to them.
            break
        default:
            throw part.error(
                "the tokenizer class \"\(name)\" is not built in", "tokenizer_class",
                advice: "built in here: BertTokenizer, DistilBertTokenizer, PreTrainedTokenizerFast")
        }
    }

    /// Whether `tokenizer.json` is what `BertTokenizer` would make of the fields.
    private func checkBert(_ part: Component) throws {
        func disagree(_ field: String, _ wanted: String, _ found: String) -> InputError {
            part.error(
                "the tokenizer's class makes it \(wanted), but tokenizer.json has \(found)", field,
                advice: "Implementations differ in which they follow: make the two files say the same.")
        }
        func flag(_ field: String, default fallback: Bool) throws -> Bool {
            part.has(field) ? try part.bool(field) : fallback
        }
        let lowercases = try flag("do_lower_case", default: true)
        let wanted = BertNormalizer(
            cleansText: true, separatesIdeographs: try flag("tokenize_chinese_chars", default: true),
            stripsAccents: try flag("strip_accents", default: lowercases), lowercases: lowercases)
        guard tokenizer.normalizers.count == 1, case .bert(let found) = tokenizer.normalizers[0] else {
            throw disagree("tokenizer_class", "a BertNormalizer", "no normalizer")
        }
        let pairs = [
            ("do_lower_case", wanted.lowercases, found.lowercases),
            ("strip_accents", wanted.stripsAccents, found.stripsAccents),
            ("tokenize_chinese_chars", wanted.separatesIdeographs, found.separatesIdeographs),
            ("tokenizer_class", wanted.cleansText, found.cleansText),
        ]
        for (field, wanted, found) in pairs where wanted != found {
            let name = field == "tokenizer_class" ? "clean_text" : field
            throw disagree(field, "\(name) \(wanted)", "the opposite")
        }
        guard tokenizer.preTokenizers.count == 1, case .bert = tokenizer.preTokenizers[0] else {
            throw disagree("tokenizer_class", "a BertPreTokenizer", "another pre_tokenizer")
        }
        guard case .wordPiece(let model) = tokenizer.model, model.continuingPrefix == Array("##".utf8),
            model.maxScalarsPerWord == 100
        else {
            throw disagree("tokenizer_class", "WordPiece with ## and words of up to 100 characters", "others")
        }
        for (field, fallback, ids) in [
            ("cls_token", "[CLS]", tokenizer.prefix), ("sep_token", "[SEP]", tokenizer.suffix),
        ] {
            let token = try self.token(part, field) ?? Array(fallback.utf8)
            guard let id = tokenizer.id(of: token), ids == [id] else {
                throw disagree(field, "\(escaped(token)) around a text", "another post_processor")
            }
        }
    }

    /// A special token as it is written; nil where there is none.
    private func token(_ part: Component, _ field: String) throws -> [UInt8]? {
        guard part.has(field) else { return nil }
        if let text = part.object[field]?.string { return Array(text.utf8) }
        return Array(try part.component(field).string("content").utf8)
    }

    /// Every named or listed token must be found in texts, as transformers would make sure.
    private mutating func checkTokens(_ part: Component) throws {
        for (field, value) in part.object where !value.isNull {
            if field.hasSuffix("_token") {
                guard let token = try token(part, field) else { continue }
                try requireAdded(token, part, field)
                specialTokens.insert(token)
                if field == "eos_token" && endOfText == nil { endOfText = token }
                if field == "unk_token" && token != tokenizer.unknownToken {
                    throw part.error("tokenizer.json has another unknown token", field, token)
                }
            } else if field == "additional_special_tokens" || field == "extra_special_tokens" {
                let values = value.array ?? value.object.map { $0.map { $0.1 } } ?? [value]
                for value in values {
                    guard let text = value.string ?? value["content"]?.string else {
                        throw part.error("a list of tokens is expected", field)
                    }
                    try requireAdded(Array(text.utf8), part, field)
                    specialTokens.insert(Array(text.utf8))
                }
            } else if part.isSpecialTokensMap {
                throw part.error("this field is not understood, and may change the tokens", field)
            }
        }
    }

    private func requireAdded(_ token: [UInt8], _ part: Component, _ field: String) throws {
        guard tokenizer.addedToken(token) == nil else { return }
        throw part.error(
            "tokenizer.json has no such token among its added_tokens; transformers would add it", field, token)
    }

    /// `added_tokens_decoder` must name the added tokens of `tokenizer.json`, as they are there: transformers 5 takes
    /// them from here where there is such a field.
    private func checkAddedTokens(_ part: Component) throws {
        guard let decoder = try part.optional("added_tokens_decoder") else { return }
        for (id, _) in decoder.object {
            let stated = try decoder.component(id)
            let content = Array(try stated.string("content").utf8)
            guard let known = tokenizer.addedToken(content) else {
                throw decoder.error("tokenizer.json does not have this token among its added_tokens", id, content)
            }
            let flags = try ["single_word", "lstrip", "rstrip", "normalized"].map {
                stated.has($0) ? try stated.bool($0) : false
            }
            let own = [known.isSingleWord, known.stripsLeft, known.stripsRight, known.isNormalized]
            guard Int32(id) == known.id, flags == own
            else { throw decoder.error("tokenizer.json has this token with another id or other flags", id, content) }
        }
        for token in tokenizer.addedTokens where decoder.object["\(token.id)"] == nil {
            throw part.error("an added token of tokenizer.json is missing here", "added_tokens_decoder", token.content)
        }
    }

    private func checkLegacyTokens(_ part: Component) throws {
        for (token, _) in part.object {
            guard tokenizer.addedToken(Array(token.utf8)) != nil,
                try part.integer(token) == tokenizer.id(of: Array(token.utf8)).map(Int.init)
            else { throw part.error("tokenizer.json does not have this token, or with another id", token) }
        }
    }
}

extension Component {
    fileprivate var isSpecialTokensMap: Bool { fileName == "special_tokens_map.json" }
}
