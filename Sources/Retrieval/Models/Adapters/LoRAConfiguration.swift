internal import JSON
public import SystemPackage

/// What `adapter_config.json` says.
public struct LoRAConfiguration: Sendable, Equatable {
    /// R
    public var rank: Int
    /// α
    public var alpha: Double
    public var dropout: Double
    /// Names of modules, whole or from a dot on: `query` means every module whose name ends in `.query`.
    public var targets: [String]
    /// Modules that are no targets although ``targets`` matches them.
    public var excluded: [String] = []
    public var isRankStabilised: Bool

    public init(rank: Int, alpha: Double, dropout: Double, targets: [String], isRankStabilised: Bool = false) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
        self.isRankStabilised = isRankStabilised
    }

    public var scale: Double { alpha / (isRankStabilised ? Double(rank).squareRoot() : Double(rank)) }

    /// The target that stands for every linear layer.
    public static let allLinear = "all-linear"

    public func isTarget(_ module: String) -> Bool { isTarget(anyOf: [module]) }

    /// Whether a module that goes by any of these names is a target.
    func isTarget(anyOf names: [String]) -> Bool {
        func matches(_ pattern: String) -> Bool {
            pattern == LoRAConfiguration.allLinear || names.contains { $0 == pattern || $0.hasSuffix("." + pattern) }
        }
        return targets.contains(where: matches) && !excluded.contains(where: matches)
    }

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
    /// - Throws: `InputError` for fields that are missing, or that ask for something else than plain LoRA.
    public init(file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        try reader.require("peft_type", "LORA")
        try reader.require("bias", "none")
        for field in ["fan_in_fan_out", "use_dora", "lora_bias", "use_qalora", "ensure_weight_tying"] {
            try reader.require(field, false)
        }
        for field in ["rank_pattern", "alpha_pattern"] { try reader.require(field, [:]) }
        for field in [
            "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "layers_pattern",
            "layers_to_transform", "megatron_config", "modules_to_save", "monteclora_config", "target_parameters",
            "trainable_token_indices", "use_bdlora", "velora_config",
        ] { try reader.require(field, []) }
        if let initialisation = reader["init_lora_weights"] {
            guard LoRAConfiguration.initialisations.contains(initialisation) else {
                throw reader.error(
                    "init_lora_weights", "an initialisation that changes the base weights is not supported",
                    advice: "PEFT turns such an adapter into a plain one: path_initial_model_for_weight_conversion.")
            }
        }
        rank = try reader.count("r", in: 1...65_536)
        alpha = try reader.number("lora_alpha", in: 0...1e9, default: 8)
        dropout = try reader.number("lora_dropout", in: 0...1, default: 0)
        isRankStabilised = try reader.bool("use_rslora", default: false)
        if reader["target_modules"]?.string == LoRAConfiguration.allLinear {
            targets = [LoRAConfiguration.allLinear]
        } else {
            targets = try reader.strings("target_modules") ?? []
            guard !targets.isEmpty, !targets.contains(LoRAConfiguration.allLinear) else {
                throw reader.error("target_modules", "a list of module names, or \"all-linear\", is expected")
            }
        }
        excluded = try reader.strings("exclude_modules") ?? []
        try reader.refuseUnread(except: LoRAConfiguration.harmless)
    }

    /// `adapter_config.json` as PEFT reads it.
    ///
    /// - Parameter unused: modules that are not ours to adapt, though targets may match them.
    func json(baseModel: String, unused: [String]) -> JSONValue {
        [
            "alpha_pattern": [:], "base_model_name_or_path": .string(baseModel), "bias": "none",
            "exclude_modules": .array(unused.map { .string($0) }), "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "lora_alpha": number(alpha), "lora_dropout": number(dropout),
            "modules_to_save": nil, "peft_type": "LORA", "r": JSONValue(rank), "rank_pattern": [:],
            "target_modules": targets == [LoRAConfiguration.allLinear]
                ? .string(LoRAConfiguration.allLinear) : .array(targets.map { .string($0) }),
            "task_type": "FEATURE_EXTRACTION",
            "use_dora": false, "use_rslora": .bool(isRankStabilised),
        ]
    }

    /// Whole numbers without a point, as PEFT writes them.
    private func number(_ value: Double) -> JSONValue {
        value == value.rounded() && abs(value) < 1e9 ? JSONValue(Int(value)) : JSONValue(value)
    }
}
