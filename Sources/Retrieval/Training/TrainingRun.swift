internal import Base
public import Examples
public import JSON
internal import Models
public import SystemPackage
internal import Tensors

/// A run from its lock to its last checkpoint, in a run folder.
///
/// A run that was killed goes on from its last checkpoint and ends, on the CPU, with the same bytes as one that was
/// not. SIGINT and SIGTERM end it after the step under way, with a checkpoint.
public final class TrainingRun {
    /// What keeps traces: the run's choice, or that of the memory that is free.
    public enum TraceChoice: String, Sendable, CaseIterable { case auto, keep, recompute }

    /// Checkpoints that stay when a later one is complete; enough to survive a damaged last one.
    static let keptCheckpointCount = 2

    private static let stepsBetweenTrims = 8

    private let plan: TrainingPlan
    private let folder: RunFolder
    private let model: EmbeddingModel
    private let step: TrainingStep
    private let metrics: MetricsFile
    private let traceChoice: TraceChoice
    private var truncatedCount = 0
    private var sequenceCount = 0

    /// Starts a run in `output`, or goes on with the one that is there.
    ///
    /// - Parameter resume: see ``RunFolder/init(opening:lock:resume:)``.
    public init(_ plan: TrainingPlan, output: FilePath, resume: Bool, trace: TraceChoice = .auto) throws {
        self.plan = plan
        traceChoice = trace
        folder = try RunFolder(opening: output, lock: plan.lock, resume: resume)
        let last = try folder.checkpointSteps().last
        if let last {
            model = try Checkpoint.load(plan, from: folder.checkpointPath(step: last))
        } else {
            model = plan.start
            if let lora = plan.mix.lora {
                try model.text.addAdapters(lora.configuration, seed: plan.mix.seed)
            } else {
                try model.text.trainAll()
            }
        }
        // In a smaller type the model computes with a rounded copy; what is trained and saved stays float32.
        let computing = try plan.mix.precision == .f32 ? model : Self.roundedCopy(of: model, plan)
        let encoder = BlockwiseEncoder(
            model: computing.text, pooling: plan.card.pooling, isNormalizing: plan.card.normalize, device: plan.device)
        step = try TrainingStep(
            encoder: encoder, loss: ContrastiveLoss(temperature: plan.mix.temperature), options: plan.mix.optimizer,
            stepCount: plan.stepCount, masters: computing === model ? nil : model.text.trainableParameters)
        step.chunkTokens = plan.mix.chunkTokens
        var dropout = plan.mix.usesModelDropout ? model.text.configuredDropout : .none
        dropout.adapter = plan.mix.lora?.dropout ?? 0
        dropout.seed = plan.mix.seed
        step.dropout = dropout
        if let last { try Checkpoint.restore(step.optimizer, plan, from: folder.checkpointPath(step: last)) }
        metrics = try MetricsFile(folder.path.appending("metrics.jsonl"), after: last ?? 0)
    }

    private static func roundedCopy(of model: EmbeddingModel, _ plan: TrainingPlan) throws -> EmbeddingModel {
        let copy = try TrainingPlan.load(plan.mix, from: model.folder, plan.device, type: .bfloat16)
        try copy.text.trainAll()
        return copy
    }

    /// Trains to the end.
    ///
    /// - Throws: `Failure` with status 130 after an interruption, once a checkpoint is written; `Failure` where the
    ///   loss or the gradients are not finite; whatever reading or writing throws.
    public func run() throws -> Report {
        // A step is taken to its end, and a checkpoint written.
        Interruption.allowGrace(seconds: 300)
        let start = Clock.seconds()
        let first = step.optimizer.stepCount
        let progress = Progress("train", unit: "steps", total: plan.stepCount)
        progress.advance(by: first)
        var lastSaved = first
        while step.optimizer.stepCount < plan.stepCount {
            if Interruption.isRequested {
                if step.optimizer.stepCount > lastSaved { try save() }
                progress.finish()
                throw Failure(
                    .interrupted, "interrupted after step \(step.optimizer.stepCount) of \(plan.stepCount)",
                    advice: "The checkpoint is complete: --resume goes on from it.")
            }
            let taken = try takeStep()
            progress.advance(note: "loss \(decimal(taken.loss, digits: 3))")
            let every = plan.mix.checkpointEvery
            if taken.step == plan.stepCount || (every > 0 && taken.step % every == 0) {
                try save()
                lastSaved = taken.step
            }
        }
        progress.finish()
        if !folder.isFinished { try folder.finish(step: plan.stepCount) }
        return try report(firstStep: first, seconds: Clock.seconds() - start)
    }

    private func takeStep() throws -> StepMetrics {
        let start = Clock.seconds()
        let batches = try plan.batches(step: step.optimizer.stepCount)
        for batch in batches {
            truncatedCount += batch.truncatedCount
            sequenceCount += batch.sequenceCount
        }
        step.trace = trace(for: batches)
        let outcome = try step.take(batches)
        let taken = StepMetrics(
            step: step.optimizer.stepCount, loss: outcome.loss, learningRate: outcome.learningRate,
            gradientNorm: outcome.gradientNorm, tokenCount: outcome.tokenCount, seconds: Clock.seconds() - start)
        try metrics.append(taken)
        // Without this a run of MiniLM grew by 20 MB a step.
        if taken.step % Self.stepsBetweenTrims == 0 { Compute.trimHeap() }
        return taken
    }

    private func trace(for batches: [TrainingBatch]) -> BlockwiseEncoder.Trace {
        switch traceChoice {
        case .keep: return .keep
        case .recompute: return .recompute
        case .auto:
            let most = batches.map(\.tokenCount).max() ?? 0
            return step.encoder.estimatedTraceBytes(tokenCount: most) <= TrainingPlan.traceBudget() ? .keep : .recompute
        }
    }

    private func save() throws {
        try folder.publishCheckpoint(step: step.optimizer.stepCount) { path in
            try Checkpoint.write(model, plan, step.optimizer, to: path)
        }
        try folder.keepCheckpoints(Self.keptCheckpointCount)
    }

    /// What a finished run tells.
    public struct Report: Sendable {
        /// Where the model is.
        public let model: FilePath
        public let lock: String
        public let stepCount: Int
        /// Steps that an earlier process had taken.
        public let resumedAfter: Int
        public let seconds: Double
        public let metrics: [StepMetrics]
        /// Queries and passages of this process's steps, and how many of them were cut.
        public let sequenceCount: Int
        public let truncatedCount: Int
        public let counts: [(reference: String, counts: ExampleSource.Counts)]
    }

    private func report(firstStep: Int, seconds: Double) throws -> Report {
        Report(
            model: folder.modelPath, lock: plan.lock.digest.description, stepCount: plan.stepCount,
            resumedAfter: firstStep, seconds: seconds,
            metrics: try MetricsFile.read(folder.path.appending("metrics.jsonl")), sequenceCount: sequenceCount,
            truncatedCount: truncatedCount, counts: plan.source.parts.map { ($0.options.reference, $0.counts) })
    }
}

extension TrainingRun.Report {
    public var json: JSONValue {
        let seconds = metrics.map(\.seconds).sorted()
        return [
            "model": JSONValue(model.string), "lock": JSONValue(lock), "steps": JSONValue(stepCount),
            "resumed_after": JSONValue(resumedAfter), "seconds": JSONValue((self.seconds * 1000).rounded() / 1000),
            "median_step_seconds": seconds.isEmpty ? .null : JSONValue(seconds[seconds.count / 2]),
            "first_loss": metrics.first.map { JSONValue($0.loss) } ?? .null,
            "last_loss": metrics.last.map { JSONValue($0.loss) } ?? .null,
            "sequences": JSONValue(sequenceCount), "truncated": JSONValue(truncatedCount),
            "datasets": .array(
                counts.map { part in
                    [
                        "reference": JSONValue(part.reference), "queries": JSONValue(part.counts.queries),
                        "without_positives": JSONValue(part.counts.withoutPositives),
                        "short_of_negatives": JSONValue(part.counts.shortOfNegatives),
                        "without_negatives": JSONValue(part.counts.withoutNegatives),
                    ]
                }),
        ]
    }
}
