internal import Base
internal import YAML

extension TrainingConfig {
    /// What a config says about its loss, besides `temperature` and `mask_known_positives`.
    public struct LossOptions: Sendable, Equatable {
        /// What the keys beside it change; nil: InfoNCE alone.
        public var recipe: LossRecipe?
        public var terms = ContrastiveLoss.Terms()
        public var teacher = Teacher()
        public var guide = Guide()

        public init() {}

        /// Folders of a guide model's vectors, one for each dataset.
        public struct Guide: Sendable, Equatable {
            public var queries: [String] = []
            public var documents: [String] = []

            public init() {}
        }

        /// Where a teacher's scores come from.
        public struct Teacher: Sendable, Equatable {
            /// Runs of the teacher over the datasets' queries, one for each dataset; none: the scores of the links.
            public var runs: [String] = []
            /// What happens to queries that the teacher has not scored.
            public var unscored = Unscored.error

            public init() {}
        }

        /// What an example does whose passages the teacher has not all scored.
        public enum Unscored: String, Sendable, CaseIterable {
            /// It stops the run, by name.
            case error
            /// It goes without what the teacher's scores are for, and is counted.
            case skip
        }

        /// Whether a teacher's scores are needed.
        public var usesTeacher: Bool {
            terms.distillation.kind != .none || terms.falseNegatives.judge == .teacher
        }

        /// Whether it is InfoNCE alone, which a run's lock does not name.
        var isPlain: Bool {
            var plain = LossOptions()
            plain.recipe = recipe
            return self == plain
        }
    }

    /// The loss that the config describes.
    ///
    /// - Parameter renormalizes: whether the model's vectors have unit length.
    public func makeLoss(renormalizes: Bool) -> ContrastiveLoss {
        var made = ContrastiveLoss(temperature: temperature, terms: loss.terms, renormalizes: renormalizes)
        made.learnsTemperature = learnsTemperature
        return made
    }

    /// ``makeLoss(renormalizes:)`` of queries that are held out or judged: without what a teacher or a guide is asked for,
    /// which know nothing of them, and without the weights of training's datasets.
    func validationLoss(renormalizes: Bool) -> ContrastiveLoss {
        var made = makeLoss(renormalizes: renormalizes)
        if made.terms.contrastiveWeight == 0 { made.terms.contrastiveWeight = 1 }
        made.terms.distillation = .init()
        if [.teacher, .guide].contains(made.terms.falseNegatives.judge) { made.terms.falseNegatives = .init() }
        made.terms.datasetWeights = []
        return made
    }

    /// What it is without, by the keys' names; nil where it is the loss of the run.
    var validationOmissions: String? {
        let terms = loss.terms
        var keys: [String] = []
        if terms.distillation.kind != .none { keys.append("distillation") }
        if [.teacher, .guide].contains(terms.falseNegatives.judge) { keys.append("false_negatives") }
        if !terms.datasetWeights.isEmpty { keys.append("dataset_weights") }
        guard !keys.isEmpty else { return nil }
        return "loss." + keys.joined(separator: ", loss.")
            + (terms.contrastiveWeight == 0 ? ", and with a contrastive_weight of 1" : "")
    }

    static let learnedTemperatureKey = YAMLKey<TrainingConfig>.flag(
        "learned_temperature", \.learnsTemperature,
        "Train the temperature with the model, from what temperature says, within \(LearnedTemperature.range.lowerBound) and "
            + "\(LearnedTemperature.range.upperBound).")

    /// The section `loss`.
    static let lossKey = YAMLKey<TrainingConfig>(
        "loss", "a mapping", "What the loss is made of. Default: InfoNCE of each query against all passages."
    ) { top, config in
        guard let section = try top.section("loss", keys: LossOptions.keys.map(\.name)) else { return }
        try section.read(LossOptions.keys, into: &config.loss)
        guard let recipe = config.loss.recipe else { return }
        if let temperature = recipe.temperature, top.node("temperature") == nil { config.temperature = temperature }
        if let masks = recipe.masksKnownPositives, top.node("mask_known_positives") == nil {
            config.masksKnownPositives = masks
        }
    } children: { config, path in
        LossOptions.keys.descriptions(of: config.loss, path: path)
    }
}

extension TrainingConfig.LossOptions {
    fileprivate static let keys: [YAMLKey<TrainingConfig.LossOptions>] = [
        YAMLKey(
            "recipe", LossRecipe.allCases.map(\.rawValue).joined(separator: ", "),
            "A published loss: a block of these keys, of temperature and of mask_known_positives; what is given beside it wins."
        ) {
            guard let recipe = try $0.choice("recipe", of: LossRecipe.self) else { return }
            $1.recipe = recipe
            $1.terms = recipe.terms
        },
        .number(
            "contrastive_weight", \.terms.contrastiveWeight, in: weights,
            "Of InfoNCE; 0 learns from the other terms alone."),
        YAMLKey(
            "blocks", "a list of \(ContrastiveLoss.Block.allCases.map(\.rawValue).joined(separator: ", "))",
            "Whose scores stand against the positive's; query_to_passage is always among them."
        ) {
            guard let nodes = try $0.list("blocks") else { return }
            let blocks = nodes.compactMap { $0.scalar.flatMap { ContrastiveLoss.Block(rawValue: $0.string) } }
            guard blocks.count == nodes.count, Set(blocks).count == blocks.count, blocks.contains(.queryToPassage)
            else {
                let names = ContrastiveLoss.Block.allCases.map(\.rawValue).joined(separator: ", ")
                throw $0.failure("blocks", "must be a list of \(names), each once, and the first always")
            }
            $1.terms.blocks = Set(blocks)
        } text: {
            "[\($0.blockNames.joined(separator: ", "))]"
        },
        .choice(
            "partition", \.terms.partition,
            "All blocks in one denominator, or a softmax for each and their mean (query_to_passage and passage_to_query)."
        ),
        .choice(
            "positives", \.terms.positives,
            "What scores are to rise for: the positive of an example, or each known one that the micro-batch has of the query, "
                + "against what is none; then their mean."),
        .choice(
            "hard_negatives", \.terms.hardNegatives,
            "Hard negatives stand against every query of the batch, or against their own alone."),
        .section(
            "false_negatives", \.terms.falseNegatives, ContrastiveLoss.FalseNegatives.keys,
            "Candidates that are masked since they score higher than the positive by more than a margin."),
        .section(
            "hardness", \.terms.hardness, ContrastiveLoss.Hardness.keys,
            "Negatives count exp(strength · similarity) in the denominator; similarities there are constants."),
        .section(
            "matryoshka", \.terms.matryoshka, ContrastiveLoss.Matryoshka.keys,
            "The same loss for the first dimensions of vectors, added to that of all."),
        .number(
            "spread", \.terms.spread, in: weights,
            "Weight of the mean squared similarity of queries with one another, and of positives."),
        .section(
            "distillation", \.terms.distillation, ContrastiveLoss.Distillation.keys,
            "Learn what a teacher thinks of a query's positive and hard negatives."),
        .section("teacher", \.teacher, Teacher.keys, "Where the teacher's scores come from."),
        .section(
            "guide", \.guide, Guide.keys, "Vectors of another model, which false_negatives goes by with by: guide."),
        YAMLKey(
            "dataset_weights", "a list of numbers from 0 to 1000000",
            "What the examples of each dataset count in the loss, in the datasets' order. Default: 1 each."
        ) {
            $1.terms.datasetWeights =
                try numbers($0, "dataset_weights", in: weights) ?? $1.terms.datasetWeights
        },
    ]

    fileprivate static let weights = NumberRange(0.0...1e6)

    var blockNames: [String] {
        ContrastiveLoss.Block.allCases.filter(terms.blocks.contains).map(\.rawValue)
    }

    /// A list of one path or more.
    fileprivate static func paths(_ section: YAMLSection, _ key: String, _ noun: String) throws -> [String]? {
        guard let nodes = try section.list(key) else { return nil }
        let paths = nodes.compactMap { $0.scalar?.string }.filter { !$0.isEmpty }
        guard paths.count == nodes.count, !paths.isEmpty else {
            throw section.failure(key, "must be a list of \(noun)")
        }
        return paths
    }

    /// A list of numbers within a range.
    fileprivate static func numbers<Number: RangedNumber>(
        _ section: YAMLSection, _ key: String, in range: NumberRange<Number>
    ) throws -> [Number]? {
        guard let nodes = try section.list(key) else { return nil }
        let values = nodes.compactMap { $0.scalar.flatMap { try? range.number(of: $0.string) } }
        guard values.count == nodes.count else {
            throw section.failure(key, "must be a list, each element \(Number.noun) \(range)")
        }
        return values
    }
}

extension ContrastiveLoss.FalseNegatives {
    fileprivate static let keys: [YAMLKey<ContrastiveLoss.FalseNegatives>] = [
        .choice(
            "by", \.judge,
            "Whose scores: of the model that is trained or of a guide's vectors, in all blocks; of the teacher, for a query's own "
                + "hard negatives; none masks nothing."),
        .choice("kind", \.kind, "The margin as a difference of scores, or as a share of the positive's."),
        .number(
            "margin", \.margin, in: NumberRange(-1e6...1e6), "Below 0, what comes near the positive is masked too."),
    ]
}

extension ContrastiveLoss.Hardness {
    fileprivate static let keys: [YAMLKey<ContrastiveLoss.Hardness>] = [
        .number("strength", \.strength, in: NumberRange(0.0...1000), "0 for none."),
        .choice("of", \.scope, "Which negatives: a query's own hard ones, those of other queries, or all."),
    ]
}

extension ContrastiveLoss.Matryoshka {
    fileprivate static let keys: [YAMLKey<ContrastiveLoss.Matryoshka>] = [
        YAMLKey(
            "dims", "a list of whole numbers from 1 to 1048576",
            "Below the model's, which is always trained; [] for none."
        ) {
            guard let widths = try TrainingConfig.LossOptions.numbers($0, "dims", in: NumberRange(1...1_048_576)) else {
                return
            }
            guard Set(widths).count == widths.count else { throw $0.failure("dims", "must list each number once") }
            ($1.widths, $1.weights) = (widths, [])
        },
        YAMLKey(
            "weights", "a list of numbers above 0 up to 1000000",
            "One for each of dims; all dimensions weigh 1. Default: 1 each."
        ) {
            $1.weights =
                try TrainingConfig.LossOptions.numbers($0, "weights", in: NumberRange(above: 0.0, through: 1e6))
                ?? $1.weights
        },
    ]
}

extension ContrastiveLoss.Distillation {
    fileprivate static let keys: [YAMLKey<ContrastiveLoss.Distillation>] = [
        .choice(
            "kind", \.kind,
            "The divergence of the student's softmax from the teacher's, or squared errors of the margins to the positive."
        ),
        .number("weight", \.weight, in: NumberRange(above: 0, through: 1e6), "Beside that of the other terms."),
        .number(
            "temperature", \.temperature, in: NumberRange(1e-4...1e6),
            "What teacher's scores are divided by; the student's are by the loss's temperature, and not at all for margins."
        ),
    ]
}

extension TrainingConfig.LossOptions.Teacher {
    fileprivate static let keys: [YAMLKey<TrainingConfig.LossOptions.Teacher>] = [
        YAMLKey(
            "runs", "a list of run files, one for each dataset",
            "In TREC's format, with the datasets' ids. Default: the scores that links to positives and negatives have."
        ) {
            $1.runs = try TrainingConfig.LossOptions.paths($0, "runs", "files") ?? $1.runs
        },
        .choice(
            "unscored", \.unscored,
            "Queries of whose passages the teacher has not scored all: refuse by name, or leave the teacher out and count."
        ),
    ]
}

extension TrainingConfig.LossOptions.Guide {
    fileprivate static let keys: [YAMLKey<TrainingConfig.LossOptions.Guide>] = [
        YAMLKey("queries", "a list of folders, one for each dataset", "Of tvt-encode, all queries of a dataset.") {
            $1.queries = try TrainingConfig.LossOptions.paths($0, "queries", "folders") ?? $1.queries
        },
        YAMLKey("documents", "a list of folders, one for each dataset", "Likewise, all documents.") {
            $1.documents = try TrainingConfig.LossOptions.paths($0, "documents", "folders") ?? $1.documents
        },
    ]
}
