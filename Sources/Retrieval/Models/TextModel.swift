public import Tensors

// Shape suffixes, here and in the model folders:
//   T tokens of a batch · S sequences of a batch · D hidden size · H heads · L length of the sequences of a run
//   N sequences of a run · E size of a head · I, O in- and output size of a linear layer · R rank of an adapter

/// One block of a model: hidden states in, hidden states out.
///
/// A block depends on nothing but its arguments and its parameters, so that training can run it again for backward.
public protocol Block: AnyObject {
    /// What the block computes with, in the checkpoint's order of names; LoRA parameters included.
    var parameters: [Parameter] { get }

    /// - Parameters:
    ///   - hidden_TD: what the block before gave.
    ///   - dropout: for the whole model; the block derives its own seed.
    func forward(_ hidden_TD: Tensor, _ batch: DeviceBatch, _ dropout: Dropout) throws -> Tensor
}

/// A text encoder cut where block-wise backward needs it: embeddings, then blocks, then (elsewhere) pooling.
public protocol TextModel: AnyObject {
    /// D, the size of hidden states.
    var hiddenSize: Int { get }
    /// The longest sequence the model has positions for.
    var maxLength: Int { get }
    /// Token ids lie in `0..<vocabularySize`.
    var vocabularySize: Int { get }
    var blocks: [any Block] { get }
    /// What ``embed(_:_:)`` computes with.
    var embeddingParameters: [Parameter] { get }
    /// Parameters of the checkpoint that no vector depends on; kept, so that a saved model has them too.
    var passiveParameters: [Parameter] { get }
    /// Dropout probabilities as the model's configuration has them; a seed of 0.
    var configuredDropout: Dropout { get }
    /// Linear layers by the name of their module, in order: where LoRA adapters go.
    var linearLayers: [Linear] { get }
    /// What its modules are called elsewhere.
    var moduleNames: ModuleNames { get }
    /// Whether ``prepareForEncoding()`` was called: weights are gone into other layouts.
    var isPreparedForEncoding: Bool { get }

    /// - Returns: hidden states `[T, D]`.
    func embed(_ batch: DeviceBatch, _ dropout: Dropout) throws -> Tensor

    /// Readies the weights for encoding only: fused and in the CPU's blocked layout. Gradients are impossible after.
    func prepareForEncoding() throws
}

extension TextModel {
    /// Everything a checkpoint holds, plus LoRA parameters, in order.
    public var parameters: [Parameter] { embeddingParameters + blocks.flatMap(\.parameters) + passiveParameters }

    /// What training changes.
    public var trainableParameters: [Parameter] { parameters.filter(\.isTrainable) }

    /// Hidden states after the last block, `[T, D]`.
    public func forward(_ batch: DeviceBatch, _ dropout: Dropout = .none) throws -> Tensor {
        var hidden_TD = try embed(batch, dropout)
        for block in blocks { hidden_TD = try block.forward(hidden_TD, batch, dropout) }
        return hidden_TD
    }

    /// Makes every parameter that vectors depend on trainable.
    ///
    /// - Throws: `TensorError` for a model that is prepared for encoding.
    public func trainAll() throws {
        try requirePlainWeights("trainAll")
        for parameter in embeddingParameters + blocks.flatMap(\.parameters) { try parameter.makeTrainable() }
    }

    /// - Throws: `TensorError` for a model that is prepared for encoding: it would compute with the old weights.
    func requirePlainWeights(_ operation: String) throws {
        guard isPreparedForEncoding else { return }
        throw TensorError(operation, "the model was loaded for encoding, and its weights are laid out for that alone")
    }
}
