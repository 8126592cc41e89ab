/// A layer of a head as a card describes it: all but its weights.
public enum HeadLayer: Sendable, Equatable {
    case dense(Dense)
    case layerNorm(size: Int)
    /// To length 1.
    case normalize

    /// See `Models.Dense`, the layer itself.
    public struct Dense: Sendable, Equatable {
        public var inputSize: Int
        public var outputSize: Int
        public var hasBias: Bool
        public var activation: Models.Dense.Activation
        /// Whether the input is added to the output.
        public var addsInput: Bool

        public init(
            inputSize: Int, outputSize: Int, hasBias: Bool = true, activation: Models.Dense.Activation = .tanh,
            addsInput: Bool = false
        ) {
            self.inputSize = inputSize
            self.outputSize = outputSize
            self.hasBias = hasBias
            self.activation = activation
            self.addsInput = addsInput
        }
    }

    /// Sizes of vectors before and after; nil where any size will do.
    var sizes: (input: Int, output: Int)? {
        switch self {
        case .dense(let dense): (dense.inputSize, dense.outputSize)
        case .layerNorm(let size): (size, size)
        case .normalize: nil
        }
    }
}
