internal import Base
internal import JSON
internal import SystemPackage

/// What the files beside `tokenizer.json` say: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.
///
/// transformers makes a tokenizer of all of them, and not always in the same way, see ``TokenizerClass``. Folders whose
/// files agree mean the same to both versions; one where they do not is refused, and the field named.
///
/// Source: `tokenization_utils_tokenizers.py` of transformers 5.24, `tokenization_utils_fast.py` of 4.57.
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

    /// `tokenizer.json`, with the steps that its class puts in place of some.
    var tokenizer: TokenizerFile

    /// Fields that ids do not depend on: how batches are padded and truncated by default, and where files were.
    private static let harmless: Set<String> = [
        "backend", "cache_dir", "chat_control_tokens", "chat_template", "clean_up_tokenization_spaces",
        "deprecation_warnings", "do_basic_tokenize", "errors", "full_tokenizer_file", "is_local", "local_files_only",
        "max_length", "model_input_names", "name_or_path", "pad_to_multiple_of", "pad_token_id", "pad_token_type_id",
        "padding", "padding_side", "processor_class", "response_schema", "response_template", "return_tensors",
        "revision", "sp_model_kwargs", "spaces_between_special_tokens", "special_tokens_map_file", "stride",
        "suffix_first", "tokenizer_file", "tokenizer_type", "trim_offsets", "truncation", "truncation_strategy",
        "trust_remote_code", "use_default_system_prompt", "use_fast", "verbose", "vocab_file",
    ]

    /// Fields that mean something to some class.
    private static let used: Set<String> = [
        "tokenizer_class", "do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space", "legacy",
        "add_bos_token", "add_eos_token", "model_max_length", "max_len", "truncation_side", "added_tokens_decoder",
    ]

    /// Lists of tokens, or objects of named ones.
    private static let tokenLists: Set<String> = [
        "additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens",
    ]

    /// Fields of which only these values, or none, are understood.
    private static let fixed: [(field: String, values: [JSONValue])] = [
        ("auto_map", []), ("init_inputs", [[]]), ("never_split", [[]]), ("split_special_tokens", [false]),
        ("wordpieces_prefix", ["##"]), ("clean_text", [true]), ("from_slow", [false]), ("fix_mistral_regex", [false]),
    ]

    /// Reads the files of a folder and compares them with its `tokenizer.json`.
    ///
    /// - Parameters:
    ///   - defaultClass: the tokenizer class where `tokenizer_config.json` names none.
    ///   - modelClass: that of the model, whatever its files name: version 5 asks for it as well.
    init(_ folder: FilePath, for tokenizer: TokenizerFile, defaultClass: String, modelClass: String) throws {
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
        try checkClass(part, default: defaultClass, modelClass: modelClass)
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
        harmless.contains(field) || used.contains(field) || fixed.contains { $0.field == field }
            || tokenLists.contains(field) || field.hasSuffix("_token")
    }

    /// Two flags are named as if they were tokens.
    private static func isFlag(_ field: String) -> Bool { field == "add_bos_token" || field == "add_eos_token" }

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

    /// A special token as it is written; nil where there is none.
    func token(_ part: Component, _ field: String) throws -> [UInt8]? {
        guard part.has(field) else { return nil }
        if let text = part.object[field]?.string { return Array(text.utf8) }
        return Array(try part.component(field).string("content").utf8)
    }

    /// Every named or listed token must be found in texts, as transformers would make sure.
    private mutating func checkTokens(_ part: Component) throws {
        for (field, value) in part.object where !value.isNull {
            if Self.isFlag(field) {
                continue
            } else if field.hasSuffix("_token") {
                guard let token = try token(part, field) else { continue }
                try requireAdded(token, part, field)
                specialTokens.insert(token)
                if field == "eos_token" && endOfText == nil { endOfText = token }
                // Byte-level vocabularies have none, whatever the file names.
                if field == "unk_token", let unknown = tokenizer.unknownToken, unknown != token {
                    throw part.error("tokenizer.json has another unknown token", field, token)
                }
            } else if Self.tokenLists.contains(field) {
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

    func requireAdded(_ token: [UInt8], _ part: Component, _ field: String) throws {
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
