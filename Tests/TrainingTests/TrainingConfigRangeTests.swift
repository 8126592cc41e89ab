import Base
import TestKit
import Testing
import Training

@Suite("Ranges of a training config")
struct TrainingConfigRangeTests {
    static let small = "model: m\ndatasets: [{name: a}]\nsteps: 10\n"

    private func failure(_ yaml: String) throws -> Failure {
        try #require(throws: Failure.self) { try TrainingConfig(yaml: yaml, path: "c.yaml") }
    }

    /// Every number of a config, with one that is too low and one that is too high.
    static let numbers: [(key: String, low: String, high: String)] = [
        ("passages_per_query", "0", "1025"), ("positives_per_query", "0", "1025"),
        ("queries_per_step", "0", "65537"), ("accumulation", "0", "65537"),
        ("seed", "-1", "18446744073709551616"), ("temperature", "0", "1e5"), ("chunk_tokens", "0", "99999999"),
        ("checkpoint_every", "-1", "1000000001"), ("checkpoint_every_minutes", "-1", "10001"),
        ("keep_checkpoints", "0", "10001"), ("max_lengths: {query", "2", "1048577"),
        ("max_lengths: {document", "2", "1048577"), ("optimizer: {learning_rate", "0", "11"),
        ("optimizer: {warmup_steps", "-1", "1000000001"), ("optimizer: {epsilon", "0", "2"),
        ("optimizer: {weight_decay", "-1e-9", "11"), ("optimizer: {clip_norm", "-1", "1e10"),
        ("lora: {r", "0", "65537"),
        ("lora: {alpha", "0", "1e7"), ("lora: {dropout", "-0.1", "1"), ("optimizer: {betas", "[0.9, -1]", "[0.9, 1]"),
    ]

    @Test("every number outside of its range is refused with its line", arguments: numbers)
    func outside(key: String, low: String, high: String) throws {
        let end = key.contains("{") ? "}" : ""
        let values =
            [low, high] + (key.contains("betas") ? ["[nan, 0.5]", "[0.9]"] : ["nan", "inf", "1e999", "many"])
        for value in values {
            let error = try failure(Self.small + "\(key): \(value)\(end)\n")
            #expect(
                error.exitStatus == .badConfiguration && error.message.hasPrefix("c.yaml:4: "), "\(value): \(error)")
            #expect(error.message.contains("must be"), "\(error)")
        }
    }

    @Test(
        "steps, epochs and weights have ranges as well",
        arguments: [
            "model: m\ndatasets: [{name: a}]\nsteps: 0", "model: m\ndatasets: [{name: a}]\nsteps: 1000000001",
            "model: m\ndatasets: [{name: a}]\nepochs: 0", "model: m\ndatasets: [{name: a}]\nepochs: 1e7",
            "model: m\nsteps: 1\ndatasets: [{name: a, weight: 0}]",
            "model: m\nsteps: 1\ndatasets: [{name: a, weight: 9223372036854775807}]",
            "model: m\nsteps: 1\ndatasets: [{name: a, weight: 1000000001}]",
        ])
    func lengths(yaml: String) throws {
        let error = try failure(yaml)
        #expect(error.exitStatus == .badConfiguration && error.message.hasPrefix("c.yaml:3: "), "\(error)")
    }

    @Test("the weights of as many datasets as there may be have a sum")
    func weights() throws {
        let parts = (0..<1024).map { "  - {name: d\($0), weight: 1000000000}\n" }.joined()
        let config = try TrainingConfig(yaml: "model: m\nsteps: 1\ndatasets:\n\(parts)", path: "c.yaml")
        #expect(config.datasets.reduce(0) { $0 + $1.weight! } == 1_024_000_000_000)
        let error = try failure("model: m\nsteps: 1\ndatasets:\n\(parts)  - {name: more, weight: 1}\n")
        #expect(error.message.contains("must list from 1 to 1024 datasets, not 1025"))
    }

    @Test("numbers that are too large together are refused: similarities of a micro-batch, warm-up beyond the run")
    func together() throws {
        let error = try failure(Self.small + "queries_per_step: 65536\n")
        #expect(error.message.contains("c.yaml:4: \"queries_per_step\" must be lower: 65536 queries of 4 passages"))
        #expect(error.advice?.contains("accumulation") == true)
        _ = try TrainingConfig(yaml: Self.small + "queries_per_step: 65536\naccumulation: 16\n", path: "c.yaml")
        let warmup = try failure(Self.small + "optimizer:\n  warmup_steps: 11\n")
        #expect(
            warmup.message == "c.yaml:5: \"optimizer.warmup_steps\" must be at most the 10 steps of the run, not 11")
        _ = try TrainingConfig(yaml: Self.small + "optimizer:\n  warmup_steps: 10\n", path: "c.yaml")
    }

    @Test("what only data and model can tell names the line as well")
    func atPlanning() throws {
        let world = try TinyWorld()
        func failure(_ overrides: [String]) throws -> Failure {
            try #require(throws: Failure.self) { try world.plan(overrides) }
        }
        let frozen = try failure(["freeze=[audio]"])
        #expect(frozen.message.contains("\"freeze\" names audio") && frozen.exitStatus == .badConfiguration)
        for more in [[], ["lora.r=2"]] {
            #expect(try failure(["freeze=[text]"] + more).message.contains("\"freeze\" leaves nothing to train"))
        }
        let rank = try failure(["lora.r=33"])
        #expect(rank.exitStatus == .badConfiguration)
        #expect(rank.message.hasPrefix("--set lora.r: \"lora.r\" must be at most 32"), "\(rank)")
        _ = try world.plan(["lora.r=32"])
        let length = try failure(["max_lengths.query=6", "prompts.query='ba ba ba ba'"])
        #expect(length.exitStatus == .badConfiguration)
        #expect(length.message.hasPrefix("--set max_lengths.query: ") && length.message.contains("take 6"), "\(length)")
        _ = try world.plan(["max_lengths.query=7", "prompts.query='ba ba ba ba'"])
        var config = try world.config()
        config.length = .epochs(1e6)
        config.queriesPerStep = 1
        config.optimizer.warmupStepCount = 40_000_001
        let warmup = try #require(throws: Failure.self) { try TrainingPlan(config, store: world.store) }
        #expect(warmup.message.contains("at most the 40000000 steps of the run"), "\(warmup)")
    }

    @Test("help and docs/formats.md have every key, with the range and default of the parser")
    func explained() throws {
        let help = TrainingConfig.help(width: 80, indent: "  ")
        let docs = try Files.readText(sourceRoot.appending("docs/formats.md"))
        #expect(TrainingConfig.keyDescriptions.count > 35)
        for key in TrainingConfig.keyDescriptions {
            let standard = key.standard.map { " (default: \($0))" } ?? ""
            #expect(help.contains("  \(key.path): \(key.values)\(standard)\n"))
            #expect(
                docs.contains("| `\(key.path)` | \(key.values) | \(key.standard ?? "") |"),
                "\(key.path) in docs/formats.md")
        }
        let long = help.split(separator: "\n").filter { $0.count > 80 && !$0.contains(": ") }
        #expect(long.isEmpty, "\(long)")
    }
}
