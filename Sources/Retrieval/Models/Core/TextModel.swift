public import Tensors

/// A text encoder cut where stage-wise backward needs it: an entrance, then stages; pooling comes after, in the head.
public final class TextModel {
    /// D, the size of hidden states.
    public let hiddenSize: Int
    /// The size of the rows that the entrance makes and that stages hand on; D for most.
    public let rowSize: Int
    /// The longest sequence the model has positions for.
    public let maxLength: Int
    /// Token ids lie in `0..<vocabularySize`.
    public let vocabularySize: Int
    public let entrance: any Entrance
    public let stages: [any Stage]
    /// What reads images and sounds, where the model does.
    public let towers: [Tower]
    /// How it is given them among tokens.
    public let media: MediaRules?
    /// Parameters that vectors depend on and that are never trained: buffers in the reference, and tables of places.
    public let fixedParameters: [Parameter]
    /// Parameters of the checkpoint that no vector depends on; kept, so that a saved model has them too.
    public let passiveParameters: [Parameter]
    /// Tensors of the other parts of a model that this is the text side of, under the checkpoint's names; kept, so that a
    /// saved model is whole.
    var otherParts: [(name: String, tensor: Tensor)] = []
    /// Dropout probabilities as the model's configuration has them; a seed of 0.
    public let configuredDropout: Dropout
    /// What its modules are called elsewhere.
    public let names: NameMap
    /// The modules that get adapters where nobody says which; ends of names.
    public let defaultTargets: [String]
    /// Whether ``prepareForEncoding(_:)`` was called: weights are gone into other layouts.
    public private(set) var isPreparedForEncoding = false

    public init(
        hiddenSize: Int, rowSize: Int? = nil, maxLength: Int, vocabularySize: Int, entrance: any Entrance,
        stages: [any Stage],
        towers: [Tower] = [], media: MediaRules? = nil, fixedParameters: [Parameter] = [],
        passiveParameters: [Parameter] = [],
        configuredDropout: Dropout = .none, names: NameMap,
        defaultTargets: [String]
    ) {
        self.hiddenSize = hiddenSize
        self.rowSize = rowSize ?? hiddenSize
        self.maxLength = maxLength
        self.vocabularySize = vocabularySize
        self.entrance = entrance
        self.stages = stages
        self.towers = towers
        self.media = media
        self.fixedParameters = fixedParameters
        self.passiveParameters = passiveParameters
        self.configuredDropout = configuredDropout
        self.names = names
        self.defaultTargets = defaultTargets
    }

    /// Everything that vectors depend on and that can be trained, plus LoRA parameters, in order; what stages share is there once.
    public var activeParameters: [Parameter] {
        var seen: Set<ObjectIdentifier> = []
        let all = towers.flatMap(\.parameters) + entrance.parameters + stages.flatMap(\.parameters)
        return all.filter { seen.insert(ObjectIdentifier($0)).inserted }
    }

    /// Everything a checkpoint holds, plus LoRA parameters, in order.
    public var parameters: [Parameter] { activeParameters + fixedParameters + passiveParameters }

    /// Whether weights are streamed from their files.
    public var isStreamed: Bool { parameters.contains(where: \.isStreamed) }

    /// What training changes.
    public var trainableParameters: [Parameter] { parameters.filter(\.isTrainable) }

    /// Linear layers by the name of their module, in order: where LoRA adapters go.
    public var linearLayers: [Linear] { projections.flatMap(\.layers) }

    private var projections: [Projection] { towers.flatMap(\.projections) + stages.flatMap(\.projections) }

    /// Hidden states after the last stage, `[T, D]`.
    public func forward(_ batch: DeviceBatch, _ dropout: Dropout = .none) throws -> Tensor {
        let features = try towers.map { try $0.forward(batch, dropout, isPrepared: isPreparedForEncoding) }
        defer { entrance.parameters.leaveMemory() }
        let hidden_TD = try entrance.embed(batch, features, dropout)
        return try stages.run(hidden_TD, batch.context(dropout), isPrepared: isPreparedForEncoding)
    }

    /// Makes every parameter trainable that vectors depend on and that can be trained.
    ///
    /// - Parameters:
    ///   - frozen: parts that stay as they are.
    ///   - isMoved: see ``Parameter/makeTrainable(isMoved:)``.
    /// - Throws: `TensorError` for a model that is prepared for encoding.
    public func trainAll(except frozen: Set<ModelPart> = [], isMoved: Bool = false) throws {
        try requirePlainWeights("trainAll")
        let fixed = Set(frozen.flatMap { parameters(of: $0) }.map { ObjectIdentifier($0) })
        for parameter in activeParameters where !fixed.contains(ObjectIdentifier(parameter)) {
            try parameter.makeTrainable(isMoved: isMoved)
        }
    }

    /// Readies the weights for encoding only: fused and in the CPU's blocked layout. Gradients are impossible after.
    ///
    /// - Parameter quantizes: linear layers to 8 bits, on the CPU; embeddings, norms and the head stay as they are.
    public func prepareForEncoding(quantizes: Bool = false) throws {
        isPreparedForEncoding = true
        try withoutGradients {
            for stage in towers.flatMap(\.stages) + stages {
                // What is streamed is laid out each time that it runs.
                for projection in stage.projections where !projection.isStreamed {
                    try projection.prepareForEncoding(quantizes: quantizes)
                }
                // What was laid out anew leaves holes, which nothing as large as a batch's hidden states fits into.
                Compute.trimHeap()
            }
        }
    }

    /// - Throws: `TensorError` for a model that is prepared for encoding: it would compute with the old weights.
    func requirePlainWeights(_ operation: String) throws {
        guard isPreparedForEncoding else { return }
        throw TensorError(operation, "the model was loaded for encoding, and its weights are laid out for that alone")
    }
}
