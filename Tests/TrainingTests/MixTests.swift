import Base
import Testing
import Training

@Suite("Mix")
struct MixTests {
    static let smallest = """
        model: models/MiniLM
        datasets:
          - name: nave-train@mined
        steps: 10
        """

    @Test("the smallest mix gets the documented defaults")
    func defaults() throws {
        let mix = try Mix(yaml: Self.smallest, path: "mix.yaml")
        #expect(
            mix == Mix(model: "models/MiniLM", datasets: [Mix.Part(reference: "nave-train@mined")], length: .steps(10)))
        #expect(mix.passagesPerQuery == 4 && mix.queriesPerStep == 32 && mix.seed == 42)
        #expect(mix.optimizer.learningRate == 5e-5 && mix.optimizer.clipNorm == 1)
        #expect(mix.masksKnownPositives && mix.sampling == .windowed && mix.lora == nil)
    }

    @Test("every key is read")
    func everyKey() throws {
        let mix = try Mix(
            yaml: """
                model: m
                datasets:
                  - {name: a, weight: 3, prompts: {query: "q: "}}
                  - {name: b@x, weight: 1}
                passages_per_query: 8
                queries_per_step: 64
                accumulation: 2
                steps: 100
                seed: 7
                dtype: f32
                temperature: 0.02
                mask_known_positives: false
                sampling: tevatron
                shortage: error
                without_positives: skip
                max_lengths: {query: 32, document: 128}
                prompts: {query: "query: ", document: ""}
                pooling: cls
                normalize: false
                dropout: true
                optimizer:
                  learning_rate: 1e-4
                  schedule: cosine
                  warmup_steps: 10
                  betas: [0.8, 0.95]
                  epsilon: 1e-6
                  weight_decay: 0.01
                  clip_norm: 0
                lora: {r: 4, alpha: 8, dropout: 0, targets: [query, value]}
                chunk_tokens: 4096
                checkpoint_every: 25
                """, path: "mix.yaml")
        #expect(mix.datasets.map(\.reference) == ["a", "b@x"])
        #expect(mix.datasets.map(\.weight) == [3, 1])
        #expect(mix.datasets[0].prompts.query == "q: " && mix.datasets[1].prompts.query == nil)
        #expect(mix.passagesPerQuery == 8 && mix.queriesPerStep == 64 && mix.accumulation == 2)
        #expect(mix.length == .steps(100) && mix.seed == 7 && mix.precision == .f32 && mix.temperature == 0.02)
        #expect(!mix.masksKnownPositives && mix.sampling == .tevatron)
        #expect(mix.shortage == .error && mix.withoutPositives == .skip)
        #expect(mix.maxLengths.query == 32 && mix.maxLengths.document == 128)
        #expect(mix.prompts.query == "query: " && mix.prompts.document == "")
        #expect(mix.pooling == .cls && mix.normalizes == false && mix.usesModelDropout)
        #expect(mix.optimizer.learningRate == 1e-4 && mix.optimizer.schedule == .cosine)
        #expect(mix.optimizer.warmupStepCount == 10 && mix.optimizer.beta1 == 0.8 && mix.optimizer.beta2 == 0.95)
        #expect(mix.optimizer.epsilon == 1e-6 && mix.optimizer.weightDecay == 0.01 && mix.optimizer.clipNorm == 0)
        #expect(mix.lora?.rank == 4 && mix.lora?.alpha == 8 && mix.lora?.dropout == 0)
        #expect(mix.lora?.targets == ["query", "value"])
        #expect(mix.chunkTokens == 4096 && mix.checkpointEvery == 25)
    }

    @Test("an unknown key names file, line, key and what may have been meant")
    func unknownKey() throws {
        let error = try #require(throws: Failure.self) {
            try Mix(yaml: Self.smallest + "\noptimizer:\n  learning_rat: 1\n", path: "my.yaml")
        }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains("my.yaml:6: unknown key \"optimizer.learning_rat\""))
        #expect(error.description.contains("\"learning_rate\""))
    }

    @Test(
        "wrong values are errors that name line and key",
        arguments: [
            ("temperature: 0", "mix.yaml:5: \"temperature\" must be more than 0"),
            ("temperature: warm", "\"temperature\" must be a number, not \"warm\""),
            ("queries_per_step: 1.5", "must be a whole number"),
            ("accumulation: 5", "32 / 5 is not whole"),
            ("epochs: 1", "and not both"),
            ("sampling: random", "must be one of windowed, tevatron"),
            ("mask_known_positives: yes", "must be true or false"),
            ("lora: {dropout: 1}", "\"lora.dropout\" must be less than 1"),
            ("optimizer: {betas: [0.9]}", "must be two numbers"),
            ("optimizer: 3", "\"optimizer\" must be a mapping"),
            ("lora: {r: 2}\ndtype: bf16", "\"dtype\" bf16 cannot go with lora yet"),
            ("dtype: f64", "must be one of f32, bf16"),
            ("pooling: max", "must be one of mean, cls, last"),
            ("seed: -1", "must be at least 0"),
            ("steps: 5", "mix.yaml"),
        ])
    func wrongValues(line: String, message: String) throws {
        let error = try #require(throws: Failure.self) {
            try Mix(yaml: Self.smallest + "\n" + line, path: "mix.yaml")
        }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains(message), "\(error)")
    }

    @Test("weights: all or none, and not with epochs")
    func weights() {
        let half = "model: m\ndatasets: [{name: a, weight: 1}, {name: b}]\nsteps: 1"
        #expect(throws: Failure.self) { try Mix(yaml: half, path: "m") }
        let epochs = "model: m\ndatasets: [{name: a, weight: 1}]\nepochs: 1"
        #expect(throws: Failure.self) { try Mix(yaml: epochs, path: "m") }
    }

    @Test("--set replaces, adds and reaches into lists; its errors name it")
    func overrides() throws {
        let mix = try Mix(
            yaml: Self.smallest, path: "m",
            overrides: ["steps=3", "optimizer.learning_rate=2e-4", "datasets.0.name=other", "lora.r=2"])
        #expect(mix.length == .steps(3) && mix.optimizer.learningRate == 2e-4)
        #expect(mix.datasets[0].reference == "other" && mix.lora?.rank == 2)
        let error = try #require(throws: Failure.self) {
            try Mix(yaml: Self.smallest, path: "m", overrides: ["optimizer.learning_rate=fast"])
        }
        #expect(error.description.contains("--set optimizer.learning_rate: "))
        let usage = try #require(throws: Failure.self) {
            try Mix(yaml: Self.smallest, path: "m", overrides: ["steps"])
        }
        #expect(usage.exitStatus == .usage)
    }
}
