import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// Numbers, signals and places that once made `tvt-train` trap, hang or end in another's words.
@Suite("tvt-train at its limits")
struct TrainRangeTests {
    let world: SmallWorld

    init() throws {
        world = try SmallWorld(queryCount: 24)
        try world.writeMix()
    }

    @Test(
        "numbers that would trap, hang or take all memory are refused with their place",
        arguments: [
            ("datasets.0.weight=9223372036854775807", "datasets.0.weight"),
            ("datasets=[{name: road, weight: 9223372036854775807}, {name: road, weight: 1}]", "datasets"),
            ("queries_per_step=1000000000", "queries_per_step"),
            ("queries_per_step=9223372036854775807", "queries_per_step"),
            ("queries_per_step=65536", "queries_per_step"), ("passages_per_query=1000000000", "passages_per_query"),
            ("accumulation=9223372036854775807", "accumulation"), ("steps=9223372036854775807", "steps"),
            ("lora.r=1000000", "lora.r"), ("lora.r=64", "lora.r"),
            ("optimizer.warmup_steps=7", "optimizer.warmup_steps"),
            ("chunk_tokens=9223372036854775807", "chunk_tokens"), ("temperature=1e-300", "temperature"),
            ("optimizer.epsilon=1e-300", "optimizer.epsilon"),
            ("checkpoint_every=9223372036854775807", "checkpoint_every"),
            ("max_lengths.query=9223372036854775807", "max_lengths.query"),
            ("optimizer.learning_rate=nan", "optimizer"),
        ])
    func numbers(setting: String, key: String) throws {
        let arguments = SmallWorld.training("run", [setting]) + ["--dry-run"]
        try world.fail("tvt-train", arguments, status: 78, naming: ["--set \(key)", "must be"])
        #expect(!world.exists("run"))
    }

    @Test("a prompt that fills the maximal length is refused: all texts would be equal")
    func onlyPrompts() throws {
        let settings = ["prompts.document='ba ba ba ba'", "max_lengths={query: 8, document: 6}"]
        try world.fail(
            "tvt-train", SmallWorld.training("run", settings), status: 78,
            naming: ["\"max_lengths.document\" is 6", "nothing is left for the text"])
        try world.fail(
            "tvt-encode",
            SmallWorld.encoding("corpus", to: "v") + [
                "--document-prompt", "ba ba ba ba", "--document-max-length", "6",
            ],
            status: 78, naming: ["take 6 of at most 6 tokens", "--document-max-length"])
        #expect(!world.exists("run") && !world.exists("v"))
    }

    @Test("a signal ends a step that takes long, without waiting for its end, and a dry run as well")
    func signals() throws {
        // One step of so many takes far longer than the test waits.
        let huge = ["queries_per_step=65536", "passages_per_query=3", "steps=1000000", "accumulation=32"]
        for more in [[], ["--dry-run"]] {
            let running = try RunningTool("tvt-train", SmallWorld.training("run", huge) + more, in: world)
            // Once signals are caught, and then some: into the first step.
            running.wait { running.catchesSignals }
            let start = Clock.seconds()
            running.wait { Clock.seconds() - start > 1.5 }
            running.send(SIGTERM)
            let end = try running.finish()
            // A dry run may be over before the signal comes; the step would take hours.
            let isInTime = end.status == 130 || (!more.isEmpty && end.status == 0)
            #expect(isInTime && !end.wasKilled, "\(more): \(end.errorText)")
        }
        #expect(!world.exists("run/model"))
    }

    @Test("the example of --help runs as it stands")
    func example() throws {
        let help = try world.succeed("tvt-train", ["--help"]).outputText
        let lines = help.split(separator: "\n", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }
        let first = try #require(lines.firstIndex { $0.hasPrefix("cat > train.yaml") })
        let last = try #require(lines.firstIndex { $0.hasPrefix("tvt-train --config train.yaml") })
        // Help is indented by as much everywhere; YAML's own indentation stays.
        let indents = help.split(separator: "\n", omittingEmptySubsequences: false)[first...last].map {
            $0.prefix { $0 == " " }.count
        }
        let script = help.split(separator: "\n", omittingEmptySubsequences: false)[first...last].map {
            $0.dropFirst(indents.min() ?? 0)
        }.joined(separator: "\n")
        try world.succeed("tvt-store", ["tag", "road", "nave-train"])
        let result = try runShell(
            "cd \(world.temporary.path) && ln -s \(SmallWorld.model) all-MiniLM-L6-v2 && "
                + "export TVT_STORE=store PATH=\(builtProducts):$PATH && \(script)")
        #expect(result.status == 0, "\(result.errorText)\n\(script)")
        #expect(world.exists("run/model/model.safetensors"))
        #expect(try world.json("run/lock.json")["mix"]?["optimizer"]?["learning_rate"]?.double == 1e-4)
    }
}
