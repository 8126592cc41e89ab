internal import Base
internal import JSON
public import SystemPackage

extension LoRAConfiguration {
    /// Fields that say how an adapter was made or is named, not what it computes.
    private static let harmless: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "inference_mode", "loftq_config",
        "lora_ga_config", "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config",
        "task_type",
    ]

    /// Initialisations that leave the base weights alone; others (PiSSA, OLoRA, CorDA, LoftQ) change them, and the
    /// adapter's file does not hold the changed ones.
    private static let initialisations: [JSONValue] = [true, false, "gaussian", "eva", "orthogonal"]

    /// Reads `adapter_config.json`.
    ///
    /// - Throws: `InputError` (78) that names a field which is missing, malformed, or asks for another kind of adapter
    ///   than those of ``LoRAConfiguration``.
    public init(file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        try reader.require("peft_type", "LORA")
        for field in ["fan_in_fan_out", "use_qalora", "ensure_weight_tying"] { try reader.require(field, false) }
        for field in [
            "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "megatron_config",
            "monteclora_config", "use_bdlora", "velora_config",
        ] { try reader.require(field, []) }
        if let initialisation = reader["init_lora_weights"] {
            guard LoRAConfiguration.initialisations.contains(initialisation) else {
                throw reader.error(
                    "init_lora_weights", "an initialisation that changes the base weights is not supported",
                    advice: "PEFT turns such an adapter into a plain one: path_initial_model_for_weight_conversion.")
            }
        }
        targetParameters = try reader.strings("target_parameters") ?? []
        targets = try Self.pattern(reader, "target_modules") ?? []
        guard targets != [] || !targetParameters.isEmpty else {
            throw reader.error("target_modules", "names of modules, or a regular expression of them, are expected")
        }
        excluded = try Self.pattern(reader, "exclude_modules") ?? []
        rank = try reader.count("r", in: Self.ranks)
        alpha = try reader.number("lora_alpha", in: Self.alphas, default: 8)
        dropout = try reader.number("lora_dropout", in: 0...1, default: 0)
        isRankStabilised = try reader.bool("use_rslora", default: false)
        isWeightDecomposed = try reader.bool("use_dora", default: false)
        hasBias = try reader.bool("lora_bias", default: false)
        let biasName = try reader.string("bias", default: "none")
        guard let bias = Bias(rawValue: biasName) else {
            throw reader.error("bias", "one of none, lora_only and all is expected")
        }
        self.bias = bias
        blocks = try Self.blocks(reader, targets)
        for (pattern, value) in try Self.object(reader, "rank_pattern") {
            guard let rank = value.integer, Self.ranks.contains(rank) else {
                throw reader.error("rank_pattern", "whole numbers from 1 to \(Self.ranks.upperBound) are expected")
            }
            try reader.refusing("rank_pattern") { try ranks.append(pattern, rank) }
        }
        for (pattern, value) in try Self.object(reader, "alpha_pattern") {
            guard let alpha = value.double, Self.alphas.contains(alpha) else {
                throw reader.error("alpha_pattern", "numbers from 0 to \(Self.alphas.upperBound) are expected")
            }
            try reader.refusing("alpha_pattern") { try alphas.append(pattern, alpha) }
        }
        savedModules = try reader.strings("modules_to_save") ?? []
        adapterFree = try reader.refusing("modules_to_save") {
            try savedModules.map { try PythonExpression($0, before: #"(?:^|.*\.)"#, after: #"(?:\z|\..*)"#) }
        }
        tokens = try Self.tokens(reader)
        try reader.refuseUnread(except: LoRAConfiguration.harmless)
        try checkWhole(reader)
    }

    private static let ranks = 1...65_536
    private static let alphas = 0...1e9

    /// What no field can get wrong alone; PEFT refuses the same.
    private func checkWhole(_ reader: ConfigurationReader) throws {
        if hasBias, isWeightDecomposed { throw reader.error("lora_bias", "this cannot go with use_dora") }
        guard !targetParameters.isEmpty else { return }
        for (field, isUsed) in [
            ("use_dora", isWeightDecomposed), ("lora_bias", hasBias), ("lora_dropout", dropout > 0),
        ]
        where isUsed {
            throw reader.error(field, "this cannot go with target_parameters")
        }
    }

    private static func object(_ reader: ConfigurationReader, _ field: String) throws -> JSONObject {
        guard let value = reader[field] else { return [:] }
        guard let object = value.object else { throw reader.error(field, "an object is expected") }
        return object
    }

    /// A list of names, or a regular expression.
    private static func pattern(_ reader: ConfigurationReader, _ field: String) throws -> ModulePattern? {
        guard let value = reader[field] else { return nil }
        guard let text = value.string else {
            let names = try reader.strings(field) ?? []
            guard !names.contains(ModulePattern.allLinearWord) else {
                throw reader.error(field, "\"\(ModulePattern.allLinearWord)\" is no name in a list; it stands alone")
            }
            return ModulePattern(names: names)
        }
        if field == "target_modules", text.lowercased() == ModulePattern.allLinearWord { return .allLinear }
        guard !text.isEmpty else { throw reader.error(field, "an empty text matches nothing") }
        return try reader.refusing(field) { ModulePattern(.expression(try PythonExpression(text))) }
    }

    private static func blocks(_ reader: ConfigurationReader, _ targets: ModulePattern) throws -> BlockChoice? {
        func list<Element>(_ field: String, _ element: (JSONValue) -> Element?) throws -> [Element] {
            guard let value = reader[field] else { return [] }
            let values = value.array ?? [value]
            let elements = values.compactMap(element)
            guard elements.count == values.count else {
                throw reader.error(field, "the list has elements of other types")
            }
            return elements
        }
        let numbers = try list("layers_to_transform", \.integer)
        let patterns = try list("layers_pattern", \.string).filter { !$0.isEmpty }
        guard !numbers.isEmpty else {
            guard patterns.isEmpty else {
                throw reader.error("layers_pattern", "this needs layers_to_transform")
            }
            return nil
        }
        guard targets.names != nil else {
            throw reader.error("layers_to_transform", "this needs target_modules as a list of names")
        }
        // Others could match without a number behind them.
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")
        guard patterns.allSatisfy({ plain.isSuperset(of: $0) }) else {
            throw reader.error("layers_pattern", "only names are supported")
        }
        return try reader.refusing("layers_pattern") { try BlockChoice(numbers, patterns: patterns) }
    }

    /// `trainable_token_indices`: a list for the entrance, or lists by name of the embedding.
    private static func tokens(_ reader: ConfigurationReader) throws -> [(module: String?, ids: [Int])] {
        let field = "trainable_token_indices"
        guard let value = reader[field] else { return [] }
        func ids(_ value: JSONValue) throws -> [Int] {
            let ids = value.array?.compactMap(\.integer)
            guard let ids, ids.count == value.array?.count, Set(ids).count == ids.count, ids.allSatisfy({ $0 >= 0 })
            else {
                throw reader.error(field, "token ids are expected, each once")
            }
            return ids
        }
        if let object = value.object { return try object.map { (module: $0.key, ids: try ids($0.value)) } }
        let list = try ids(value)
        return list.isEmpty ? [] : [(module: nil, ids: list)]
    }

    /// `adapter_config.json` of a plain adapter, as PEFT reads it.
    ///
    /// - Parameters:
    ///   - modules: what has an adapter, as PEFT's class names it.
    ///   - unused: modules that are not ours to adapt, though a name in ``targets`` may match them.
    func json(baseModel: String, modules: [String], unused: [String]) -> JSONValue {
        [
            "alpha_pattern": [:], "base_model_name_or_path": .string(baseModel), "bias": "none",
            "exclude_modules": .array(unused.map { .string($0) }), "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "lora_alpha": number(alpha), "lora_dropout": number(dropout),
            "modules_to_save": nil, "peft_type": "LORA", "r": JSONValue(rank), "rank_pattern": [:],
            "target_modules": .array(modules.map { .string($0) }), "task_type": "FEATURE_EXTRACTION",
            "use_dora": false, "use_rslora": .bool(isRankStabilised),
        ]
    }

    /// Whole numbers without a point, as PEFT writes them.
    private func number(_ value: Double) -> JSONValue {
        value == value.rounded() && abs(value) < 1e9 ? JSONValue(Int(value)) : JSONValue(value)
    }
}

extension ConfigurationReader {
    /// Names the field whose regular expression is refused.
    fileprivate func refusing<Result>(_ field: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let refusal as PythonExpression.Refusal {
            throw error(field, refusal.reason)
        }
    }
}
