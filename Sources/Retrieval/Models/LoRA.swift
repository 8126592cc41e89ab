internal import Base
public import JSON
public import SystemPackage
internal import Tensors

/// The adapter of one linear layer: `output + s·B·A·dropout(input)`.
///
/// Source: Hu et al. 2021, eq. 3; file format and initialisation as in PEFT.
public final class LoRALayer {
    /// `[R, I]`
    public let a: Parameter
    /// `[O, R]`
    public let b: Parameter
    /// s = α/R, or α/√R where the adapter is rank-stabilised.
    public let scale: Double

    init(a: Parameter, b: Parameter, scale: Double) {
        self.a = a
        self.b = b
        self.scale = scale
    }
}

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

    public func isTarget(_ module: String) -> Bool {
        func matches(_ name: String) -> Bool { name == module || module.hasSuffix("." + name) }
        return targets.contains(where: matches) && !excluded.contains(where: matches)
    }

    /// Fields that must have this value, or be absent, for the adapter to mean what we compute.
    private static let fixed: [(field: String, value: JSONValue)] = [
        ("peft_type", "LORA"), ("bias", "none"), ("fan_in_fan_out", false), ("use_dora", false), ("rank_pattern", [:]),
        ("alpha_pattern", [:]), ("layers_to_transform", .null), ("layers_pattern", .null), ("modules_to_save", .null),
        ("layer_replication", .null), ("lora_bias", false), ("use_qalora", false), ("trainable_token_indices", .null),
        ("target_parameters", .null), ("alora_invocation_tokens", .null), ("arrow_config", .null),
        ("use_bdlora", .null), ("velora_config", .null), ("monteclora_config", .null), ("kasa_config", .null),
        ("ensure_weight_tying", false), ("megatron_config", .null),
    ]

    /// Fields that say how an adapter was made or is named, not what it computes.
    private static let harmless: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "inference_mode", "loftq_config",
        "lora_ga_config", "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config",
        "task_type",
    ]

    /// Reads `adapter_config.json`.
    ///
    /// - Throws: `InputError` for fields that are missing, or that ask for something else than plain LoRA.
    public init(file: FilePath) throws {
        let reader = ConfigurationReader(try JSONValue.parse(file: file), path: file)
        for (field, value) in LoRAConfiguration.fixed {
            guard let given = reader[field], !given.isNull else { continue }
            let isEmptyList = value.isNull && given.array?.isEmpty == true
            guard given == value || isEmptyList else {
                throw reader.error(field, "only plain LoRA adapters are supported")
            }
        }
        rank = try reader.count("r")
        alpha = try reader.number("lora_alpha", default: 8)
        dropout = try reader.number("lora_dropout", default: 0)
        isRankStabilised = try reader.bool("use_rslora", default: false)
        guard let list = reader["target_modules"]?.array, !list.isEmpty else {
            throw reader.error("target_modules", "a list of module names belongs here")
        }
        targets = try list.map {
            guard let name = $0.string else { throw reader.error("target_modules", "module names are strings") }
            return name
        }
        if let list = reader["exclude_modules"], !list.isNull {
            let names = list.array?.compactMap(\.string)
            guard let names, names.count == list.array?.count else {
                throw reader.error("exclude_modules", "a list of module names belongs here")
            }
            excluded = names
        }
        // Some initialisations (PiSSA, OLoRA, LoftQ) also change the base weights, which the file does not hold.
        if let initialisation = reader["init_lora_weights"], !initialisation.isNull {
            guard initialisation.bool != nil || initialisation.string == "gaussian" else {
                throw reader.error(
                    "init_lora_weights", "an initialisation that changes the base weights is not supported")
            }
        }
        try reader.refuseUnread(except: LoRAConfiguration.harmless)
    }

    /// `adapter_config.json` as PEFT reads it.
    public func json(baseModel: String) -> JSONValue {
        [
            "alpha_pattern": [:], "base_model_name_or_path": .string(baseModel), "bias": "none",
            "exclude_modules": ["pooler.dense"], "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "lora_alpha": number(alpha), "lora_dropout": number(dropout),
            "modules_to_save": nil, "peft_type": "LORA", "r": JSONValue(rank), "rank_pattern": [:],
            "target_modules": .array(targets.map { .string($0) }), "task_type": "FEATURE_EXTRACTION",
            "use_dora": false, "use_rslora": .bool(isRankStabilised),
        ]
    }

    /// Whole numbers without a point, as PEFT writes them.
    private func number(_ value: Double) -> JSONValue {
        value == value.rounded() && abs(value) < 1e9 ? JSONValue(Int(value)) : JSONValue(value)
    }
}

extension TextModel {
    /// Hangs new adapters on all target layers and makes them, and nothing else, trainable.
    ///
    /// A is uniform in ±1/√I, from (seed, name of the layer); B is zero, so vectors do not change yet.
    ///
    /// - Throws: `Failure` (78) if a target names no layer.
    public func addAdapters(_ configuration: LoRAConfiguration, seed: UInt64) throws {
        let layers = try targets(of: configuration)
        for layer in layers {
            let tensor = layer.weight.tensor
            let count = configuration.rank * layer.inputSize
            var random = SplitMix64(
                seed: seed,
                layer.name.utf8.reduce(14_695_981_039_346_656_037) { hash, byte in
                    (hash ^ UInt64(byte)) &* 1_099_511_628_211
                })
            let bound = 1 / Double(layer.inputSize).squareRoot()
            let values = (0..<count).map { _ in Float((2 * random.nextUnit() - 1) * bound) }
            let a = Parameter(
                layer.name + ".lora_A.weight",
                try Tensor(values, shape: [configuration.rank, layer.inputSize]).to(tensor.device))
            let b = Parameter(
                layer.name + ".lora_B.weight",
                try Tensor.zeros([layer.outputSize, configuration.rank], device: tensor.device))
            try a.makeTrainable()
            try b.makeTrainable()
            try layer.attach(LoRALayer(a: a, b: b, scale: configuration.scale))
        }
    }

    /// Hangs the adapters of a PEFT folder on the layers; `adapter_model.safetensors` must hold exactly those that its
    /// configuration asks for.
    ///
    /// - Parameter trainable: go on training them; otherwise they are frozen.
    @discardableResult
    public func loadAdapters(_ folder: FilePath, trainable: Bool = false) throws -> LoRAConfiguration {
        let configuration = try LoRAConfiguration(file: folder.appending("adapter_config.json"))
        let file = try SafetensorsFile(folder.appending("adapter_model.safetensors"))
        var expected: Set<String> = []
        for layer in try targets(of: configuration) {
            let pair = try ["lora_A", "lora_B"].map { part in
                let names = ["", "bert."].map { "base_model.model.\($0)\(layer.name).\(part).weight" }
                let name = names.first { file[$0] != nil } ?? names[0]
                expected.insert(name)
                let tensor = try file.tensor(name).to(.float32, layer.weight.tensor.device)
                let parameter = Parameter("\(layer.name).\(part).weight", tensor)
                if trainable { try parameter.makeTrainable() }
                return parameter
            }
            guard pair[0].tensor.size(0) == configuration.rank, pair[1].tensor.size(1) == configuration.rank else {
                throw InputError(
                    "the rank is not \(configuration.rank)", at: Place(path: file.path.string, field: layer.name))
            }
            try layer.attach(LoRALayer(a: pair[0], b: pair[1], scale: configuration.scale))
        }
        // An adapter on the pooler has no influence on vectors; anything else that is left would be lost silently.
        for name in file.names where !expected.contains(name) && !name.contains(".pooler.dense.lora_") {
            throw InputError(
                "this adapter belongs to no layer of the model", at: Place(path: file.path.string, field: name))
        }
        return configuration
    }

    /// Adds all adapters to the weights they hang on and takes them off.
    public func mergeAdapters() throws {
        for layer in linearLayers { try layer.mergeAdapter() }
    }

    /// Writes `adapter_model.safetensors` and `adapter_config.json` as PEFT reads them.
    public func saveAdapters(_ configuration: LoRAConfiguration, baseModel: String, to folder: FilePath) throws {
        let adapters = linearLayers.compactMap(\.adapter).flatMap { [$0.a, $0.b] }
        guard !adapters.isEmpty else { throw TensorError("saveAdapters", "the model has no adapters") }
        try SafetensorsWriter.write(
            adapters.map { ("base_model.model." + $0.name, $0.tensor) },
            to: folder.appending("adapter_model.safetensors"))
        try Files.replace(
            folder.appending("adapter_config.json"), with: configuration.json(baseModel: baseModel).pretty())
    }

    /// - Throws: `Failure` (78) if a target names no layer.
    public func requireTargets(of configuration: LoRAConfiguration) throws { _ = try targets(of: configuration) }

    private func targets(of configuration: LoRAConfiguration) throws -> [Linear] {
        let layers = linearLayers
        for target in configuration.targets
        where !layers.contains(where: { $0.name == target || $0.name.hasSuffix("." + target) }) {
            throw Failure(
                .badConfiguration, "LoRA target \"\(target)\" names no layer of the model",
                advice: "its layers are \(layers.prefix(6).map(\.name).joined(separator: ", ")), …")
        }
        return layers.filter { configuration.isTarget($0.name) }
    }
}
