internal import Base
public import Examples
public import JSON

/// What a run would do, without doing it: rendered examples, tokens, truncation, memory.
public struct DryRun: Sendable {
    /// An example as the model will see it, prompts included.
    public struct Rendered: Sendable {
        public var dataset: String
        public var query: String
        public var positive: String
        public var negatives: [String]
    }

    /// Bytes, by what they hold.
    public struct Memory: Sendable {
        /// Exact: all weights, gradients of the trained ones, and both of AdamW's moments.
        public var weights = 0
        public var gradients = 0
        public var moments = 0
        /// Estimated for the largest micro-batch that was looked at, all of them kept: see
        /// ``BlockwiseEncoder/estimatedTraceBytes(tokenCount:)``.
        public var keptTraces = 0
        /// Likewise for the largest stage alone, as with `--trace recompute`.
        public var recomputedTraces = 0
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
    /// Texts that equal another of their batch and are not encoded again.
    public let repeatedCount: Int
    /// Passages left out of a query's denominator as known positives.
    public let maskedCount: Int
    public let memory: Memory

    /// Reads and tokenises the first steps; loads nothing else than the plan has.
    ///
    /// - Parameters:
    ///   - exampleCount: how many examples are rendered.
    ///   - mostSteps: how many steps are looked at.
    public init(_ plan: TrainingPlan, exampleCount: Int = 3, mostSteps: Int = 50) throws {
        lock = plan.lock.digest.description
        stepCount = plan.stepCount
        parts = plan.source.parts.map {
            ($0.options.reference, $0.dataset.digest.description, $0.weight, $0.counts)
        }
        examples = try (0..<exampleCount).map { try Self.rendered(plan.source.example(at: UInt64($0)), plan) }
        sampledStepCount = min(plan.stepCount, mostSteps)
        var lengths: [Int] = []
        var counts = (sequences: 0, truncated: 0, repeated: 0, masked: 0, largest: 0)
        for step in 0..<sampledStepCount {
            try Interruption.check()
            for batch in try plan.batches(step: step) {
                lengths += batch.texts.map(\.count)
                counts.sequences += batch.sequenceCount
                counts.truncated += batch.truncatedCount
                counts.repeated += batch.sequenceCount - batch.texts.count
                counts.masked += batch.excluded.reduce(0) { $0 + $1.count }
                counts.largest = max(counts.largest, batch.tokenCount)
            }
        }
        tokensPerStep = lengths.reduce(0, +) / max(1, sampledStepCount)
        self.lengths = lengths.sorted()
        (sequenceCount, truncatedCount) = (counts.sequences, counts.truncated)
        (repeatedCount, maskedCount) = (counts.repeated, counts.masked)
        memory = try Self.memory(plan, largestBatch: counts.largest)
    }

    private static func rendered(_ example: Example, _ plan: TrainingPlan) -> Rendered {
        let side = plan.sides[example.entry.part]
        func text(_ prompt: String, _ bytes: [UInt8]) -> String {
            // For people only: what the model gets are the bytes.
            prompt + String(decoding: bytes, as: UTF8.self)
        }
        return Rendered(
            dataset: plan.source.parts[example.entry.part].options.reference,
            query: text(side.query.prompt, example.queryText),
            positive: text(side.document.prompt, example.passages[0].text),
            negatives: example.passages.dropFirst().map { text(side.document.prompt, $0.text) })
    }

    private static func memory(_ plan: TrainingPlan, largestBatch: Int) throws -> Memory {
        let model = plan.start.text
        var memory = Memory()
        memory.weights = model.parameters.reduce(0) { $0 + $1.tensor.byteCount }
        let trained: Int
        if let lora = plan.mix.lora {
            let targets = model.linearLayers.filter { lora.configuration.isTarget($0.name) }
            trained = targets.reduce(0) { $0 + 4 * lora.rank * ($1.inputSize + $1.outputSize) }
            memory.weights += trained
        } else {
            trained = (model.embeddingParameters + model.blocks.flatMap(\.parameters)).reduce(0) {
                $0 + $1.tensor.byteCount
            }
        }
        memory.gradients = trained
        memory.moments = 2 * trained
        let encoder = BlockwiseEncoder(
            model: model, pooling: plan.card.pooling, isNormalizing: plan.card.normalize, device: plan.device)
        memory.keptTraces = encoder.estimatedTraceBytes(tokenCount: largestBatch)
        let inputs = 4 * largestBatch * model.hiddenSize * model.blocks.count
        let chunk = min(largestBatch, plan.mix.chunkTokens ?? largestBatch)
        memory.recomputedTraces =
            inputs + encoder.estimatedTraceBytes(tokenCount: chunk) / max(1, model.blocks.count)
        return memory
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
            lines.append(
                "    \(part.counts.queries) queries, weight \(part.weight); without positives "
                    + "\(part.counts.withoutPositives), short of negatives \(part.counts.shortOfNegatives), "
                    + "without negatives \(part.counts.withoutNegatives)")
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
        lines.append("  truncated \(truncatedCount) of \(sequenceCount) texts (\((rate * 100).rounded() / 100) %)")
        lines.append("  equal to another of their batch \(repeatedCount), masked as known positives \(maskedCount)")
        lines.append("memory")
        lines.append(
            "  weights \(byteSize(memory.weights)), gradients \(byteSize(memory.gradients)), "
                + "optimizer \(byteSize(memory.moments))")
        lines.append(
            "  traces about \(byteSize(memory.keptTraces)) kept, "
                + "\(byteSize(memory.recomputedTraces)) with --trace recompute")
        return lines.joined(separator: "\n") + "\n"
    }

    public var json: JSONValue {
        [
            "lock": JSONValue(lock), "steps": JSONValue(stepCount),
            "datasets": .array(
                parts.map { part in
                    [
                        "reference": JSONValue(part.reference), "digest": JSONValue(part.digest),
                        "weight": JSONValue(Int(part.weight)), "queries": JSONValue(part.counts.queries),
                        "without_positives": JSONValue(part.counts.withoutPositives),
                        "short_of_negatives": JSONValue(part.counts.shortOfNegatives),
                        "without_negatives": JSONValue(part.counts.withoutNegatives),
                    ]
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
                "masked": JSONValue(maskedCount),
            ],
            "memory_bytes": [
                "weights": JSONValue(memory.weights), "gradients": JSONValue(memory.gradients),
                "optimizer": JSONValue(memory.moments), "kept_traces": JSONValue(memory.keptTraces),
                "recomputed_traces": JSONValue(memory.recomputedTraces),
            ],
        ]
    }
}
