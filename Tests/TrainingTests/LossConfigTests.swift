import Base
import JSON
import TestKit
import Testing
import Training

@Suite("The section loss of a training config")
struct LossConfigTests {
    static let small = "model: m\ndatasets: [{name: a}]\nsteps: 10\n"

    static func config(_ loss: String, _ more: String = "") throws -> TrainingConfig {
        try TrainingConfig(yaml: small + more + "loss: \(loss)\n", path: "c.yaml")
    }

    @Test("every key is read")
    func everyKey() throws {
        let config = try Self.config(
            """

              contrastive_weight: 0.5
              blocks: [query_to_passage, passage_to_query]
              partition: separate
              positives: all
              hard_negatives: own
              false_negatives: {by: model, kind: relative, margin: -0.1}
              hardness: {strength: 3, of: in_batch}
              matryoshka: {dims: [256, 64], weights: [0.5, 2]}
              spread: 0.1
              distillation: {kind: margin_mse, weight: 2, temperature: 5}
              teacher: {runs: [teacher.run], unscored: skip}
              dataset_weights: [2]
            """)
        let terms = config.loss.terms
        #expect(terms.contrastiveWeight == 0.5 && terms.blocks == [.queryToPassage, .passageToQuery])
        #expect(
            terms.positives == .all && terms.partition == .separate && terms.hardNegatives == .own
                && terms.spread == 0.1)
        #expect(terms.falseNegatives.judge == .model && terms.falseNegatives.kind == .relative)
        #expect(terms.falseNegatives.margin == -0.1)
        #expect(terms.hardness.strength == 3 && terms.hardness.scope == .inBatch)
        #expect(terms.matryoshka.widths == [256, 64] && terms.matryoshka.weights == [0.5, 2])
        #expect(terms.distillation.kind == .marginMSE && terms.distillation.weight == 2)
        #expect(terms.distillation.temperature == 5 && terms.datasetWeights == [2])
        #expect(config.loss.teacher.runs == ["teacher.run"] && config.loss.teacher.unscored == .skip)
        #expect(config.makeLoss(renormalizes: false).temperature == 0.05)
    }

    @Test("a recipe is a block of keys, and what is given beside it wins")
    func recipes() throws {
        for recipe in LossRecipe.allCases {
            let guide = recipe == .gist ? ", guide: {queries: [q], documents: [d]}" : ""
            let config = try Self.config("{recipe: \(recipe.rawValue)\(guide)}")
            #expect(config.loss.terms == recipe.terms && config.loss.recipe == recipe)
            #expect(config.temperature == recipe.temperature ?? 0.05)
            #expect(config.masksKnownPositives == recipe.masksKnownPositives ?? true)
        }
        let tevatron = try Self.config("{recipe: tevatron}", "temperature: 0.02\nmask_known_positives: true\n")
        #expect(tevatron.temperature == 0.02 && tevatron.masksKnownPositives)
        let gemma = try Self.config("{matryoshka: {dims: [128]}, hardness: {strength: 0}, recipe: embeddinggemma}")
        #expect(gemma.loss.terms.matryoshka.widths == [128] && gemma.loss.terms.hardness.strength == 0)
        #expect(gemma.loss.terms.spread == 1 && gemma.loss.terms.hardNegatives == .own)
        let qwen = try Self.config("{recipe: qwen3-embedding, false_negatives: {by: none, margin: 0}}")
        #expect(qwen.loss.terms.falseNegatives == ContrastiveLoss.FalseNegatives())
        #expect(qwen.loss.terms.blocks == [.queryToPassage, .queryToQuery, .passageToPassage])
    }

    @Test(
        "what is out of range, does not fit or acts on nothing is refused with its line",
        arguments: [
            ("{recipe: bert}", "\"loss.recipe\" must be one of tevatron, e5-mistral"),
            ("{block: []}", "unknown key"), ("{blocks: [passage_to_query]}", "\"loss.blocks\" must be a list of"),
            ("{blocks: [query_to_passage, query_to_passage]}", "each once"),
            ("{contrastive_weight: -1}", "must be a number from 0"),
            ("{contrastive_weight: 0}", "there is nothing to learn"),
            ("{contrastive_weight: 0, distillation: {kind: kl}, hardness: {strength: 1}}", "act on nothing"),
            ("{partition: separate}", "\"loss.partition\" separate takes blocks"),
            ("{partition: separate, blocks: [query_to_passage, query_to_query]}", "separate takes blocks"),
            ("{false_negatives: {margin: 0.1}}", "masks nothing without by"),
            ("{false_negatives: {by: model, margin: inf}}", "\"loss.false_negatives.margin\" must be"),
            ("{hardness: {strength: 1001}}", "\"loss.hardness.strength\" must be"),
            (
                "{matryoshka: {dims: [0]}}",
                "\"loss.matryoshka.dims\" must be a list, each element a whole number from 1"
            ),
            ("{matryoshka: {dims: [8, 8]}}", "each number once"),
            ("{matryoshka: {dims: [8, 4], weights: [1]}}", "must be as many as loss.matryoshka.dims: 2"),
            ("{matryoshka: {dims: [8], weights: [0]}}", "above 0"),
            ("{spread: nan}", "\"loss.spread\" must be"),
            ("{distillation: {kind: kl, temperature: 0}}", "\"loss.distillation.temperature\" must be"),
            ("{distillation: {kind: kl, weight: 0}}", "\"loss.distillation.weight\" must be"),
            ("{teacher: {unscored: skip}}", "has nothing to teach"),
            ("{guide: {queries: [q]}}", "\"loss.guide\" judges nothing"),
            ("{recipe: gist, guide: {queries: [q]}}", "\"loss.guide.documents\" must be as many folders"),
            ("{distillation: {kind: kl}, teacher: {runs: [a.run, b.run]}}", "must be as many as the 1 datasets"),
            ("{distillation: {kind: kl}, teacher: {runs: []}}", "must be a list of files"),
            ("{dataset_weights: [1, 2]}", "must be as many as the 1 datasets"),
            ("{dataset_weights: [0]}", "there is nothing to learn"),
        ])
    func wrong(loss: String, message: String) throws {
        let error = try #require(throws: Failure.self) { try Self.config(loss) }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains("c.yaml:4") && error.description.contains(message), "\(error)")
    }

    @Test("terms that need other queries or hard negatives say so where there are none")
    func nothingToActOn() throws {
        for (loss, more, message) in [
            ("{spread: 1}", "queries_per_step: 4\naccumulation: 4\n", "\"loss.spread\" finds no other query"),
            ("{recipe: qwen3-embedding}", "queries_per_step: 1\n", "\"loss.blocks\" finds no other query"),
            ("{distillation: {kind: kl}}", "passages_per_query: 1\n", "\"loss.distillation\" finds no hard negatives"),
            ("{recipe: nv-retriever}", "passages_per_query: 1\n", "\"loss.false_negatives\" finds no hard negatives"),
            ("{hardness: {strength: 1}}", "passages_per_query: 1\n", "\"loss.hardness\" finds no hard negatives"),
            ("{hard_negatives: own}", "passages_per_query: 1\n", "\"loss.hard_negatives\" finds no hard negatives"),
            ("{spread: 1}", "positives_per_query: 2\n", "\"positives_per_query\" is 2, and the loss learns from one"),
            ("{positives: all}", "positives_per_query: 5\n", "\"positives_per_query\" must be at most the 4"),
            (
                "{positives: all}", "positives_per_query: 2\nunique_in_batch: true\n",
                "\"positives_per_query\" is 2, and unique_in_batch tells"
            ),
            (
                "{positives: all}", "mask_known_positives: false\n",
                "\"loss.positives\" are all that are known, and mask_known_positives: false"
            ),
            ("{positives: all, recipe: tevatron}", "", "Beside recipe: tevatron, give mask_known_positives: true"),
            (
                "{positives: all}", "positives_per_query: 4\nqueries_per_step: 1\n",
                "\"positives_per_query\" is 4, and micro-batches of one query"
            ),
            (
                "{spread: 0}", "passages_per_query: 1\nqueries_per_step: 2\naccumulation: 2\n",
                "\"passages_per_query\" is 1, and micro-batches of one query"
            ),
            (
                "{positives: all, contrastive_weight: 0, distillation: {kind: kl}}", "",
                "\"loss.contrastive_weight\" is 0, and blocks, positives"
            ),
        ] {
            let error = try #require(throws: Failure.self) { try Self.config(loss, more) }
            #expect(error.exitStatus == .badConfiguration && error.description.contains(message), "\(error)")
        }
        _ = try Self.config("{hardness: {strength: 1, of: in_batch}}", "passages_per_query: 1\n")
    }

    @Test("the lock names every key of another loss, and none of InfoNCE's: those runs keep the locks that they had")
    func lock() throws {
        let world = try TinyWorld()
        let plain = try world.plan().lock
        #expect(plain.value["mix"]?["loss"] == nil && plain.value["teacher_runs"] == nil)
        let spelled = ["loss={blocks: [query_to_passage], spread: 0, matryoshka: {dims: []}, dataset_weights: []}"]
        #expect(try world.plan(spelled).lock == plain)
        #expect(
            try world.plan(["loss.recipe=tevatron"]).lock.differences(from: plain).sorted() == [
                "mix.mask_known_positives", "mix.temperature",
            ])
        let other = try world.plan(["loss={spread: 0.5, matryoshka: {dims: [16]}}"]).lock
        #expect(other.differences(from: plain) == ["mix.loss"])
        #expect(other.value["mix"]?["loss"]?["spread"]?.double == 0.5)
        #expect(other.value["mix"]?["loss"]?["hardness"]?["strength"]?.double == 0)
    }

    @Test("widths must be below the model's, and the message says what a recipe then needs")
    func widths() throws {
        let world = try TinyWorld()
        let error = try #require(throws: Failure.self) { try world.plan(["loss.recipe=embeddinggemma"]) }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains("must be below the 32 of the model's vectors, not 512"), "\(error)")
        #expect(error.description.contains("Beside recipe: embeddinggemma, give loss.matryoshka.dims"))
        _ = try world.plan(["loss={recipe: embeddinggemma, matryoshka: {dims: [16]}}"])
    }

    @Test("a dry run prints the recipe and every key that it stands for")
    func dryRun() throws {
        let world = try TinyWorld()
        let text = try DryRun(world.plan(["loss.recipe=qwen3-embedding"])).text
        #expect(text.contains("loss\n  temperature 0.05, by the recipe qwen3-embedding\n"))
        #expect(text.contains("  blocks [\"query_to_passage\",\"query_to_query\",\"passage_to_passage\"]\n"))
        let json = try DryRun(world.plan(["loss.recipe=qwen3-embedding"])).json
        #expect(json["loss"]?["false_negatives"]?["margin"]?.double == 0.1)
        #expect(json["loss"]?["recipe"]?.string == "qwen3-embedding" && json["loss"]?["unscored"] == nil)
        #expect(try DryRun(world.plan()).text.contains("loss\n  temperature 0.05\ntrained\n"))
    }
}
