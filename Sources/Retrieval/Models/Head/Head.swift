public import Tensors

/// What comes after the last stage of a model: hidden states become vectors.
///
/// It computes in float32, whatever the stages do: its weights are few, and what it makes is given out.
public final class Head {
    /// One layer over vectors, `[S, D]` to `[S, D']`.
    public enum Layer {
        case dense(Dense)
        case layerNorm(VectorNorm)
        /// To length 1.
        case normalize
    }

    /// Over the hidden states of each token, before they are pooled.
    public let tokenLayers: [Dense]
    public let poolings: Poolings
    public let layers: [Layer]

    public init(tokenLayers: [Dense] = [], _ poolings: Poolings, _ layers: [Layer]) {
        self.tokenLayers = tokenLayers
        self.poolings = poolings
        self.layers = layers
    }

    /// The weights of each layer that has any, in order.
    var parametersByLayer: [[Parameter]] {
        tokenLayers.map(\.parameters)
            + layers.compactMap { layer in
                switch layer {
                case .dense(let dense): dense.parameters
                case .layerNorm(let norm): norm.parameters
                case .normalize: nil
                }
            }
    }

    /// Weights of the layers, in order.
    public var parameters: [Parameter] { parametersByLayer.flatMap(\.self) }

    /// One vector for each sequence, in the caller's order.
    ///
    /// - Parameter hidden_TD: what the last stage gave.
    /// - Returns: float32 `[S, D']`
    public func callAsFunction(_ hidden_TD: Tensor, _ batch: DeviceBatch) throws -> Tensor {
        var hidden_TD = hidden_TD
        for dense in tokenLayers { hidden_TD = try dense(hidden_TD.to(.float32)) }
        let pooled = try poolings.modes.map { try $0(hidden_TD, batch) }
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

/// A linear layer with an activation, as sentence-transformers' `Dense`.
///
/// `act(W x + b)`, and where it adds its input `+ R x`, or `+ x` where input and output have the same size.
public final class Dense {
    public enum Activation: String, Sendable, CaseIterable {
        case identity, tanh, relu, gelu, sigmoid, silu
    }

    let linear: Linear
    /// R, which brings the input to the size of the output.
    let residual: Linear?
    let addsInput: Bool
    public let activation: Activation

    init(_ linear: Linear, _ activation: Activation, addsInput: Bool = false, residual: Linear? = nil) {
        precondition(residual == nil || addsInput, "a residual's weight belongs to a residual")
        self.linear = linear
        self.activation = activation
        self.addsInput = addsInput
        self.residual = residual
    }

    public var parameters: [Parameter] { linear.parameters + (residual?.parameters ?? []) }

    /// - Parameter input: float32 `[rows, I]`.
    func callAsFunction(_ input: Tensor) throws -> Tensor {
        let output = try activated(linear(input, .none, site: 0))
        guard addsInput else { return output }
        return try output.adding(residual.map { try $0(input, .none, site: 0) } ?? input)
    }

    private func activated(_ output: Tensor) throws -> Tensor {
        switch activation {
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
