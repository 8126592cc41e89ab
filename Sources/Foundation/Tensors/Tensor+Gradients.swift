internal import CTorch

// Recording and computing gradients.
extension Tensor {
    /// Whether operations on this tensor are recorded. Settable on leaves (tensors that no operation made).
    public var requiresGradient: Bool { ctorch_requires_gradient(handle) }

    @discardableResult
    public func requireGradient(_ value: Bool = true) throws -> Tensor {
        try perform("requireGradient") { ctorch_set_requires_gradient(handle, value, $0) }
        return self
    }

    /// The same elements, outside any recorded graph.
    public func detached() throws -> Tensor { try made("detached", self) { ctorch_detach($0, $1, $2) } }

    /// Gradients of `Σ outputs·outputGradients` with respect to `inputs`, which may be leaves or results.
    ///
    /// - Parameters:
    ///   - outputGradients: one for each output, of its shape; nil stands for 1 (scalar outputs only). Empty: all nil.
    ///   - keepGraph: keep the recorded graph for another call; otherwise it is freed.
    ///   - allowUnused: give nil for an input that no output depends on, instead of an error.
    /// - Returns: one gradient for each input. Nothing is accumulated anywhere.
    public static func gradients(
        of outputs: [Tensor], withRespectTo inputs: [Tensor], outputGradients: [Tensor?] = [],
        keepGraph: Bool = false, allowUnused: Bool = false
    ) throws -> [Tensor?] {
        let given = outputGradients.isEmpty ? [Tensor?](repeating: nil, count: outputs.count) : outputGradients
        guard given.count == outputs.count else {
            throw TensorError("gradients", "\(outputs.count) outputs but \(given.count) output gradients")
        }
        var out = [Handle?](repeating: nil, count: inputs.count)
        try withHandles(of: outputs) { outputs, outputCount in
            try withHandles(of: given) { given, _ in
                try withHandles(of: inputs) { inputs, inputCount in
                    try perform("gradients") {
                        ctorch_gradients(
                            outputs, given, outputCount, inputs, inputCount, keepGraph, allowUnused, &out, $0)
                    }
                }
            }
        }
        return out.map { $0.map(Tensor.init(owning:)) }
    }

    /// The Euclidean norm of all elements of all tensors together.
    public static func globalNorm(_ tensors: [Tensor]) throws -> Double {
        var norm = 0.0
        try withHandles(of: tensors) { handles, count in
            try perform("globalNorm") { ctorch_global_norm(handles, count, &norm, $0) }
        }
        return norm
    }
}

/// Runs `body` while this thread records no gradients.
public func withoutGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
    let before = ctorch_set_gradient_mode(false)
    defer { _ = ctorch_set_gradient_mode(before) }
    return try body()
}

/// Runs `body` while this thread records gradients, also inside ``withoutGradients(_:)``.
public func withGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
    let before = ctorch_set_gradient_mode(true)
    defer { _ = ctorch_set_gradient_mode(before) }
    return try body()
}

/// AdamW: Adam with weight decay decoupled from the gradient.
///
/// `θ ← θ − η(m̂ / (√v̂ + ε) + λθ)` with bias-corrected moments m̂, v̂.
///
/// Source: Loshchilov and Hutter 2019, algorithm 2; equal to PyTorch's fused AdamW.
public struct AdamW: Sendable {
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    /// λ, relative to the learning rate.
    public var weightDecay = 0.01

    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// One step, in place on parameters and both moments; `step` counts from 1.
    public func step(
        _ step: Int, learningRate: Double, parameters: [Tensor], gradients: [Tensor], firstMoments: [Tensor],
        secondMoments: [Tensor]
    ) throws {
        let count = parameters.count
        guard gradients.count == count, firstMoments.count == count, secondMoments.count == count else {
            throw TensorError("AdamW", "\(count) parameters need as many gradients and moments")
        }
        try withHandles(of: parameters) { parameters, count in
            try withHandles(of: gradients) { gradients, _ in
                try withHandles(of: firstMoments) { firstMoments, _ in
                    try withHandles(of: secondMoments) { secondMoments, _ in
                        try perform("AdamW") {
                            ctorch_adamw_(
                                parameters, gradients, firstMoments, secondMoments, count, Int64(step), learningRate,
                                beta1, beta2, weightDecay, epsilon, $0)
                        }
                    }
                }
            }
        }
    }
}
