internal import Base
internal import Examples
internal import Inputs
internal import Models
internal import Records

/// What a run would do, without doing it: rendered examples, tokens, truncation, memory.
public struct DryRun: Sendable {
    /// An example as the model will be given it.
    public struct Rendered: Sendable {
        public let dataset: String
        public let query: GivenRecord
        /// At least one.
        public let positives: [GivenRecord]
        public let negatives: [GivenRecord]
    }

    /// The digest of the run's; nil where there are no weights that it could name.
    public let lock: String?
    public let stepCount: Int
    public let parts: [DatasetShare]
    public let batching: Batches
    public let examples: [Rendered]
    /// Steps that were looked at.
    public let sampledStepCount: Int
    /// Tokens of each different input of the sampled steps, those of media included, ascending.
    public let lengths: [Int]
    public let tokensPerStep: Int
    public let media: MediaShare
    public let sequenceCount: Int
    public let truncatedCount: Int
    /// Inputs with nothing to read in them; see ``BlankTexts``.
    public let blankCount: Int
    /// Queries and passages whose media the model does not see.
    public let ignoredMediaCount: Int
    /// Inputs that equal another of their batch and are not encoded again.
    public let repeatedCount: Int
    /// Passages left out of a query's denominator as known positives.
    public let maskedCount: Int
    /// What the model would be measured on; nil for nothing.
    public let validation: (queryCount: Int, documentCount: Int)?
    public let memory: TrainingMemory
    /// What the loss is made of, every key with its value, and the recipe that it comes from.
    public let loss: TrainingConfig.LossOptions
    public let temperature: Double
    public let learnsTemperature: Bool
    /// Queries of the sampled steps that go without a teacher's scores; nil where the loss has no teacher.
    public let unscoredCount: Int?
    /// By the parts of the model.
    public let trained: [TrainedPart]

    /// Inputs after which no other step is looked at.
    static let mostSequences = 1 << 16
    /// Steps that are looked at, at most.
    public static let mostSteps = 50

    /// Reads and tokenises the first steps, and tries out a block; loads nothing else than the plan has.
    ///
    /// - Parameters:
    ///   - exampleCount: how many examples are rendered.
    ///   - mostSteps: how many steps are looked at; fewer where they are large.
    ///   - wish: what is fixed of how the run is computed.
    ///   - processCount: how many train together.
    /// - Throws: `Failure` with status 130 after an interruption; what reading the examples throws.
    public init(
        _ plan: TrainingPlan, exampleCount: Int = 3, mostSteps: Int = DryRun.mostSteps,
        memory wish: MemoryWish = .init(),
        processCount: Int = 1
    ) throws {
        lock = plan.isOutline ? nil : plan.lock.digest.description
        stepCount = plan.stepCount
        parts = DatasetShare.all(plan)
        var batching = Batches(plan.config)
        examples = try (0..<exampleCount).map { try Self.rendered(plan.source.example(at: UInt64($0)), plan) }
        var lengths: [Int] = []
        var counts = (steps: 0, sequences: 0, truncated: 0, blank: 0, media: 0, repeated: 0, masked: 0, unscored: 0)
        trained = try TrainedPart.all(plan)
        var largest: [ModelInput] = []
        var media = MediaShare()
        var mediaAmounts = MediaAmounts(processCount: processCount, workers: wish.workers)
        while counts.steps < min(plan.stepCount, mostSteps), counts.sequences < Self.mostSequences {
            try Interruption.check()
            let step = counts.steps
            counts.steps += 1
            let examples = try plan.examples(step: step)
            batching.add(examples, plan.source.order)
            let batches = try plan.batching.batches(examples)
            mediaAmounts.add(batches)
            for batch in batches {
                lengths += batch.inputs.map(\.tokens.count)
                media.add(batch)
                counts.sequences += batch.sequenceCount
                counts.truncated += batch.truncatedCount
                counts.blank += batch.blankCount
                counts.media += batch.ignoredMediaCount
                counts.repeated += batch.sequenceCount - batch.inputs.count
                counts.unscored += batch.unscoredCount
                counts.masked += batch.excluded.reduce(0) { $0 + $1.count }
                largest = MemoryForecast.costlier(largest, batch.inputs, processCount: processCount)
            }
        }
        self.batching = batching
        sampledStepCount = counts.steps
        tokensPerStep = lengths.reduce(0, +) / max(1, sampledStepCount)
        self.lengths = lengths.sorted()
        self.media = media
        (sequenceCount, truncatedCount, blankCount) = (counts.sequences, counts.truncated, counts.blank)
        ignoredMediaCount = counts.media
        (loss, temperature, learnsTemperature) = (
            plan.config.loss, plan.config.temperature, plan.config.learnsTemperature
        )
        unscoredCount = plan.teacher == nil ? nil : counts.unscored
        (repeatedCount, maskedCount) = (counts.repeated, counts.masked)
        validation = plan.validation.map { ($0.queryCount, $0.documentCount) }
        memory = try TrainingMemory(plan, MemoryForecast(plan, largest, mediaAmounts, processCount: processCount), wish)
    }

    private static func rendered(_ example: Example, _ plan: TrainingPlan) throws -> Rendered {
        let planners = plan.planners[example.entry.part]
        let reference = plan.source.parts[example.entry.part].options.reference
        let reader = RecordContentReader()
        func given(_ record: [UInt8], _ planner: InputPlanner) throws -> GivenRecord {
            let place = Place(path: reference)
            let content = try record.withUnsafeBytes { try reader.content(of: $0, planner.role, at: place) }
            return GivenRecord(try planner.preview(content, at: place))
        }
        let passages = try example.passages.map { try given($0.record, planners.document) }
        return Rendered(
            dataset: reference, query: try given(example.queryRecord, planners.query),
            positives: Array(passages.prefix(example.positiveCount)),
            negatives: Array(passages.dropFirst(example.positiveCount)))
    }
}
