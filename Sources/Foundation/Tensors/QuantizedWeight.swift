internal import CTorch

/// A weight matrix of 8-bit integers for encoding on the CPU: a quarter of float32's memory, and faster to multiply by.
///
/// Weights are rounded with one scale for each output, inputs with a range for each row as they arrive; sums are exact.
/// On a processor with AVX2 or AVX-512 VNNI its instructions do this, elsewhere plain code with the same sums. Holds no
/// gradient and cannot be saved.
public final class QuantizedWeight {
    private let handle: OpaquePointer
    /// O
    public let outputSize: Int
    /// I
    public let inputSize: Int

    /// - Parameter weight: `[O, I]`, finite, of any floating-point type, on the CPU; I at most 65,536.
    public init(weight: Tensor) throws {
        var out: OpaquePointer?
        try withExtendedLifetime(weight) { try perform("quantize") { ctorch_quantize(weight.handle, &out, $0) } }
        handle = out!
        outputSize = weight.size(0)
        inputSize = weight.size(1)
    }

    deinit { ctorch_free_quantized(handle) }

    /// Bytes of integers, scales and sums.
    public var byteCount: Int { Int(ctorch_quantized_byte_count(handle)) }

    /// `activation(input · weightᵀ + bias)` in one pass; records no gradient.
    ///
    /// - Parameters:
    ///   - input: float32 `[…, I]` on the CPU. A row with a NaN or an infinity gives a row of NaN.
    ///   - bias: `[O]`.
    /// - Returns: float32 `[…, O]`.
    public func linear(_ input: Tensor, _ bias: Tensor? = nil, _ activation: Tensor.Activation? = nil) throws -> Tensor
    {
        try withExtendedLifetime((self, bias)) {
            try made("quantizedLinear", input) {
                ctorch_quantized_linear(
                    $0, handle, bias?.handle, activation?.code ?? CTORCH_ACTIVATION_NONE, $1, $2)
            }
        }
    }
}
