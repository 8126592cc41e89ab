internal import CTorch

// Layers of decoders, in one pass over the CPU's memory; by several operations on other devices.
extension Tensor {
    /// Root-mean-square norm over the last dimension, computed in float32.
    ///
    /// `y = round(x / √(mean x² + ε)) · w`, both roundings to the type of x, which `w` is converted to (Llama). With
    /// `addsOne`, `y = round(x / √(mean x² + ε) · (1 + w))`, all in float32 (Gemma).
    ///
    /// - Parameters:
    ///   - weight: `[D]` for `self` `[…, D]`, of any floating-point type.
    /// - Returns: the shape and type of `self`.
    ///
    /// Source: Zhang and Sennrich 2019; the order of roundings is that of the models' reference implementations.
    public func rmsNorm(_ weight: Tensor, epsilon: Double, addsOne: Bool = false) throws -> Tensor {
        try made("rmsNorm", self, weight) { ctorch_rms_norm($0, $1, epsilon, addsOne, $2, $3) }
    }

    /// Rotary position embedding: turns element j and element j + E/2 of each head by the angle that the tables give.
    ///
    /// `[a, b] → [a·cos − b·sin, b·cos + a·sin]` for the halves a, b of E, in float32, rounded once.
    ///
    /// - Parameters:
    ///   - cos, sin: float32 `[T, E / 2]` for `self` `[T, H, E]`; no gradients flow into them.
    /// - Returns: `[T, H, E]`, the type of `self`.
    ///
    /// Source: Su et al. 2021, in the half-split form of GPT-NeoX and Llama.
    public func rotary(cos: Tensor, sin: Tensor) throws -> Tensor {
        try made("rotary", self, cos, sin) { ctorch_rotary($0, $1, $2, $3, $4) }
    }

    /// What a gated feed-forward net applies to its gate.
    public enum Activation: Sendable, Hashable, CaseIterable {
        case silu
        /// By the error function.
        case gelu
        case geluTanh
        case relu

        var code: CTorchActivation {
            switch self {
            case .silu: CTORCH_ACTIVATION_SILU
            case .gelu: CTORCH_ACTIVATION_GELU_ERF
            case .geluTanh: CTORCH_ACTIVATION_GELU_TANH
            case .relu: CTORCH_ACTIVATION_RELU
            }
        }
    }

    /// `activation(self) · up`, the activation rounded to their type: the gate of SwiGLU, GeGLU and the like.
    ///
    /// Both may be views of one product, as `narrow` gives them. One pass where no gradients are recorded.
    ///
    /// Source: Shazeer 2020.
    public func gated(up: Tensor, _ activation: Activation) throws -> Tensor {
        try made("gated", self, up) { ctorch_gated($0, $1, activation.code, $2, $3) }
    }

    /// ``gated(up:_:)`` over the receiver's own memory.
    ///
    /// - Throws: `TensorError` while gradients of either are recorded.
    public func gateInPlace(up: Tensor, _ activation: Activation) throws {
        try withExtendedLifetime((self, up)) {
            try perform("gateInPlace") { ctorch_gated_(handle, up.handle, activation.code, $0) }
        }
    }
}
