internal import Base
internal import Glibc
internal import SystemPackage
internal import Tensors

/// A temperature that is trained with the model: what changes is `log(1 / τ)`.
///
/// It has an AdamW of its own, with the run's learning rate, without weight decay, and its gradient is not clipped with
/// those of the weights. Each process of a group computes the loss of all vectors, so that its gradient is the same in
/// all of them and nothing is exchanged.
///
/// Sources: Radford et al. 2021, arXiv 2103.00020, section 2.5 (the logarithm is trained, and scores are not multiplied
/// by more than 100); open_clip, `clamp_(0, log(100))` after each step.
public final class LearnedTemperature {
    /// What it stays in.
    public static let range = 0.01...1.0

    /// τ
    public private(set) var value: Double
    /// Of the micro-batches since ``start()``, with respect to `log(1 / τ)`.
    private var gradient = 0.0
    /// Float64, of one number each.
    private let logScale: Tensor
    private let firstMoment: Tensor
    private let secondMoment: Tensor
    private let adamW: AdamW

    init(startingAt temperature: Double, _ options: TrainingConfig.OptimizerOptions) throws {
        value = min(max(temperature, Self.range.lowerBound), Self.range.upperBound)
        logScale = try Tensor([-log(value)], shape: [1])
        firstMoment = try logScale.zerosLike()
        secondMoment = try logScale.zerosLike()
        adamW = AdamW(beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon, weightDecay: 0)
    }

    /// Forgets the gradients of the step before.
    func start() { gradient = 0 }

    /// 1 / τ as a leaf that records gradients.
    func scale(on device: Device) throws -> Tensor {
        try Tensor([1 / value], shape: []).to(.float32, device).requireGradient()
    }

    /// - Parameter ofScale: with respect to ``scale(on:)``; nil where nothing depended on it.
    func add(gradient ofScale: Tensor?) throws {
        // d/d log(s) = s · d/ds
        if let ofScale { gradient += try ofScale.to(.float64, .cpu).item() / value }
    }

    /// - Throws: `Failure` where the gradient is not finite; `step` counts from 1.
    func check(step: Int) throws {
        guard gradient.isFinite else {
            throw Failure(
                .badData, "step \(step): the gradient of the temperature is \(gradient); no weight was changed",
                advice: "Lower optimizer.learning_rate, or look at the examples of this step with --dry-run.")
        }
    }

    /// Changes the temperature; `step` counts from 1.
    func take(step: Int, learningRate: Double) throws {
        try withoutGradients {
            try adamW.step(
                step, learningRate: learningRate, parameters: [logScale],
                gradients: [Tensor([gradient], shape: [1])], firstMoments: [firstMoment],
                secondMoments: [secondMoment])
            let limits = -log(Self.range.upperBound)...(-log(Self.range.lowerBound))
            try logScale.assign(logScale.maximum(limits.lowerBound).minimum(limits.upperBound))
        }
        value = exp(-(try logScale.item()))
    }

    // MARK: - Checkpoints

    /// A checkpoint's file of it: `log_scale`, and AdamW's moments `first.log_scale` and `second.log_scale`, float64 `[1]`.
    static let fileName = "loss.safetensors"

    private var state: [(name: String, tensor: Tensor)] {
        [("log_scale", logScale), ("first.log_scale", firstMoment), ("second.log_scale", secondMoment)]
    }

    /// - Throws: `Failure` where what was written reads back differently.
    func write(to checkpoint: FilePath) throws {
        let path = checkpoint.appending(Self.fileName)
        try SafetensorsWriter.write(state, to: path)
        let file = try SafetensorsFile(path)
        for (name, tensor) in state {
            guard file[name] != nil, try file.tensor(name).item() == tensor.item() else {
                throw Failure(.io, "\(path): \(name) reads back differently than it was written")
            }
        }
    }

    /// Goes on where it was when the checkpoint was written.
    func restore(from checkpoint: FilePath) throws {
        let path = checkpoint.appending(Self.fileName)
        let file = try SafetensorsFile(path)
        try withoutGradients {
            for (name, tensor) in state {
                guard let entry = file[name], entry.shape == tensor.shape else {
                    throw Failure(.badData, "\(path) has no \(name)")
                }
                try tensor.assign(file.tensor(name))
            }
        }
        value = exp(-(try logScale.item()))
        // exp and log round.
        guard (0.999 * Self.range.lowerBound...1.001 * Self.range.upperBound).contains(value) else {
            throw Failure(.badData, "\(path): a temperature of \(value)")
        }
    }
}
