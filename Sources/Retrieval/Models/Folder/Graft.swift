internal import Base
internal import JSON
public import SystemPackage
internal import Tensors

/// How a model is put together of folders: a text model, towers that were trained on their own, and projectors between
/// them, which are new and random.
public struct GraftRecipe: Sendable {
    public enum Projector: String, Sendable, CaseIterable {
        /// One layer.
        case linear
        /// Two layers with GELU in between, as wide there as the text model.
        case mlp
    }

    /// The folder of each tower.
    public var towers: [Tower.Name: FilePath]
    public var projector = Projector.mlp
    /// Side of the squares of patches that become one feature.
    public var pictureMergeSize = 2
    /// Rows of the tower for sounds that become one feature.
    public var soundMergeSize = 10
    /// Whether the row for a whole picture becomes a feature too.
    public var keepsWholePicture = false
    /// The tokens that features take the places of; nil takes the first of ``usualTokens(_:)`` that the tokenizer has.
    public var tokens: [Tower.Name: String] = [:]
    /// Of the projectors' weights.
    public var seed: UInt64 = 0

    public init(towers: [Tower.Name: FilePath]) { self.towers = towers }

    /// Tokens that vocabularies keep for such a use, in the order in which they are looked for.
    public static func usualTokens(_ tower: Tower.Name) -> [String] {
        switch tower {
        case .vision: ["<|image_pad|>", "<image>", "[unused0]", "<unused0>", "<|reserved_special_token_0|>"]
        case .audio: ["<|AUDIO|>", "<audio>", "[unused1]", "<unused1>", "<|reserved_special_token_1|>"]
        }
    }

    /// What was written.
    public struct Report: Sendable {
        /// The token for features of each tower.
        public let tokens: [Tower.Name: Int32]
        /// Numbers of the projectors, which are to be trained.
        public let projectorNumberCount: Int
        /// Towers whose folders do not say how pictures, or sounds, become what the tower takes.
        public let withoutProcessor: [Tower.Name]
    }

    /// Writes a complete model folder, weights in float32.
    ///
    /// The folder must not exist; writing it elsewhere and renaming it into place is the caller's part.
    ///
    /// - Parameter text: loaded for training.
    /// - Throws: `InputError` or `Failure` where the folders cannot be put together.
    @discardableResult
    public func write(_ text: EmbeddingModel, to target: FilePath) throws -> Report {
        guard !towers.isEmpty else { throw Failure(.usage, "no tower is given") }
        let place = Place(path: text.configuration.string, field: "model_type")
        guard text.text.towers.isEmpty else {
            throw InputError(
                "a model of type \(text.card.family) has towers of its own", at: place, exitStatus: .badConfiguration)
        }
        guard text.text.entrance is any FeatureEntrance else {
            throw InputError(
                Graft.cannotTakeFeatures, at: place, offender: Array(text.card.family.utf8),
                advice: "every family of texts but embedding_gemma2 will do", exitStatus: .badConfiguration)
        }
        let tokens = try placeholders(text)
        var card = text.card
        card.family = Graft.modelType
        // config.json of the text model says it.
        card.attention = nil
        try Files.makeDirectory(target)
        try text.saveDescription(card, to: target)
        let configPath = target.appending(ModelFolder.configName)
        let textConfig = try JSONValue.parse(pythonFile: configPath)
        var config: JSONObject = [
            "model_type": .string(Graft.modelType), "text_config": textConfig, "dtype": "float32",
        ]
        var tensors = try text.text.parameters.map { ($0.name, try $0.tensor.to(.float32)) }
            .map { (name: Graft.textPart + $0, tensor: $1) }
        var projectorNumberCount = 0
        var processors = JSONObject()
        var withoutProcessor: [Tower.Name] = []
        for (index, name) in Tower.Name.allCases.enumerated() {
            guard let folder = towers[name] else { continue }
            let loaded = try PretrainedTower.load(folder, Precision(.float32, on: .cpu), .cpu)
            guard loaded.kind.name == name else {
                throw InputError(
                    "a tower of this type reads no \(name == .vision ? "images" : "sounds")",
                    at: Place(path: folder.appending(ModelFolder.configName).string, field: "model_type"),
                    exitStatus: .badConfiguration)
            }
            let projector = try configuration(name, loaded.tower, text.text, folder)
            let weights = try randomWeights(projector, name, loaded.tower.size, text.text.hiddenSize, index)
            projectorNumberCount += weights.reduce(0) { $0 + $1.tensor.elementCount }
            tensors += (loaded.tower.tower.parameters + loaded.tower.fixedParameters).map {
                (name: Graft.part(name) + $0.name, tensor: $0.tensor)
            }
            tensors += weights
            config[Graft.configField(name)] = loaded.configuration
            config[Graft.projectorField(name)] = projector.json(of: name)
            config[Graft.tokenField(name)] = JSONValue(Int(tokens[name]!))
            if let processor = try Self.processor(name, in: folder) {
                processors[Self.processorField(name)] = processor
            } else {
                withoutProcessor.append(name)
            }
        }
        if !processors.isEmpty {
            try Files.replace(
                target.appending("processor_config.json"), with: JSONValue.object(processors).pretty())
        }
        try Files.replace(configPath, with: JSONValue.object(config).pretty())
        try SafetensorsWriter.write(
            tensors, metadata: RandomModel.metadata([text.folder]), to: target.appending("model.safetensors"))
        return Report(
            tokens: tokens, projectorNumberCount: projectorNumberCount, withoutProcessor: withoutProcessor)
    }

    private static func processorField(_ tower: Tower.Name) -> String {
        tower == .vision ? "image_processor" : "feature_extractor"
    }

    /// What a tower's folder says of its processor: in a file of its own, or in one for all.
    private static func processor(_ tower: Tower.Name, in folder: FilePath) throws -> JSONValue? {
        let (all, own) = (folder.appending("processor_config.json"), folder.appending("preprocessor_config.json"))
        if Files.exists(all), let nested = try JSONValue.parse(pythonFile: all)[processorField(tower)], nested != .null
        {
            return nested
        }
        guard Files.exists(own) else { return nil }
        return try JSONValue.parse(pythonFile: own)
    }

    private func placeholders(_ text: EmbeddingModel) throws -> [Tower.Name: Int32] {
        var found: [Tower.Name: Int32] = [:]
        for name in Tower.Name.allCases where towers[name] != nil {
            let candidates = tokens[name].map { [$0] } ?? Self.usualTokens(name)
            let id = candidates.lazy.compactMap { text.tokenizer.id(of: $0) }.first
            guard let id, Int(id) < text.text.vocabularySize else {
                throw Failure(
                    .badConfiguration,
                    "\(text.folder): the tokenizer has no token \(candidates.joined(separator: ", ")), which features "
                        + "of the \(name.rawValue) tower could take the places of",
                    advice: "name one that no text needs")
            }
            found[name] = id
        }
        guard Set(found.values).count == found.count else {
            throw Failure(.badConfiguration, "images and sounds need tokens of their own")
        }
        return found
    }

    private func configuration(
        _ name: Tower.Name, _ tower: PretrainedTower, _ text: TextModel, _ folder: FilePath
    ) throws -> ProjectorConfiguration {
        let size = name == .vision ? pictureMergeSize : soundMergeSize
        switch tower.rows {
        case .pictures(_, let side):
            // Beyond it a projector of one picture may take more memory than there is.
            guard size <= side else {
                throw Failure(
                    .badConfiguration,
                    "\(folder): squares of \(size) × \(size) patches are to be joined, and the tower was made for pictures of "
                        + "\(side) × \(side) patches", advice: "join fewer patches")
            }
        case .sounds(_, let rowsPerPiece):
            guard rowsPerPiece % size == 0 else {
                throw Failure(
                    .badConfiguration, "\(folder): \(size) rows do not divide the \(rowsPerPiece) of a piece of sound")
            }
            guard rowsPerPiece / size < text.maxLength else {
                throw Failure(
                    .badConfiguration,
                    "\(folder): a piece of sound makes \(rowsPerPiece / size) features, and the text model takes "
                        + "\(text.maxLength) tokens", advice: "join more rows")
            }
        }
        return ProjectorConfiguration(
            layers: projector == .linear ? .linear : .mlp(innerSize: text.hiddenSize), mergeSize: size,
            keepsWholePicture: name == .vision && keepsWholePicture)
    }

    /// Normal weights with the variance 1 / inputs, biases of zero: outputs vary as much as inputs do.
    private func randomWeights(
        _ projector: ProjectorConfiguration, _ name: Tower.Name, _ size: Int, _ outputSize: Int, _ index: Int
    ) throws -> [(name: String, tensor: Tensor)] {
        let joined = projector.joinedCount(name) * size
        let layers: [(name: String, inputSize: Int, outputSize: Int)] =
            switch projector.layers {
            case .linear: [("linear", joined, outputSize)]
            case .mlp(let innerSize): [("mlp.up", joined, innerSize), ("mlp.down", innerSize, outputSize)]
            }
        return try layers.enumerated().flatMap { number, layer in
            let weight = try Tensor.normal(
                [layer.outputSize, layer.inputSize], standardDeviation: 1 / Double(layer.inputSize).squareRoot(),
                seed: SplitMix64.mix(seed, UInt64(index), UInt64(number)))
            let path = Graft.projectorPart(name) + layer.name
            return [
                (name: path + ".weight", tensor: weight),
                (name: path + ".bias", tensor: try Tensor.zeros([layer.outputSize])),
            ]
        }
    }
}
