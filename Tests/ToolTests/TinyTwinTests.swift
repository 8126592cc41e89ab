import Base
import Foundation
import JSON
import SystemPackage
import TestKit
import Testing

/// The manifests of the paper's four models, by their -tiny twins: from the samples beside the recipes to an evaluated
/// model, by command lines alone, as `manifests/README.md` has them.
@Suite("Tiny twins of the published models")
struct TinyTwinTests {
    struct Twin: CustomStringConvertible, Sendable {
        /// `manifests/<name>.yaml`
        let name: String
        /// Folder below `manifests/tiny`.
        let model: String
        /// What it is trained on.
        let datasets: [String]
        /// What is searched in the end, with its judgements.
        let judged: String
        let split: String
        /// Whether the judged queries are among those that are trained on: then they must be found better than before.
        var isTrainedOn: Bool { split == "train" }
        var description: String { name }

        /// How inputs are written, as the config says it too.
        var inputs: [String] {
            guard model != "qwen2.5" else { return [] }
            let ofImages = ["chat=true", "generation_prompt=false", "media_place=last", "image_size=112x112"]
            return model == "qwen2.5-omni"
                ? ofImages + ["frames=4", "frame_size=56x56", "frame_pixels=3136-12544"] : ofImages
        }
    }

    static let twins = [
        Twin(
            name: "tevatron-wikiss-tiny", model: "qwen2-vl", datasets: ["wiki-ss"], judged: "wiki-ss", split: "train"),
        Twin(name: "tevatron-bge-tiny", model: "qwen2.5", datasets: ["bge"], judged: "beir", split: "test"),
        Twin(
            name: "tevatron-vl-tiny", model: "qwen2.5-vl", datasets: ["colpali", "bge", "pixmo", "wiki-ss"],
            judged: "vidore", split: "test"),
        Twin(
            name: "tevatron-omni-tiny", model: "qwen2.5-omni",
            datasets: ["colpali", "bge", "pixmo", "wiki-ss", "msr-vtt", "audiocaps"], judged: "msr-vtt",
            split: "train"),
    ]

    static let conversions: [String: [String]] = [
        "audiocaps": ["audiocaps", "{sample}"], "beir": ["beir", "{sample}", "--positives", "train"],
        "bge": ["bge", "{sample}", "--scores", "links"], "colpali": ["colpali", "{sample}"],
        "msr-vtt": ["msr-vtt", "{sample}"], "pixmo": ["pixmo", "{sample}"], "vidore": ["vidore", "{sample}"],
        "wiki-ss": ["wiki-ss", "--queries", "{sample}/queries", "--corpus", "{sample}/corpus"],
    ]

    let world: SmallWorld

    init() throws { world = try SmallWorld() }

    // MARK: - Steps of the way

    private func makeStore(_ twin: Twin) throws {
        for name in Set(twin.datasets + [twin.judged]).sorted() {
            let sample = sourceRoot.appending("datasets/\(name)/sample").string
            let arguments = try #require(Self.conversions[name]).map { $0.replacing("{sample}", with: sample) }
            let result = try world.run("tvt-convert", arguments + ["--dataset", name])
            try #require(result.status == 0, "\(name): \(result.errorText)")
        }
    }

    private func makeModel(_ twin: Twin, seed: Int = 7) throws {
        let result = try world.run(
            "tvt-model",
            [
                "random", sourceRoot.appending("manifests/tiny/\(twin.model)").string, "--seed", "\(seed)",
                "--pooling", "last", "--normalize", "--append-eos", "--query-prompt", "Query: ", "--document-prompt",
                "", "--output", "base",
            ] + twin.inputs.flatMap { ["--inputs", $0] })
        try #require(result.status == 0, "\(result.errorText)")
        #expect(result.errorText.contains("the weights are random"))
    }

    private func training(_ twin: Twin, _ output: String, _ settings: [String], threads: Int = 1) -> [String] {
        [
            "--manifest", sourceRoot.appending("manifests/\(twin.name).yaml").string, "--output", output, "--resume",
            "--threads", "\(threads)", "--log-level", "warning",
        ] + (["model=base"] + settings).flatMap { ["--set", $0] }
    }

    private func train(_ twin: Twin, _ output: String, _ settings: [String] = [], threads: Int = 1) throws {
        let result = try world.run("tvt-train", training(twin, output, settings, threads: threads))
        try #require(result.status == 0, "\(result.errorText)")
    }

    /// The losses of a run, by step.
    private func losses(of run: String) throws -> [Double] {
        try Files.readText(world.path(run).appending("metrics.jsonl")).split(separator: "\n").map {
            try #require(try JSONValue.parse(Array($0.utf8), path: "metrics")["loss"]?.double)
        }
    }

    private func mean(_ values: some Collection<Double>) -> Double { values.reduce(0, +) / Double(values.count) }

    // MARK: - Tests

    @Test("learns, and is searched and evaluated", arguments: twins)
    func wholeWay(twin: Twin) throws {
        try makeStore(twin)
        try makeModel(twin)
        try train(twin, "run")
        let losses = try losses(of: "run")
        #expect(losses.count == 30)
        #expect(mean(losses.suffix(10)) < 0.7 * mean(losses.prefix(5)), "\(losses)")
        let after = try measured("after", twin, ["--adapter", "run/model"])
        #expect(0...1 ~= after)
        if twin.isTrainedOn { #expect(try measured("before", twin, []) < after) }
    }

    /// nDCG@10 of the judged queries.
    private func measured(_ name: String, _ twin: Twin, _ arguments: [String]) throws -> Double {
        for side in ["queries", "corpus"] {
            let result = try world.run(
                "tvt-encode",
                [side, twin.judged, "--model", "base", "--output", "\(name)-\(side)", "--threads", "1"]
                    + (side == "queries" ? ["--split", twin.split] : []) + arguments)
            try #require(result.status == 0, "\(result.errorText)")
        }
        try world.succeed(
            "tvt-search",
            [
                "--queries", "\(name)-queries", "--corpus", "\(name)-corpus", "--depth", "10", "--format", "tevatron",
                "--output", "\(name).tsv",
            ])
        let result = try world.run(
            "tvt-eval",
            [
                "--run", "\(name).tsv", "--qrels", twin.judged, "--split", twin.split, "--metrics", "ndcg@10",
                "--format",
                "json",
            ])
        try #require(result.status == 0, "\(result.errorText)")
        let run = try JSONValue.parse(result.output, path: "eval")["runs"]?.array?.first
        return try #require(run?["measures"]?["ndcg@10"]?.double)
    }

    @Test("a run that is killed and resumed ends as one that was not", arguments: twins)
    func killedAndResumed(twin: Twin) throws {
        try makeStore(twin)
        try makeModel(twin)
        let settings = ["steps=10", "optimizer.warmup_steps=1", "checkpoint_every=2"]
        try train(twin, "calm", settings)
        let wasMet = try world.kill(
            "tvt-train", training(twin, "rough", settings),
            .whenThereIs("rough/checkpoints", prefix: "step-000004", suffix: ""))
        #expect(wasMet)
        try train(twin, "rough", settings)
        #expect(try world.losses(of: "rough") == world.losses(of: "calm"))
        #expect(try world.weights("rough/model") == world.weights("calm/model"))
        // Another order of the same examples, and other dropout.
        try train(twin, "other", settings + ["seed=43"])
        #expect(try world.losses(of: "other") != world.losses(of: "calm"))
    }

    @Test("every batch of the omni twin has texts, images, videos and sounds")
    func mixedBatches() throws {
        let weights = try Files.readText(sourceRoot.appending("manifests/tevatron-omni-tiny.yaml"))
            .matches(of: #/weight: (\d+)/#).compactMap { Int($0.1) }
        // As many slots as the weights' sum have exactly their proportions: a step has so many queries.
        #expect(weights.count == 6 && weights.reduce(0, +) == 16)
        let twin = Self.twins[3]
        try makeStore(twin)
        try makeModel(twin)
        let result = try world.run(
            "tvt-train", training(twin, "run", []).filter { $0 != "--resume" } + ["--dry-run", "--json"])
        try #require(result.status == 0, "\(result.errorText)")
        #expect(!world.exists("run"))
    }

    /// A folder of descriptions is enough: what `tvt-model random` would be given.
    @Test("a dry run tells what each of eight processes with 80 GB would take, without weights", arguments: twins)
    func eightProcesses(twin: Twin) throws {
        try makeStore(twin)
        try makeModel(twin)
        func memory(_ model: String, _ options: [String]) throws -> (lock: JSONValue?, memory: JSONValue, said: String)
        {
            let result = try world.run(
                "tvt-train",
                [
                    "--manifest", sourceRoot.appending("manifests/\(twin.name).yaml").string, "--set",
                    "model=\(model)", "--set", "steps=2", "--set", "optimizer.warmup_steps=1", "--threads", "1",
                    "--dry-run", "--json",
                ] + options)
            try #require(result.status == 0, "\(result.errorText)")
            let json = try JSONValue.parse(result.output, path: "dry run")
            return (json["lock"], try #require(json["memory_bytes"]), result.errorText)
        }
        let folder = sourceRoot.appending("manifests/tiny/\(twin.model)").string
        let eight = ["--processes", "8", "--device", "cuda"]
        let whole = try memory(folder, eight)
        let shared = try memory(folder, eight + ["--shard", "weights", "--memory", "74GiB"])
        #expect(shared.lock == .null && shared.said.contains("has no weights") && !shared.said.contains("nobody"))
        #expect(shared.memory["processes"]?.integer == 8)
        #expect(shared.memory["chosen"]?["plan"]?["shard"]?.string == "weights")
        let total = try #require(shared.memory["peak"]?["total"]?.integer)
        #expect(total > 0 && total < 80_000_000_000)
        func bytes(_ found: JSONValue, _ part: String) throws -> Int { try #require(found[part]?.integer) }
        for part in ["weights", "gradients", "optimizer"] {
            #expect(try bytes(shared.memory, part) < bytes(whole.memory, part), "\(part)")
        }
        // With weights it is the same.
        let weighted = try memory("base", eight)
        #expect(weighted.lock?.string != nil)
        for part in ["weights", "gradients", "optimizer"] {
            #expect(try bytes(weighted.memory, part) == bytes(whole.memory, part), "\(part)")
        }
    }

    @Test("the manifests themselves are read; their data is not here", arguments: twins)
    func wholeManifests(twin: Twin) throws {
        let name = twin.name.replacing("-tiny", with: "")
        try world.succeed("tvt-store", ["init"])
        try world.fail(
            "tvt-train",
            ["--manifest", sourceRoot.appending("manifests/\(name).yaml").string, "--dry-run"],
            status: 66, naming: ["has no dataset"])
    }

    /// Threads compute in another order of sums at most; which examples a step has, they do not change.
    @Test("the losses do not depend on the number of threads", arguments: twins)
    func anyNumberOfThreads(twin: Twin) throws {
        try makeStore(twin)
        try makeModel(twin)
        let settings = ["steps=6", "optimizer.warmup_steps=1"]
        try train(twin, "one", settings)
        for count in [2, 3] {
            try train(twin, "run-\(count)", settings, threads: count)
            for (one, other) in zip(try losses(of: "one"), try losses(of: "run-\(count)")) {
                #expect(abs(one - other) <= 1e-4 * one, "\(count) threads: \(one) and \(other)")
            }
        }
    }

    /// What is read ahead, and on how many threads, changes nothing: not a bit.
    @Test("batches, losses and vectors are the same with any number of workers", arguments: [twins[2], twins[3]])
    func anyNumberOfWorkers(twin: Twin) throws {
        try makeStore(twin)
        try makeModel(twin)
        for count in [1, 2, 5] {
            let workers = ["--workers", "\(count)"]
            let result = try world.run(
                "tvt-train",
                training(twin, "run-\(count)", ["steps=6", "optimizer.warmup_steps=1"]) + workers)
            try #require(result.status == 0, "\(result.errorText)")
            #expect(try world.losses(of: "run-\(count)").count == 6)
            #expect(try world.losses(of: "run-\(count)") == world.losses(of: "run-1"), "\(count) workers")
            #expect(try world.weights("run-\(count)/model") == world.weights("run-1/model"), "\(count) workers")
            // Batches of two or three records, so that many are decoded ahead.
            for name in twin.datasets {
                let output = "vectors-\(count)/\(name)"
                let encoded = try world.run(
                    "tvt-encode",
                    [
                        "corpus", name, "--model", "base", "--output", output, "--threads", "1", "--batch-tokens",
                        "200", "--part-size", "7",
                    ] + workers)
                try #require(encoded.status == 0, "\(encoded.errorText)")
                #expect(try !world.contents(of: output).isEmpty)
            }
            func vectors(_ count: Int) throws -> [String: SHA256Digest] {
                try world.contents(of: "vectors-\(count)").filter { !$0.key.hasSuffix(".lock") }
            }
            #expect(try vectors(count) == vectors(1), "\(count) workers")
        }
    }
}
