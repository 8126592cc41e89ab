internal import Base
internal import JSON
public import SystemPackage
public import Tensors

/// The adapter of one linear layer: `output + s·B·A·dropout(input)`.
///
/// A and B are float32; in a smaller type the layer computes with rounded copies, made in each forward pass, so that
/// their gradients arrive at the float32 values.
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
    /// - Parameter frozen: parts whose layers get none.
    /// - Throws: `Failure` (78) if a target names no layer.
    public func addAdapters(
        _ configuration: LoRAConfiguration, seed: UInt64, except frozen: Set<ModelPart> = []
    ) throws {
        try requirePlainWeights("addAdapters")
        for layer in try targetLayers(of: configuration, except: frozen) {
            let device = layer.weight.device
            let count = configuration.rank * layer.inputSize
            var random = SplitMix64(seed: seed, NameHash.of(layer.name))
            let bound = 1 / Double(layer.inputSize).squareRoot()
            let values = (0..<count).map { _ in Float((2 * random.nextUnit() - 1) * bound) }
            try attach(
                Tensor(values, shape: [configuration.rank, layer.inputSize]).to(device),
                Tensor.zeros([layer.outputSize, configuration.rank], device: device),
                scale: configuration.scale(of: layer.name), to: layer, trainable: true)
        }
    }

    private func attach(_ a: Tensor, _ b: Tensor, scale: Double, to layer: Linear, trainable: Bool) throws {
        let pair = [Parameter(layer.name + ".lora_A.weight", a), Parameter(layer.name + ".lora_B.weight", b)]
        if trainable { for parameter in pair { try parameter.makeTrainable() } }
        try layer.attach(LoRALayer(a: pair[0], b: pair[1], scale: scale))
    }

    /// Attaches the adapters of a PEFT folder to the layers, apart from the weights. Every tensor of the folder belongs to
    /// one of them.
    ///
    /// - Parameter trainable: go on training them; otherwise they are frozen.
    /// - Throws: `InputError` (78) that names the field for adapters of other kinds than A and B at linear layers: such
    ///   can be merged alone; see ``mergeAdapters(_:)``.
    @discardableResult
    public func loadAdapters(_ folder: FilePath, trainable: Bool = false) throws -> LoRAConfiguration {
        try requirePlainWeights("loadAdapters")
        let (configuration, pairs) = try plainAdapters(folder)
        for (layer, product) in pairs {
            try attach(product.a, product.b, scale: product.scale, to: layer, trainable: trainable)
        }
        return configuration
    }

    /// The tensors that ``loadAdapters(_:trainable:)`` would attach, by the names of their parameters.
    public func readAdapters(_ folder: FilePath) throws -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for (layer, product) in try plainAdapters(folder).pairs {
            tensors[layer.name + ".lora_A.weight"] = product.a
            tensors[layer.name + ".lora_B.weight"] = product.b
        }
        return tensors
    }

    private func plainAdapters(
        _ folder: FilePath
    ) throws -> (configuration: LoRAConfiguration, pairs: [(Linear, AdapterChanges.Product)]) {
        let path = folder.appending("adapter_config.json")
        let configuration = try LoRAConfiguration(file: path)
        func refusal(_ field: String) -> InputError {
            InputError(
                "adapters of this kind can be merged, and not be trained on",
                at: Place(path: path.string, field: field), exitStatus: .badConfiguration)
        }
        if let field = configuration.fieldsBeyondPlain.first { throw refusal(field) }
        let changes = try AdapterChanges(folder, configuration, self)
        let layers = Dictionary(uniqueKeysWithValues: linearLayers.map { (ObjectIdentifier($0.weight), $0) })
        let pairs = try changes.products.map { product in
            guard product.kind == .linear, let layer = layers[ObjectIdentifier(product.weight)] else {
                throw refusal("target_modules")
            }
            return (layer, product)
        }
        guard changes.replacements.isEmpty else { throw refusal("modules_to_save") }
        return (configuration, pairs)
    }

    /// Changes the weights as a PEFT folder says: all that it holds has its place, or nothing is changed.
    ///
    /// Sums and products are float32 and rounded once, as PEFT's `merge_and_unload` does it.
    public func mergeAdapters(_ folder: FilePath) throws {
        try requirePlainWeights("mergeAdapters")
        let configuration = try LoRAConfiguration(file: folder.appending("adapter_config.json"))
        try AdapterChanges(folder, configuration, self).apply()
    }

    /// Writes `adapter_model.safetensors` and `adapter_config.json` as PEFT reads them with the model's base class.
    public func saveAdapters(_ configuration: LoRAConfiguration, baseModel: String, to folder: FilePath) throws {
        let layers = linearLayers.filter { $0.adapter != nil }
        let parameters = layers.compactMap(\.adapter).flatMap { [$0.a, $0.b] }
        guard !parameters.isEmpty else { throw TensorError("saveAdapters", "the model has no adapters") }
        try SafetensorsWriter.write(
            parameters.map { (AdapterFile.root + $0.name, try $0.wholeValues()) },
            to: folder.appending("adapter_model.safetensors"))
        let json = configuration.json(
            baseModel: baseModel, modules: try writtenTargets(configuration, layers), unused: names.unusedModules)
        try Files.replace(folder.appending("adapter_config.json"), with: json.pretty())
    }

    /// The user's names where they mean the same in PEFT, or else whole names: there, "every linear layer" and the end of
    /// a name may also mean modules of other parts, which are not ours.
    private func writtenTargets(_ configuration: LoRAConfiguration, _ layers: [Linear]) throws -> [String] {
        let adapted = layers.map(\.name)
        if let listed = configuration.targets.names, towers.isEmpty {
            let found = try linearLayers.map(\.name).filter { try configuration.isTarget($0) }
            if found == adapted { return listed }
        }
        return adapted
    }

    /// The layers that get an adapter.
    ///
    /// - Parameter frozen: parts whose layers get none, whatever targets match.
    /// - Throws: `Failure` (78) if a target names no layer, or none outside the frozen parts.
    public func targetLayers(
        of configuration: LoRAConfiguration, except frozen: Set<ModelPart> = []
    ) throws -> [Linear] {
        func isTarget(_ layer: Linear, _ configuration: LoRAConfiguration) throws -> Bool {
            try names.aliases(of: layer.name).contains { try configuration.isTarget($0) }
        }
        let fixed = Set(frozen.flatMap { linearLayers(of: $0) }.map { ObjectIdentifier($0) })
        let open = linearLayers.filter { !fixed.contains(ObjectIdentifier($0)) }
        for target in configuration.targets.names ?? [] where !names.isUnused(target) {
            let single = LoRAConfiguration(rank: 1, alpha: 1, dropout: 0, targets: ModulePattern(names: [target]))
            guard try open.contains(where: { try isTarget($0, single) }) else {
                if try linearLayers.contains(where: { try isTarget($0, single) }) {
                    let parts = frozen.map(\.rawValue).sorted().joined(separator: ", ")
                    throw Failure(
                        .badConfiguration,
                        "LoRA target \"\(target)\" names no layer outside the frozen parts (\(parts))",
                        advice: "Leave the target out, or train the part.")
                }
                throw Failure(
                    .badConfiguration, "LoRA target \"\(target)\" names no layer of the model (target_modules)",
                    advice: "its layers are \(linearLayers.prefix(6).map(\.name).joined(separator: ", ")), …")
            }
        }
        let found = try open.filter { try isTarget($0, configuration) }
        guard !found.isEmpty else {
            throw Failure(
                .badConfiguration, "LoRA targets name no layer that vectors depend on (target_modules, exclude_modules)"
            )
        }
        return found
    }

    /// Those of ``defaultTargets`` that name a layer outside the frozen parts.
    public func defaultTargets(except frozen: Set<ModelPart>) -> [String] {
        guard !frozen.isEmpty else { return defaultTargets }
        let fixed = Set(frozen.flatMap { linearLayers(of: $0) }.map { ObjectIdentifier($0) })
        let open = linearLayers.filter { !fixed.contains(ObjectIdentifier($0)) }.map(\.name)
        return defaultTargets.filter { target in open.contains { $0 == target || $0.hasSuffix("." + target) } }
    }
}
