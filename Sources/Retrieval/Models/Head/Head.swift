public import Tensors

/// What comes after the last stage of a model: hidden states become vectors.
public final class Head {
    /// One layer over vectors, `[S, D]` to `[S, D']`, float32.
    public enum Layer {
        case dense(Dense)
        case layerNorm(VectorNorm)
        /// To length 1.
        case normalize
    }

    /// Side by side in the vector, in this order.
    public let poolings: [Pooling]
    public let layers: [Layer]

    public init(_ poolings: [Pooling], _ layers: [Layer]) {
        precondition(!poolings.isEmpty, "without pooling there are no vectors")
        self.poolings = poolings
        self.layers = layers
    }

    /// Weights of the layers, in order.
    public var parameters: [Parameter] {
        layers.flatMap { layer in
            switch layer {
            case .dense(let dense): dense.parameters
            case .layerNorm(let norm): norm.parameters
            case .normalize: [] as [Parameter]
            }
        }
    }

    /// One vector for each sequence, in the caller's order.
    ///
    /// - Parameter hidden_TD: what the last stage gave.
    /// - Returns: float32 `[S, D']`
    public func callAsFunction(_ hidden_TD: Tensor, _ batch: DeviceBatch) throws -> Tensor {
        let pooled = try poolings.map { try $0(hidden_TD, batch) }
        var vectors = pooled.count == 1 ? pooled[0] : try Tensor.cat(pooled, 1)
        for layer in layers {
            switch layer {
            case .dense(let dense): vectors = try dense(vectors)
            case .layerNorm(let norm): vectors = try norm(vectors)
            case .normalize: vectors = try vectors.normalized()
            }
        }
        return vectors
    }
}

/// A linear layer over vectors with an activation, as sentence-transformers' `Dense`.
public final class Dense {
    public enum Activation: String, Sendable {
        case identity, tanh, relu, gelu, sigmoid, silu
    }

    let linear: Linear
    public let activation: Activation

    init(_ linear: Linear, _ activation: Activation) {
        self.linear = linear
        self.activation = activation
    }

    public var parameters: [Parameter] { linear.parameters }

    func callAsFunction(_ vectors: Tensor) throws -> Tensor {
        let output = try linear(vectors, .none, site: 0)
        return switch activation {
        case .identity: output
        case .tanh: try output.tanh()
        case .relu: try output.relu()
        case .gelu: try output.gelu()
        case .sigmoid: try output.sigmoid()
        case .silu: try output.silu()
        }
    }
}

/// Layer norm over vectors, as sentence-transformers' `LayerNorm`.
public final class VectorNorm {
    let norm: LayerNorm

    init(_ norm: LayerNorm) { self.norm = norm }

    public var parameters: [Parameter] { norm.parameters }

    func callAsFunction(_ vectors: Tensor) throws -> Tensor { try norm(vectors) }
}
