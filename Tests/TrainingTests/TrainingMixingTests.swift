import Base
import Examples
import Testing
import Training

@Suite("Mixing in a training config")
struct TrainingMixingTests {
    static let two = "datasets=[{name: tiny, weight: 0.5}, {name: small, weight: 1.5}]"

    static func world() throws -> TinyWorld {
        let world = try TinyWorld()
        var quirks = TinyWorld.Quirks()
        quirks.queryCount = 20
        try world.add("small", quirks)
        return world
    }

    @Test("every key is read")
    func keys() throws {
        let config = try TrainingConfig(
            yaml: """
                model: m
                datasets:
                  - {name: a, after_step: 3, until_step: 9, passages_per_query: 2, max_lengths: {query: 8}}
                  - {name: b, after_epoch: 0.5, until_epoch: 2.5}
                queries_per_step: 64
                accumulation: 4
                batching: by_dataset
                batch_queries: 32
                unique_in_batch: true
                steps: 100
                """, path: "m")
        let part = config.datasets[0]
        #expect(part.afterStep == 3 && part.untilStep == 9 && part.passagesPerQuery == 2)
        #expect(part.maxLengths.query == 8 && part.maxLengths.document == nil && part.weight == nil)
        #expect(config.datasets[1].afterEpoch == 0.5 && config.datasets[1].untilEpoch == 2.5)
        #expect(config.batching == .byDataset && config.batchQueries == 32 && config.isUniqueInBatch)
        let mixing = try TrainingConfig(
            yaml: "model: m\ndatasets: [{name: a}, {name: b}]\nmixing: {temperature: 0.3}\nsteps: 5", path: "m")
        #expect(mixing.mixing.temperature == 0.3)
        #expect(mixing.examples.sizeExponent == 0.3 && mixing.examples.queriesPerBatch == 32)
        let weights = try TrainingConfig(
            yaml: "model: m\ndatasets: [{name: a, weight: 0.25}, {name: b, weight: 1e-3}]\nsteps: 5", path: "m")
        #expect(weights.datasets.map(\.weight) == [0.25, 0.001])
    }

    @Test(
        "what does not go together is refused by name",
        arguments: [
            (
                "mixing: {temperature: 0.5}\nsteps: 5", "{name: a, weight: 1}",
                "temperature is for datasets without weights"
            ),
            ("mixing: {temperature: 0.5}\nepochs: 1", "{name: a}", "\"epochs\" has no meaning with mixing.temperature"),
            ("mixing: {temperature: 3}\nsteps: 5", "{name: a}", "must be a number from 0 to 2"),
            ("batch_queries: 16\nsteps: 5", "{name: a}", "\"batch_queries\" changes nothing without"),
            ("batch_queries: 12\nunique_in_batch: true\nsteps: 5", "{name: a}", "must divide queries_per_step, 32"),
            (
                "batch_queries: 8\nunique_in_batch: true\naccumulation: 2\nsteps: 5", "{name: a}",
                "a multiple of the 16 queries of a micro-batch"
            ),
            ("batching: by_size\nsteps: 5", "{name: a}", "must be one of mixed, by_dataset"),
            ("steps: 5", "{name: a, after_step: 1, after_epoch: 1}", "two ways to say one thing"),
            ("steps: 5", "{name: a, until_step: 1, until_epoch: 1}", "two ways to say one thing"),
            ("steps: 5", "{name: a, weight: 2, until_epoch: 1}", "until_epoch has no meaning for weighted datasets"),
            ("steps: 5", "{name: a, weight: -0.5}", "must be a number from"),
            ("steps: 5", "{name: a, after_step: 0}", "must be a whole number from 1"),
            (
                "queries_per_step: 65536\naccumulation: 16\nsteps: 5", "{name: a, passages_per_query: 1000}",
                "\"queries_per_step\" must be lower"
            ),
        ])
    func refusals(lines: String, dataset: String, message: String) throws {
        let error = try #require(throws: Failure.self) {
            try TrainingConfig(yaml: "model: m\ndatasets: [\(dataset)]\n\(lines)\n", path: "c.yaml")
        }
        #expect(error.exitStatus == .badConfiguration && error.description.contains(message), "\(error)")
        #expect(error.message.hasPrefix("c.yaml:"))
    }

    @Test("a config without these keys has the lock that it had; each key is in the lock that it changes")
    func locks() throws {
        let world = try Self.world()
        let plain = try world.plan()
        let mix = try #require(plain.lock.value["mix"])
        for key in ["mixing", "batching", "batch_queries", "unique_in_batch"] { #expect(mix[key] == nil) }
        let part = try #require(mix["datasets"]?.array?[0])
        #expect(part.object?.map(\.key) == ["name", "weight", "prompts"])
        #expect(try plain.lock == world.plan(["batching=mixed", "unique_in_batch=false"]).lock)
        for (setting, changed) in [
            (["batching=by_dataset"], ["mix.batching", "mix.batch_queries"]),
            (["unique_in_batch=true"], ["mix.unique_in_batch", "mix.batch_queries"]),
            (["datasets.0.passages_per_query=2"], ["mix.datasets"]),
            (["datasets.0.max_lengths={document: 9}"], ["mix.datasets"]),
        ] {
            #expect(Set(try plain.lock.differences(from: world.plan(setting).lock)) == Set(changed))
        }
        // What is said and what is meant anyway have one lock.
        let batches = ["batching=by_dataset", "accumulation=2"]
        #expect(try world.plan(batches).lock == world.plan(batches + ["batch_queries=8"]).lock)
    }

    @Test("the order does not depend on accumulation, nor on where batches are read from")
    func elastic() throws {
        let world = try Self.world()
        for more in [
            ["unique_in_batch=true"], ["batching=by_dataset"], ["batching=by_dataset", "unique_in_batch=true"],
        ] {
            let whole = try world.source([Self.two] + more)
            for accumulation in [2, 4, 8] {
                let cut = try world.source([Self.two, "accumulation=\(accumulation)"] + more)
                for slot in 0..<96 as Range<UInt64> { #expect(try cut.example(at: slot) == whole.example(at: slot)) }
            }
        }
        let plan = try world.plan([Self.two, "unique_in_batch=true", "accumulation=2"])
        for step in [5, 0, 3] {
            let rows = try plan.batches(step: step).flatMap(\.queryRows)
            #expect(rows.count == 8)
        }
    }

    @Test("lengths of a dataset are its own, and no longer than the model's")
    func lengths() throws {
        let world = try Self.world()
        let plan = try world.plan(["datasets=[{name: tiny, max_lengths: {document: 5}}, {name: small}]"])
        #expect(
            plan.sides[0].document.maxLength == 5 && plan.sides[1].document.maxLength == plan.card.document.maxLength)
        #expect(plan.sides[0].query.maxLength == plan.card.query.maxLength)
        let error = try #require(throws: Failure.self) {
            try world.plan(["datasets=[{name: tiny, max_lengths: {query: 100000}}]"])
        }
        #expect(error.message.contains("\"datasets.0.max_lengths.query\" is 100000; the model has positions for"))
    }

    @Test("a dry run says what a run takes of each dataset")
    func dryRun() throws {
        let world = try Self.world()
        let dry = try DryRun(world.plan([Self.two, "steps=50"]))
        #expect(dry.parts.map(\.drawnCount) == [100, 300] && dry.parts.map(\.share) == [0.25, 0.75])
        #expect(
            dry.text.contains("weight 0.5; share 25.00 %, 100 examples of the run, 2.50 passes over its 40"),
            "\(dry.text)")
        #expect(dry.json["datasets"]?.array?[1]["drawn"]?.integer == 300)
        let unique = try DryRun(world.plan([Self.two, "steps=50", "unique_in_batch=true"]))
        #expect(unique.batching.movedCount > 0 && unique.batching.sampledCount == 400)
        #expect(unique.text.contains("batches of 8 queries, mixed"))
    }

    @Test("datasets that never come, and steps that have none, are refused")
    func stages() throws {
        let world = try Self.world()
        let late = try #require(throws: Failure.self) {
            try world.plan(["datasets=[{name: tiny}, {name: small, after_step: 6}]"])
        }
        #expect(late.message.contains("\"datasets.1\" is never drawn from in the 6 steps of the run"), "\(late)")
        let early = try #require(throws: Failure.self) {
            try world.plan(["datasets=[{name: tiny, until_step: 5}]"])
        }
        #expect(early.message.contains("have all left after step 5 of the 6 steps"), "\(early)")
        let plan = try world.plan(["datasets=[{name: tiny, until_step: 3}, {name: small, after_step: 3}]"])
        for step in 0..<6 {
            for example in try (0..<8).map({ try plan.source.example(at: UInt64(8 * step + $0)) }) {
                #expect(example.entry.part == (step < 3 ? 0 : 1))
            }
        }
    }
}
