internal import Base
public import Tensors

/// A weight that is trained, under its name in the checkpoint.
public struct TrainedParameter {
    public let name: String
    public let tensor: Tensor

    public init(name: String, tensor: Tensor) {
        self.name = name
        self.tensor = tensor
    }
}

/// AdamW over all trained weights, with gradients clipped by their global norm before each step.
///
/// Weights of one dimension (biases, the scales and shifts of norms) are not decayed, which for the model families
/// here are the ones that the HF Trainer exempts.
public final class Optimizer {
    public let parameters: [TrainedParameter]
    public let options: TrainingConfig.OptimizerOptions
    /// Steps taken so far.
    public private(set) var stepCount = 0
    private(set) var firstMoments: [Tensor]
    private(set) var secondMoments: [Tensor]

    /// Moments start at zero.
    public init(_ parameters: [TrainedParameter], _ options: TrainingConfig.OptimizerOptions) throws {
        self.parameters = parameters
        self.options = options
        firstMoments = try parameters.map { try $0.tensor.zerosLike() }
        secondMoments = try parameters.map { try $0.tensor.zerosLike() }
    }

    /// Bytes of both moments.
    public var stateByteCount: Int { 2 * parameters.reduce(0) { $0 + $1.tensor.byteCount } }

    /// Clips the gradients in place, then changes every weight.
    ///
    /// `g ← g · min(1, clip / (‖g‖ + 1e-6))`, then AdamW. Source: torch `clip_grad_norm_`.
    ///
    /// - Parameter gradients: one for each parameter, in their order; changed.
    /// - Returns: the gradients' global norm before clipping.
    /// - Throws: `Failure` where the norm is not finite; then no weight has changed.
    public func step(gradients: [Tensor], learningRate: Double) throws -> Double {
        try withoutGradients {
            let norm = try Tensor.globalNorm(gradients)
            guard norm.isFinite else {
                throw Failure(
                    .badData, "step \(stepCount + 1): the gradient's norm is \(norm); no weight was changed",
                    advice: "Lower optimizer.learning_rate, or look at the examples of this step with --dry-run.")
            }
            if options.clipNorm > 0 {
                let scale = options.clipNorm / (norm + 1e-6)
                if scale < 1 { for gradient in gradients { try gradient.multiplyInPlace(scale) } }
            }
            stepCount += 1
            try update(gradients, learningRate, decays: true)
            try update(gradients, learningRate, decays: false)
            return norm
        }
    }

    private func update(_ gradients: [Tensor], _ learningRate: Double, decays: Bool) throws {
        let chosen = parameters.indices.filter { (parameters[$0].tensor.dimensionCount > 1) == decays }
        guard !chosen.isEmpty else { return }
        let adamW = AdamW(
            beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon,
            weightDecay: decays ? options.weightDecay : 0)
        try adamW.step(
            stepCount, learningRate: learningRate, parameters: chosen.map { parameters[$0].tensor },
            gradients: chosen.map { gradients[$0] }, firstMoments: chosen.map { firstMoments[$0] },
            secondMoments: chosen.map { secondMoments[$0] })
    }

    /// What a checkpoint keeps: `first.<name>` and `second.<name>` for every parameter.
    public var state: [(name: String, tensor: Tensor)] {
        zip(parameters, firstMoments).map { ("first." + $0.name, $1) }
            + zip(parameters, secondMoments).map { ("second." + $0.name, $1) }
    }

    /// Continues from a checkpoint's state.
    ///
    /// - Parameter tensor: gives the tensor of a name in ``state``.
    public func restore(stepCount: Int, _ tensor: (String) throws -> Tensor) throws {
        try withoutGradients {
            for (name, own) in state { try own.assign(tensor(name)) }
        }
        self.stepCount = stepCount
    }
}
