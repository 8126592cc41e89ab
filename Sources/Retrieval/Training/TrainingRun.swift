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
/// not. SIGINT and SIGTERM give up the step under way and end it with a checkpoint of the last whole one; so does a record
/// that the model cannot be given. Processes that train together end the step under way first.
public final class TrainingRun {
    /// What keeps traces: the run's choice, or that of the memory that is free.
    public enum TraceChoice: String, Sendable, CaseIterable { case auto, keep, recompute, offload }

    private static let stepsBetweenTrims = 8

    private let plan: TrainingPlan
    private let folder: RunFolder
    private let model: EmbeddingModel
    private let step: TrainingStep
    private let reader: BatchReader
    /// Nil in the processes of a group that write nothing.
    private let watch: RunWatch?
    /// Nil where nothing is validated on.
    private let validator: Validator?
    private let group: TrainingGroup?
    private var lastGradientNorm = 0.0
    /// What is computed with: the model, or its copy in a smaller type.
    private let computing: EmbeddingModel
    /// Nil: of each step, what fits into the memory that is free.
    private let trace: BlockwiseEncoder.Trace?
    private let trainedParts: Set<ModelPart>
    private var truncatedCount = 0
    private var sequenceCount = 0
    private var blankCount = 0
    private var replacedCount = 0
    private var ignoredMediaCount = 0
    private var unscoredCount = 0

    /// Starts a run in `output`, or goes on with the one that is there.
    ///
    /// - Parameters:
    ///   - resume: see ``RunFolder/init(opening:lock:resume:)``.
    ///   - workers: threads that read, tokenise and decode ahead; nil for a few. Steps do not depend on it.
    ///   - memory: how the run is computed; nil: with `trace`, and the config's chunks. Results do not depend on it but for the
    ///     order of sums, see ``MemoryPlan``. Its residency is that of `plan`.
    ///   - group: the processes that train together, all with the same config and the same folder, of which the first
    ///     writes; nil for one alone.
    public init(
        _ plan: TrainingPlan, output: FilePath, resume: Bool, trace: TraceChoice = .auto, memory: MemoryPlan? = nil,
        workers: Int? = nil, group: TrainingGroup? = nil
    ) throws {
        precondition(memory == nil || memory?.residency == plan.residency, "the plan was opened for another residency")
        precondition(!plan.isOutline, "a plan with weights")
        self.group = group
        self.plan = plan
        self.trace = memory?.trace ?? trace.policy()
        trainedParts = try plan.trainedParts()
        let isFirst = group?.isFirst ?? true
        if isFirst {
            folder = try RunFolder(opening: output, lock: plan.lock, resume: resume)
            try group?.group.wait()
        } else {
            try group?.group.wait()
            folder = try RunFolder(beside: output, lock: plan.lock)
        }
        // In a smaller type the model computes with a rounded copy; what is trained and saved stays float32. Beside an
        // adapter, which is rounded as it is used, the weights are frozen and there once.
        let isWhole = plan.config.lora != nil || plan.config.precision == .f32
        // What processes divide moves to where its parts lie; masters stay in their file until each has taken its part.
        let isDivided = group?.sharding ?? .none > .none
        let isTrained = isWhole || !isDivided
        let last = try folder.checkpointSteps().last
        if let last {
            model = try Checkpoint.resume(
                plan, from: folder.checkpointPath(step: last), isTrained: isTrained, isMoved: isDivided)
        } else {
            model = plan.start
            if let lora = plan.config.lora {
                try model.text.addAdapters(
                    lora.configuration(for: model.text), seed: plan.config.seed, except: plan.config.frozen)
            } else if isTrained {
                try model.trainAll(except: plan.config.frozen, isMoved: isDivided)
            }
        }
        computing = try isWhole ? model : Self.roundedCopy(of: model, plan, isMoved: isDivided)
        let encoder = BlockwiseEncoder(model: computing.text, head: computing.head, device: plan.device)
        if plan.config.towerCache > 0 { encoder.towerCache = TowerCache(byteBudget: plan.config.towerCache << 20) }
        step = try TrainingStep(
            encoder: encoder, loss: plan.loss, options: plan.config.optimizer,
            stepCount: plan.stepCount, masters: computing === model ? nil : model.parameters(like: encoder.parameters),
            group: group)
        step.chunkTokens = memory?.chunkTokens ?? plan.config.chunkTokens
        // Beside the run's files, which are on a disk that is large enough for checkpoints.
        encoder.scratchFolder = output
        step.dropout = plan.dropout(of: model.text)
        step.optimizer.seed = plan.config.seed
        if let last {
            try Checkpoint.restore(step.optimizer, plan, from: folder.checkpointPath(step: last))
            try step.temperature?.restore(from: folder.checkpointPath(step: last))
        }
        reader = try BatchReader(
            plan, from: step.optimizer.stepCount, workers: workers, place: group.map { ($0.rank, $0.size) })
        watch = isFirst ? try RunWatch(plan, folder, after: last ?? 0) : nil
        let scratch = folder.path.appending(RunFolder.validationName)
        validator = plan.validation.map { set in
            Validator(set, plan, scratch: scratch, together: group.map { ($0, encoder) })
        }
        // A process that was killed may have written a checkpoint, and not yet that it is the best.
        if let best = watch?.bestStep, folder.bestStep != best, try folder.checkpointSteps().contains(best) {
            try folder.markBest(step: best)
        }
        if isFirst, resume, last == nil {
            let kept = watch?.movedAside.map { "; the metrics of the process before are in \($0)" } ?? ""
            log.notice("\(output) has no checkpoint to resume from: the run starts anew\(kept)")
        }
    }

    private static func roundedCopy(
        of model: EmbeddingModel, _ plan: TrainingPlan, isMoved: Bool
    ) throws -> EmbeddingModel {
        let copy = try TrainingPlan.load(plan.config, from: model.folder, plan.device, .resident, type: .bfloat16)
        try copy.trainAll(except: plan.config.frozen, isMoved: isMoved)
        return copy
    }

    /// Trains to the end.
    ///
    /// - Throws: `Failure` with status 130 after an interruption, once a checkpoint is written; `Failure` where the
    ///   loss or the gradients are not finite; whatever reading throws, once a checkpoint is written; whatever writing throws.
    public func run() throws -> Report {
        // A checkpoint of the steps before the one under way is written.
        Interruption.allowGrace(seconds: 300)
        let start = Clock.seconds()
        let first = step.optimizer.stepCount
        let progress = Progress("train", unit: "steps", total: plan.stepCount)
        progress.advance(by: first)
        // Processes that exchange data stop where they have agreed to.
        Interruption.isDeferred = group != nil
        defer { Interruption.isDeferred = false }
        var lastSaved = (step: first, seconds: start)
        do {
            while true {
                let done = step.optimizer.stepCount
                try validateIfDue(lastSaved: lastSaved.step)
                let isDue =
                    lastSaved.step < done
                    && isCheckpointDue(after: done, secondsSinceLast: Clock.seconds() - lastSaved.seconds)
                let agreed = try agree(isCheckpointDue: watch != nil && isDue)
                if agreed.isCheckpointDue {
                    try save()
                    lastSaved = (done, Clock.seconds())
                }
                if group == nil { try Interruption.check() }
                if agreed.isDone { break }
                if agreed.isInterrupted { throw Failure(.interrupted, "interrupted") }
                let taken = try takeStep()
                progress.advance(note: "loss \(decimal(taken.loss, digits: 3))")
            }
        } catch let failure as Failure where failure.exitStatus == .interrupted {
            progress.finish()
            throw try interrupted(lastSaved: lastSaved.step)
        } catch let failure as ReadingFailure {
            progress.finish()
            throw ended(by: failure.error, lastSaved: lastSaved.step)
        } catch let failure as Failure where group != nil && failure.exitStatus == .unavailable {
            // Another process has ended: the steps before are kept.
            progress.finish()
            throw ended(by: failure, lastSaved: lastSaved.step)
        }
        progress.finish()
        if watch != nil, !folder.isFinished {
            try writePage()
            try folder.finish(step: step.optimizer.stepCount)
        }
        // Whoever ends before the first has written all would look like one that failed.
        try group?.group.wait()
        return try report(firstStep: first, seconds: Clock.seconds() - start)
    }

    /// Measures the model before the first step, after every so many and after the last, unless an earlier process has.
    private func validateIfDue(lastSaved: Int) throws {
        let done = step.optimizer.stepCount
        guard let validator, let options = plan.config.validation else { return }
        guard done % options.every == 0 || done == plan.stepCount else { return }
        let isOwed = watch?.owesValidation(after: done) ?? false
        guard try group?.agree(onFirst: isOwed) ?? isOwed else { return }
        // What a step has freed is not kept beside what validation takes, nor the other way round.
        Compute.trimHeap()
        defer { Compute.trimHeap() }
        guard let watch else { return try validator.assist(computing) }
        let measured = try validator.measure(computing, step: done, temperature: step.temperature?.value)
        let found = try watch.record(measured)
        if found.isBest, lastSaved == done { try folder.markBest(step: done) }
    }

    /// What all processes do next; one alone does what it wants.
    private func agree(isCheckpointDue: Bool) throws -> TrainingGroup.Agreement {
        guard let group else {
            return .init(isDone: isDone, isInterrupted: false, isCheckpointDue: isCheckpointDue)
        }
        return try group.agree(
            isDone: isDone, isInterrupted: Interruption.isRequested, isCheckpointDue: isCheckpointDue,
            gradientNorm: lastGradientNorm)
    }

    /// Whether no step is to be taken any more.
    private var isDone: Bool { step.optimizer.stepCount >= plan.stepCount || watch?.isStopped ?? false }

    private var metricsPath: FilePath { folder.path.appending("metrics.jsonl") }

    private func writePage() throws {
        let page = RunPage(lines: try MetricsFile.lines(metricsPath), plan: plan)
        try Files.replace(folder.path.appending("report.html"), with: page.text)
    }

    private func isCheckpointDue(after step: Int, secondsSinceLast seconds: Double) -> Bool {
        let (steps, minutes) = (plan.config.checkpointEvery, plan.config.checkpointEveryMinutes)
        return isDone || step == watch?.bestStep || (steps > 0 && step % steps == 0)
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

    /// What reading the batches of a step threw: no weight has changed since the last whole step.
    private struct ReadingFailure: Error {
        let error: any Error
    }

    /// Saves what the last checkpoint has not, and says where it is beside what ended the run. Where processes have divided
    /// what they train, none can save it alone.
    private func ended(by error: any Error, lastSaved: Int) -> any Error {
        guard watch != nil else { return error }
        let done = step.optimizer.stepCount
        if step.divided != nil, done > lastSaved {
            log.notice(
                lastSaved == 0
                    ? "No checkpoint was written before it."
                    : "The run goes on from \(folder.checkpointPath(step: lastSaved)) with --resume.")
            return error
        }
        do {
            if done > lastSaved { try save() }
        } catch {
            log.warning("no checkpoint after step \(done): \(error)")
            return error
        }
        let state =
            done == 0
            ? "No step was done before it."
            : "The checkpoint \(folder.checkpointPath(step: done)) of the steps before it, \(done) of \(plan.stepCount), is "
                + "complete."
        guard let error = error as? InputError else {
            log.notice("\(state)")
            return error
        }
        return InputError(
            error.reason, at: error.place, offender: error.offender,
            advice: (error.advice.map { $0 + ($0.hasSuffix(".") ? " " : ". ") } ?? "") + state,
            exitStatus: error.exitStatus)
    }

    private func nextBatches() throws -> [TrainingBatch] {
        do {
            return try reader.next()
        } catch let failure as Failure where failure.exitStatus == .interrupted {
            throw failure
        } catch {
            throw ReadingFailure(error: error)
        }
    }

    private func takeStep() throws -> StepMetrics {
        let start = Clock.seconds()
        let batches = try nextBatches()
        for batch in batches {
            truncatedCount += batch.truncatedCount
            sequenceCount += batch.sequenceCount
            blankCount += batch.blankCount
            replacedCount += batch.replacedCount
            ignoredMediaCount += batch.ignoredMediaCount
            unscoredCount += batch.unscoredCount
        }
        step.trace = try trace(for: batches)
        step.samplesScores = watch?.wantsScores(step: step.optimizer.stepCount + 1) ?? false
        let outcome = try step.take(batches)
        var taken = StepMetrics(
            step: step.optimizer.stepCount, loss: outcome.loss, learningRate: outcome.learningRate,
            gradientNorm: outcome.gradientNorm, tokenCount: outcome.tokenCount, seconds: Clock.seconds() - start)
        taken.temperature = outcome.temperature
        lastGradientNorm = outcome.gradientNorm
        try watch?.record(taken, batches, step.scores)
        // Without this a run of MiniLM grew by 20 MB a step.
        if taken.step % Self.stepsBetweenTrims == 0 || plan.residency == .streamed { Compute.trimHeap() }
        return taken
    }

    private func trace(for batches: [TrainingBatch]) throws -> BlockwiseEncoder.Trace {
        if let trace { return trace }
        let bytes = try batches.map { try plan.estimatedTraces($0.ownInputs, step.encoder, trainedParts).kept }
        return bytes.max() ?? 0 <= plan.traceBudget() / (group?.localSize ?? 1) ? .keep : .recompute
    }

    /// Writes a checkpoint, in the process that writes, and in all where they have divided what they train.
    private func save() throws {
        guard watch != nil else {
            if step.divided != nil {
                try Checkpoint.assist(step, in: folder.stagingPath(step: step.optimizer.stepCount))
            }
            return
        }
        try folder.publishCheckpoint(step: step.optimizer.stepCount) { path in
            try Checkpoint.write(model, plan, step, to: path)
            try step.temperature?.write(to: path)
        }
        if watch?.bestStep == step.optimizer.stepCount { try folder.markBest(step: step.optimizer.stepCount) }
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
        /// The most that this process had in memory at once, from its start on; 0 where the system does not say.
        public let peakByteCount: Int
        public let metrics: [StepMetrics]
        /// In their order; none where nothing is validated on.
        public let validations: [ValidationMetrics]
        /// Queries and passages of this process's steps, and how many of them were cut.
        public let sequenceCount: Int
        public let truncatedCount: Int
        /// How many of them were blank; see ``BlankTexts``.
        public let blankCount: Int
        /// Examples that stood for others, so that no batch had a query or a positive twice.
        public let replacedCount: Int
        /// How many of them have media that the model did not see.
        public let ignoredMediaCount: Int
        /// Queries that went without a teacher's scores; nil where the loss has no teacher.
        public let unscoredCount: Int?
        public let counts: [(reference: String, counts: ExampleSource.Counts)]
    }

    private func report(firstStep: Int, seconds: Double) throws -> Report {
        let lines = try MetricsFile.lines(metricsPath)
        return Report(
            model: folder.modelPath, lock: plan.lock.digest.description, stepCount: plan.stepCount,
            resumedAfter: firstStep, seconds: seconds, peakByteCount: TrainingAmounts.peakResidentBytes(),
            metrics: lines.compactMap { if case .step(let metrics) = $0 { metrics } else { nil } },
            validations: lines.compactMap { if case .validation(let found) = $0 { found } else { nil } },
            sequenceCount: sequenceCount, truncatedCount: truncatedCount, blankCount: blankCount,
            replacedCount: replacedCount, ignoredMediaCount: ignoredMediaCount,
            unscoredCount: plan.teacher == nil ? nil : unscoredCount,
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
            "resumed_after": JSONValue(resumedAfter), "peak_bytes": JSONValue(peakByteCount),
            "seconds": JSONValue((self.seconds * 1000).rounded() / 1000),
            "median_step_seconds": seconds.isEmpty ? .null : JSONValue(seconds[seconds.count / 2]),
            "first_loss": metrics.first.map { JSONValue($0.loss) } ?? .null,
            "last_loss": metrics.last.map { JSONValue($0.loss) } ?? .null,
            "sequences": JSONValue(sequenceCount), "truncated": JSONValue(truncatedCount),
            "blank": JSONValue(blankCount), "ignored_media": JSONValue(ignoredMediaCount),
            "replaced": JSONValue(replacedCount),
            "datasets": .array(
                counts.map { part in
                    .object(JSONObject([("reference", JSONValue(part.reference))] + part.counts.fields))
                }),
        ]
        if let unscoredCount { json["unscored"] = JSONValue(unscoredCount) }
        if !validations.isEmpty {
            json["steps_taken"] = JSONValue(metrics.count)
            json["stopped_early"] = .bool(stoppedEarly)
            json["best"] = best?.json ?? .null
            json["last_validation"] = validations.last?.json ?? .null
        }
        return .object(json)
    }
}
