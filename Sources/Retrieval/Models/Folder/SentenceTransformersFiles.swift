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
    static let usageName = "config_sentence_transformers.json"

    private(set) var pooling: Poolings?
    /// Whether the last module is Normalize.
    private(set) var normalize: Bool?
    /// Dense layers before pooling.
    private(set) var tokenLayers: [HeadLayer.Dense] = []
    /// Layers behind pooling, without a Normalize at the end.
    private(set) var layers: [HeadLayer] = []
    /// Folders of the layers that have weights, in order.
    private(set) var moduleFolders: [FilePath] = []
    private(set) var poolingWidth: Width?
    /// `include_prompt`
    private(set) var includesPrompt = true
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

    init(_ folder: FilePath, _ tokenizer: Tokenizer) throws {
        try readModules(folder)
        try readTransformer(Self.transformer(of: folder), tokenizer)
        try readUsage(folder)
        let limits = try Self.transformer(of: folder).appending("tokenizer_config.json")
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
        for (index, value) in (try JSONValue.parse(pythonFile: file).array ?? []).enumerated() {
            let module = ConfigurationReader(value, path: file, prefix: "\(index).")
            let type = try module.string("type")
            let path = try module.string("path")
            try module.require("kwargs", [])
            try module.refuseUnread(except: ["idx", "name"])
            let name = type.hasPrefix("sentence_transformers.") ? Self.lastComponent(type) : ""
            guard (name == "Transformer") == (index == 0) else { throw Self.isMisplaced(type, module) }
            let place = path.isEmpty && index == 0 ? folder : try Self.module(path, in: folder, module)
            let config = place.appending("config.json")
            // The package that a module comes from has changed; its last name has not.
            switch name {
            case "Transformer": break
            case "Pooling" where pooling == nil: try readPooling(config)
            case "Dense":
                let dense = try Self.dense(config, isOnTokens: pooling == nil)
                if pooling == nil { tokenLayers.append(dense) } else { layers.append(.dense(dense)) }
                moduleFolders.append(place)
            case "LayerNorm" where pooling != nil:
                layers.append(.layerNorm(size: try Self.layerNormSize(config)))
                moduleFolders.append(place)
            case "Normalize" where pooling != nil:
                layers.append(.normalize)
                places[.normalize] = module.place("type")
                if Files.exists(config) { try Self.checkNormalize(config) }
            default: throw Self.isMisplaced(type, module)
            }
        }
        guard pooling != nil else {
            throw InputError(
                "there is no Pooling behind a Transformer", at: Place(path: file.string, field: "type"),
                exitStatus: .badConfiguration)
        }
        if !tokenLayers.isEmpty { places[.tokenLayers] = Place(path: file.string) }
        normalize = layers.last == .normalize
        if normalize == true { layers.removeLast() } else { places[.normalize] = Place(path: file.string) }
        if !layers.isEmpty { places[.layers] = Place(path: file.string) }
    }

    /// What the configuration of the Pooling says.
    mutating func set(_ pooling: Poolings, at place: Place, width: Width?) {
        self.pooling = pooling
        places[.pooling] = place
        poolingWidth = width
    }

    /// - Parameter place: nil where it is not said.
    mutating func setIncludesPrompt(_ includesPrompt: Bool, at place: Place?) {
        self.includesPrompt = includesPrompt
        places[.includesPrompt] = place
    }

    /// Components of the states that are pooled, as a field says it.
    struct Width {
        let count: Int
        let error: InputError
    }

    private static func isMisplaced(_ type: String, _ module: ConfigurationReader) -> InputError {
        module.error("type", "the module \(type) is not supported at this place")
    }

    static func lastComponent(_ type: String) -> String {
        type.split(separator: ".").last.map(String.init) ?? ""
    }

    private static func module(
        _ path: String, in folder: FilePath, _ module: ConfigurationReader
    ) throws -> FilePath {
        guard let name = FilePath.Component(path), name.kind == .regular else {
            throw module.error("path", "\"\(path)\" is not a folder in the model's")
        }
        return folder.appending(name)
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
        let file = folder.appending(Self.usageName)
        guard Files.exists(file) else { return }
        let reader = try ConfigurationReader(file: file)
        try reader.require("model_type", "SentenceTransformer")
        truncateDim = try reader.optionalCount("truncate_dim")
        if truncateDim != nil { places[.truncateDim] = reader.place("truncate_dim") }
        similarity = reader["similarity_fn_name"] == nil ? nil : try reader.string("similarity_fn_name")
        try reader.require("similarity_fn_name", "cosine", "dot")
        let found = try Self.prompts(reader)
        for role in Role.allCases where found.contains(where: { $0.name == role.rawValue }) {
            places[.prompt(role)] = reader.place("prompts.\(role.rawValue)")
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

    private static func prompts(_ reader: ConfigurationReader) throws -> [(name: String, text: String)] {
        guard let stated = reader["prompts"] else { return [] }
        guard let object = stated.object else { throw reader.error("prompts", "an object is expected") }
        return try object.map { name, prompt in
            guard prompt.isNull || prompt.string != nil else {
                throw reader.error("prompts.\(name)", "a string is expected")
            }
            return (name, prompt.string ?? "")
        }
    }

    /// All prompts of a folder by name, whatever else its files say.
    static func prompts(of folder: FilePath) throws -> [(name: String, text: String)] {
        let file = folder.appending(usageName)
        return Files.exists(file) ? try prompts(ConfigurationReader(file: file)) : []
    }
}
