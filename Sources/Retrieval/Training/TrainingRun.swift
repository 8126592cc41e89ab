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
    private let watch: RunWatch
    /// What is computed with: the model, or its copy in a smaller type.
    private let computing: EmbeddingModel
    private let traceChoice: TraceChoice
    private let trainedParts: Set<ModelPart>
    private var truncatedCount = 0
    private var sequenceCount = 0
    private var blankCount = 0
    private var ignoredMediaCount = 0

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
        computing = try isWhole ? model : Self.roundedCopy(of: model, plan)
        let encoder = BlockwiseEncoder(model: computing.text, head: computing.head, device: plan.device)
        if plan.config.towerCache > 0 { encoder.towerCache = TowerCache(byteBudget: plan.config.towerCache << 20) }
        step = try TrainingStep(
            encoder: encoder, loss: ContrastiveLoss(temperature: plan.config.temperature),
            options: plan.config.optimizer,
            stepCount: plan.stepCount, masters: computing === model ? nil : model.trainableParameters)
        step.chunkTokens = plan.config.chunkTokens
        var dropout = plan.config.usesModelDropout ? model.text.configuredDropout : .none
        dropout.adapter = plan.config.lora?.dropout ?? 0
        dropout.seed = plan.config.seed
        step.dropout = dropout
        if let last { try Checkpoint.restore(step.optimizer, plan, from: folder.checkpointPath(step: last)) }
        reader = try BatchReader(plan, from: step.optimizer.stepCount, workers: workers)
        watch = try RunWatch(plan, folder, after: last ?? 0)
        // A process that was killed may have written a checkpoint, and not yet that it is the best.
        if let best = watch.bestStep, folder.bestStep != best, try folder.checkpointSteps().contains(best) {
            try folder.markBest(step: best)
        }
        if resume, last == nil {
            let kept = watch.movedAside.map { "; the metrics of the process before are in \($0)" } ?? ""
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
        do {
            while true {
                let done = step.optimizer.stepCount
                if watch.owesValidation(after: done) {
                    let found = try watch.validate(computing, after: done)
                    if found.isBest, lastSaved.step == done { try folder.markBest(step: done) }
                }
                if lastSaved.step < done,
                    isCheckpointDue(after: done, secondsSinceLast: Clock.seconds() - lastSaved.seconds)
                {
                    try save()
                    lastSaved = (done, Clock.seconds())
                }
                guard !isDone else { break }
                try Interruption.check()
                let taken = try takeStep()
                progress.advance(note: "loss \(decimal(taken.loss, digits: 3))")
            }
        } catch let failure as Failure where failure.exitStatus == .interrupted {
            progress.finish()
            throw try interrupted(lastSaved: lastSaved.step)
        }
        progress.finish()
        if !folder.isFinished {
            try writePage()
            try folder.finish(step: step.optimizer.stepCount)
        }
        return try report(firstStep: first, seconds: Clock.seconds() - start)
    }

    /// Whether no step is to be taken any more.
    private var isDone: Bool { step.optimizer.stepCount >= plan.stepCount || watch.isStopped }

    private var metricsPath: FilePath { folder.path.appending("metrics.jsonl") }

    private func writePage() throws {
        let page = RunPage(lines: try MetricsFile.lines(metricsPath), plan: plan)
        try Files.replace(folder.path.appending("report.html"), with: page.text)
    }

    private func isCheckpointDue(after step: Int, secondsSinceLast seconds: Double) -> Bool {
        let (steps, minutes) = (plan.config.checkpointEvery, plan.config.checkpointEveryMinutes)
        return isDone || step == watch.bestStep || (steps > 0 && step % steps == 0)
            || (minutes > 0 && seconds >= 60 * minutes)
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
        }
        step.trace = try trace(for: batches)
        step.samplesScores = watch.wantsScores(step: step.optimizer.stepCount + 1)
        let outcome = try step.take(batches)
        let taken = StepMetrics(
            step: step.optimizer.stepCount, loss: outcome.loss, learningRate: outcome.learningRate,
            gradientNorm: outcome.gradientNorm, tokenCount: outcome.tokenCount, seconds: Clock.seconds() - start)
        try watch.record(taken, batches, step.scores)
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
        if watch.bestStep == step.optimizer.stepCount { try folder.markBest(step: step.optimizer.stepCount) }
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
        /// In their order; none where nothing is validated on.
        public let validations: [ValidationMetrics]
        /// Queries and passages of this process's steps, and how many of them were cut.
        public let sequenceCount: Int
        public let truncatedCount: Int
        /// How many of them were blank; see ``BlankTexts``.
        public let blankCount: Int
        /// How many of them have media that the model did not see.
        public let ignoredMediaCount: Int
        public let counts: [(reference: String, counts: ExampleSource.Counts)]
    }

    private func report(firstStep: Int, seconds: Double) throws -> Report {
        let lines = try MetricsFile.lines(metricsPath)
        return Report(
            model: folder.modelPath, lock: plan.lock.digest.description, stepCount: plan.stepCount,
            resumedAfter: firstStep, seconds: seconds,
            metrics: lines.compactMap { if case .step(let metrics) = $0 { metrics } else { nil } },
            validations: lines.compactMap { if case .validation(let found) = $0 { found } else { nil } },
            sequenceCount: sequenceCount, truncatedCount: truncatedCount, blankCount: blankCount,
            ignoredMediaCount: ignoredMediaCount,
            counts: plan.source.parts.map { ($0.options.reference, $0.counts) })
    }
}

extension TrainingRun.Report {
    /// The validation whose checkpoint is kept as the best.
    public var best: ValidationMetrics? { validations.last { $0.isBest } }

    /// Whether the run ended before all its steps, its patience being at an end.
    public var stoppedEarly: Bool { validations.last?.stopsRun ?? false }

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
        if !validations.isEmpty {
            json["steps_taken"] = JSONValue(metrics.count)
            json["stopped_early"] = .bool(stoppedEarly)
            json["best"] = best?.json ?? .null
            json["last_validation"] = validations.last?.json ?? .null
        }
        return .object(json)
    }
}
