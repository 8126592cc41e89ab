internal import Base
internal import Engine
public import Examples
public import JSON
internal import Models
public import SystemPackage
internal import Tensors

/// A run from its lock to its last checkpoint, in a run folder.
///
/// A run that was killed goes on from its last checkpoint and ends, on the CPU, with the same bytes as one that was
/// not. SIGINT and SIGTERM give up the step under way and end it with a checkpoint of the last whole one.
public final class TrainingRun {
    /// What keeps traces: the run's choice, or that of the memory that is free.
    public enum TraceChoice: String, Sendable, CaseIterable { case auto, keep, recompute }

    private static let stepsBetweenTrims = 8

    private let plan: TrainingPlan
    private let folder: RunFolder
    private let model: EmbeddingModel
    private let step: TrainingStep
    private let reader: BatchReader
    private let metrics: MetricsFile
    private let traceChoice: TraceChoice
    private let trainedParts: Set<ModelPart>
    private var truncatedCount = 0
    private var sequenceCount = 0
    private var blankCount = 0
    private var ignoredMediaCount = 0
    private var unscoredCount = 0

    /// Starts a run in `output`, or goes on with the one that is there.
    ///
    /// - Parameters:
    ///   - resume: see ``RunFolder/init(opening:lock:resume:)``.
    ///   - workers: threads that read, tokenise and decode ahead; nil for a few. Steps do not depend on it.
    public init(
        _ plan: TrainingPlan, output: FilePath, resume: Bool, trace: TraceChoice = .auto, workers: Int? = nil
    ) throws {
        self.plan = plan
        traceChoice = trace
        trainedParts = try plan.trainedParts()
        folder = try RunFolder(opening: output, lock: plan.lock, resume: resume)
        let last = try folder.checkpointSteps().last
        if let last {
            model = try Checkpoint.resume(plan, from: folder.checkpointPath(step: last))
        } else {
            model = plan.start
            if let lora = plan.config.lora {
                try model.text.addAdapters(
                    lora.configuration(for: model.text), seed: plan.config.seed, except: plan.config.frozen)
            } else {
                try model.trainAll(except: plan.config.frozen)
            }
        }
        // In a smaller type the model computes with a rounded copy; what is trained and saved stays float32. Beside an
        // adapter, which is rounded as it is used, the weights are frozen and there once.
        let isWhole = plan.config.lora != nil || plan.config.precision == .f32
        let computing = try isWhole ? model : Self.roundedCopy(of: model, plan)
        let encoder = BlockwiseEncoder(model: computing.text, head: computing.head, device: plan.device)
        if plan.config.towerCache > 0 { encoder.towerCache = TowerCache(byteBudget: plan.config.towerCache << 20) }
        step = try TrainingStep(
            encoder: encoder, loss: plan.loss, options: plan.config.optimizer,
            stepCount: plan.stepCount, masters: computing === model ? nil : model.trainableParameters)
        step.chunkTokens = plan.config.chunkTokens
        var dropout = plan.config.usesModelDropout ? model.text.configuredDropout : .none
        dropout.adapter = plan.config.lora?.dropout ?? 0
        dropout.seed = plan.config.seed
        step.dropout = dropout
        if let last { try Checkpoint.restore(step.optimizer, plan, from: folder.checkpointPath(step: last)) }
        reader = try BatchReader(plan, from: step.optimizer.stepCount, workers: workers)
        metrics = try MetricsFile(folder.path.appending("metrics.jsonl"), after: last ?? 0)
        if resume, last == nil {
            let kept = metrics.movedAside.map { "; the metrics of the process before are in \($0)" } ?? ""
            log.notice("\(output) has no checkpoint to resume from: the run starts anew\(kept)")
        }
    }

    private static func roundedCopy(of model: EmbeddingModel, _ plan: TrainingPlan) throws -> EmbeddingModel {
        let copy = try TrainingPlan.load(plan.config, from: model.folder, plan.device, type: .bfloat16)
        try copy.trainAll(except: plan.config.frozen)
        return copy
    }

    /// Trains to the end.
    ///
    /// - Throws: `Failure` with status 130 after an interruption, once a checkpoint is written; `Failure` where the
    ///   loss or the gradients are not finite; whatever reading or writing throws.
    public func run() throws -> Report {
        // A checkpoint of the steps before the one under way is written.
        Interruption.allowGrace(seconds: 300)
        let start = Clock.seconds()
        let first = step.optimizer.stepCount
        let progress = Progress("train", unit: "steps", total: plan.stepCount)
        progress.advance(by: first)
        var lastSaved = (step: first, seconds: start)
        while step.optimizer.stepCount < plan.stepCount {
            let taken: StepMetrics
            do {
                try Interruption.check()
                taken = try takeStep()
            } catch let failure as Failure where failure.exitStatus == .interrupted {
                progress.finish()
                throw try interrupted(lastSaved: lastSaved.step)
            }
            progress.advance(note: "loss \(decimal(taken.loss, digits: 3))")
            if isCheckpointDue(after: taken.step, secondsSinceLast: Clock.seconds() - lastSaved.seconds) {
                try save()
                lastSaved = (taken.step, Clock.seconds())
            }
        }
        progress.finish()
        if !folder.isFinished { try folder.finish(step: plan.stepCount) }
        return try report(firstStep: first, seconds: Clock.seconds() - start)
    }

    private func isCheckpointDue(after step: Int, secondsSinceLast seconds: Double) -> Bool {
        let (steps, minutes) = (plan.config.checkpointEvery, plan.config.checkpointEveryMinutes)
        return step == plan.stepCount || (steps > 0 && step % steps == 0) || (minutes > 0 && seconds >= 60 * minutes)
    }

    /// Saves what the last checkpoint has not, and says where the run can go on.
    ///
    /// An interruption is only noticed where no weight has changed since the last whole step.
    private func interrupted(lastSaved: Int) throws -> Failure {
        let done = step.optimizer.stepCount
        if done > lastSaved { try save() }
        return Failure(
            .interrupted, "interrupted after step \(done) of \(plan.stepCount)",
            advice: done == 0
                ? "No step was done: there is no checkpoint, and --resume starts anew."
                : "The checkpoint \(folder.checkpointPath(step: done)) is complete: --resume continues from it.")
    }

    private func takeStep() throws -> StepMetrics {
        let start = Clock.seconds()
        let batches = try reader.next()
        for batch in batches {
            truncatedCount += batch.truncatedCount
            sequenceCount += batch.sequenceCount
            blankCount += batch.blankCount
            ignoredMediaCount += batch.ignoredMediaCount
            unscoredCount += batch.unscoredCount
        }
        step.trace = try trace(for: batches)
        let outcome = try step.take(batches)
        let taken = StepMetrics(
            step: step.optimizer.stepCount, loss: outcome.loss, learningRate: outcome.learningRate,
            gradientNorm: outcome.gradientNorm, tokenCount: outcome.tokenCount, seconds: Clock.seconds() - start)
        try metrics.append(taken)
        // Without this a run of MiniLM grew by 20 MB a step.
        if taken.step % Self.stepsBetweenTrims == 0 { Compute.trimHeap() }
        return taken
    }

    private func trace(for batches: [TrainingBatch]) throws -> BlockwiseEncoder.Trace {
        switch traceChoice {
        case .keep: return .keep
        case .recompute: return .recompute
        case .auto:
            let bytes = try batches.map { try plan.estimatedTraces($0.inputs, step.encoder, trainedParts).kept }
            return bytes.max() ?? 0 <= TrainingPlan.traceBudget() ? .keep : .recompute
        }
    }

    private func save() throws {
        try folder.publishCheckpoint(step: step.optimizer.stepCount) { path in
            try Checkpoint.write(model, plan, step.optimizer, to: path)
        }
        try folder.keepCheckpoints(plan.config.keptCheckpointCount)
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
        /// How many of them were blank; see ``BlankTexts``.
        public let blankCount: Int
        /// How many of them have media that the model did not see.
        public let ignoredMediaCount: Int
        /// Queries that went without a teacher's scores; nil where the loss has no teacher.
        public let unscoredCount: Int?
        public let counts: [(reference: String, counts: ExampleSource.Counts)]
    }

    private func report(firstStep: Int, seconds: Double) throws -> Report {
        Report(
            model: folder.modelPath, lock: plan.lock.digest.description, stepCount: plan.stepCount,
            resumedAfter: firstStep, seconds: seconds,
            metrics: try MetricsFile.read(folder.path.appending("metrics.jsonl")), sequenceCount: sequenceCount,
            truncatedCount: truncatedCount, blankCount: blankCount, ignoredMediaCount: ignoredMediaCount,
            unscoredCount: plan.teacher == nil ? nil : unscoredCount,
            counts: plan.source.parts.map { ($0.options.reference, $0.counts) })
    }
}

extension TrainingRun.Report {
    public var json: JSONValue {
        let seconds = metrics.map(\.seconds).sorted()
        var json: JSONObject = [
            "model": JSONValue(model.string), "lock": JSONValue(lock), "steps": JSONValue(stepCount),
            "resumed_after": JSONValue(resumedAfter), "seconds": JSONValue((self.seconds * 1000).rounded() / 1000),
            "median_step_seconds": seconds.isEmpty ? .null : JSONValue(seconds[seconds.count / 2]),
            "first_loss": metrics.first.map { JSONValue($0.loss) } ?? .null,
            "last_loss": metrics.last.map { JSONValue($0.loss) } ?? .null,
            "sequences": JSONValue(sequenceCount), "truncated": JSONValue(truncatedCount),
            "blank": JSONValue(blankCount), "ignored_media": JSONValue(ignoredMediaCount),
            "datasets": .array(
                counts.map { part in
                    .object(JSONObject([("reference", JSONValue(part.reference))] + part.counts.fields))
                }),
        ]
        if let unscoredCount { json["unscored"] = JSONValue(unscoredCount) }
        return .object(json)
    }
}
