internal import Base
internal import JSON
internal import SystemPackage

/// What sentence-transformers' own files in a model folder say about pooling, normalisation, prompts and lengths.
///
/// Reads `modules.json`, the pooling module's `config.json`, `sentence_bert_config.json` and
/// `config_sentence_transformers.json`; each may be absent.
struct SentenceTransformersFiles {
    private(set) var pooling: Pooling?
    private(set) var normalize: Bool?
    private(set) var prompts: [String: String]?
    private(set) var maxLength: Int?

    init(_ folder: FilePath) throws {
        try readModules(folder)
        try readTransformer(folder)
        try readPrompts(folder)
    }

    private mutating func readModules(_ folder: FilePath) throws {
        let file = folder.appending("modules.json")
        guard Files.exists(file) else { return }
        normalize = false
        for (index, module) in (try JSONValue.parse(file: file).array ?? []).enumerated() {
            let place = Place(path: file.string, field: "type")
            guard let type = module["type"]?.string, let path = module["path"]?.string else {
                throw InputError("a module has a type and a path", at: place)
            }
            // The package that a module comes from has changed; its last name has not.
            switch type.split(separator: ".").last {
            case "Transformer" where index == 0: continue
            case "Normalize": normalize = true
            case "Pooling":
                guard let name = FilePath.Component(path), name.kind == .regular else {
                    throw InputError("\"\(path)\" is not a folder in the model's", at: place)
                }
                try readPooling(folder.appending(name).appending("config.json"))
            default: throw InputError("the module \(type) is not supported", at: place)
            }
        }
    }

    private mutating func readPooling(_ file: FilePath) throws {
        let reader = ConfigurationReader(try JSONValue.parse(file: file), path: file)
        var modes: [String] = []
        if let mode = reader["pooling_mode"]?.string { modes.append(mode) }
        let flags = [
            ("pooling_mode_cls_token", "cls"), ("pooling_mode_mean_tokens", "mean"),
            ("pooling_mode_max_tokens", "max"), ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
            ("pooling_mode_weightedmean_tokens", "weightedmean"), ("pooling_mode_lasttoken", "lasttoken"),
        ]
        for (field, mode) in flags where reader[field]?.bool == true { modes.append(mode) }
        switch Set(modes) {
        case ["cls"]: pooling = .cls
        case ["mean"]: pooling = .mean
        case ["lasttoken"]: pooling = .last
        default:
            throw reader.error("pooling_mode", "pooling \(modes.joined(separator: " + ")) is not supported")
        }
        if try reader.bool("include_prompt", default: true) == false {
            throw reader.error("include_prompt", "leaving the prompt out of pooling is not supported")
        }
    }

    private mutating func readTransformer(_ folder: FilePath) throws {
        let file = folder.appending("sentence_bert_config.json")
        guard Files.exists(file) else { return }
        let reader = ConfigurationReader(try JSONValue.parse(file: file), path: file)
        if let length = reader["max_seq_length"], !length.isNull { maxLength = try reader.count("max_seq_length") }
        if try reader.bool("do_lower_case", default: false) {
            let tokenizer = try JSONValue.parse(file: folder.appending("tokenizer.json"))
            guard tokenizer["normalizer"]?["lowercase"]?.bool == true else {
                throw reader.error("do_lower_case", "lowercasing that the tokenizer does not do is not supported")
            }
        }
    }

    private mutating func readPrompts(_ folder: FilePath) throws {
        let file = folder.appending("config_sentence_transformers.json")
        guard Files.exists(file) else { return }
        let config = try JSONValue.parse(file: file)
        var found: [String: String] = [:]
        for (name, prompt) in config["prompts"]?.object ?? [:] {
            guard let prompt = prompt.string else {
                throw InputError("prompts are strings", at: Place(path: file.string, field: "prompts.\(name)"))
            }
            found[name] = prompt
        }
        if let name = config["default_prompt_name"]?.string {
            guard let prompt = found[name] else {
                throw InputError(
                    "there is no prompt \"\(name)\"", at: Place(path: file.string, field: "default_prompt_name"))
            }
            found["query"] = found["query"] ?? prompt
            found["document"] = found["document"] ?? prompt
        }
        prompts = found
        // Search takes inner products: where the model's own measure is the cosine, that needs unit vectors.
        if config["similarity_fn_name"]?.string == "cosine" && normalize == false { normalize = true }
    }
}

extension ModelCard.Overrides {
    /// Fills what the user left open.
    mutating func fill(from files: SentenceTransformersFiles, modelMaxLength: Int) {
        pooling = pooling ?? files.pooling
        normalize = normalize ?? files.normalize
        if let prompts = files.prompts {
            queryPrompt = queryPrompt ?? prompts["query"] ?? ""
            documentPrompt = documentPrompt ?? prompts["document"] ?? prompts["passage"] ?? prompts["corpus"] ?? ""
        }
        if let maxLength = files.maxLength {
            queryMaxLength = queryMaxLength ?? min(maxLength, modelMaxLength)
            documentMaxLength = documentMaxLength ?? min(maxLength, modelMaxLength)
        }
    }
}

extension SentenceTransformersFiles {
    /// Writes the files that make sentence-transformers load a folder as the card has it.
    static func write(_ card: ModelCard, to folder: FilePath) throws {
        func module(_ index: Int, _ path: String, _ type: String) -> JSONValue {
            [
                "idx": JSONValue(index), "name": .string("\(index)"), "path": .string(path),
                "type": .string("sentence_transformers.models.\(type)"),
            ]
        }
        var modules = [module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")]
        if card.normalize { modules.append(module(2, "2_Normalize", "Normalize")) }
        try Files.replace(folder.appending("modules.json"), with: JSONValue.array(modules).pretty())
        let pooling = folder.appending("1_Pooling")
        try Files.makeDirectory(pooling)
        let config: JSONValue = [
            "word_embedding_dimension": JSONValue(card.dims), "pooling_mode_cls_token": .bool(card.pooling == .cls),
            "pooling_mode_mean_tokens": .bool(card.pooling == .mean), "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false, "pooling_mode_lasttoken": .bool(card.pooling == .last),
        ]
        try Files.replace(pooling.appending("config.json"), with: config.pretty())
        // One limit for both roles is all that sentence-transformers knows; the card has both.
        let transformer: JSONValue = [
            "max_seq_length": JSONValue(max(card.query.maxLength, card.document.maxLength)), "do_lower_case": false,
        ]
        try Files.replace(folder.appending("sentence_bert_config.json"), with: transformer.pretty())
        let prompts: JSONValue = [
            "prompts": ["query": .string(card.query.prompt), "document": .string(card.document.prompt)],
            "default_prompt_name": nil,
            "similarity_fn_name": .string(card.normalize ? "cosine" : "dot"),
        ]
        try Files.replace(folder.appending("config_sentence_transformers.json"), with: prompts.pretty())
    }
}
