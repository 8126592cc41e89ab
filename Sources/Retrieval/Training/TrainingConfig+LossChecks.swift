internal import Base
internal import JSON

extension TrainingConfig {
    /// What no single key of the section can get wrong alone, and what would act on nothing.
    func checkLoss() throws {
        let terms = loss.terms
        func refuse(_ key: String, _ reason: String, advice: String? = nil) -> Failure {
            places.failure("loss." + key, reason, advice: advice)
        }
        let hasOtherBlocks = terms.blocks.count > 1
        if terms.contrastiveWeight == 0 {
            guard terms.distillation.kind != .none else {
                throw refuse(
                    "contrastive_weight", "must be above 0 where nothing is distilled: there is nothing to learn")
            }
            guard !hasOtherBlocks, terms.hardness.strength == 0, terms.falseNegatives.judge == .none,
                terms.hardNegatives == .shared, terms.positives == .one
            else {
                throw refuse(
                    "contrastive_weight",
                    "is 0, and blocks, positives, hard_negatives, false_negatives and hardness act on nothing")
            }
        }
        if learnsTemperature {
            guard terms.contrastiveWeight > 0 || terms.distillation.kind == .kl else {
                throw places.failure(
                    "learned_temperature", "finds nothing that is divided by a temperature",
                    advice: "margin_mse learns from margins as they are: leave it out.")
            }
            let range = LearnedTemperature.range
            guard range.contains(temperature) else {
                throw places.failure(
                    "temperature",
                    "must be a number from \(range.lowerBound) to \(range.upperBound) where it is learned")
            }
        }
        if terms.partition == .separate, terms.blocks != [.queryToPassage, .passageToQuery] {
            throw refuse("partition", "separate takes blocks: [query_to_passage, passage_to_query]")
        }
        if positivesPerQuery > 1 {
            func refuse(_ reason: String, advice: String) -> Failure {
                places.failure("positives_per_query", reason, advice: advice)
            }
            guard terms.positives == .all else {
                throw refuse(
                    "is \(positivesPerQuery), and the loss learns from one positive of a query",
                    advice: "Say loss.positives: all, or leave it out.")
            }
            for part in datasets {
                let count = part.passagesPerQuery ?? passagesPerQuery
                guard positivesPerQuery > count else { continue }
                throw refuse(
                    "must be at most the \(count) of passages_per_query"
                        + (part.passagesPerQuery == nil ? "" : " of \(part.reference)"),
                    advice: "Raise passages_per_query, which counts positives and negatives.")
            }
            guard !isUniqueInBatch else {
                throw refuse(
                    "is \(positivesPerQuery), and unique_in_batch tells queries apart by one positive of each",
                    advice: "Leave one of them out; known positives are no negatives of a query anyway.")
            }
        }
        if terms.positives == .all, !masksKnownPositives {
            throw refuse(
                "positives", "are all that are known, and mask_known_positives: false looks for none",
                advice: loss.recipe?.masksKnownPositives == false
                    ? "Beside recipe: \(loss.recipe!.rawValue), give mask_known_positives: true."
                    : "Leave mask_known_positives out.")
        }
        if queriesPerStep == accumulation, terms.contrastiveWeight > 0 {
            let least = datasets.map { $0.passagesPerQuery ?? passagesPerQuery }.min()!
            guard least > positivesPerQuery else {
                throw places.failure(
                    least == 1 ? "passages_per_query" : "positives_per_query",
                    "is \(least), and micro-batches of one query have no negatives but its own: with as many positives it learns nothing",
                    advice: "Raise passages_per_query or queries_per_step, or lower accumulation.")
            }
        }
        if queriesPerStep == accumulation, hasOtherBlocks || terms.spread > 0 {
            throw refuse(
                hasOtherBlocks ? "blocks" : "spread", "finds no other query in micro-batches of one",
                advice: "Raise queries_per_step, or lower accumulation.")
        }
        if passagesPerQuery == 1 {
            let needing: [(String, Bool)] = [
                ("distillation", terms.distillation.kind != .none),
                ("false_negatives", terms.falseNegatives.judge == .teacher),
                ("hardness", terms.hardness.strength > 0 && terms.hardness.scope == .hard),
                ("hard_negatives", terms.hardNegatives == .own),
            ]
            if let key = needing.first(where: { $0.1 })?.0 {
                throw refuse(
                    key, "finds no hard negatives: passages_per_query is 1", advice: "Raise passages_per_query.")
            }
        }
        if terms.falseNegatives.judge == .none, terms.falseNegatives != ContrastiveLoss.FalseNegatives() {
            throw refuse("false_negatives", "masks nothing without by: model, teacher or guide")
        }
        guard terms.matryoshka.weights.isEmpty || terms.matryoshka.weights.count == terms.matryoshka.widths.count else {
            throw refuse(
                "matryoshka.weights", "must be as many as loss.matryoshka.dims: \(terms.matryoshka.widths.count)")
        }
        guard terms.datasetWeights.isEmpty || terms.datasetWeights.count == datasets.count else {
            throw refuse("dataset_weights", "must be as many as the \(datasets.count) datasets")
        }
        guard terms.datasetWeights.isEmpty || terms.datasetWeights.contains(where: { $0 > 0 }) else {
            throw refuse("dataset_weights", "must not all be 0: there is nothing to learn")
        }
        if !loss.usesTeacher, loss.teacher != LossOptions.Teacher() {
            throw refuse(
                "teacher", "has nothing to teach",
                advice: "Say loss.distillation.kind: kl or margin_mse, or loss.false_negatives.by: teacher.")
        }
        let guide = loss.guide
        if terms.falseNegatives.judge == .guide {
            for (key, folders) in [("queries", guide.queries), ("documents", guide.documents)]
            where folders.count != datasets.count {
                throw refuse(
                    "guide.\(key)", "must be as many folders as the \(datasets.count) datasets",
                    advice:
                        "Make them with tvt-encode \(key == "queries" ? key : "corpus") DATASET --model GUIDE --output FOLDER."
                )
            }
        } else if guide != LossOptions.Guide() {
            throw refuse("guide", "judges nothing", advice: "Say loss.false_negatives.by: guide.")
        }
        guard loss.teacher.runs.isEmpty || loss.teacher.runs.count == datasets.count else {
            throw refuse("teacher.runs", "must be as many as the \(datasets.count) datasets")
        }
    }

    /// - Parameter dims: of the model's vectors.
    /// - Throws: `Failure` (78) for a width that the model's vectors do not have.
    func checkWidths(dims: Int) throws {
        for width in loss.terms.matryoshka.widths where width >= dims {
            throw places.failure(
                "loss.matryoshka.dims", "must be below the \(dims) of the model's vectors, not \(width)",
                advice: loss.recipe.map { "Beside recipe: \($0.rawValue), give loss.matryoshka.dims." })
        }
    }
}

extension TrainingConfig.LossOptions {
    /// Every key with its value, under the names of the YAML file; the recipe, which the others follow from, is left out.
    var json: JSONObject {
        let (masks, hardness, distillation) = (terms.falseNegatives, terms.hardness, terms.distillation)
        let widths = terms.matryoshka.widths
        var json: JSONObject = [
            "contrastive_weight": JSONValue(terms.contrastiveWeight),
            "blocks": .array(blockNames.map { JSONValue($0) }), "partition": JSONValue(terms.partition.rawValue),
            "hard_negatives": JSONValue(terms.hardNegatives.rawValue),
            "false_negatives": [
                "by": JSONValue(masks.judge.rawValue), "kind": JSONValue(masks.kind.rawValue),
                "margin": JSONValue(masks.margin),
            ],
            "hardness": ["strength": JSONValue(hardness.strength), "of": JSONValue(hardness.scope.rawValue)],
            "matryoshka": [
                "dims": .array(widths.map { JSONValue($0) }),
                "weights": .array(widths.indices.map { JSONValue(terms.matryoshka.weight($0)) }),
            ],
            "spread": JSONValue(terms.spread),
            "distillation": [
                "kind": JSONValue(distillation.kind.rawValue), "weight": JSONValue(distillation.weight),
                "temperature": JSONValue(distillation.temperature),
            ],
            "teacher": [
                "runs": .array(teacher.runs.map { JSONValue($0) }), "unscored": JSONValue(teacher.unscored.rawValue),
            ],
            "dataset_weights": .array(terms.datasetWeights.map { JSONValue($0) }),
            "guide": [
                "queries": .array(guide.queries.map { JSONValue($0) }),
                "documents": .array(guide.documents.map { JSONValue($0) }),
            ],
        ]
        // Only where it is not the default, so that locks of runs from before there was a choice stay as they are.
        if terms.positives != .one { json["positives"] = JSONValue(terms.positives.rawValue) }
        return json
    }
}
