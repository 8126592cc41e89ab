internal import Base
public import Examples
internal import JSON

extension DryRun {
    /// What a run takes of one dataset.
    public struct DatasetShare: Sendable {
        public let reference: String
        public let digest: String
        /// As the config gives it, or by size.
        public let weight: Double
        public let exampleCount: Int
        /// Examples of the whole run.
        public let drawnCount: Int
        /// Of the examples of the whole run.
        public let share: Double
        /// Whether the examples were counted to the last; else they are shared out by weight.
        public let isExact: Bool
        public let counts: ExampleSource.Counts

        /// Of every dataset of a plan.
        static func all(_ plan: TrainingPlan) -> [DatasetShare] {
            let total = plan.stepCount * plan.config.queriesPerStep
            let drawn = plan.source.order.partCounts(ofFirst: UInt64(total))
            return plan.source.parts.enumerated().map { number, part in
                DatasetShare(
                    reference: part.options.reference, digest: part.dataset.digest.description, weight: part.weight,
                    exampleCount: Int(part.exampleCount), drawnCount: Int(drawn.counts[number]),
                    share: Double(drawn.counts[number]) / Double(max(1, total)), isExact: drawn.isExact,
                    counts: part.counts)
            }
        }

        /// Passes over the dataset.
        public var passes: Double { Double(drawnCount) / Double(max(1, exampleCount)) }

        var lines: [String] {
            [
                "  \(reference)  \(digest)",
                "    weight \(NumberRange.text(weight)); share \(decimal(100 * share, digits: 2)) %, "
                    + "\(isExact ? "" : "about ")\(grouped(drawnCount)) examples of the run, "
                    + "\(decimal(passes, digits: 2)) passes over its \(grouped(exampleCount))",
                "    \(counts.text)",
            ]
        }

        var json: JSONValue {
            .object(
                JSONObject(
                    [
                        ("reference", JSONValue(reference)), ("digest", JSONValue(digest)),
                        ("weight", TrainingConfig.json(ofWeight: weight)), ("share", JSONValue(share)),
                        ("examples", JSONValue(exampleCount)), ("drawn", JSONValue(drawnCount)),
                        ("drawn_is_exact", .bool(isExact)),
                    ] + counts.fields))
        }
    }

    /// How batches are made; nothing where nothing is said of it.
    var batchLines: [String] {
        guard batching.isAsked else { return [] }
        var lines = [
            "batches of \(batching.queryCount) queries, \(batching.isOfOneDataset ? "each of one dataset" : "mixed")"
        ]
        if batching.isUnique {
            lines.append(
                "  no query and no positive twice in one; of \(batching.sampledCount) examples \(batching.movedCount) moved, "
                    + "\(batching.replacedCount) replaced")
        }
        return lines
    }

    /// How examples were put into batches.
    public struct Batches: Sendable {
        public var queryCount = 0
        public var isOfOneDataset = false
        public var isUnique = false
        /// Examples that were looked at.
        public var sampledCount = 0
        /// Of these, those that are not where the order alone would put them.
        public var movedCount = 0
        /// Of these, those that stand for one that there was no room for.
        public var replacedCount = 0

        var isAsked: Bool { isOfOneDataset || isUnique }

        init(_ config: TrainingConfig) {
            queryCount = config.queriesPerBatch
            isOfOneDataset = config.batching == .byDataset
            isUnique = config.isUniqueInBatch
        }

        mutating func add(_ examples: [Example], _ order: ExampleOrder) {
            guard isUnique else { return }
            sampledCount += examples.count
            replacedCount += examples.count { $0.isReplacement }
            movedCount += examples.count { !$0.isReplacement && $0.entry != order.entry(at: $0.slot) }
        }

        var json: JSONValue {
            [
                "queries": JSONValue(queryCount), "of_one_dataset": .bool(isOfOneDataset), "unique": .bool(isUnique),
                "examples": JSONValue(sampledCount), "moved": JSONValue(movedCount),
                "replaced": JSONValue(replacedCount),
            ]
        }
    }
}
