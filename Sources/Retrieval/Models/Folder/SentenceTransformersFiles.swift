internal import Base
internal import JSON
internal import Records
internal import SystemPackage
internal import Tokenizers

/// What sentence-transformers' own files in a model folder say about pooling, normalisation, prompts and lengths.
///
/// Reads `modules.json`, the modules' `config.json`, `sentence_bert_config.json` and
/// `config_sentence_transformers.json`; each may be absent. What is read means here what it means there (5.7 and 6.2),
/// in `encode_query` and `encode_document`; every other field is known to be harmless, or refused.
struct SentenceTransformersFiles {
    static let modulesName = "modules.json"

    private(set) var pooling: Pooling?
    private(set) var normalize: Bool?
    /// By role, empty where none is stated; nil without `config_sentence_transformers.json`.
    private(set) var prompts: (query: String, document: String)?
    /// Names and texts of prompts that are stored and not used for queries or documents.
    private(set) var otherPrompts: [(name: String, text: String)] = []
    /// Whether the folder says that it holds a sentence-transformers model.
    private(set) var hasModules = false
    /// `max_seq_length`, which older versions write.
    private(set) var maxLength: Int?
    private(set) var queryLength: Int?
    private(set) var documentLength: Int?
    private(set) var truncateDim: Int?
    private(set) var similarity: String?
    /// Where the files say what they say of a setting.
    private(set) var places: [ModelCard.Setting: Place] = [:]
    /// `include_prompt: false`: the tokens of the prompt are left out of pooling. The place of the field.
    private(set) var exclusionOfPrompts: ConfigurationReader?

    init(_ folder: FilePath, _ tokenizer: Tokenizer) throws {
        try readModules(folder)
        try readTransformer(folder, tokenizer)
        try readUsage(folder)
        let limits = folder.appending("tokenizer_config.json")
        if maxLength == nil, tokenizer.modelMaxLength != nil {
            for role in Role.allCases where places[.maxLength(role)] == nil {
                places[.maxLength(role)] = Place(path: limits.string, field: "model_max_length")
            }
        }
    }

    private mutating func readModules(_ folder: FilePath) throws {
        let file = folder.appending(Self.modulesName)
        guard Files.exists(file) else { return }
        hasModules = true
        normalize = false
        places[.normalize] = Place(path: file.string)
        func error(_ field: String, _ reason: String) -> InputError {
            InputError(reason, at: Place(path: file.string, field: field), exitStatus: .badConfiguration)
        }
        for (index, value) in (try JSONValue.parse(pythonFile: file).array ?? []).enumerated() {
            let module = ConfigurationReader(value, path: file, prefix: "\(index).")
            let type = try module.string("type")
            let path = try module.string("path")
            try module.require("kwargs", [])
            try module.refuseUnread(except: ["idx", "name"])
            let isTheirs = type.hasPrefix("sentence_transformers.")
            // The package that a module comes from has changed; its last name has not.
            switch type.split(separator: ".").last {
            case "Transformer" where isTheirs && index == 0:
                guard path.isEmpty else {
                    throw module.error("path", "a model in a folder of its own is not supported")
                }
            case "Pooling" where isTheirs && index == 1:
                try readPooling(configuration(of: path, in: folder, module))
            case "Normalize" where isTheirs && index == 2:
                normalize = true
                places[.normalize] = Place(path: file.string, field: "\(index).type")
                let config = try configuration(of: path, in: folder, module)
                if Files.exists(config) { try Self.checkNormalize(config) }
            default: throw module.error("type", "the module \(type) is not supported at this place")
            }
        }
        guard pooling != nil else { throw error("type", "there is no Pooling behind a Transformer") }
    }

    private func configuration(of path: String, in folder: FilePath, _ module: ConfigurationReader) throws -> FilePath {
        guard let name = FilePath.Component(path), name.kind == .regular else {
            throw module.error("path", "\"\(path)\" is not a folder in the model's")
        }
        return folder.appending(name).appending("config.json")
    }

    private static func checkNormalize(_ file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        for field in ["module_input_name", "module_output_name"] {
            try reader.require(field, "sentence_embedding")
        }
        try reader.refuseUnread()
    }

    private mutating func readPooling(_ file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        let flags = [
            ("pooling_mode_cls_token", "cls"), ("pooling_mode_max_tokens", "max"), ("pooling_mode_mean_tokens", "mean"),
            ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
            ("pooling_mode_weightedmean_tokens", "weightedmean"), ("pooling_mode_lasttoken", "lasttoken"),
        ]
        let flagged = try flags.filter { try reader.bool($0.0, default: false) }.map(\.1)
        // Where there is the newer field, flags count for nothing.
        var modes = flagged
        if let mode = reader["pooling_mode"] {
            modes = try mode.string.map { [$0] } ?? reader.strings("pooling_mode") ?? []
        } else if flagged.isEmpty {
            modes = ["mean"]
        }
        switch modes {
        case ["cls"]: pooling = .cls
        case ["mean"]: pooling = .mean
        case ["lasttoken"]: pooling = .last
        default:
            throw reader.error("pooling_mode", "pooling \(modes.joined(separator: " + ")) is not supported")
        }
        let isNewer = reader["pooling_mode"] != nil
        let flag = flags.first { $0.1 == flagged.first }?.0
        places[.pooling] = Place(path: file.string, field: isNewer ? "pooling_mode" : flag)
        if try reader.bool("include_prompt", default: true) == false { exclusionOfPrompts = reader }
        try reader.refuseUnread(except: ["embedding_dimension", "word_embedding_dimension"])
    }

    /// Names that the file had for other families.
    private static let transformerNames = [
        "sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
        "sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json",
    ]

    private mutating func readTransformer(_ folder: FilePath, _ tokenizer: Tokenizer) throws {
        let files = Self.transformerNames.map { folder.appending($0) }
        guard let file = files.first(where: { Files.exists($0) }) else { return }
        let reader = try ConfigurationReader(file: file)
        maxLength = try reader.optionalCount("max_seq_length")
        queryLength = try reader.optionalCount("query_length")
        documentLength = try reader.optionalCount("document_length")
        for (role, own) in [(Role.query, queryLength), (.document, documentLength)] where own ?? maxLength != nil {
            let field = own == nil ? "max_seq_length" : "\(role.rawValue)_length"
            places[.maxLength(role)] = Place(path: file.string, field: field)
        }
        guard try !reader.bool("do_lower_case", default: false) || tokenizer.lowercases else {
            throw reader.error("do_lower_case", "lowercasing that the tokenizer does not do is not supported")
        }
        try reader.require("transformer_task", "feature-extraction")
        try reader.require(
            "modality_config", ["text": ["method": "forward", "method_output_name": "last_hidden_state"]])
        try reader.require("module_output_name", "token_embeddings")
        try reader.require("query_expansion")
        try reader.require("tokenizer_name_or_path")
        for field in [
            "model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs",
        ] { try reader.require(field, [:]) }
        if reader["processing_kwargs"] != nil { try Self.checkProcessing(reader.section("processing_kwargs")) }
        // How batches are padded has no influence on a text's vector.
        try reader.refuseUnread(except: ["unpad_inputs", "cache_dir", "backend"])
    }

    /// Arguments of the tokenizer's call: only those that say what happens anyway.
    private static func checkProcessing(_ reader: ConfigurationReader) throws {
        for kind in ["text", "common", "audio", "image", "video", "chat_template"] where reader[kind] != nil {
            let section = try reader.section(kind)
            if kind == "text" || kind == "common" {
                try section.require("truncation", true, "longest_first", "only_first")
                try section.require("add_special_tokens", true)
            }
            try section.refuseUnread(except: ["padding", "return_tensors", "pad_to_multiple_of"])
        }
        try reader.refuseUnread()
    }

    private mutating func readUsage(_ folder: FilePath) throws {
        let file = folder.appending("config_sentence_transformers.json")
        guard Files.exists(file) else { return }
        let reader = try ConfigurationReader(file: file)
        try reader.require("model_type", "SentenceTransformer")
        truncateDim = try reader.optionalCount("truncate_dim")
        similarity = reader["similarity_fn_name"] == nil ? nil : try reader.string("similarity_fn_name")
        try reader.require("similarity_fn_name", "cosine", "dot")
        var found: [(name: String, text: String)] = []
        if let stated = reader["prompts"] {
            guard let object = stated.object else { throw reader.error("prompts", "an object is expected") }
            for (name, prompt) in object {
                guard prompt.isNull || prompt.string != nil else {
                    throw reader.error("prompts.\(name)", "a string is expected")
                }
                found.append((name, prompt.string ?? ""))
            }
        }
        for role in Role.allCases where found.contains(where: { $0.name == role.rawValue }) {
            places[.prompt(role)] = Place(path: file.string, field: "prompts.\(role.rawValue)")
        }
        func prompt(_ name: String) -> String { found.first { $0.name == name }?.text ?? "" }
        prompts = (prompt("query"), prompt("document"))
        otherPrompts = found.filter { $0.name != "query" && $0.name != "document" && !$0.text.isEmpty }
        // It acts in `encode` alone, which knows no roles.
        if reader["default_prompt_name"] != nil {
            let name = try reader.string("default_prompt_name")
            guard name == "query" || name == "document" || found.contains(where: { $0.name == name }) else {
                throw reader.error("default_prompt_name", "there is no prompt \"\(name)\"")
            }
        }
        try reader.refuseUnread(except: ["__version__"])
    }
}
