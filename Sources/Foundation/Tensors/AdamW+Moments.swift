internal import CTorch

/// Numbers in 8 bits: each the nearest of 256 values times the largest magnitude among the 256 numbers of its block.
///
/// Blocks are counted from the first number on, whatever the shape; the last one may be short.
///
/// Source: Dettmers, Lewis, Shleifer and Zettlemoyer 2022, "8-bit optimizers via block-wise quantization".
public struct BlockQuantizedNumbers {
    /// uint8, of the numbers' shape.
    public let codes: Tensor
    /// float32 `[blocks]`.
    public let scales: Tensor

    /// Numbers of a block.
    public static let blockSize = 256

    public static func blockCount(of count: Int) -> Int { (count + blockSize - 1) / blockSize }

    /// Zeros.
    public init(_ shape: [Int], device: Device = .cpu) throws {
        codes = try Tensor.zeros(shape, type: .uint8, device: device)
        scales = try Tensor.zeros([Self.blockCount(of: shape.reduce(1, *))], device: device)
    }
}

// Steps over moments that are kept in fewer bits than they are computed in. Weights are changed by the moments as
// computed; what is kept is rounded after.
extension AdamW {
    /// One step of a parameter whose moments are bfloat16, in place; `step` counts from 1.
    ///
    /// Moments are rounded stochastically: to one of their two neighbours, by chances that make the mean the number
    /// itself. The bits drawn are a function of (seed, element) alone, so that the result depends neither on the number
    /// of threads nor on how a parameter is cut. Give each step and parameter its own seed.
    ///
    /// - Parameters:
    ///   - parameter: float32, or a part of one that begins at its element `start`, which is even; so is the gradient.
    ///   - first, second: bfloat16, contiguous, of as many elements.
    ///   - byOperations: of tensors, as on every device but the CPU, where one pass over memory is faster.
    ///
    /// Source of the rounding: Gupta et al. 2015, "Deep learning with limited numerical precision".
    public func step(
        _ step: Int, learningRate: Double, parameter: Tensor, gradient: Tensor, first: Tensor, second: Tensor,
        seed: UInt64,
        start: Int = 0, byOperations: Bool = false
    ) throws {
        try withExtendedLifetime((parameter, gradient, first, second)) {
            try perform("AdamW") {
                ctorch_adamw_bf16_(
                    parameter.handle, gradient.handle, first.handle, second.handle, settings(step, learningRate), seed,
                    Int64(start), byOperations, $0)
            }
        }
    }

    /// One step of a parameter whose moments are in 8 bits, in place; `step` counts from 1.
    ///
    /// The first moment's 256 values are of both signs. A second moment above 0 never becomes 0, unlike in the paper.
    ///
    /// - Parameters:
    ///   - parameter: float32, or a part of one that begins at a block of its moments; so is the gradient.
    ///   - byOperations: as above.
    public func step(
        _ step: Int, learningRate: Double, parameter: Tensor, gradient: Tensor, first: BlockQuantizedNumbers,
        second: BlockQuantizedNumbers, byOperations: Bool = false
    ) throws {
        try withExtendedLifetime((parameter, gradient, first, second)) {
            try perform("AdamW") {
                ctorch_adamw_8bit_(
                    parameter.handle, gradient.handle, first.codes.handle, first.scales.handle, second.codes.handle,
                    second.scales.handle, settings(step, learningRate), byOperations, $0)
            }
        }
    }

    private func settings(_ step: Int, _ learningRate: Double) -> CTorchAdamW {
        CTorchAdamW(
            step: Int64(step), learningRate: learningRate, beta1: beta1, beta2: beta2, weightDecay: weightDecay,
            epsilon: epsilon)
    }
}
