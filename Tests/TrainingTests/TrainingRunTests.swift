import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

@Suite("Training run", .serialized)
struct TrainingRunTests {
    static let kinds: [[String]] = [
        [], ["lora={r: 4, alpha: 8, dropout: 0.1}"], ["dropout=true", "accumulation=2"], ["dtype=bf16"],
        ["lora={r: 4, alpha: 8, dropout: 0.1}", "dtype=bf16"],
    ]

    @discardableResult
    static func train(
        _ world: TinyWorld, _ overrides: [String], to output: FilePath, resume: Bool = false,
        trace: TrainingRun.TraceChoice = .auto
    ) throws -> TrainingRun.Report {
        try TrainingRun(world.plan(overrides), output: output, resume: resume, trace: trace).run()
    }

    static func weights(_ model: FilePath) throws -> [UInt8] {
        let adapter = model.appending("adapter_model.safetensors")
        return try Files.readAll(Files.exists(adapter) ? adapter : model.appending("model.safetensors"))
    }

    @Test("two runs of a lock: equal losses and weights, whatever is kept between the passes", arguments: kinds)
    func determinism(overrides: [String]) throws {
        let world = try TinyWorld()
        let first = try Self.train(world, overrides, to: world.folder("a"), trace: .keep)
        let second = try Self.train(world, overrides, to: world.folder("b"), trace: .recompute)
        #expect(first.metrics.map(\.loss) == second.metrics.map(\.loss))
        #expect(first.metrics.count == 6 && first.lock == second.lock)
        #expect(try Self.weights(first.model) == Self.weights(second.model))
        let losses = first.metrics.map(\.loss)
        #expect(losses.allSatisfy(\.isFinite) && Set(losses).count == 6)
    }

    @Test("streamed weights: the losses and the adapter of resident ones, resumed or not", arguments: [1 << 20, 40])
    func streamedWeights(chunkTokens: Int) throws {
        let world = try TinyWorld()
        let overrides = [
            "lora={r: 4, alpha: 8, dropout: 0.1}", "chunk_tokens=\(chunkTokens)", "checkpoint_every=3",
        ]
        let wanted = try Self.train(world, overrides, to: world.folder("resident"))
        for trace in [TrainingRun.TraceChoice.keep, .recompute] {
            let output = world.folder("streamed-\(trace)")
            let plan = try world.plan(overrides, .streamed)
            #expect(plan.start.text.isStreamed && plan.lock.digest.description == wanted.lock)
            let report = try TrainingRun(plan, output: output, resume: false, trace: trace).run()
            #expect(report.metrics.map(\.loss) == wanted.metrics.map(\.loss))
            #expect(try Self.weights(report.model) == Self.weights(wanted.model))
            // From the middle of a process that kept its weights in memory.
            let mixed = world.folder("mixed-\(trace)")
            try Self.train(world, overrides, to: mixed)
            try TinyWorld.takeBackEnd(of: mixed)
            let resumed = try TrainingRun(
                world.plan(overrides, .streamed), output: mixed, resume: true, trace: trace
            ).run()
            #expect(resumed.resumedAfter == 3)
            #expect(try Self.weights(resumed.model) == Self.weights(wanted.model))
        }
        let sizes = try WeightResidency.allCases.map { try DryRun(world.plan(overrides, $0)).memory.weights }
        #expect(sizes[1] < sizes[0])
        let whole = try #require(throws: Failure.self) { try world.plan([], .streamed) }
        #expect(whole.exitStatus == .usage && whole.description.contains("lora"), "\(whole)")
    }

    @Test("bf16 stays near f32, and saves float32 weights")
    func precision() throws {
        let world = try TinyWorld()
        let single = try Self.train(world, [], to: world.folder("f32"))
        let half = try Self.train(world, ["dtype=bf16"], to: world.folder("bf16"))
        for (a, b) in zip(single.metrics, half.metrics) { #expect(abs(a.loss - b.loss) < 0.05 * a.loss) }
        #expect(single.metrics.map(\.loss) != half.metrics.map(\.loss))
        let file = try SafetensorsFile(half.model.appending("model.safetensors"))
        #expect(file.entries.allSatisfy { $0.type == .float32 })
    }

    @Test("an adapter in bf16 stays near f32, is saved in float32, and its base is there once, in bfloat16")
    func adapterPrecision() throws {
        let world = try TinyWorld()
        let lora = ["lora={r: 4, alpha: 8, dropout: 0}"]
        let single = try Self.train(world, lora, to: world.folder("f32"))
        let plan = try world.plan(lora + ["dtype=bf16"])
        let half = try TrainingRun(plan, output: world.folder("bf16"), resume: false).run()
        for (a, b) in zip(single.metrics, half.metrics) { #expect(abs(a.loss - b.loss) < 0.05 * a.loss) }
        #expect(single.metrics.map(\.loss) != half.metrics.map(\.loss))
        let file = try SafetensorsFile(half.model.appending("adapter_model.safetensors"))
        #expect(file.entries.allSatisfy { $0.type == .float32 })
        // The run used the plan's model, which is not a copy.
        let text = plan.start.text
        let adapters = Set(text.trainableParameters.map(\.name))
        #expect(adapters == Set(file.names.map { String($0.dropFirst("base_model.model.".count)) }))
        for parameter in text.parameters where parameter.tensor.dimensionCount == 2 {
            #expect(parameter.tensor.elementType == (parameter.isTrainable ? .float32 : .bfloat16))
        }
        let dryRun = try DryRun(world.plan(lora + ["dtype=bf16"]))
        let adapterBytes = file.entries.reduce(0) { $0 + 4 * $1.shape.reduce(1, *) }
        let baseBytes = text.parameters.filter { !$0.isTrainable }.reduce(0) { $0 + $1.tensor.byteCount }
        #expect(dryRun.memory.weights == baseBytes + adapterBytes)
        #expect(dryRun.memory.gradients == adapterBytes && dryRun.memory.moments == 2 * adapterBytes)
    }

    @Test("without targets, an adapter goes to the layers of the model's family, and the lock says so")
    func defaultTargets() throws {
        let world = try TinyWorld()
        let plan = try world.plan(["lora={r: 4, alpha: 8}"])
        #expect(plan.config.lora?.targets == plan.start.text.defaultTargets)
        #expect(plan.lock.value["mix"]?["lora"]?["targets"]?.array?.first?.string == "query")
        let layers = try plan.start.text.targetLayers(
            of: LoRAConfiguration(
                rank: 4, alpha: 8, dropout: 0, targets: ModulePattern(names: plan.start.text.defaultTargets)))
        #expect(layers.map(\.name) == plan.start.text.linearLayers.map(\.name))
    }

    @Test("a run that was killed after a checkpoint ends with the same bytes", arguments: kinds, [1, 2])
    func resume(overrides: [String], checkpointEvery: Int) throws {
        let world = try TinyWorld()
        let overrides = overrides + ["checkpoint_every=\(checkpointEvery)"]
        let whole = try Self.train(world, overrides, to: world.folder("whole"))

        // What a kill leaves: the checkpoints so far, metrics beyond them, half a line, half a checkpoint.
        let killed = world.folder("killed")
        try Self.train(world, overrides, to: killed)
        try TinyWorld.takeBackEnd(of: killed)
        let metrics = killed.appending("metrics.jsonl")
        try Files.replace(metrics, with: Files.readAll(metrics) + Array("{\"step\":7".utf8))
        try Files.makeDirectory(killed.appending("checkpoints/.step-000006.tmp"))

        let resumed = try Self.train(world, overrides, to: killed, resume: true)
        #expect(resumed.resumedAfter == 6 - checkpointEvery)
        #expect(resumed.metrics.map(\.loss) == whole.metrics.map(\.loss))
        #expect(try Self.weights(resumed.model) == Self.weights(whole.model))
    }

    /// A document of the step `step` (from 0) that no step before it has; what it is does not change the order.
    private static func document(firstOf step: Int, _ plan: TrainingPlan) throws -> Int {
        let size = plan.config.queriesPerStep
        func documents(_ slots: Range<Int>) throws -> [Int] {
            try slots.flatMap { try plan.source.example(at: UInt64($0)).passages.map(\.document) }
        }
        let earlier = try Set(documents(0..<step * size))
        return try #require(documents(step * size..<(step + 1) * size).first { !earlier.contains($0) })
    }

    @Test("a record that the model cannot be given ends a run with a checkpoint of the steps before it")
    func refusedRecord() throws {
        let settings = ["passages_per_query=2"]
        let calm = try TinyWorld()
        let plan = try calm.plan(settings)
        let (document, firstOfAll) = (try Self.document(firstOf: 3, plan), try Self.document(firstOf: 0, plan))
        var quirks = TinyWorld.Quirks()
        quirks.illustrated = [document]
        let world = try TinyWorld(quirks)
        let output = world.folder("run")
        for isResumed in [false, true] {
            let error = try #require(throws: InputError.self) {
                try Self.train(world, settings, to: output, resume: isResumed)
            }
            #expect(error.exitStatus == .badData && error.place.path == "tiny, document \(document)")
            #expect(error.advice?.contains("ignore_media: true") == true)
            #expect(error.advice?.contains("checkpoints/step-000003 of the steps before it, 3 of 6, is") == true)
            #expect(try Files.list(output.appending("checkpoints")) == ["step-000003"])
        }
        // What was saved is what the same steps give without the record's image.
        let whole = try Self.train(calm, settings + ["checkpoint_every=3"], to: calm.folder("run"))
        let losses = try MetricsFile.read(output.appending("metrics.jsonl")).map(\.loss)
        #expect(losses == whole.metrics.prefix(3).map(\.loss))
        #expect(
            try Self.weights(output.appending("checkpoints/step-000003"))
                == Self.weights(calm.folder("run/checkpoints/step-000003")))
        // The first step of all has nothing to save.
        quirks.illustrated = [firstOfAll]
        let early = try TinyWorld(quirks)
        let error = try #require(throws: InputError.self) {
            try Self.train(early, settings, to: early.folder("run"))
        }
        #expect(error.advice?.contains("No step was done") == true)
    }

    @Test("a finished run resumes to itself, and a changed config is refused")
    func finished() throws {
        let world = try TinyWorld()
        let output = world.folder("run")
        let report = try Self.train(world, [], to: output)
        let again = try Self.train(world, [], to: output, resume: true)
        #expect(again.metrics == report.metrics && again.resumedAfter == 6)
        let error = try #require(throws: Failure.self) { try Self.train(world, ["seed=1"], to: output, resume: true) }
        #expect(error.exitStatus == .badConfiguration && error.description.contains("mix.seed"))
    }

    @Test("a checkpoint is a whole model: tokenizer, card and weights load for encoding")
    func checkpoint() throws {
        let world = try TinyWorld()
        let report = try Self.train(world, ["prompts={query: 'ba '}"], to: world.folder("run"))
        let model = try EmbeddingModel(loading: report.model, .encoding)
        let base = try EmbeddingModel(loading: Golden()("tiny-bert"), .encoding)
        #expect(model.card.query.prompt == "ba " && model.card.pooling == base.card.pooling)
        #expect(try model.card.baseModel == EmbeddingModel.weightsDigest(Golden()("tiny-bert")))
        #expect(model.tokenizer.digest == base.tokenizer.digest)
        let batch = PackedBatch([[1, 9, 30, 2]])
        #expect(try model.encode(batch).floats() != base.encode(batch).floats())
        let training = try JSONValue.parse(file: report.model.appending("training.json"))
        #expect(training["step"]?.integer == 6 && training["lock"]?.string == report.lock)
    }

    @Test("an adapter merges into the base model")
    func adapter() throws {
        let world = try TinyWorld()
        let report = try Self.train(
            world, ["lora={r: 4, alpha: 8, targets: [query, value]}"], to: world.folder("run"))
        #expect(!Files.exists(report.model.appending("model.safetensors")))
        let merged = try EmbeddingModel(loading: Golden()("tiny-bert"), .encoding, adapter: report.model)
        let base = try EmbeddingModel(loading: Golden()("tiny-bert"), .encoding)
        let batch = PackedBatch([[1, 9, 30, 2]])
        #expect(try merged.encode(batch).floats() != base.encode(batch).floats())
        let file = try SafetensorsFile(report.model.appending("adapter_model.safetensors"))
        #expect(file.names.count == 8)
        #expect(file.names.allSatisfy { $0.hasPrefix("base_model.model.encoder.layer.") })
    }

    @Test("a loss that is not finite stops the run before the step")
    func nonFinite() throws {
        let world = try TinyWorld()
        let error = try #require(throws: Failure.self) {
            // No config can say so; a program can.
            var config = try world.config(["optimizer.clip_norm=0"])
            config.optimizer.learningRate = 1e30
            _ = try TrainingRun(
                TrainingPlan(config, store: world.store), output: world.folder("run"), resume: false
            ).run()
        }
        #expect(error.exitStatus == .badData && error.description.contains("step "))
        #expect(try Files.list(world.folder("run/checkpoints")) == [])
        #expect(!Files.exists(world.folder("run/model")))
    }

    @Test("training learns: the loss falls")
    func learning() throws {
        let world = try TinyWorld()
        let report = try Self.train(
            world, ["steps=40", "optimizer.learning_rate=3e-3", "passages_per_query=2"], to: world.folder("run"))
        let losses = report.metrics.map(\.loss)
        let start: Double = losses.prefix(5).reduce(0, +)
        let end: Double = losses.suffix(5).reduce(0, +)
        #expect(end < 0.7 * start)
    }

    /// In a process of its own: other tests hold tensors at the same time.
    @Test("when all is done no tensor is left alive")
    func leaks() async {
        await #expect(processExitsWith: .success) {
            do {
                let world = try TinyWorld()
                for overrides in TrainingRunTests.kinds {
                    let output = world.folder("run\(overrides.count)\(overrides.first ?? "")")
                    try TrainingRunTests.train(world, overrides + ["chunk_tokens=50"], to: output, trace: .recompute)
                    try TrainingRunTests.train(world, overrides + ["chunk_tokens=50"], to: output, resume: true)
                }
            }
            #expect(Tensor.liveCount == 0)
        }
    }

    @Test("a dry run counts what a run would see")
    func dryRun() throws {
        let world = try TinyWorld()
        let plan = try world.plan(["max_lengths={query: 4, document: 8}"])
        let dry = try DryRun(plan)
        let batches = try (0..<6).flatMap(plan.batches)
        #expect(dry.sequenceCount == batches.reduce(0) { $0 + $1.sequenceCount })
        #expect(dry.truncatedCount == batches.reduce(0) { $0 + $1.truncatedCount } && dry.truncatedCount > 0)
        #expect(dry.lengths.reduce(0, +) == batches.reduce(0) { $0 + $1.tokenCount })
        #expect(dry.examples.count == 3 && dry.lock == plan.lock.digest.description)
        #expect(dry.memory.gradients == dry.memory.weights && dry.memory.moments == 2 * dry.memory.gradients)
        #expect(dry.memory.total == dry.json["memory_bytes"]?["total"]?.integer && dry.memory.process > 1 << 20)
        #expect(dry.text.contains(dry.examples[0].query.text))
        #expect(dry.json["tokens"]?["truncated"]?.integer == dry.truncatedCount)
    }
}
