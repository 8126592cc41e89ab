internal import Base
internal import SystemPackage
internal import Tensors

extension Head {
    /// Names of tensors within the folder of a module, as sentence-transformers writes them.
    private enum Name {
        static let linear = "linear"
        static let residual = "residual"
        static let norm = "norm"
    }

    /// Weights of a layer behind all others, under the name that it has where it is loaded.
    ///
    /// - Parameter weight: `[O, I]`
    func adding(_ weight: Tensor) throws -> Head {
        let name = Self.parameterPrefix(parametersByLayer.count) + Name.linear
        let dense = Dense(
            Linear(name, weight: Parameter(name + ".weight", weight), bias: nil), .identity)
        return Head(tokenLayers: tokenLayers, poolings, layers + [.dense(dense)])
    }

    /// PyTorch's default, which sentence-transformers does not change.
    private static let normEpsilon = 1e-5

    /// Loads the head that a card describes.
    ///
    /// - Parameter folders: of the modules that have weights, in order.
    /// - Throws: `InputError` or `Failure` where a folder's tensors are not exactly those of the layer.
    convenience init(_ card: ModelCard, folders: [FilePath], device: Device) throws {
        precondition(folders.count == card.weightedLayers.count, "a folder for each layer with weights")
        try self.init(card) { index in
            try Self.requireSafetensors(folders[index])
            return try WeightFiles(
                folders[index], names: NameMap(prefixes: []), precision: Precision(.float32, on: device),
                device: device, parameterPrefix: Self.parameterPrefix(index))
        }
    }

    /// The head that a card describes, whose tensors are noted down and not read.
    convenience init(_ card: ModelCard, outlines: [WeightOutline]) throws {
        try self.init(card) { index in
            WeightFiles(
                outlines[index], FilePath("."), names: NameMap(prefixes: []), precision: Precision(.float32, on: .cpu),
                device: .cpu, parameterPrefix: Self.parameterPrefix(index))
        }
    }

    /// - Parameter weights: of a layer, by its place among those that have any.
    private convenience init(_ card: ModelCard, weights: (Int) throws -> WeightFiles) throws {
        var rest = card.weightedLayers.indices
        /// What the next layer with weights is made of.
        func next<Layer>(_ make: (WeightFiles) throws -> Layer) throws -> Layer {
            let files = try weights(rest.removeFirst())
            let layer = try make(files)
            try files.finish()
            return layer
        }
        self.init(
            tokenLayers: try card.tokenLayers.map { dense in try next { try Self.dense(dense, $0) } },
            card.pooling,
            try card.layers.map { layer in
                switch layer {
                case .dense(let dense): .dense(try next { try Self.dense(dense, $0) })
                case .layerNorm(let size):
                    .layerNorm(VectorNorm(try next { try LayerNorm(Name.norm, size, Self.normEpsilon, $0) }))
                case .normalize: .normalize
                }
            } + (card.normalize ? [.normalize] : []))
    }

    private static func dense(_ dense: HeadLayer.Dense, _ files: WeightFiles) throws -> Dense {
        let (input, output) = (dense.inputSize, dense.outputSize)
        return Dense(
            try files.linear(Name.linear, input, output, bias: dense.hasBias), dense.activation,
            addsInput: dense.addsInput,
            residual: dense.addsInput && input != output
                ? try files.linear(Name.residual, input, output, bias: false) : nil)
    }

    /// What stands before the names of a layer's parameters in this process and in an optimizer's state; the layers of a
    /// head may have any folder's name in a folder of others.
    private static func parameterPrefix(_ index: Int) -> String { "head.\(index)." }

    private static func requireSafetensors(_ folder: FilePath) throws {
        guard !Files.exists(folder.appending("model.safetensors")), Files.exists(folder.appending("pytorch_model.bin"))
        else { return }
        let model = folder.removingLastComponent()
        throw Failure(
            .missingInput,
            "\(folder): pytorch_model.bin is a pickle, which can run programs, and is never loaded; there is no "
                + "model.safetensors",
            advice: "Convert the model with: python -c \"from sentence_transformers import SentenceTransformer; "
                + "SentenceTransformer('\(model)').save('\(model)-safetensors')\"")
    }

    /// Writes the weights of each layer that has any into the folder that the card's modules name.
    func write(_ card: ModelCard, to folder: FilePath) throws {
        for (index, (name, parameters)) in zip(card.weightedFolders, parametersByLayer).enumerated() {
            let module = folder.appending(name)
            try Files.makeDirectory(module)
            let prefix = Self.parameterPrefix(index)
            try SafetensorsWriter.write(
                parameters.map { (String($0.name.dropFirst(prefix.count)), try $0.wholeValues()) },
                to: module.appending("model.safetensors"))
        }
    }
}
