internal import Base
internal import SystemPackage

/// What is written down of a run while it trains: metrics, TensorBoard's files, jumps of the loss, validations.
///
/// Nothing here changes what is trained. What it decides, whether a checkpoint is the best and whether the run ends early, is a
/// function of the lines of `metrics.jsonl`, so that a run which is resumed knows it.
final class RunWatch {
    private let plan: TrainingPlan
    private let metrics: MetricsFile
    private let events: EventFiles?
    private var jumps = JumpDetector()
    private var history: ValidationHistory?

    /// - Parameter step: that of the checkpoint that the run goes on from; 0 where there is none.
    init(_ plan: TrainingPlan, _ folder: RunFolder, after step: Int) throws {
        self.plan = plan
        metrics = try MetricsFile(folder.path.appending("metrics.jsonl"), after: step)
        events = plan.config.events.every > 0 ? EventFiles(in: folder.path.appending("events"), after: step) : nil
        history = plan.config.validation.map { ValidationHistory($0) }
        if plan.validation != nil, let omissions = plan.config.validationOmissions {
            log.notice("validation's loss is that of the run without \(omissions)")
        }
        for line in metrics.earlier {
            switch line {
            case .step(let taken): _ = jumps.take(taken.loss)
            case .validation(let found): _ = history?.take(found)
            }
        }
    }

    /// Where metrics of an earlier process are; see ``MetricsFile/movedAside``.
    var movedAside: FilePath? { metrics.movedAside }

    /// Whether the run is over, its patience being at an end.
    var isStopped: Bool { history?.isStopped ?? false }

    /// The step of the best validation so far; nil before the first.
    var bestStep: Int? { history?.best?.step }

    /// Whether a step (from 1) needs a sample of its scores.
    func wantsScores(step: Int) -> Bool {
        let every = plan.config.events.histogramsEvery
        return events != nil && every > 0 && (step % every == 0 || step == 1)
    }

    // MARK: - Steps

    /// - Parameter batches: those of the step.
    func record(_ taken: StepMetrics, _ batches: [TrainingBatch], _ scores: ScoreSample?) throws {
        var taken = taken
        let shares = self.shares(of: batches)
        taken.queryCount = batches.reduce(0) { $0 + $1.queryRows.count }
        taken.residentByteCount = TrainingAmounts.residentBytes()
        taken.deviceByteCount = try plan.device.memory?.mostUsed
        taken.shares = shares.count > 1 ? shares : []
        if let (median, spread) = jumps.take(taken.loss) {
            let jump = LossJump(median: median, spread: spread, queries: try queries(of: batches))
            log.warning("\(Self.warning(of: jump, taken))")
            taken.jump = jump
        }
        try metrics.append(taken)
        try writeEvent(taken, shares, scores)
    }

    private func shares(of batches: [TrainingBatch]) -> [StepMetrics.DatasetShare] {
        var shares: [StepMetrics.DatasetShare] = []
        var positions: [Int] = []
        for part in plan.source.parts {
            let reference = part.options.reference
            if let known = shares.firstIndex(where: { $0.reference.utf8.elementsEqual(reference.utf8) }) {
                positions.append(known)
            } else {
                positions.append(shares.count)
                shares.append(.init(reference: reference, queryCount: 0))
            }
        }
        for origin in batches.flatMap(\.origins) { shares[positions[origin.part]].queryCount += 1 }
        return shares
    }

    private func queries(of batches: [TrainingBatch]) throws -> [String] {
        try batches.flatMap(\.origins).map { origin in
            let part = plan.source.parts[origin.part]
            let id = String(decoding: try part.dataset.queryID(origin.query), as: UTF8.self)
            return "\(part.options.reference)/\(id)"
        }
    }

    private static let namedQueryCount = 8

    private static func warning(of jump: LossJump, _ taken: StepMetrics) -> String {
        var names = jump.queries.prefix(namedQueryCount).map { escaped($0.utf8) }.joined(separator: ", ")
        if jump.queries.count > namedQueryCount { names += ", …" }
        return "step \(taken.step): the loss jumped to \(decimal(taken.loss, digits: 3)), from a median of "
            + "\(decimal(jump.median, digits: 3)) (spread \(decimal(jump.spread, digits: 3))) of the steps before; "
            + "its \(jump.queries.count) queries, all of which metrics.jsonl names: \(names)"
    }

    private func writeEvent(
        _ taken: StepMetrics, _ shares: [StepMetrics.DatasetShare], _ scores: ScoreSample?
    ) throws {
        guard let events else { return }
        var entry = EventEntry(step: taken.step)
        if taken.step % plan.config.events.every == 0 || taken.step == plan.stepCount {
            let queryCount = max(1, taken.queryCount ?? 0)
            entry.scalars = [
                ("train/loss", taken.loss), ("train/learning_rate", taken.learningRate),
                ("train/gradient_norm", taken.gradientNorm),
                ("speed/tokens_per_second", Double(taken.tokenCount) / max(taken.seconds, 1e-9)),
                ("speed/examples_per_second", Double(queryCount) / max(taken.seconds, 1e-9)),
                ("memory/resident_mib", Double(taken.residentByteCount ?? 0) / Double(1 << 20)),
            ]
            if let temperature = taken.temperature { entry.scalars.append(("train/temperature", temperature)) }
            entry.scalars += shares.map {
                (tag: "share/\($0.reference)", value: Double($0.queryCount) / Double(queryCount))
            }
        }
        if let scores {
            entry.histograms = [("scores/positive", scores.positives), ("scores/negative", scores.negatives)]
                .compactMap { tag, values in ScoreHistogram(of: values).map { (tag: tag, histogram: $0) } }
        }
        guard !entry.scalars.isEmpty || !entry.histograms.isEmpty else { return }
        try events.append(entry)
    }

    // MARK: - Validations

    /// Whether nothing is known of the model as it is after a step at which it is measured.
    func owesValidation(after step: Int) -> Bool { history?.lastStep != step }

    /// Writes down what the model was found to be worth.
    ///
    /// - Returns: the same, and whether it is the best so far.
    func record(_ measured: ValidationMetrics) throws -> ValidationMetrics {
        let found = history?.take(measured) ?? measured
        try metrics.append(.validation(found))
        if let events {
            var entry = EventEntry(step: found.step)
            entry.scalars = found.values.map { (tag: "validation/\($0.name)", value: $0.value) }
            try events.append(entry)
        }
        log.info(
            """
            after step \(found.step): \
            \(found.values.map { "\($0.name) \(decimal($0.value, digits: 4))" }.joined(separator: ", "))\
            \(found.isBest ? ", the best so far" : "")
            """)
        return found
    }
}
