import Base
import Engine
import Examples
import JSON
import Models
import Records
import Store
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

@Suite("Validation", .serialized)
struct ValidationTests {
    /// A world with the judged dataset `dev` beside `tiny`.
    static func world() throws -> TinyWorld {
        let world = try TinyWorld()
        var quirks = TinyWorld.Quirks()
        (quirks.judgedSplit, quirks.queryCount) = ("dev", 15)
        try world.add("dev", quirks)
        return world
    }

    static func lines(_ run: FilePath) throws -> [MetricsLine] {
        try MetricsFile.lines(run.appending("metrics.jsonl"))
    }

    @Test(
        "validation changes neither weights nor losses nor what resumes",
        arguments: [[], ["lora={r: 4, alpha: 8, dropout: 0.1}"], ["dropout=true"], ["dtype=bf16"]] as [[String]])
    func changesNothing(overrides: [String]) throws {
        let world = try Self.world()
        let plain = try TrainingRunTests.train(world, overrides, to: world.folder("plain"))
        let validated = try TrainingRunTests.train(
            world, overrides + ["validation={dataset: dev, every: 2}"], to: world.folder("validated"))
        #expect(plain.metrics.map(\.loss) == validated.metrics.map(\.loss))
        #expect(plain.metrics.map(\.gradientNorm) == validated.metrics.map(\.gradientNorm))
        #expect(try TrainingRunTests.weights(plain.model) == TrainingRunTests.weights(validated.model))
        #expect(validated.validations.map(\.step) == [0, 2, 4, 6] && plain.validations.isEmpty)
        #expect(plain.lock != validated.lock && !Files.exists(world.folder("validated/.validation")))
        for found in validated.validations {
            #expect(found.values.map(\.name) == ["ndcg@10", "recall@100", "loss"])
            #expect(found.queryCount == 15 && found.documentCount == 120)
            #expect((0...1).contains(found["ndcg@10"] ?? -1) && (0...1).contains(found["recall@100"] ?? -1))
        }
        let events = try EventReader.files(in: world.folder("validated/events")).flatMap(\.self)
        let curve = events.compactMap { $0.scalars["validation/ndcg@10"] }
        #expect(curve == validated.validations.compactMap { $0["ndcg@10"].map { Float($0) } })
    }

    /// Scores of all documents for each query, by the model in a folder, in the order of ordinals.
    private func scores(_ model: EmbeddingModel, _ dataset: Dataset) throws -> [[Float]] {
        func vectors(_ texts: [[UInt8]], _ role: Role) throws -> Tensor {
            try model.encode(PackedBatch(texts.map { try model.tokenize($0, as: role) }))
        }
        let queries = try vectors((0..<dataset.queryCount).map { try dataset.query($0).text! }, .query)
        let documents = try vectors(
            (0..<dataset.documentCount).map {
                let record = try dataset.document($0)
                return (record.title.map { $0 + [0x20] } ?? []) + record.text!
            }, .document)
        let scores = try queries.matmul(documents.transpose(0, 1)).contiguous().floats()
        return stride(from: 0, to: scores.count, by: dataset.documentCount).map {
            Array(scores[$0..<($0 + dataset.documentCount)])
        }
    }

    @Test("the loss is that of the run, less what a teacher is asked for")
    func ownLoss() throws {
        var quirks = TinyWorld.Quirks()
        quirks.hasScores = true
        let world = try TinyWorld(quirks)
        (quirks.judgedSplit, quirks.queryCount) = ("dev", 15)
        try world.add("dev", quirks)
        /// Of the model before training.
        func loss(_ name: String, _ overrides: [String]) throws -> Double {
            let report = try TrainingRunTests.train(
                world, overrides + ["validation={dataset: dev, every: 1}", "steps=1"], to: world.folder(name))
            return try #require(report.validations.first?["loss"])
        }
        let plain = try loss("plain", [])
        #expect(try loss("distilled", [TeacherTests.distillation]) == plain)
        #expect(try loss("alone", ["loss={contrastive_weight: 0, distillation: {kind: kl}}"]) == plain)
        #expect(try loss("nested", ["loss={matryoshka: {dims: [16, 8]}}"]) > 1.5 * plain)
        #expect(try loss("hot", ["temperature=1", LearnedTemperatureTests.learned]) != plain)
    }

    @Test("the figures are those of the checkpoint, computed one by one")
    func figures() throws {
        let world = try Self.world()
        let report = try TrainingRunTests.train(
            world, ["validation={dataset: dev, every: 6, metrics: [mrr@10, success@1]}", "queries_per_step=8"],
            to: world.folder("run"))
        let found = try #require(report.validations.last)
        let dataset = try world.store.dataset("dev")
        let scores = try scores(EmbeddingModel(loading: report.model, .training), dataset)
        var reciprocalRanks: [Double] = []
        for (query, row) in scores.enumerated() {
            let relevant = Set([3 * query, 3 * query + 1].map { $0 % 120 })
            // By score, then by docid, both descending.
            let order = row.indices.sorted { (row[$0], "d\($0)") > (row[$1], "d\($1)") }
            let rank = try #require(order.firstIndex(where: relevant.contains)) + 1
            reciprocalRanks.append(rank <= 10 ? 1 / Double(rank) : 0)
        }
        let mean = reciprocalRanks.reduce(0, +) / 15
        let first = Double(reciprocalRanks.count { $0 == 1 }) / 15
        #expect(abs(try #require(found["mrr@10"]) - mean) < 1e-6)
        #expect(abs(try #require(found["success@1"]) - first) < 1e-6)
        #expect(mean > 0.05)
    }

    @Test("the loss is InfoNCE over batches of training's size, by the vectors of the checkpoint")
    func loss() throws {
        let world = try Self.world()
        // All queries in one batch, so that their order does not matter.
        let report = try TrainingRunTests.train(
            world, ["validation={dataset: dev, every: 6}", "queries_per_step=15", "temperature=0.1"],
            to: world.folder("run"))
        let dataset = try world.store.dataset("dev")
        let scores = try scores(EmbeddingModel(loading: report.model, .training), dataset)
        let negatives = try #require(dataset.negatives)
        func relevant(_ query: Int) -> [Int] { [3 * query, 3 * query + 1].map { $0 % 120 } }
        let passages = try (0..<15).flatMap { query in
            let chosen = try negatives.targets(of: query).map(Int.init).filter { !relevant(query).contains($0) }
            return [relevant(query)[0]] + chosen.prefix(3)
        }
        var sum = 0.0
        for query in 0..<15 {
            let own = query * 4
            #expect(passages[own] == relevant(query)[0])
            var denominator = 0.0
            for (place, passage) in passages.enumerated() where place == own || !relevant(query).contains(passage) {
                denominator += exponential(Double(scores[query][passage]) / 0.1)
            }
            sum -= logarithm(exponential(Double(scores[query][passages[own]]) / 0.1) / denominator)
        }
        #expect(abs(try #require(report.validations.last?["loss"]) - sum / 15) < 1e-4)
    }

    @Test("a share is held out by the id alone, and never trained on")
    func heldOut() throws {
        let world = try TinyWorld()
        let overrides = ["validation={share: 0.25, every: 3}"]
        let plan = try world.plan(overrides)
        let part = plan.source.parts[0]
        let heldOut = Set(part.heldOutQueries.map(Int.init))
        #expect((3...20).contains(heldOut.count) && part.counts.heldOut == heldOut.count)
        #expect(part.exampleCount == UInt64(40 - heldOut.count))
        var trained: Set<Int> = []
        for step in 0..<40 { for origin in try plan.batches(step: step)[0].origins { trained.insert(origin.query) } }
        #expect(trained == Set(0..<40).subtracting(heldOut))
        // Another seed holds out others; a larger share, these and more; another dataset with the ids, the same ids.
        #expect(Set(try world.plan(overrides + ["seed=7"]).source.parts[0].heldOutQueries.map(Int.init)) != heldOut)
        let more = try world.plan(["validation={share: 0.5}"]).source.parts[0].heldOutQueries.map(Int.init)
        #expect(Set(more).isSuperset(of: heldOut) && more.count > heldOut.count)
        var quirks = TinyWorld.Quirks()
        (quirks.queryCount, quirks.documentCount, quirks.withoutPositives) = (20, 90, [0, 1])
        try world.add("other", quirks)
        let both = try world.plan(overrides + ["datasets=[{name: other}, {name: tiny}]", "without_positives=skip"])
        #expect(
            both.source.parts.map { $0.heldOutQueries.map(Int.init) }
                == [heldOut.filter { (2..<20).contains($0) }.sorted(), heldOut.sorted()])

        let report = try TrainingRunTests.train(world, overrides, to: world.folder("run"))
        #expect(report.validations.map(\.step) == [0, 3, 6])
        #expect(report.validations.allSatisfy { $0.queryCount == heldOut.count && $0["loss"] != nil })
        #expect(report.json["datasets"]?.array?[0]["held_out"]?.integer == heldOut.count)
        #expect(plan.source.parts[0].counts.text.contains("held out \(heldOut.count) queries"))
    }

    @Test("without validation locks are as they were")
    func lock() throws {
        let world = try TinyWorld()
        let lock = try world.plan().lock.value
        #expect(lock["mix"]?["validation"] == nil && lock["validation"] == nil && lock["mix"]?["events"] == nil)
        #expect(try world.plan(["events.every=0"]).lock == world.plan().lock)
        let validated = try Self.world().plan(["validation={dataset: dev}"]).lock.value
        #expect(validated["validation"]?["split"]?.string == "dev")
        #expect(validated["mix"]?["validation"]?["best"]?.string == "ndcg@10")
    }

    @Test("the corpus is limited to what is wanted and others; too low a limit is refused")
    func limits() throws {
        let world = try Self.world()
        let report = try TrainingRunTests.train(
            world, ["steps=1", "validation={dataset: dev, queries: 4, corpus: 30, metrics: [recall@100]}"],
            to: world.folder("run"))
        let found = try #require(report.validations.last)
        #expect(found.queryCount == 4 && found.documentCount == 30)
        // All relevant documents are among the thirty, and a hundred results are asked for.
        #expect(found["recall@100"] == 1)
        let error = try #require(throws: Failure.self) {
            try world.plan(["validation={dataset: dev, corpus: 20}"])
        }
        #expect(error.exitStatus == .badConfiguration && error.message.contains("\"validation.corpus\" is 20"))
    }

    // MARK: - Best and early stopping

    /// A rate at which float32 weights do not move: no validation is better than the first.
    private static let still = ["optimizer.learning_rate=1e-30", "steps=12"]
    static let patient = still + ["validation={dataset: dev, every: 2, patience: 3}", "keep_checkpoints=1"]

    private func checkpoints(_ run: FilePath) throws -> [String] { try Files.list(run.appending("checkpoints")) }

    @Test("without a better validation the run ends early; the best checkpoint is kept beside the last")
    func patience() throws {
        let world = try Self.world()
        let run = world.folder("run")
        let report = try TrainingRunTests.train(world, Self.patient, to: run)
        #expect(report.validations.map(\.step) == [0, 2, 4, 6, 8] && report.metrics.count == 8)
        #expect(report.validations.map(\.isBest) == [false, true, false, false, false])
        #expect(report.validations.map(\.sinceBest) == [0, 0, 1, 2, 3])
        #expect(report.validations.map(\.stopsRun) == [false, false, false, false, true])
        #expect(report.stoppedEarly && report.best?.step == 2 && report.json["stopped_early"]?.bool == true)
        #expect(try checkpoints(run) == ["step-000002", "step-000008"])
        let best = try JSONValue.parse(file: run.appending("best/training.json"))
        #expect(best["step"]?.integer == 2)
        #expect(try JSONValue.parse(file: report.model.appending("training.json"))["step"]?.integer == 8)
        let again = try TrainingRunTests.train(world, Self.patient, to: run, resume: true)
        #expect(again.metrics == report.metrics && again.validations == report.validations)
    }

    @Test("a run that was killed anywhere stops where one that was not does", arguments: [2, 4, 6, 8])
    func patienceOfResumed(step: Int) throws {
        let world = try Self.world()
        let overrides =
            Self.patient.map { $0.replacing("keep_checkpoints=1", with: "keep_checkpoints=20") }
            + ["checkpoint_every=2"]
        let whole = try TrainingRunTests.train(world, overrides, to: world.folder("whole"))
        let killed = world.folder("killed")
        try TrainingRunTests.train(world, overrides, to: killed)
        try Files.remove(killed.appending("model"))
        for later in stride(from: step + 2, through: 8, by: 2) {
            try Files.removeTree(killed.appending("checkpoints/step-00000\(later)"))
        }
        // The checkpoint was written, and the link not yet.
        try Files.remove(killed.appending("best"))
        let resumed = try TrainingRunTests.train(world, overrides, to: killed, resume: true)
        #expect(resumed.resumedAfter == step)
        func figures(_ report: TrainingRun.Report) -> [ValidationMetrics] {
            report.validations.map {
                var found = $0
                found.seconds = 0
                return found
            }
        }
        #expect(figures(resumed) == figures(whole) && resumed.metrics.map(\.loss) == whole.metrics.map(\.loss))
        #expect(try JSONValue.parse(file: killed.appending("best/training.json"))["step"]?.integer == 2)
        #expect(try TrainingRunTests.weights(resumed.model) == TrainingRunTests.weights(whole.model))
    }

    @Test("a checkpoint whose validation was interrupted is validated when the run goes on")
    func owed() throws {
        let world = try Self.world()
        let overrides = ["validation={dataset: dev, every: 2}", "checkpoint_every=2", "keep_checkpoints=20"]
        let whole = try TrainingRunTests.train(world, overrides, to: world.folder("whole"))
        let run = world.folder("run")
        try TrainingRunTests.train(world, overrides, to: run)
        try Files.remove(run.appending("model"))
        for step in [6] { try Files.removeTree(run.appending("checkpoints/step-00000\(step)")) }
        // As a signal during the validation of step 4 leaves it.
        let path = run.appending("metrics.jsonl")
        let text = try Files.readText(path).split(separator: "\n", omittingEmptySubsequences: false)
        let kept = text.filter { !($0.hasPrefix("{\"step\":4,\"validation\"")) }
        #expect(kept.count == text.count - 1)
        try Files.replace(path, with: kept.joined(separator: "\n"))
        let resumed = try TrainingRunTests.train(world, overrides, to: run, resume: true)
        #expect(resumed.validations.map(\.values) == whole.validations.map(\.values))
    }

    @Test("the best may be told by the loss, of which the lowest is the best")
    func bestByLoss() throws {
        let world = try Self.world()
        let report = try TrainingRunTests.train(
            world, ["steps=8", "optimizer.learning_rate=3e-3", "validation={dataset: dev, every: 2, best: loss}"],
            to: world.folder("run"))
        let losses = report.validations.dropFirst().compactMap { $0["loss"] }
        let best = try #require(report.best?["loss"])
        #expect(best == losses.min() && losses.count == 4)
        #expect(report.best.map { "step-00000\($0.step)" } == (try? link(world.folder("run/best"))))
    }

    private func link(_ path: FilePath) throws -> String {
        let step = try JSONValue.parse(file: path.appending("training.json"))["step"]?.integer
        return "step-00000\(step ?? -1)"
    }

    // MARK: - Refusals

    @Test(
        "what cannot be validated on is refused with its key",
        arguments: [
            ("{every: 3}", "\"validation.dataset\""), ("{dataset: dev, share: 0.1}", "\"validation.share\""),
            ("{share: 0.1, split: dev}", "\"validation.split\""), ("{share: 0}", "\"validation.share\" must be"),
            ("{share: 0.51}", "\"validation.share\" must be"),
            ("{share: 0.1, every: 0}", "\"validation.every\" must be"),
            ("{share: 0.1, metrics: [nose@3]}", "\"nose@3\" is not a measure"),
            ("{share: 0.1, metrics: []}", "must be a list of measures"),
            ("{share: 0.1, metrics: [num_ret]}", "num_ret, which is no mean"),
            ("{share: 0.1, metrics: [recall@200]}", "\"validation.depth\" must be at least 200"),
            ("{share: 0.1, best: mrr}", "must be one of ndcg@10, recall@100, loss, not \"mrr\""),
            ("{share: 0.1, patience: -1}", "\"validation.patience\" must be"),
            ("{dataset: dev, split: test}", "has no such judgements; it has dev"),
            ("{dataset: tiny}", "has no judgements named dev; it has none"),
            ("{share: 0.00000001}", "holds out no query of 40"), ("{dataset: dev, corpse: 3}", "\"validation.corpse\""),
        ])
    func refusals(section: String, message: String) throws {
        let world = try Self.world()
        let error = try #require(throws: Failure.self) { try world.plan(["validation=\(section)"]) }
        #expect(error.exitStatus == .badConfiguration)
        #expect("\(error)".contains(message), "\(error)")
    }

    @Test("a dataset that is not there is 66")
    func missing() throws {
        let world = try TinyWorld()
        let error = try #require(throws: Failure.self) { try world.plan(["validation={dataset: nowhere}"]) }
        #expect(error.exitStatus == .missingInput)
    }
}
