internal import CTorch

// Elementwise arithmetic (shapes broadcast), comparison, reduction.
extension Tensor {
    private func unary(_ name: String, _ operation: CTorchUnary) throws -> Tensor {
        try made(name, self) { ctorch_unary($0, operation, $1, $2) }
    }

    private func binary(_ name: String, _ other: Tensor, _ operation: CTorchBinary) throws -> Tensor {
        try made(name, self, other) { ctorch_binary($0, $1, operation, $2, $3) }
    }

    private func binary(_ name: String, _ other: Double, _ operation: CTorchBinary) throws -> Tensor {
        try made(name, self) { ctorch_binary_scalar($0, other, operation, $1, $2) }
    }

    public func negated() throws -> Tensor { try unary("negated", CTORCH_NEG) }
    public func log() throws -> Tensor { try unary("log", CTORCH_LOG) }
    public func reciprocalSquareRoot() throws -> Tensor { try unary("reciprocalSquareRoot", CTORCH_RSQRT) }
    public func magnitude() throws -> Tensor { try unary("magnitude", CTORCH_ABS) }
    public func tanh() throws -> Tensor { try unary("tanh", CTORCH_TANH) }
    public func sigmoid() throws -> Tensor { try unary("sigmoid", CTORCH_SIGMOID) }
    public func relu() throws -> Tensor { try unary("relu", CTORCH_RELU) }
    public func silu() throws -> Tensor { try unary("silu", CTORCH_SILU) }
    /// GELU by the error function.
    public func gelu() throws -> Tensor { try unary("gelu", CTORCH_GELU_ERF) }
    /// GELU by its tanh approximation.
    public func geluTanh() throws -> Tensor { try unary("geluTanh", CTORCH_GELU_TANH) }

    public func adding(_ other: Tensor) throws -> Tensor { try binary("adding", other, CTORCH_ADD) }
    public func adding(_ other: Double) throws -> Tensor { try binary("adding", other, CTORCH_ADD) }
    public func subtracting(_ other: Tensor) throws -> Tensor { try binary("subtracting", other, CTORCH_SUBTRACT) }
    public func subtracting(_ other: Double) throws -> Tensor { try binary("subtracting", other, CTORCH_SUBTRACT) }
    public func multiplied(by other: Tensor) throws -> Tensor { try binary("multiplied", other, CTORCH_MULTIPLY) }
    public func multiplied(by other: Double) throws -> Tensor { try binary("multiplied", other, CTORCH_MULTIPLY) }
    public func divided(by other: Tensor) throws -> Tensor { try binary("divided", other, CTORCH_DIVIDE) }
    public func divided(by other: Double) throws -> Tensor { try binary("divided", other, CTORCH_DIVIDE) }
    public func maximum(_ other: Double) throws -> Tensor { try binary("maximum", other, CTORCH_MAXIMUM) }
    public func minimum(_ other: Double) throws -> Tensor { try binary("minimum", other, CTORCH_MINIMUM) }

    public func equal(_ other: Double) throws -> Tensor { try binary("equal", other, CTORCH_EQUAL) }
    public func notEqual(_ other: Double) throws -> Tensor { try binary("notEqual", other, CTORCH_NOT_EQUAL) }
    public func greater(_ other: Double) throws -> Tensor { try binary("greater", other, CTORCH_GREATER) }
    public func logicalOr(_ other: Tensor) throws -> Tensor { try binary("logicalOr", other, CTORCH_LOGICAL_OR) }
}

// In place.
extension Tensor {
    private func change(_ name: String, _ other: Tensor, _ operation: CTorchBinary) throws {
        try withExtendedLifetime((self, other)) {
            try perform(name) { ctorch_binary_(handle, other.handle, operation, $0) }
        }
    }

    private func change(_ name: String, _ other: Double, _ operation: CTorchBinary) throws {
        try withExtendedLifetime(self) { try perform(name) { ctorch_binary_scalar_(handle, other, operation, $0) } }
    }

    public func addInPlace(_ other: Tensor) throws { try change("addInPlace", other, CTORCH_ADD) }
    public func addInPlace(_ other: Double) throws { try change("addInPlace", other, CTORCH_ADD) }
    public func subtractInPlace(_ other: Tensor) throws { try change("subtractInPlace", other, CTORCH_SUBTRACT) }
    public func multiplyInPlace(_ other: Double) throws { try change("multiplyInPlace", other, CTORCH_MULTIPLY) }
    public func divideInPlace(_ other: Tensor) throws { try change("divideInPlace", other, CTORCH_DIVIDE) }
}

// Reductions, over one dimension or all elements.
extension Tensor {
    private func reduced(_ name: String, _ dimension: Int?, _ keep: Bool, _ operation: CTorchReduction) throws -> Tensor
    {
        guard let dimension else { return try made(name, self) { ctorch_reduce_all($0, operation, $1, $2) } }
        return try made(name, self) { ctorch_reduce($0, Int64(dimension), keep, operation, $1, $2) }
    }

    public func sum(_ dimension: Int? = nil, keep: Bool = false) throws -> Tensor {
        try reduced("sum", dimension, keep, CTORCH_SUM)
    }
    public func mean(_ dimension: Int? = nil, keep: Bool = false) throws -> Tensor {
        try reduced("mean", dimension, keep, CTORCH_MEAN)
    }
    public func max(_ dimension: Int? = nil, keep: Bool = false) throws -> Tensor {
        try reduced("max", dimension, keep, CTORCH_MAX)
    }
    public func logSumExp(_ dimension: Int? = nil, keep: Bool = false) throws -> Tensor {
        try reduced("logSumExp", dimension, keep, CTORCH_LOGSUMEXP)
    }
    /// The Euclidean norm.
    public func norm(_ dimension: Int? = nil, keep: Bool = false) throws -> Tensor {
        try reduced("norm", dimension, keep, CTORCH_NORM)
    }

    public func softmax(_ dimension: Int = -1) throws -> Tensor {
        try made("softmax", self) { ctorch_softmax($0, Int64(dimension), $1, $2) }
    }

    /// Eigenvectors of a symmetric matrix `[N, N]`, as columns of length 1, by rising eigenvalues. Which of the two
    /// directions each has is not said.
    public func eigenvectors() throws -> Tensor {
        try made("eigenvectors", self) { ctorch_eigenvectors($0, $1, $2) }
    }

    /// `self / max(‖self‖₂, epsilon)` along a dimension.
    public func normalized(_ dimension: Int = -1, epsilon: Double = 1e-12) throws -> Tensor {
        try made("normalized", self) { ctorch_normalize($0, Int64(dimension), epsilon, $1, $2) }
    }

    /// Mean over rows of −log softmax(self)[target]; `self` is `[N, C]`, targets int64 `[N]`. In nats.
    public func crossEntropy(_ targets: Tensor) throws -> Tensor {
        try made("crossEntropy", self, targets) { ctorch_cross_entropy($0, $1, $2, $3) }
    }
}
