internal import CTorch

// Matrix products, convolution and layer norm.
extension Tensor {
    /// The matrix product over the last two dimensions; leading ones broadcast.
    public func matmul(_ other: Tensor) throws -> Tensor {
        try made("matmul", self, other) { ctorch_matmul($0, $1, $2, $3) }
    }

    /// `self · weightᵀ + bias` for `[…, I]`, `[O, I]`, `[O]`.
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil) throws -> Tensor {
        try withExtendedLifetime(bias) {
            try made("linear", self, weight) { ctorch_linear($0, $1, bias?.handle, $2, $3) }
        }
    }

    /// Convolution along the last dimension, with zeros before and behind each of the N inputs.
    ///
    /// - Parameters:
    ///   - weight: `[O, I, K]`.
    ///   - bias: `[O]`.
    ///   - padding: zeros on each side.
    /// - Returns: `[N, O, (L + 2 · padding − K) / stride + 1]` for `[N, I, L]`.
    public func convolution1D(
        _ weight: Tensor, _ bias: Tensor? = nil, stride: Int = 1, padding: Int = 0
    ) throws -> Tensor {
        try withExtendedLifetime(bias) {
            try made("convolution1D", self, weight) {
                ctorch_convolution_1d($0, $1, bias?.handle, Int64(stride), Int64(padding), $2, $3)
            }
        }
    }

    /// Normalisation over the last dimension.
    public func layerNorm(_ weight: Tensor, _ bias: Tensor?, epsilon: Double) throws -> Tensor {
        try withExtendedLifetime(bias) {
            try made("layerNorm", self, weight) { ctorch_layer_norm($0, $1, bias?.handle, epsilon, $2, $3) }
        }
    }
}

/// A weight matrix in the blocked layout of the CPU's matrix kernels: faster to multiply by, and not readable.
///
/// Holds no gradient and cannot be saved; made from a plain weight when a model is only going to encode.
public final class PrepackedWeight {
    let packed: Tensor

    /// - Parameter weight: `[O, I]`, on the CPU, of a type that ``isSupported(_:)``.
    public init(_ weight: Tensor, expectedRowCount: Int) throws {
        packed = try made("prepack", weight) { ctorch_prepack($0, Int64(expectedRowCount), $1, $2) }
    }

    public enum Activation: Sendable { case none, gelu }

    /// Whether the CPU's matrix kernels multiply weights of this type.
    ///
    /// For bfloat16 this depends on the processor and on what oneDNN may use of it (`ONEDNN_MAX_CPU_ISA`), so it is
    /// found out by multiplying once.
    public static func isSupported(_ type: ElementType) -> Bool {
        switch type {
        case .float32: true
        case .bfloat16: multipliesBFloat16
        default: false
        }
    }

    private static let multipliesBFloat16: Bool = {
        do {
            return try withoutGradients {
                let matrix = try Tensor.zeros([32, 32]).to(.bfloat16)
                for activation in [Activation.none, .gelu] {
                    _ = try PrepackedWeight(matrix, expectedRowCount: 32).linear(matrix, nil, activation)
                }
                return true
            }
        } catch {
            return false
        }
    }()

    /// `activation(input · weightᵀ + bias)` in one pass; records no gradient.
    public func linear(_ input: Tensor, _ bias: Tensor?, _ activation: Activation = .none) throws -> Tensor {
        try withExtendedLifetime(bias) {
            try made("prepackedLinear", input, packed) {
                ctorch_prepacked_linear($0, $1, bias?.handle, activation == .gelu, $2, $3)
            }
        }
    }
}
