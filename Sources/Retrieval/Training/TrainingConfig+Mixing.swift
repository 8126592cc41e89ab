internal import Base
public import Examples
internal import JSON
internal import YAML

extension TrainingConfig {
    public typealias Batching = ExampleOptions.Batching

    /// How datasets without weights share the examples.
    public struct Mixing: Sendable, Equatable {
        /// A dataset counts as its number of examples to this power; nil: as often as it has examples, exactly.
        public var temperature: Double?

        public init(temperature: Double? = nil) { self.temperature = temperature }
    }

    static let mixingKey = YAMLKey<TrainingConfig>.section(
        "mixing", \.mixing,
        [
            .number(
                "temperature", \.temperature, in: NumberRange(0...2),
                "Datasets without weights are drawn from in proportion to (number of examples)^temperature: 1 by size, 0 "
                    + "all alike. Only with steps.")
        ], "How datasets without weights share the examples. Default: by size.")

    static let batchingKey = YAMLKey<TrainingConfig>.choice(
        "batching", \.batching,
        "The queries of a batch: of any dataset, or of one; then batches are drawn by weight.")

    static let batchQueriesKey = YAMLKey<TrainingConfig>.number(
        "batch_queries", \.batchQueries, in: NumberRange(1...65_536),
        "Queries of a batch, for batching and unique_in_batch: divides queries_per_step, and is a multiple of a "
            + "micro-batch. The order of examples depends on it, and not on accumulation. Default: queries_per_step.")

    static let uniqueInBatchKey = YAMLKey<TrainingConfig>.flag(
        "unique_in_batch", \.isUniqueInBatch,
        "No batch has two queries of equal content, or one positive for two queries: examples are moved between 8 batches "
            + "in a row, and what then is too often there is replaced and counted.")

    /// - Throws: `Failure` (78) for what does not go together.
    func checkMixing(_ top: YAMLSection) throws {
        let weighted = datasets.contains { $0.weight != nil }
        if mixing.temperature != nil {
            guard !weighted else {
                throw top.failure(
                    "mixing", "temperature is for datasets without weights", advice: "Give one of the two.")
            }
            if case .epochs = length {
                throw top.failure(
                    "epochs", "has no meaning with mixing.temperature", advice: "Give the length in steps instead.")
            }
        }
        let microBatch = queriesPerStep / accumulation
        if let batchQueries {
            guard batching == .byDataset || isUniqueInBatch else {
                throw top.failure(
                    "batch_queries", "changes nothing without batching: by_dataset or unique_in_batch: true")
            }
            guard queriesPerStep % batchQueries == 0, batchQueries % microBatch == 0 else {
                throw top.failure(
                    "batch_queries",
                    "must divide queries_per_step, \(queriesPerStep), and be a multiple of the \(microBatch) queries of a "
                        + "micro-batch, not \(batchQueries)", advice: "Raise or lower accumulation, or leave it out.")
            }
        }
        for part in datasets {
            func failure(_ key: String, _ reason: String, advice: String? = nil) -> Failure {
                top.failure("datasets", "(\(part.reference)): \(key) \(reason)", advice: advice)
            }
            guard part.afterStep == nil || part.afterEpoch == nil else {
                throw failure("after_epoch", "and after_step are two ways to say one thing: give one")
            }
            guard part.untilStep == nil || part.untilEpoch == nil else {
                throw failure("until_epoch", "and until_step are two ways to say one thing: give one")
            }
            guard part.afterEpoch ?? part.untilEpoch == nil || !(weighted || mixing.temperature != nil) else {
                throw failure(
                    part.afterEpoch == nil ? "until_epoch" : "after_epoch",
                    "has no meaning for weighted datasets, or with mixing.temperature",
                    advice: "Give after_step or until_step instead.")
            }
        }
    }

    /// The largest of all datasets.
    var mostPassagesPerQuery: Int { datasets.reduce(passagesPerQuery) { max($0, $1.passagesPerQuery ?? 0) } }

    /// Queries that `batching` and `unique_in_batch` are about.
    var queriesPerBatch: Int { batchQueries ?? queriesPerStep }

    /// What a lock says beyond configs without these keys, whose locks stay as they are.
    var mixingJSON: [(String, JSONValue)] {
        var json: [(String, JSONValue)] = []
        if let temperature = mixing.temperature { json.append(("mixing", ["temperature": JSONValue(temperature)])) }
        if batching != .mixed { json.append(("batching", JSONValue(batching.rawValue))) }
        if isUniqueInBatch { json.append(("unique_in_batch", .bool(true))) }
        // Resolved: a batch of the step's queries is one, whether or not it is said.
        if batching != .mixed || isUniqueInBatch { json.append(("batch_queries", JSONValue(queriesPerBatch))) }
        return json
    }

    /// - Throws: `Failure` (78) for a dataset that would join after the last step, and for steps after the last dataset has
    ///   left.
    func checkStages(_ order: ExampleOrder, stepCount: Int) throws {
        guard datasets.contains(where: { $0.joins != nil || $0.leaves != nil }) else { return }
        if let end = order.end, end < UInt64(stepCount) * UInt64(queriesPerStep) {
            throw places.failure(
                "datasets",
                "have all left after step \(end / UInt64(queriesPerStep)) of the \(stepCount) steps of the run")
        }
        let drawn = order.partCounts(ofFirst: UInt64(stepCount) * UInt64(queriesPerStep))
        for (number, part) in datasets.enumerated()
        where drawn.counts[number] == 0 && (part.joins != nil || part.leaves != nil) {
            throw places.failure(
                "datasets.\(number)", "is never drawn from in the \(stepCount) steps of the run",
                advice: "Let \(part.reference) join earlier or leave later, or leave it out.")
        }
    }

    /// A weight as locks and reports have it: whole numbers are whole.
    static func json(ofWeight weight: Double) -> JSONValue {
        Int(exactly: weight).map { JSONValue($0) } ?? JSONValue(weight)
    }
}

extension TrainingConfig.Part {
    var joins: ExampleOptions.Moment? { afterStep.map { .step($0) } ?? afterEpoch.map { .epoch($0) } }
    var leaves: ExampleOptions.Moment? { untilStep.map { .step($0) } ?? untilEpoch.map { .epoch($0) } }

    static let passagesKey = YAMLKey<Self>.number(
        "passages_per_query", \.passagesPerQuery, in: NumberRange(1...1024), "Instead of that of the config.")
    static let maxLengthsKey = YAMLKey<Self>.section(
        "max_lengths", \.maxLengths, TrainingConfig.Sides.lengthKeys, "Instead of those of the config.")
    static let afterStepKey = YAMLKey<Self>.number(
        "after_step", \.afterStep, in: NumberRange(1...1_000_000_000),
        "The dataset joins when so many steps are done. Default: it is there from the first.")
    static let untilStepKey = YAMLKey<Self>.number(
        "until_step", \.untilStep, in: NumberRange(1...1_000_000_000),
        "It leaves when so many steps are done. Default: it stays.")
    static let afterEpochKey = YAMLKey<Self>.number(
        "after_epoch", \.afterEpoch, in: NumberRange(above: 0, through: 1e6),
        "As after_step, in passes over all examples, as the key epochs counts them.")
    static let untilEpochKey = YAMLKey<Self>.number(
        "until_epoch", \.untilEpoch, in: NumberRange(above: 0, through: 1e6), "As until_step, likewise.")

    /// As of ``TrainingConfig/mixingJSON``.
    var mixingJSON: [(String, JSONValue)] {
        var json: [(String, JSONValue)] = []
        if let passagesPerQuery { json.append(("passages_per_query", JSONValue(passagesPerQuery))) }
        if maxLengths.query ?? maxLengths.document != nil {
            json.append(
                (
                    "max_lengths",
                    [
                        "query": maxLengths.query.map { JSONValue($0) } ?? .null,
                        "document": maxLengths.document.map { JSONValue($0) } ?? .null,
                    ]
                ))
        }
        if let afterStep { json.append(("after_step", JSONValue(afterStep))) }
        if let untilStep { json.append(("until_step", JSONValue(untilStep))) }
        if let afterEpoch { json.append(("after_epoch", JSONValue(afterEpoch))) }
        if let untilEpoch { json.append(("until_epoch", JSONValue(untilEpoch))) }
        return json
    }
}
