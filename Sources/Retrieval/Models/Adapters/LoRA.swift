internal import Base
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

extension TextModel {
    /// Attaches new adapters to all target layers and makes them, and nothing else, trainable.
    ///
    /// A is uniform in ±1/√I, from (seed, name of the layer); B is zero, so vectors do not change yet.
    ///
    /// - Throws: `Failure` (78) if a target names no layer.
    public func addAdapters(_ configuration: LoRAConfiguration, seed: UInt64) throws {
        try requirePlainWeights("addAdapters")
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

    /// Attaches the adapters of a PEFT folder to the layers; `adapter_model.safetensors` must hold exactly those that its
    /// configuration asks for.
    ///
    /// - Parameter trainable: go on training them; otherwise they are frozen.
    @discardableResult
    public func loadAdapters(_ folder: FilePath, trainable: Bool = false) throws -> LoRAConfiguration {
        try requirePlainWeights("loadAdapters")
        let configuration = try LoRAConfiguration(file: folder.appending("adapter_config.json"))
        let file = try SafetensorsFile(folder.appending("adapter_model.safetensors"))
        var expected: Set<String> = []
        for layer in try targets(of: configuration) {
            let pair = try ["lora_A", "lora_B"].map { part in
                let names = names.aliases(of: layer.name).map { "\(Self.adapterPrefix)\($0).\(part).weight" }
                let name = names.first { file[$0] != nil } ?? names[0]
                expected.insert(name)
                let tensor = try file.tensor(name).to(.float32, layer.weight.tensor.device)
                guard try tensor.isFinite().withUnsafeBytes({ !$0.contains(0) }) else {
                    throw InputError(
                        "the adapter holds a number that is not finite", at: Place(path: file.path.string, field: name))
                }
                let parameter = Parameter("\(layer.name).\(part).weight", tensor)
                if trainable { try parameter.makeTrainable() }
                return parameter
            }
            let shapes = pair.map(\.tensor.shape)
            guard shapes == [[configuration.rank, layer.inputSize], [layer.outputSize, configuration.rank]] else {
                throw InputError(
                    "adapters of \(shapes[0]) and \(shapes[1]) do not fit a layer of "
                        + "\([layer.outputSize, layer.inputSize]) with rank \(configuration.rank)",
                    at: Place(path: file.path.string, field: layer.name),
                    advice: "Give the model that the adapter was trained on.")
            }
            try layer.attach(LoRALayer(a: pair[0], b: pair[1], scale: configuration.scale))
        }
        // Adapters of modules that no vector depends on have no influence; anything else would be lost silently.
        for name in file.names where !expected.contains(name) && !isAdapterOfUnusedModule(name) {
            throw InputError(
                "this adapter belongs to no layer of the model", at: Place(path: file.path.string, field: name))
        }
        return configuration
    }

    private static var adapterPrefix: String { "base_model.model." }

    private func isAdapterOfUnusedModule(_ name: String) -> Bool {
        guard name.hasPrefix(Self.adapterPrefix),
            let ending = [".lora_A.weight", ".lora_B.weight"].first(where: { name.hasSuffix($0) })
        else { return false }
        return names.isUnused(String(name.dropFirst(Self.adapterPrefix.count).dropLast(ending.count)))
    }

    /// Adds all adapters to the weights of their layers and takes them off.
    public func mergeAdapters() throws {
        for layer in linearLayers { try layer.mergeAdapter() }
    }

    /// Writes `adapter_model.safetensors` and `adapter_config.json` as PEFT reads them.
    public func saveAdapters(_ configuration: LoRAConfiguration, baseModel: String, to folder: FilePath) throws {
        let adapters = linearLayers.compactMap(\.adapter).flatMap { [$0.a, $0.b] }
        guard !adapters.isEmpty else { throw TensorError("saveAdapters", "the model has no adapters") }
        try SafetensorsWriter.write(
            adapters.map { (Self.adapterPrefix + $0.name, $0.tensor) },
            to: folder.appending("adapter_model.safetensors"))
        try Files.replace(
            folder.appending("adapter_config.json"),
            with: configuration.json(baseModel: baseModel, unused: names.unusedModules).pretty())
    }

    /// - Throws: `Failure` (78) if a target names no layer.
    public func requireTargets(of configuration: LoRAConfiguration) throws { _ = try targets(of: configuration) }

    private func targets(of configuration: LoRAConfiguration) throws -> [Linear] {
        let layers = linearLayers
        for target in configuration.targets where target != LoRAConfiguration.allLinear {
            let single = LoRAConfiguration(rank: 1, alpha: 1, dropout: 0, targets: [target])
            let isKnown =
                names.isUnused(target)
                || layers.contains { single.isTarget(anyOf: names.aliases(of: $0.name)) }
            guard isKnown else {
                throw Failure(
                    .badConfiguration, "LoRA target \"\(target)\" names no layer of the model (target_modules)",
                    advice: "its layers are \(layers.prefix(6).map(\.name).joined(separator: ", ")), …")
            }
        }
        let found = layers.filter { configuration.isTarget(anyOf: names.aliases(of: $0.name)) }
        guard !found.isEmpty else {
            throw Failure(
                .badConfiguration, "LoRA targets name no layer that vectors depend on (target_modules, exclude_modules)"
            )
        }
        return found
    }
}
