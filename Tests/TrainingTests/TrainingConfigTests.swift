import Base
import Testing
import Training

@Suite("TrainingConfig")
struct TrainingConfigTests {
    static let smallest = """
        model: models/MiniLM
        datasets:
          - name: nave-train@mined
        steps: 10
        """

    @Test("the smallest config gets the documented defaults")
    func defaults() throws {
        let config = try TrainingConfig(yaml: Self.smallest, path: "config.yaml")
        #expect(
            config
                == TrainingConfig(
                    model: "models/MiniLM", datasets: [TrainingConfig.Part(reference: "nave-train@mined")],
                    length: .steps(10)))
        #expect(config.passagesPerQuery == 4 && config.queriesPerStep == 32 && config.seed == 42)
        #expect(config.optimizer.learningRate == 5e-5 && config.optimizer.clipNorm == 1)
        #expect(config.masksKnownPositives && config.sampling == .windowed && config.lora == nil)
    }

    @Test("every key is read")
    func everyKey() throws {
        let config = try TrainingConfig(
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
                checkpoint_every_minutes: 2.5
                keep_checkpoints: 5
                blank_texts: skip
                freeze: [vision, text]
                """, path: "config.yaml")
        #expect(config.datasets.map(\.reference) == ["a", "b@x"])
        #expect(config.datasets.map(\.weight) == [3, 1])
        #expect(config.datasets[0].prompts.query == "q: " && config.datasets[1].prompts.query == nil)
        #expect(config.passagesPerQuery == 8 && config.queriesPerStep == 64 && config.accumulation == 2)
        #expect(
            config.length == .steps(100) && config.seed == 7 && config.precision == .f32 && config.temperature == 0.02)
        #expect(!config.masksKnownPositives && config.sampling == .tevatron)
        #expect(config.shortage == .error && config.withoutPositives == .skip)
        #expect(config.maxLengths.query == 32 && config.maxLengths.document == 128)
        #expect(config.prompts.query == "query: " && config.prompts.document == "")
        #expect(config.pooling == .cls && config.normalizes == false && config.usesModelDropout)
        #expect(config.optimizer.learningRate == 1e-4 && config.optimizer.schedule == .cosine)
        #expect(
            config.optimizer.warmupStepCount == 10 && config.optimizer.beta1 == 0.8 && config.optimizer.beta2 == 0.95)
        #expect(
            config.optimizer.epsilon == 1e-6 && config.optimizer.weightDecay == 0.01 && config.optimizer.clipNorm == 0)
        #expect(config.lora?.rank == 4 && config.lora?.alpha == 8 && config.lora?.dropout == 0)
        #expect(config.lora?.targets == ["query", "value"])
        #expect(config.chunkTokens == 4096 && config.checkpointEvery == 25 && config.checkpointEveryMinutes == 2.5)
        #expect(config.keptCheckpointCount == 5 && config.blankTexts == .skip)
        #expect(config.frozen == [.text, .vision])
    }

    @Test("an unknown key names file, line, key and what may have been meant")
    func unknownKey() throws {
        let error = try #require(throws: Failure.self) {
            try TrainingConfig(yaml: Self.smallest + "\noptimizer:\n  learning_rat: 1\n", path: "my.yaml")
        }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains("my.yaml:6: unknown key \"optimizer.learning_rat\""))
        #expect(error.description.contains("\"learning_rate\""))
    }

    @Test(
        "wrong values are errors that name line and key",
        arguments: [
            ("temperature: 0", "config.yaml:5: \"temperature\" must be a number from 0.0001 to 10000, not \"0\""),
            ("temperature: warm", "\"temperature\" must be a number from 0.0001 to 10000, not \"warm\""),
            ("queries_per_step: 1.5", "must be a whole number"),
            ("accumulation: 5", "32 / 5 is not whole"),
            ("epochs: 1", "and not both"),
            ("freeze: [eyes]", "\"freeze\" must be a list of text, vision, audio, projectors, each once"),
            ("freeze: [text, text]", "each once"),
            ("freeze: []", "each once"),
            ("sampling: random", "must be one of windowed, tevatron"),
            ("mask_known_positives: yes", "must be true or false"),
            ("lora: {dropout: 1}", "\"lora.dropout\" must be a number from 0 to below 1"),
            ("optimizer: {betas: [0.9]}", "must be two numbers"),
            ("optimizer: 3", "\"optimizer\" must be a mapping"),
            ("dtype: f64", "must be one of f32, bf16"),
            ("pooling: median", "must be one of mean, cls, last"), ("pooling: cls+median", "not \"cls+median\""),
            ("eos: twice", "must be one of tokenizer, append"),
            ("attention: sideways", "must be one of causal, bidirectional"),
            ("seed: -1", "must be a whole number from 0 to 18446744073709551615, not \"-1\""),
            ("steps: 5", "config.yaml"),
        ])
    func wrongValues(line: String, message: String) throws {
        let error = try #require(throws: Failure.self) {
            try TrainingConfig(yaml: Self.smallest + "\n" + line, path: "config.yaml")
        }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains(message), "\(error)")
    }

    @Test("weights: all or none, and not with epochs")
    func weights() {
        let half = "model: m\ndatasets: [{name: a, weight: 1}, {name: b}]\nsteps: 1"
        #expect(throws: Failure.self) { try TrainingConfig(yaml: half, path: "m") }
        let epochs = "model: m\ndatasets: [{name: a, weight: 1}]\nepochs: 1"
        #expect(throws: Failure.self) { try TrainingConfig(yaml: epochs, path: "m") }
    }

    @Test("a config that --dataset and --model stand for has no lines, and no epochs beside weights")
    func plain() throws {
        let weight = ["datasets.0.weight=1"]
        #expect(throws: Failure.self) { try TrainingConfig(training: "m", on: ["a"], overrides: weight) }
        let steps = try TrainingConfig(training: "m", on: ["a"], overrides: weight + ["steps=9"])
        #expect(steps.length == .steps(9) && steps.datasets[0].weight == 1)
        let error = try #require(throws: Failure.self) {
            try TrainingConfig(training: "m", on: ["a"], overrides: weight + ["epochs=1"])
        }
        #expect(!"\(error)".contains("--model:"), "\(error)")
    }

    @Test("--set replaces, adds and reaches into lists; its errors name it")
    func overrides() throws {
        let config = try TrainingConfig(
            yaml: Self.smallest, path: "m",
            overrides: ["steps=3", "optimizer.learning_rate=2e-4", "datasets.0.name=other", "lora.r=2"])
        #expect(config.length == .steps(3) && config.optimizer.learningRate == 2e-4)
        #expect(config.datasets[0].reference == "other" && config.lora?.rank == 2)
        let error = try #require(throws: Failure.self) {
            try TrainingConfig(yaml: Self.smallest, path: "m", overrides: ["optimizer.learning_rate=fast"])
        }
        #expect(error.description.contains("--set optimizer.learning_rate: "))
        let usage = try #require(throws: Failure.self) {
            try TrainingConfig(yaml: Self.smallest, path: "m", overrides: ["steps"])
        }
        #expect(usage.exitStatus == .usage)
    }
}
