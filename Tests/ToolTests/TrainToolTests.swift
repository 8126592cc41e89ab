import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// `tvt-train` as a user runs it.
@Suite("tvt-train")
struct TrainToolTests {
    let world: SmallWorld

    init() throws {
        world = try SmallWorld(queryCount: 24)
        try world.writeMix()
    }

    func train(_ output: String, _ settings: [String] = [], resume: Bool = false) throws -> ToolResult {
        try world.succeed("tvt-train", SmallWorld.training(output, settings, resume: resume))
    }

    func checkpoints(of run: String) throws -> [String] { try Files.list(world.path("\(run)/checkpoints")) }

    @Test("--help explains every option and key, and what a run leaves")
    func help() throws {
        // Lines are broken where they are full: words are looked for.
        let help = try world.succeed("tvt-train", ["--help"]).outputText
            .split { " \n".contains($0) }.joined(separator: " ")
        let wanted = [
            "USAGE: tvt-train", "--config", "--manifest", "--output", "--resume", "--set", "--device", "--trace",
            "--threads",
            "--dry-run", "--store", "--json", "lock.json", "metrics.jsonl", "checkpoints/", "SIGINT",
            "queries_per_step: a whole number from 1 to 65536 (default: 32)", "optimizer.learning_rate: a number",
            "blank_texts: encode, skip, error (default: encode)",
            "lora.r: a whole number from 1 to 65536 (default: 16)",
            "From 1 to \(NumberRange.threads.bounds.upperBound).",
        ]
        for word in wanted { #expect(help.contains(word), "\(word)") }
    }

    /// What is refused: line to replace in the mix, more arguments, status, and what the message names.
    struct Refusal: CustomStringConvertible, Sendable {
        var replacing: [String: String] = [:]
        var arguments: [String] = []
        let status: Int32
        let naming: [String]

        var description: String { "\(replacing) \(arguments)" }
    }

    static let refusals = [
        Refusal(
            replacing: ["queries_per_step": "queries_per_stop"], status: 78,
            naming: ["mix.yaml:5", "unknown key \"queries_per_stop\"", "Did you mean \"queries_per_step\"?"]),
        Refusal(
            replacing: ["learning_rate": "rate"], status: 78, naming: ["mix.yaml:8", "unknown key \"optimizer.rate\""]),
        Refusal(replacing: ["steps: 6": "steps: many"], status: 78, naming: ["mix.yaml:6", "\"steps\"", "\"many\""]),
        Refusal(replacing: ["steps: 6": "steps: ["], status: 78, naming: ["mix.yaml"]),
        Refusal(replacing: ["steps: 6": ""], status: 78, naming: ["mix.yaml", "\"steps\""]),
        Refusal(arguments: ["--set", "optimizer.rate=1"], status: 78, naming: ["--set optimizer.rate"]),
        Refusal(arguments: ["--set", "lora={r: 4, targets: [nose]}"], status: 78, naming: ["\"nose\""]),
        Refusal(arguments: ["--set", "temperature"], status: 64, naming: ["--set temperature", "key=value"]),
        Refusal(arguments: ["--set", "datasets.1.name=x"], status: 64, naming: ["datasets.1.name"]),
        Refusal(arguments: ["--manifest", "max.yaml"], status: 66, naming: ["max.yaml"]),
        Refusal(arguments: ["--set", "model=nowhere"], status: 66, naming: ["nowhere"]),
        Refusal(
            arguments: ["--set", "datasets.0.name=raod"], status: 66, naming: ["\"raod\"", "Did you mean road?"]),
        Refusal(arguments: ["--store", "nowhere"], status: 66, naming: ["nowhere is no store"]),
        Refusal(arguments: ["--device", "abacus"], status: 64, naming: ["abacus"]),
        Refusal(arguments: ["--trace", "some"], status: 64, naming: ["some"]),
    ]

    @Test("what cannot be trained is refused with its place, and nothing is begun", arguments: refusals)
    func refusal(_ refusal: Refusal) throws {
        var mix = try Files.readText(world.path("mix.yaml"))
        for (old, new) in refusal.replacing { mix.replace(old, with: new) }
        try world.temporary.write(mix, to: "mix.yaml")
        try world.fail(
            "tvt-train", SmallWorld.training("run") + refusal.arguments, status: refusal.status,
            naming: refusal.naming)
        #expect(!world.exists("run"))
    }

    @Test("a mix is needed, and an output unless the run is dry")
    func missingArguments() throws {
        try world.fail("tvt-train", ["--output", "run"], status: 64, naming: ["--config"])
        try world.fail("tvt-train", ["--manifest", "mix.yaml"], status: 64, naming: ["--output", "--dry-run"])
    }

    @Test("a run is never overwritten, and somebody else's folder stays as it is")
    func occupiedOutputs() throws {
        _ = try train("run")
        let before = try world.contents()
        try world.fail("tvt-train", SmallWorld.training("run"), status: 73, naming: ["run", "--resume"])
        try world.fail(
            "tvt-train", SmallWorld.training("run", ["seed=7"], resume: true), status: 78, naming: ["mix.seed"])
        // The lock file tells of its last holder.
        func settled(_ contents: [String: SHA256Digest]) -> [String: SHA256Digest] {
            contents.filter { $0.key != "run/.lock" }
        }
        #expect(try settled(world.contents()) == settled(before))
        try world.fail("tvt-train", SmallWorld.training("store"), status: 73, naming: ["store", "not empty"])
        try world.fail("tvt-train", SmallWorld.training("mix.yaml"), status: 73, naming: ["mix.yaml"])
        #expect(try settled(world.contents()) == settled(before))
        // With --resume, a run that is done is left as it is, and one that does not exist begins.
        let again = try world.succeed("tvt-train", SmallWorld.training("run", resume: true) + ["--json"])
        #expect(try JSONValue.parse(again.output, path: "train")["resumed_after"]?.integer == 6)
        let fresh = try world.run("tvt-train", SmallWorld.training("fresh", resume: true))
        #expect(fresh.status == 0)
        #expect(fresh.errorText == "note: fresh has no checkpoint to resume from: the run starts anew\n")
        #expect(try world.weights("fresh/model") == world.weights("run/model"))
    }

    @Test(
        "two runs of one lock: the same losses and weights, byte for byte", arguments: [[], ["lora={r: 4, alpha: 8}"]])
    func sameLock(settings: [String]) throws {
        for run in ["a", "b"] { _ = try train(run, settings) }
        _ = try train("c", settings + ["seed=7"])
        #expect(try world.bytes("a/lock.json") == world.bytes("b/lock.json"))
        let losses = try world.losses(of: "a")
        #expect(losses.count == 6 && losses.allSatisfy { $0.contains("\"loss\":") })
        #expect(try world.losses(of: "b") == losses)
        #expect(try world.losses(of: "c") != losses)
        #expect(try world.weights("a/model") == world.weights("b/model"))
        #expect(try world.weights("a/model") != world.weights("c/model"))
    }

    @Test("--set is as if the mix said it")
    func settings() throws {
        _ = try train("set", ["steps=2", "optimizer={learning_rate: 1e-2, schedule: cosine}", "temperature=0.1"])
        let mix = try Files.readText(world.path("mix.yaml")).replacing("steps: 6", with: "steps: 2")
            .replacing("learning_rate: 1e-3", with: "learning_rate: 1e-2\n  schedule: cosine\ntemperature: 0.1")
        try world.temporary.write(mix, to: "mix.yaml")
        _ = try train("said")
        #expect(try world.bytes("set/lock.json") == world.bytes("said/lock.json"))
        #expect(try world.json("set/lock.json")["mix"]?["optimizer"]?["schedule"] == "cosine")
        #expect(try world.losses(of: "set") == world.losses(of: "said") && world.losses(of: "set").count == 2)
    }

    @Test("a dry run tells what a run would do, and writes nothing")
    func dryRun() throws {
        let before = try world.contents()
        let arguments = SmallWorld.training("run", ["prompts.query='ba '"]) + ["--dry-run"]
        let text = try world.succeed("tvt-train", arguments).outputText
        let json = try JSONValue.parse(world.succeed("tvt-train", arguments + ["--json"]).output, path: "dry")
        #expect(try world.contents() == before)
        let example = try #require(json["examples"]?.array?.first)
        #expect(example["query"]?["text"]?.string?.hasPrefix("ba ") == true && example["negatives"]?.array?.count == 2)
        for word in ["steps     6", "road", try #require(example["query"]?["text"]?.string), "memory"] {
            #expect(text.contains(word), "\(word)")
        }
        _ = try train("run", ["prompts.query='ba '"])
        #expect(try json["lock"]?.string == "\(SHA256Digest.ofFile(world.path("run/lock.json")))")
    }

    @Test("while a run trains, another process is told who holds it; a signal ends it with a checkpoint")
    func secondProcess() throws {
        let endless = SmallWorld.training("run", ["steps=1000000"])
        let running = try RunningTool("tvt-train", endless, in: world)
        let metrics = world.path("run/metrics.jsonl")
        try #require(running.wait { Files.exists(metrics) })
        for arguments in [endless, endless + ["--resume"]] {
            try world.fail(
                "tvt-train", arguments, status: 75, naming: ["run/.lock", "process \(running.identifier) (tvt-train"])
        }
        running.send(SIGTERM)
        let end = try running.finish()
        #expect(end.status == 130 && !end.wasKilled)
        #expect(end.errorText.contains("interrupted after step") && end.errorText.contains("--resume"))
        let names = try checkpoints(of: "run")
        #expect(names.count == 1 && !world.exists("run/model"))
        let step = try #require(names.first.flatMap { Int($0.dropFirst(5)) })
        #expect(try world.losses(of: "run").count == step)
        try world.encode("queries", world.path("run/checkpoints/\(names[0])"), to: "v")
    }

    @Test("watch tells where a run stands while it trains and when it has ended, and ends with it")
    func watch() throws {
        _ = try train("run")
        let text = try world.succeed("tvt-train", ["watch", "run", "--once"]).outputText
        #expect(text.hasPrefix("step 6 of 6 (100.0 %), finished\nloss "), "\(text)")
        #expect(try world.succeed("tvt-train", ["watch", "run"]).outputText == text)
        func state(_ run: String) throws -> String? {
            let output = try world.succeed("tvt-train", ["watch", run, "--once", "--json"]).output
            return try JSONValue.parse(output, path: "watch")["state"]?.string
        }
        #expect(try state("run") == "finished")
        let running = try RunningTool("tvt-train", SmallWorld.training("long", ["steps=1000000"]), in: world)
        try #require(running.wait { Files.exists(world.path("long/metrics.jsonl")) })
        #expect(try state("long") == "running")
        running.send(SIGTERM)
        #expect(try running.finish().status == 130)
        #expect(try state("long") == "stopped")
        #expect(try world.succeed("tvt-train", ["watch", "long"]).outputText.contains("of 1,000,000"))
        try world.fail("tvt-train", ["watch", "run", "--json"], status: 64, naming: ["--once"])
        try world.fail("tvt-train", ["watch", "nowhere"], status: 66, naming: ["nowhere", "lock.json"])
        try world.fail("tvt-train", ["watch"], status: 64, naming: ["<run>"])
        try world.fail("tvt-train", ["look", "run"], status: 64, naming: ["\"look\"", "--help"])
    }

    @Test("validation's figures are those of encoding, searching and evaluating the checkpoint by the tools")
    func validation() throws {
        let judgements = (0..<24).map { "q\($0) 0 d\(3 * $0) 2\nq\($0) 0 d\(3 * $0 + 1) 1\n" }.joined()
        try world.temporary.write(judgements, to: "dev.qrels")
        let judged = try world.run(
            "tvt-store", ["judgements", "road", "dev.qrels", "--split", "dev", "--as", "judged"])
        try #require(judged.status == 0, "\(judged.errorText)")
        let settings = ["validation={dataset: judged, every: 3, metrics: [mrr@10, ndcg@10]}"]
        let dry = try world.run("tvt-train", SmallWorld.training("run", settings) + ["--dry-run", "--json"])
        #expect(try JSONValue.parse(dry.output, path: "dry")["validation"]?["queries"]?.integer == 24)
        let result = try world.run("tvt-train", SmallWorld.training("run", settings) + ["--json"])
        try #require(result.status == 0, "\(result.errorText)")
        #expect(result.errorText.contains("24 of the 24 judged queries of judged have positives and are trained on"))
        let report = try JSONValue.parse(result.output, path: "train")
        let last = try #require(report["last_validation"]?["validation"])
        #expect(last["queries"]?.integer == 24 && last["documents"]?.integer == 72)
        for side in ["corpus", "queries"] {
            try world.encode(side, world.path("run/model"), to: side, ["--dtype", "f32"])
        }
        try world.succeed(
            "tvt-search", ["--queries", "queries", "--corpus", "corpus", "--depth", "72", "--output", "all.run"])
        let measured = try JSONValue.parse(
            world.succeed(
                "tvt-eval",
                ["--run", "all.run", "--qrels", "judged", "--metrics", "mrr@10,ndcg@10", "--format", "json"]
            ).output, path: "eval")
        for name in ["mrr@10", "ndcg@10"] {
            let ours = try #require(last[name]?.double)
            let theirs = try #require(measured["runs"]?.array?[0]["measures"]?[name]?.double)
            #expect(abs(ours - theirs) < 1e-6, "\(name): \(ours), \(theirs)")
        }
        let best = try #require(report["best"]?["step"]?.integer)
        #expect([3, 6].contains(best) && world.exists("run/best/model.safetensors"))
    }

    @Test("an interrupted run that is resumed ends as one that was not", arguments: [[], ["lora={r: 4, alpha: 8}"]])
    func interruption(settings: [String]) throws {
        let settings = settings + ["steps=300"]
        _ = try train("calm", settings)
        let metrics = world.path("rough/metrics.jsonl")
        var interruptedCount = 0
        for _ in 0..<3 {
            let size = (try? Files.size(metrics)) ?? 0
            let running = try RunningTool(
                "tvt-train", SmallWorld.training("rough", settings, resume: true), in: world)
            // About twenty steps further.
            running.wait { ((try? Files.size(metrics)) ?? 0) > size + 2500 }
            running.send(SIGINT)
            let end = try running.finish()
            if end.status == 0 { break }
            #expect(end.status == 130, "\(end.errorText)")
            interruptedCount += 1
            #expect(try !checkpoints(of: "rough").isEmpty)
        }
        #expect(interruptedCount > 0)
        _ = try train("rough", settings, resume: true)
        #expect(try world.weights("rough/model") == world.weights("calm/model"))
        #expect(try world.losses(of: "rough") == world.losses(of: "calm"))
    }

    /// The first of several processes has said it before it starts the others, which have it in their environment.
    @Test("threads that wait sleep soon", arguments: [[], ["OMP_WAIT_POLICY=passive"]])
    func threadWaits(said: [String]) throws {
        let tool = builtProducts.appending("tvt-train").string
        let running = try RunningTool(
            program: "/usr/bin/env",
            ["-u", "GOMP_SPINCOUNT"] + said + [tool] + SmallWorld.training("run", ["steps=2000"])
                + ["--processes", "2"], in: world)
        running.wait { world.exists("run/metrics.jsonl") }
        let process = FilePath("/proc/\(running.identifier)")
        let children = try Files.readText(process.appending("task/\(running.identifier)/children"))
        let child = try #require(children.split(separator: " ").first)
        let variables = try Files.readAll(FilePath("/proc/\(child)/environ")).split(separator: 0)
        #expect(variables.contains { $0.elementsEqual("GOMP_SPINCOUNT=10000".utf8) } == said.isEmpty)
        running.send(SIGINT)
        #expect(try running.finish().status == 130)
    }

    // MARK: - Several processes

    @Test("--processes trains as one does, and only the first speaks")
    func processes() throws {
        _ = try train("alone")
        let together = try world.succeed("tvt-train", SmallWorld.training("together") + ["--processes", "2", "--json"])
        let report = try JSONValue.parse(together.output, path: "report")
        #expect(report["steps"]?.integer == 6)
        let losses = try ["alone", "together"].map { run in
            try world.losses(of: run).map { line in
                try #require(JSONValue.parse(Array((line + "}").utf8), path: run)["loss"]?.double)
            }
        }
        #expect(losses[0].count == 6 && losses[1].count == 6)
        for (one, other) in zip(losses[0], losses[1]) { #expect(abs(one - other) <= 2e-6 * one) }
    }

    @Test("what is wrong for all processes is said once")
    func processesAgree() throws {
        let settings = ["queries_per_step=1", "passages_per_query=2"]
        let result = try world.run("tvt-train", SmallWorld.training("run", settings) + ["--processes", "4"])
        #expect(result.status == 78)
        #expect(result.errorText.ranges(of: "4 processes share").count == 1, "\(result.errorText)")
    }

    @Test("after a signal, who does not end is named, and a second one ends all")
    func stoppedProcess() throws {
        let tool = try RunningTool(
            "tvt-train", SmallWorld.training("run", ["steps=2000", "checkpoint_every=2"]) + ["--processes", "2"],
            in: world)
        tool.wait { (try? checkpoints(of: "run").contains { $0.hasPrefix("step-") }) ?? false }
        let stopped = try #require(try Self.child(of: tool.identifier, rank: 1))
        kill(stopped, SIGSTOP)
        // A stopped process ends by nothing else.
        defer { kill(stopped, SIGKILL) }
        tool.send(SIGINT)
        tool.wait { tool.errorText.contains("waiting for") }
        #expect(tool.errorText.contains("waiting for processes 0, 1 of 2 to end"), "\(tool.errorText)")
        tool.send(SIGINT)
        #expect(try tool.finish().status == 130)
    }

    @Test("a process that is killed is named, and its run goes on with --resume", arguments: [0, 1])
    func killedProcess(rank: Int) throws {
        let settings = ["steps=2000", "checkpoint_every=2"]
        let tool = try RunningTool(
            "tvt-train", SmallWorld.training("run", settings) + ["--processes", "2"], in: world)
        tool.wait { (try? checkpoints(of: "run").contains { $0.hasPrefix("step-") }) ?? false }
        let victim = try #require(try Self.child(of: tool.identifier, rank: rank))
        kill(victim, SIGKILL)
        let end = try tool.finish()
        #expect(end.status == 74 && end.errorText.contains("process \(rank) of 2 was ended by signal 9"), "\(end)")
        #expect(try Self.child(of: tool.identifier, rank: 1 - rank) == nil)
        let last = try #require(try checkpoints(of: "run").filter { $0.hasPrefix("step-") }.max())
        // Any number of processes may go on, whatever they divide; the config says how far.
        let other = try RunningTool(
            "tvt-train",
            SmallWorld.training("run", settings, resume: true) + ["--processes", "3", "--shard", "weights"], in: world)
        other.wait { (try? checkpoints(of: "run").contains { $0.hasPrefix("step-") && $0 > last }) ?? false }
        kill(other.identifier, SIGINT)
        let interrupted = try other.finish()
        #expect(interrupted.status == 130 && interrupted.errorText.contains("is complete: --resume"), "\(interrupted)")
    }

    /// The process of a rank that another process has started.
    static func child(of parent: Int32, rank: Int) throws -> Int32? {
        for name in try Files.list(FilePath("/proc")) {
            guard let process = Int32(name),
                let status = try? Files.readText(FilePath("/proc/\(name)/stat")),
                status.split(separator: ")").last?.split(separator: " ").dropFirst().first == "\(parent)",
                let environment = try? Files.readAll(FilePath("/proc/\(name)/environ")),
                environment.split(separator: 0).contains(where: { $0.elementsEqual("RANK=\(rank)".utf8) })
            else { continue }
            return process
        }
        return nil
    }
}
