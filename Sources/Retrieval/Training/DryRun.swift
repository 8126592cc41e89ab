internal import Base
internal import Engine
public import Examples
internal import Inputs
public import JSON
internal import Records

/// What a run would do, without doing it: rendered examples, tokens, truncation, memory.
public struct DryRun: Sendable {
    /// An example as the model will see it, prompts included.
    public struct Rendered: Sendable {
        public var dataset: String
        public var query: String
        public var positive: String
        public var negatives: [String]
    }

    public let lock: String
    public let stepCount: Int
    public let parts: [(reference: String, digest: String, weight: UInt64, counts: ExampleSource.Counts)]
    public let examples: [Rendered]
    /// Steps that were looked at.
    public let sampledStepCount: Int
    /// Tokens of each different text of the sampled steps, ascending.
    public let lengths: [Int]
    public let tokensPerStep: Int
    public let sequenceCount: Int
    public let truncatedCount: Int
    /// Texts with nothing to read in them; see ``BlankTexts``.
    public let blankCount: Int
    /// Queries and passages whose media the model does not see.
    public let ignoredMediaCount: Int
    /// Texts that equal another of their batch and are not encoded again.
    public let repeatedCount: Int
    /// Passages left out of a query's denominator as known positives.
    public let maskedCount: Int
    public let memory: TrainingMemory
    /// By the parts of the model.
    public let trained: [TrainedPart]

    /// Texts after which no other step is looked at.
    private static let mostSequences = 1 << 16

    /// Reads and tokenises the first steps; loads nothing else than the plan has.
    ///
    /// - Parameters:
    ///   - exampleCount: how many examples are rendered.
    ///   - mostSteps: how many steps are looked at; fewer where they are large.
    /// - Throws: `Failure` with status 130 after an interruption; what reading the examples throws.
    public init(_ plan: TrainingPlan, exampleCount: Int = 3, mostSteps: Int = 50) throws {
        lock = plan.lock.digest.description
        stepCount = plan.stepCount
        parts = plan.source.parts.map {
            ($0.options.reference, $0.dataset.digest.description, $0.weight, $0.counts)
        }
        examples = try (0..<exampleCount).map { try Self.rendered(plan.source.example(at: UInt64($0)), plan) }
        var lengths: [Int] = []
        var counts = (steps: 0, sequences: 0, truncated: 0, blank: 0, media: 0, repeated: 0, masked: 0)
        trained = try TrainedPart.all(plan)
        let trainedParts = try plan.trainedParts()
        let encoder = BlockwiseEncoder(model: plan.start.text, head: plan.start.head, device: plan.device)
        var largest = TraceEstimate(kept: 0, recomputed: 0)
        while counts.steps < min(plan.stepCount, mostSteps), counts.sequences < Self.mostSequences {
            try Interruption.check()
            let step = counts.steps
            counts.steps += 1
            for batch in try plan.batches(step: step) {
                lengths += batch.inputs.map(\.tokens.count)
                counts.sequences += batch.sequenceCount
                counts.truncated += batch.truncatedCount
                counts.blank += batch.blankCount
                counts.media += batch.ignoredMediaCount
                counts.repeated += batch.sequenceCount - batch.inputs.count
                counts.masked += batch.excluded.reduce(0) { $0 + $1.count }
                let traces = try plan.estimatedTraces(batch.inputs, encoder, trainedParts)
                if traces.kept > largest.kept { largest = traces }
            }
        }
        sampledStepCount = counts.steps
        tokensPerStep = lengths.reduce(0, +) / max(1, sampledStepCount)
        self.lengths = lengths.sorted()
        (sequenceCount, truncatedCount, blankCount) = (counts.sequences, counts.truncated, counts.blank)
        ignoredMediaCount = counts.media
        (repeatedCount, maskedCount) = (counts.repeated, counts.masked)
        memory = try TrainingMemory(plan, traces: largest)
    }

    private static func rendered(_ example: Example, _ plan: TrainingPlan) throws -> Rendered {
        let planners = plan.planners[example.entry.part]
        let reference = plan.source.parts[example.entry.part].options.reference
        let reader = RecordContentReader()
        func text(_ record: [UInt8], _ planner: InputPlanner) throws -> String {
            let place = Place(path: reference)
            let content = try record.withUnsafeBytes { try reader.content(of: $0, planner.role, at: place) }
            // For people only: what the model gets are the bytes.
            let preview = try planner.preview(content, at: place)
            return ([preview.text] + preview.media.map { "(\($0))" }).joined(separator: " ")
        }
        let passages = try example.passages.map { try text($0.record, planners.document) }
        return Rendered(
            dataset: reference, query: try text(example.queryRecord, planners.query), positive: passages[0],
            negatives: Array(passages.dropFirst()))
    }
}

extension DryRun {
    /// The length that `share` of the texts do not exceed.
    func length(atShare share: Double) -> Int {
        lengths.isEmpty ? 0 : lengths[min(lengths.count - 1, Int(share * Double(lengths.count)))]
    }

    /// What `--dry-run` prints.
    public var text: String {
        var lines = ["lock      \(lock)", "steps     \(stepCount)", "datasets"]
        for part in parts {
            lines.append("  \(part.reference)  \(part.digest)")
            lines.append("    weight \(part.weight); \(part.counts.text)")
        }
        lines.append("first examples")
        for (number, example) in examples.enumerated() {
            lines.append("  \(number + 1). \(example.dataset)")
            lines.append("     query     \(example.query)")
            lines.append("     positive  \(example.positive)")
            lines += example.negatives.map { "     negative  \($0)" }
        }
        let rate = 100 * Double(truncatedCount) / Double(max(1, sequenceCount))
        lines.append("tokens, over the first \(sampledStepCount) steps")
        lines.append(
            "  \(tokensPerStep) a step; a text has \(length(atShare: 0.5)) (median), "
                + "\(length(atShare: 0.95)) (95 %), \(lengths.last ?? 0) (longest)")
        lines.append("  blank \(blankCount) of \(sequenceCount) texts")
        if ignoredMediaCount > 0 { lines.append("  media not seen \(ignoredMediaCount) of \(sequenceCount)") }
        lines.append("  truncated \(truncatedCount) of \(sequenceCount) texts (\((rate * 100).rounded() / 100) %)")
        lines.append("  equal to another of their batch \(repeatedCount), masked as known positives \(maskedCount)")
        lines += ["trained"] + trained.map(\.line)
        lines += memory.lines
        return lines.joined(separator: "\n") + "\n"
    }

    public var json: JSONValue {
        [
            "lock": JSONValue(lock), "steps": JSONValue(stepCount),
            "datasets": .array(
                parts.map { part in
                    .object(
                        JSONObject(
                            [
                                ("reference", JSONValue(part.reference)), ("digest", JSONValue(part.digest)),
                                ("weight", JSONValue(Int(part.weight))),
                            ] + part.counts.fields))
                }),
            "examples": .array(
                examples.map { example in
                    [
                        "dataset": JSONValue(example.dataset), "query": JSONValue(example.query),
                        "positive": JSONValue(example.positive),
                        "negatives": .array(example.negatives.map { JSONValue($0) }),
                    ]
                }),
            "tokens": [
                "sampled_steps": JSONValue(sampledStepCount), "per_step": JSONValue(tokensPerStep),
                "median": JSONValue(length(atShare: 0.5)), "p95": JSONValue(length(atShare: 0.95)),
                "longest": JSONValue(lengths.last ?? 0), "texts": JSONValue(sequenceCount),
                "truncated": JSONValue(truncatedCount), "repeated": JSONValue(repeatedCount),
                "blank": JSONValue(blankCount), "ignored_media": JSONValue(ignoredMediaCount),
                "masked": JSONValue(maskedCount),
            ],
            "trained": .array(trained.map(\.json)),
            "memory_bytes": memory.json,
        ]
    }
}
