internal import Base
internal import Tensors

/// What a forward pass drops, as a function of a seed: the same seed drops the same elements, on any device and in a
/// repeated forward pass, which block-wise backward relies on.
public struct Dropout: Sendable {
    /// Probability for hidden states: after the embeddings and after each sub-layer.
    public var hidden: Double
    /// Probability for attention weights.
    public var attention: Double
    /// Probability for the input of LoRA adapters.
    public var adapter: Double
    public var seed: UInt64

    public init(hidden: Double, attention: Double, adapter: Double, seed: UInt64) {
        self.hidden = hidden
        self.attention = attention
        self.adapter = adapter
        self.seed = seed
    }

    /// Nothing is dropped: encoding, and training with dropout 0.
    public static let none = Dropout(hidden: 0, attention: 0, adapter: 0, seed: 0)

    /// The same probabilities with a seed for one part of the model, say a block.
    func at(_ keys: UInt64) -> Dropout {
        var copy = self
        copy.seed = SplitMix64.mix(seed, keys)
        return copy
    }

    func hidden(_ tensor: Tensor, site: UInt64) throws -> Tensor {
        try tensor.dropout(hidden, seed: SplitMix64.mix(seed, 1, site))
    }

    func attention(_ tensor: Tensor, site: UInt64) throws -> Tensor {
        try tensor.dropout(attention, seed: SplitMix64.mix(seed, 2, site))
    }

    func adapter(_ tensor: Tensor, site: UInt64) throws -> Tensor {
        try tensor.dropout(adapter, seed: SplitMix64.mix(seed, 3, site))
    }
}
