internal import Base
public import Evaluation
internal import JSON
internal import YAML

extension TrainingConfig {
    /// What a run is measured on while it trains, and what follows from it.
    ///
    /// Nothing of it changes weights, order or losses, but that queries which are held out are not trained on and that a run
    /// may end early.
    public struct ValidationOptions: Sendable, Equatable {
        /// In the store: its judgements are measured against. Nil: training queries are held out.
        public var dataset: String?
        /// Of the dataset's judgements; nil for `dev` where there is one, else for the only ones.
        public var split: String?
        /// Of the queries of each training dataset, those whose seeded hash of the id is lowest; in 0…0.5.
        public var share: Double?
        /// The most queries of a dataset that are searched for; nil: all.
        public var queryLimit: Int?
        /// The most documents of a dataset that are searched; nil: all.
        public var corpusLimit: Int?
        /// In steps; the model is also measured before the first step and after the last.
        public var every = 500
        public var measures = ["ndcg@10", "recall@100"].flatMap { (try? Measure.parse(list: $0)) ?? [] }
        /// Results for each query.
        public var depth = 100
        /// The most tokens of a batch that is encoded.
        public var batchTokens = 4096
        /// What the best checkpoint is told by; nil: the first measure.
        public var bestName: String?
        /// Validations without a better one that end the run; 0: none do.
        public var patience = 0

        /// What the loss is called among the measures; the lowest is the best.
        public static let lossName = "loss"

        public var best: String { bestName ?? measures[0].name }

        public init() {}
    }

    /// When TensorBoard's files get an entry, in steps; 0: never.
    public struct EventOptions: Sendable, Equatable {
        public var every = 1
        public var histogramsEvery = 50

        public init() {}
    }

    static let validationKey = YAMLKey<TrainingConfig>(
        "validation", "a mapping",
        "Measure the model on queries that it is not trained on, every so many steps. Weights, order and losses are those of "
            + "a run without it; a share that is held out is not trained on.",
        read: { top, config in
            guard let section = try top.section("validation", keys: ValidationOptions.keys.map(\.name)) else { return }
            var options = ValidationOptions()
            try section.read(ValidationOptions.keys, into: &options)
            try options.check(section)
            config.validation = options
        },
        children: { ValidationOptions.keys.descriptions(of: $0.validation ?? ValidationOptions(), path: $1) })

    static let eventsKey = YAMLKey<TrainingConfig>.section(
        "events", \.events, EventOptions.keys, "The files in events/ of the run folder, which TensorBoard shows.")
}

extension TrainingConfig.EventOptions {
    fileprivate static let keys: [YAMLKey<TrainingConfig.EventOptions>] = [
        .number(
            "every", \.every, in: NumberRange(0...1_000_000_000), "Steps between entries; 0 writes no such files."),
        .number(
            "histograms_every", \.histogramsEvery, in: NumberRange(0...1_000_000_000),
            "Steps between histograms of positive and negative scores; 0 for none."),
    ]
}

extension TrainingConfig.ValidationOptions {
    fileprivate static let keys: [YAMLKey<TrainingConfig.ValidationOptions>] = [
        .text("dataset", \.dataset, "A dataset of the store with judgements; this or share is required."),
        .text("split", \.split, "Of its judgements. Default: dev where there is one, else the only one."),
        .number(
            "share", \.share, in: NumberRange(above: 0, through: 0.5),
            "Of the training queries with positives, held out by a hash of seed and query id, and measured against their "
                + "positives among the documents of their dataset."),
        .number(
            "queries", \.queryLimit, in: NumberRange(1...1_000_000_000),
            "The most queries of a dataset that are searched for, by hash. Default: all."),
        .number(
            "corpus", \.corpusLimit, in: NumberRange(1...1_000_000_000),
            "The most documents of a dataset that are searched: all relevant ones, and others by hash. Default: all."),
        .number(
            "every", \.every, in: NumberRange(1...1_000_000_000),
            "Steps between validations; there is one before the first step and one after the last."),
        YAMLKey("metrics", "a list of measures of tvt-eval that are means", "What is measured, and the loss.") {
            guard let nodes = try $0.list("metrics") else { return }
            let names = nodes.compactMap { $0.scalar?.string }
            guard !names.isEmpty, names.count == nodes.count else {
                throw $0.failure("metrics", "must be a list of measures")
            }
            do {
                $1.measures = try Measure.parse(list: names.joined(separator: ","))
            } catch let failure as Failure {
                throw $0.failure("metrics", "names what is none: \(failure.message)", advice: failure.advice)
            }
        } text: {
            "[\($0.measures.map(\.name).joined(separator: ", "))]"
        },
        .number(
            "depth", \.depth, in: NumberRange(1...100_000),
            "Results for each query; at least the largest cut-off of the metrics."),
        .number(
            "batch_tokens", \.batchTokens, in: NumberRange(1...(1 << 24)),
            "The most tokens that are encoded at once, but for a longer input, which goes alone; patches of pictures and "
                + "frames of sounds count as well. No part of the lock."),
        .text(
            "best", \.bestName,
            "The metric, or loss, whose best checkpoint is kept under the name best. Default: the first metric."),
        .number(
            "patience", \.patience, in: NumberRange(0...1_000_000),
            "Validations without a better one after which the run ends; 0 to train to the end."),
    ]

    /// - Throws: `Failure` (78) for keys that do not go together.
    fileprivate func check(_ section: YAMLSection) throws {
        guard dataset != nil || share != nil else {
            throw section.failure("dataset", "or \"validation.share\" must be given")
        }
        guard dataset == nil || share == nil else {
            throw section.failure("share", "does not go with a dataset, which has queries of its own")
        }
        guard split == nil || dataset != nil else {
            throw section.failure("split", "names judgements of a dataset, and validation.dataset names none")
        }
        for measure in measures {
            guard !measure.isCount, measure.kind != .geometricAveragePrecision else {
                throw section.failure("metrics", "names \(measure.name), which is no mean over queries")
            }
            guard measure.cutoff ?? 0 <= depth else {
                throw section.failure(
                    "depth", "must be at least \(measure.cutoff ?? 0), the cut-off of \(measure.name), not \(depth)")
            }
        }
        let names = measures.map(\.name) + [Self.lossName]
        guard names.contains(where: { $0.utf8.elementsEqual(best.utf8) }) else {
            throw section.failure("best", "must be one of \(names.joined(separator: ", ")), not \(escaped(best.utf8))")
        }
    }

    /// For the lock, with the names of the YAML file. How many tokens are encoded at once changes the last digits of what is
    /// measured, as other memory plans do, and may be lowered when a run is resumed.
    var json: JSONObject {
        [
            "dataset": dataset.map { JSONValue($0) } ?? .null, "split": split.map { JSONValue($0) } ?? .null,
            "share": share.map { JSONValue($0) } ?? .null, "queries": queryLimit.map { JSONValue($0) } ?? .null,
            "corpus": corpusLimit.map { JSONValue($0) } ?? .null, "every": JSONValue(every),
            "metrics": .array(measures.map { .string($0.name) }), "depth": JSONValue(depth), "best": .string(best),
            "patience": JSONValue(patience),
        ]
    }
}
