internal import Base
public import Tensors

/// A weight that is trained, or the slice of one that this process trains, under its name in the checkpoint.
public struct TrainedParameter {
    public let name: String
    /// Its numbers; of a slice in one dimension.
    public let tensor: Tensor
    /// Of the whole weight.
    public let shape: [Int]
    /// Which of the whole weight's numbers, counted row by row, ``tensor`` holds.
    public let range: Range<Int>

    public init(name: String, tensor: Tensor) {
        self.init(name: name, tensor: tensor, shape: tensor.shape, range: 0..<tensor.elementCount)
    }

    /// A slice.
    public init(name: String, tensor: Tensor, shape: [Int], range: Range<Int>) {
        precondition(tensor.elementCount == range.count, "the numbers of the range")
        (self.name, self.tensor, self.shape, self.range) = (name, tensor, shape, range)
    }

    /// The same numbers of another tensor with one for each of the whole weight's.
    ///
    /// - Parameters:
    ///   - whole: of any shape.
    ///   - numbersPerElement: how many numbers, one after the other, each of its elements stands for.
    /// - Returns: in one dimension; nil where it has more or fewer.
    func part(of whole: Tensor, numbersPerElement: Int = 1) throws -> Tensor? {
        func elements(_ count: Int) -> Int { (count + numbersPerElement - 1) / numbersPerElement }
        guard whole.elementCount == elements(shape.reduce(1, *)) else { return nil }
        let start = range.lowerBound / numbersPerElement
        return try whole.reshape([-1]).narrow(0, start: start, length: elements(range.upperBound) - start)
    }
}

/// AdamW over all trained weights, with gradients clipped by their global norm before each step.
///
/// A weight that a step has no gradient for, as a tower's whose kind of media the step's batches do not have, stays as it
/// is, with its moments and its own count of steps, and is not decayed: as torch passes over parameters without `grad`.
///
/// Weights of one dimension (biases, the scales and shifts of norms) are not decayed, which for the model families
/// here are the ones that the HF Trainer exempts.
public final class Optimizer {
    public let parameters: [TrainedParameter]
    public let options: TrainingConfig.OptimizerOptions
    /// Steps taken so far.
    public private(set) var stepCount = 0
    /// Of the run: what stochastic rounding of the moments draws from.
    public var seed: UInt64 = 0
    private let moments: [Moments]
    /// Steps in which each parameter had a gradient; what its moments are corrected by.
    private(set) var ownStepCounts: [Int]
    /// Where each of several processes trains slices: the sum of a number over all of them.
    public var sumOverProcesses: ((Double) throws -> Double)?

    /// Moments start at zero.
    public init(_ parameters: [TrainedParameter], _ options: TrainingConfig.OptimizerOptions) throws {
        self.parameters = parameters
        self.options = options
        moments = try parameters.map {
            try Moments(of: $0.tensor, options.state, wholeCount: $0.shape.reduce(1, *))
        }
        ownStepCounts = parameters.map { _ in 0 }
    }

    /// Clips the gradients in place, then changes every weight that has one.
    ///
    /// `g ← g · min(1, clip / (‖g‖ + 1e-6))`, then AdamW. Source: torch `clip_grad_norm_`.
    ///
    /// - Parameter gradients: one for each parameter, in their order, nil where the loss did not depend on it; changed.
    /// - Returns: the gradients' global norm before clipping.
    /// - Throws: `Failure` where the norm is not finite; then no weight has changed.
    public func step(gradients: [Tensor?], learningRate: Double) throws -> Double {
        precondition(gradients.count == parameters.count, "a gradient, or none, for each parameter")
        return try withoutGradients {
            let present = gradients.compactMap(\.self)
            let own = present.isEmpty ? 0 : try Tensor.globalNorm(present)
            let norm = try sumOverProcesses.map { try $0(own * own).squareRoot() } ?? own
            guard norm.isFinite else {
                throw Failure(
                    .badData, "step \(stepCount + 1): the gradient's norm is \(norm); no weight was changed",
                    advice: "Lower optimizer.learning_rate, or look at the examples of this step with --dry-run.")
            }
            if options.clipNorm > 0 {
                let scale = options.clipNorm / (norm + 1e-6)
                if scale < 1 { for gradient in present { try gradient.multiplyInPlace(scale) } }
            }
            stepCount += 1
            for index in parameters.indices where gradients[index] != nil { ownStepCounts[index] += 1 }
            // Those with equal counts together, which mostly is all.
            let groups = Dictionary(grouping: parameters.indices.filter { gradients[$0] != nil }) { ownStepCounts[$0] }
            for (ownStepCount, members) in groups.sorted(by: { $0.key < $1.key }) {
                for decays in [true, false] {
                    let chosen = members.filter { (parameters[$0].shape.count > 1) == decays }
                    try update(chosen, gradients, ownStepCount, learningRate, decays: decays)
                }
            }
            return norm
        }
    }

    private func update(
        _ chosen: [Int], _ gradients: [Tensor?], _ ownStepCount: Int, _ learningRate: Double, decays: Bool
    ) throws {
        guard !chosen.isEmpty else { return }
        let adamW = AdamW(
            beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon,
            weightDecay: decays ? options.weightDecay : 0)
        try adamW.step(
            ownStepCount, learningRate: learningRate,
            chosen.map { index in
                MomentUpdate(
                    parameters[index].tensor, gradient: gradients[index]!, moments[index],
                    start: parameters[index].range.lowerBound, seed: seed, step: stepCount,
                    name: parameters[index].name)
            })
    }

    /// What the moments take.
    public var byteCount: Int { moments.reduce(0) { $0 + $1.byteCount } }

    private var storedMoments: [(name: String, tensor: Tensor)] {
        Moments.Part.allCases.flatMap { part in
            zip(parameters, moments).compactMap { parameter, moments in
                moments[part].map { (part.rawValue + parameter.name, $0) }
            }
        }
    }

    /// What a checkpoint keeps: `first.<name>` and `second.<name>` for every parameter, in the type that they are kept
    /// in; of those in 8 bits, uint8, `first_scales.<name>` and `second_scales.<name>`, float32, one for each 256
    /// numbers; and `steps.<name>`, int64 without dimensions, for those that had no gradient in some step. Of slices
    /// they hold the slices.
    public var state: [(name: String, tensor: Tensor)] {
        get throws {
            let counts = try parameters.indices.filter { ownStepCounts[$0] != stepCount }.map {
                ("steps." + parameters[$0].name, try Tensor([Int64(ownStepCounts[$0])], shape: []))
            }
            return storedMoments + counts
        }
    }

    /// Continues from a checkpoint's state.
    ///
    /// - Parameter tensor: gives the tensor of a name in ``state``, of the whole parameter; nil where there is none.
    /// - Throws: `Failure` (65) where a moment is missing or of another type or size, or a count is none.
    public func restore(stepCount: Int, _ tensor: (String) throws -> Tensor?) throws {
        try withoutGradients {
            for part in Moments.Part.allCases {
                for (parameter, moments) in zip(parameters, moments) {
                    guard let own = moments[part] else { continue }
                    let name = part.rawValue + parameter.name
                    guard let stored = try tensor(name) else {
                        throw Failure(.badData, "the optimizer's state has no \(name)")
                    }
                    guard stored.elementType == own.elementType,
                        let slice = try parameter.part(of: stored, numbersPerElement: part.numbersPerElement)
                    else {
                        throw Failure(
                            .badData,
                            "\(name) of the optimizer's state is \(stored), where \(own.elementType) belongs for "
                                + "a weight of \(parameter.shape)")
                    }
                    try own.assign(slice.reshape(own.shape))
                }
            }
            for (index, parameter) in parameters.enumerated() {
                let name = "steps." + parameter.name
                let count = try tensor(name).map { try Int(exactly: $0.to(.float64).item()) } ?? stepCount
                guard let count, (0...stepCount).contains(count) else {
                    throw Failure(.badData, "\(name) of the optimizer's state is no number of steps up to \(stepCount)")
                }
                ownStepCounts[index] = count
            }
        }
        self.stepCount = stepCount
    }
}
