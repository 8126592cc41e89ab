internal import Base
public import Engine
public import Models
public import Tensors

/// One optimizer step: micro-batches through the model and back, then the weights.
public final class TrainingStep {
    public let encoder: BlockwiseEncoder
    public let optimizer: Optimizer
    public let loss: any Loss
    /// Nil where the loss's temperature is a fixed number, or where it has none.
    public let temperature: LearnedTemperature?
    /// Length of the run, which the learning rate's schedule depends on.
    public let stepCount: Int
    /// What stages keep between forward and backward.
    public var trace = BlockwiseEncoder.Trace.keep
    /// Most tokens that run through a block at once.
    public var chunkTokens: Int?
    /// Whether the next step leaves a sample of its scores in ``scores``.
    public var samplesScores = false
    /// Of the last step, where that was asked for.
    public private(set) var scores: ScoreSample?
    /// Probabilities and the run's seed; each pass derives its own seed.
    public var dropout = Dropout.none

    /// The processes that take each step together; nil for one alone.
    public let group: TrainingGroup?
    /// Where each of them changes its part of the weights alone.
    let divided: DividedWeights?
    /// What is exchanged at once, of each piece of the model.
    private let buckets: [[ParameterBucket]]

    /// Whether the optimizer changes float32 masters, from which the encoder's weights are rounded after each step.
    private let hasMasters: Bool

    /// - Parameter masters: float32 weights under the names and in the order of the encoder's parameters, where those
    ///   are of a smaller type; nil where the encoder's own are changed. Where a group divides them, they keep nothing but
    ///   this process's part.
    public init(
        encoder: BlockwiseEncoder, loss: any Loss, options: TrainingConfig.OptimizerOptions, stepCount: Int,
        masters: [Parameter]? = nil, group: TrainingGroup? = nil
    ) throws {
        self.encoder = encoder
        self.loss = loss
        temperature =
            try (loss as? any TemperedLoss).flatMap { loss in
                loss.learnsTemperature ? try LearnedTemperature(startingAt: loss.temperature, options) : nil
            }
        self.stepCount = stepCount
        hasMasters = masters != nil
        let trained = masters ?? encoder.parameters
        precondition(trained.map(\.name) == encoder.parameters.map(\.name), "masters are those of the parameters")
        self.group = group
        buckets =
            group.map {
                ParameterBucket.all(encoder.parameters, pieces: encoder.trainedOfPieces, partCount: $0.size)
            } ?? []
        if let group, group.sharding > .none {
            let weights = try DividedWeights(group, Array(buckets.joined()), encoder, masters: masters)
            divided = weights
            optimizer = try Optimizer(weights.trained, options)
            optimizer.sumOverProcesses = group.sum
        } else {
            divided = nil
            optimizer = try Optimizer(trained.map { TrainedParameter(name: $0.name, tensor: $0.tensor) }, options)
        }
        try copyMasters()
    }

    /// Brings what the optimizer has changed into the encoder's weights, where those are others: rounded, or also changed by
    /// other processes.
    public func copyMasters() throws {
        if let divided { return try divided.publish() }
        guard hasMasters else { return }
        try withoutGradients {
            for (weight, master) in zip(encoder.parameters, optimizer.parameters) {
                try weight.tensor.assign(master.tensor)
            }
        }
    }

    /// Whether no process has all of what is trained, or of what is computed with.
    var isNowhereWhole: Bool { divided?.isNowhereWhole ?? false }

    /// Which part of the optimizer's state this process has; nil for all of it.
    var part: (number: Int, count: Int)? { divided == nil ? nil : group.map { ($0.rank, $0.size) } }

    /// See ``DividedWeights/lendAll(_:)``; where nothing is divided, calls `body`.
    func lendAll(_ body: () throws -> Void) throws { try divided.map { try $0.lendAll(body) } ?? body() }

    /// What a step did.
    public struct Outcome: Sendable, Equatable {
        /// Mean over all queries, before the weights changed.
        public var loss: Double
        /// Before clipping.
        public var gradientNorm = 0.0
        public var learningRate = 0.0
        /// Tokens that ran through the model.
        public var tokenCount: Int
        /// Where it is learned: that of ``loss``.
        public var temperature: Double?
    }

    /// The dropout of one pass, from the run's seed.
    public func dropout(step: Int, part: Int) -> Dropout {
        var own = dropout
        own.seed = SplitMix64.mix(dropout.seed, UInt64(step), UInt64(part))
        // Rows of different inputs have the same number in different processes.
        if let group, group.rank > 0 { own.seed = SplitMix64.mix(own.seed, UInt64(group.rank)) }
        return own
    }

    /// Takes the next step.
    ///
    /// - Parameter batches: micro-batches of equal size; their gradients are averaged.
    /// - Throws: `Failure` if the loss or the gradients are not finite; then no weight has changed.
    public func take(_ batches: [TrainingBatch]) throws -> Outcome {
        var (gradients, outcome) = try gradients(batches)
        let options = optimizer.options
        outcome.learningRate =
            options.learningRate
            * options.schedule.factor(
                step: optimizer.stepCount, warmupStepCount: options.warmupStepCount, stepCount: stepCount)
        if hasMasters {
            // One after the other: a second copy of all of them would be the most that a step takes.
            for index in gradients.indices { gradients[index] = try gradients[index]?.to(.float32) }
        }
        try temperature?.check(step: optimizer.stepCount + 1)
        outcome.gradientNorm = try optimizer.step(gradients: gradients, learningRate: outcome.learningRate)
        gradients.removeAll()
        try temperature?.take(step: optimizer.stepCount, learningRate: outcome.learningRate)
        try copyMasters()
        return outcome
    }

    /// Gradients of the mean loss of all micro-batches, one for each of the optimizer's parameters; nil for those that none
    /// of them depends on.
    public func gradients(_ batches: [TrainingBatch]) throws -> ([Tensor?], Outcome) {
        let own = GradientSums(count: encoder.parameters.count)
        let shared = group.map {
            GroupGradients($0, buckets, parameterCount: encoder.parameters.count, device: encoder.device)
        }
        let sums: any GradientSink = shared ?? own
        let share = 1 / Double(batches.count)
        var outcome = Outcome(loss: 0, tokenCount: 0, temperature: temperature?.value)
        temperature?.start()
        scores = samplesScores ? ScoreSample() : nil
        for (part, batch) in batches.enumerated() {
            let pass = try encoder.forward(
                batch.loaded, chunkTokens: chunkTokens,
                dropout: dropout(step: optimizer.stepCount, part: part), trace: trace)
            // Of all inputs, those of other processes included.
            let vectors_UD =
                try batch.division.flatMap { try group?.vectors(pass.vectors_UD, $0) } ?? pass.vectors_UD
            var (value, vectorGradients_UD) = try lossAndGradients(vectors_UD, batch, share: share)
            guard value.isFinite else {
                throw Failure(
                    .badData, "step \(optimizer.stepCount + 1): the loss is \(value); no weight was changed",
                    advice: "Lower optimizer.learning_rate or raise temperature.")
            }
            outcome.loss += value * share
            try scores?.add(vectors_UD, batch)
            outcome.tokenCount += batch.tokenCount
            if let division = batch.division, let group {
                let own = try Tensor(division.members[group.rank].map(Int64.init)).to(vectorGradients_UD.device)
                vectorGradients_UD = try withoutGradients { try vectorGradients_UD.indexSelect(0, own) }
            }
            shared?.isLastPart = part == batches.count - 1
            try encoder.backward(consume pass, vectorGradients_UD: vectorGradients_UD, into: sums)
        }
        return (try shared?.take(shapes: encoder.parameters.map(\.tensor.shape)) ?? own.take(), outcome)
    }

    private func lossAndGradients(
        _ vectors_UD: Tensor, _ batch: TrainingBatch, share: Double
    ) throws -> (Double, Tensor) {
        try withGradients {
            func gradients(of value: Tensor, _ variables: [Tensor]) throws -> [Tensor?] {
                let scaled = share == 1 ? value : try value.multiplied(by: share)
                // Queries that no teacher has scored are divided by no temperature.
                return try Tensor.gradients(
                    of: [scaled], withRespectTo: variables, allowUnused: variables.count > 1)
            }
            func rows(_ rows: [Int]) throws -> Tensor {
                try vectors_UD.indexSelect(0, Tensor(rows.map(Int64.init)).to(vectors_UD.device))
            }
            let (queries_BD, passages_PD) = (try rows(batch.queryRows), try rows(batch.passageRows))
            guard let temperature, let tempered = loss as? any TemperedLoss else {
                let value = try loss(queries_BD: queries_BD, passages_PD: passages_PD, batch.facts)
                return (try value.item(), try gradients(of: value, [vectors_UD])[0]!)
            }
            let scale = try temperature.scale(on: vectors_UD.device)
            let value = try tempered(queries_BD: queries_BD, passages_PD: passages_PD, batch.facts, scale: scale)
            let found = try gradients(of: value, [vectors_UD, scale])
            try temperature.add(gradient: found[1])
            return (try value.item(), found[0]!)
        }
    }
}
