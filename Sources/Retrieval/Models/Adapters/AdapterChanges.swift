internal import Base
internal import SystemPackage
internal import Tensors

/// What a PEFT folder does to a model: every tensor of it, fitted to the parameter that it changes.
///
/// Of the model it knows names and shapes of parameters, and no family.
struct AdapterChanges {
    /// A low-rank product that is added to a weight.
    struct Product {
        enum Kind {
            case linear
            /// Matrices are transposed, and PEFT rounds their product to the weight's type before it adds it.
            case embedding
            /// Of `target_parameters`: likewise rounded first.
            case parameter
        }

        let kind: Kind
        let weight: Parameter
        /// `[R, I]`; of an embedding `[R, V]`.
        let a: Tensor
        /// `[O, R]`; of an embedding `[D, R]`.
        let b: Tensor
        let scale: Double
        /// DoRA's m, `[O]`; of an embedding `[D]`.
        let magnitude: Tensor?
        /// Where B has a bias: that of the layer, and B's `[O]`.
        let bias: (of: Parameter, Tensor)?
    }

    /// Parameters that the folder has whole.
    private(set) var replacements: [(parameter: Parameter, values: Tensor)] = []
    private(set) var products: [Product] = []
    /// Rows of embeddings that the folder has whole: `[n, D]`.
    private(set) var rows: [(parameter: Parameter, ids: [Int], values: Tensor)] = []

    private let configuration: LoRAConfiguration
    private let configurationPath: FilePath
    private let file: AdapterFile
    private let parameters: [Parameter]
    private let parametersByName: [String: Parameter]

    init(_ folder: FilePath, _ configuration: LoRAConfiguration, _ model: TextModel) throws {
        self.configuration = configuration
        configurationPath = folder.appending("adapter_config.json")
        let attached = model.linearLayers.compactMap(\.adapter).flatMap {
            [ObjectIdentifier($0.a), ObjectIdentifier($0.b)]
        }
        parameters = model.activeParameters.filter { !attached.contains(ObjectIdentifier($0)) }
        parametersByName = Dictionary(parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        file = try AdapterFile(folder, model.names, modules: Set(parameters.map(\.module)))
        let linear = Set(model.linearLayers.map(\.name))
        for weight in parameters where weight.tensor.dimensionCount == 2 {
            try readProduct(of: weight, isLinear: linear.contains(weight.module))
        }
        try readParameterProducts()
        try readWhole()
        try readRows(entrance: model.entrance.parameters[0])
        try file.finish()
        guard !(products.isEmpty && replacements.isEmpty && rows.isEmpty) else {
            throw error("target_modules", "nothing that vectors depend on is adapted")
        }
    }

    private func error(_ field: String, _ reason: String) -> InputError {
        InputError(
            reason, at: Place(path: configurationPath.string, field: field), exitStatus: .badConfiguration)
    }

    private mutating func readProduct(of weight: Parameter, isLinear: Bool) throws {
        let module = weight.module
        guard weight.name == module + ".weight" else { return }
        let isEmbedding = file.has(module + ".lora_embedding_A")
        let isLinear = isLinear || file.has(module + ".lora_A.weight")
        let trained = file.trained(module)
        guard try configuration.isTarget(trained, isLinear: isLinear && !isEmbedding) else { return }
        let rank = try configuration.rank(of: trained)
        let (outputs, inputs) = (weight.tensor.size(0), weight.tensor.size(1))
        func matrix(_ part: String, _ shape: [Int]) throws -> Tensor {
            try file.stored("\(module).\(part)", shape, rank: rank).to(.float32, weight.tensor.device)
        }
        func magnitude(_ count: Int) throws -> Tensor? {
            try configuration.isWeightDecomposed ? matrix("lora_magnitude_vector", [count]) : nil
        }
        let scale = try configuration.scale(of: trained)
        if isEmbedding {
            guard !configuration.hasBias else { throw error("lora_bias", "embeddings have no bias") }
            products.append(
                Product(
                    kind: .embedding, weight: weight, a: try matrix("lora_embedding_A", [rank, outputs]),
                    b: try matrix("lora_embedding_B", [inputs, rank]), scale: scale, magnitude: try magnitude(inputs),
                    bias: nil))
            return
        }
        var bias: (of: Parameter, Tensor)?
        if configuration.hasBias {
            guard let own = parametersByName[module + ".bias"] else {
                throw error("lora_bias", "\(trained) has no bias that it could be added to")
            }
            bias = (own, try matrix("lora_B.bias", [outputs]))
        }
        products.append(
            Product(
                kind: .linear, weight: weight, a: try matrix("lora_A.weight", [rank, inputs]),
                b: try matrix("lora_B.weight", [outputs, rank]), scale: scale, magnitude: try magnitude(outputs),
                bias: bias))
    }

    private mutating func readParameterProducts() throws {
        for parameter in parameters {
            let trained = file.trained(parameter.name)
            let isTarget = configuration.targetParameters.contains { trained == $0 || trained.hasSuffix("." + $0) }
            guard isTarget else { continue }
            guard parameter.tensor.dimensionCount == 2 else {
                throw error("target_parameters", "\(trained) is no matrix")
            }
            guard !products.contains(where: { $0.weight.module == parameter.module }) else {
                throw error("target_parameters", "\(trained) has an adapter by target_modules already")
            }
            let rank = try configuration.rank(of: trained)
            func matrix(_ part: String, _ shape: [Int]) throws -> Tensor {
                try file.stored("\(parameter.module).\(part).weight", shape, rank: rank).to(
                    .float32, parameter.tensor.device)
            }
            products.append(
                Product(
                    kind: .parameter, weight: parameter, a: try matrix("lora_A", [rank, parameter.tensor.size(1)]),
                    b: try matrix("lora_B", [parameter.tensor.size(0), rank]),
                    scale: try configuration.scale(of: trained), magnitude: nil, bias: nil))
        }
    }

    /// Parameters that the file has under their own names, as PEFT loads them: those of `modules_to_save`, biases, and
    /// embeddings that are written beside their adapters. What the configuration says was trained must be there.
    private mutating func readWhole() throws {
        let adapted = Set(products.map(\.weight.module))
        for parameter in parameters {
            let last = parameter.name.dropFirst(parameter.module.count)
            let name = [parameter.name, "\(parameter.module).base_layer\(last)"].first(where: file.has)
            let isBias = last == ".bias"
            let isTrained =
                isSaved(file.trained(parameter.name))
                || isBias
                    && (configuration.bias == .all
                        || configuration.bias == .adapted && adapted.contains(parameter.module))
            guard name != nil || isTrained else { continue }
            replacements.append((parameter, try file.stored(name ?? parameter.name, parameter.tensor.shape)))
        }
    }

    /// Whether a module that holds the parameter ends in one of `modules_to_save`; PEFT compares texts, not parts.
    private func isSaved(_ trained: String) -> Bool {
        trained.indices.contains { end in
            trained[end] == "." && configuration.savedModules.contains { trained[..<end].hasSuffix($0) }
        }
    }

    private mutating func readRows(entrance: Parameter) throws {
        let field = "trainable_token_indices"
        for (module, ids) in configuration.tokens {
            let found = parameters.filter { parameter in
                module.map { file.trained(parameter.module).hasSuffix($0) } ?? (parameter === entrance)
            }
            guard !found.isEmpty else { throw error(field, "\(module ?? "") names no embedding of the model") }
            for parameter in found {
                guard parameter.tensor.dimensionCount == 2, ids.allSatisfy({ $0 < parameter.tensor.size(0) }) else {
                    throw error(field, "\(file.trained(parameter.module)) has no rows of these numbers")
                }
                rows.append(
                    (
                        parameter, ids,
                        try file.stored(
                            parameter.module + ".token_adapter.trainable_tokens_delta",
                            [ids.count, parameter.tensor.size(1)])
                    ))
            }
        }
    }

    /// Changes the model's weights; see ``TextModel/mergeAdapters(_:)``.
    func apply() throws {
        try withoutGradients {
            for (parameter, values) in replacements { try parameter.replace(values) }
            for product in products { try product.merge() }
            for (parameter, ids, values) in rows {
                let weight = parameter.tensor
                let index = try Tensor(ids.map(Int64.init)).to(weight.device).unsqueeze(1).expand(values.shape)
                try parameter.replace(
                    weight.scatter(0, index, values.to(weight.elementType, weight.device)))
            }
        }
    }
}

extension AdapterChanges.Product {
    /// `W ← W + s·B·A`, or with DoRA `W ← m/‖W + s·B·A‖ · (W + s·B·A)` by rows (of an embedding by columns).
    ///
    /// In float32 and rounded once, but for embeddings and parameters, where PEFT rounds `s·B·A` as well.
    fileprivate func merge() throws {
        let type = weight.tensor.elementType
        var product = try b.matmul(a).multiplied(by: scale)
        if kind == .embedding { product = try product.transpose(0, 1) }
        if kind != .linear, magnitude == nil { product = try product.to(type).to(.float32) }
        var merged = try weight.tensor.to(.float32).adding(product)
        if let magnitude {
            let across = kind == .embedding ? 0 : 1
            let lengths = try merged.norm(across, keep: true)
            merged = try magnitude.unsqueeze(across).divided(by: lengths).multiplied(by: merged)
        }
        try weight.replace(merged.contiguous())
        if let (own, added) = bias {
            try own.replace(own.tensor.to(.float32).adding(added.multiplied(by: scale)))
        }
    }
}

extension Parameter {
    /// The name without its last part.
    var module: String { name.lastIndex(of: ".").map { String(name[..<$0]) } ?? "" }
}
