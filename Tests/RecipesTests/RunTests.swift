import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

@Suite("Runs of recipes")
struct RunTests {
    private let sample: SampleRun

    init() throws { sample = try SampleRun("beir") }

    static let allStages = ["convert", "encode corpus", "encode queries", "search", "filter", "negatives"]

    private func stages(_ key: String, _ result: JSONValue) -> [String] {
        result[key]?.array?.compactMap(\.string) ?? []
    }

    @Test func onlyWhatIsNotDoneIsRun() throws {
        #expect(stages("ran", try sample.succeed()) == Self.allStages)
        // A result that went away is made again, and what follows from equal results stays.
        try Files.remove(sample.output.appending("run.tsv"))
        let searched = try sample.succeed()
        #expect(stages("ran", searched) == ["search"])
        #expect(stages("skipped", searched).count == 5)
        // A name that somebody moved is not the result.
        let store = sample.output.appending("store").string
        #expect(try run("tvt-store", ["tag", "beir", "beir@mined", "--store", store]).status == 0)
        #expect(stages("ran", try sample.succeed()) == ["negatives"])
        // Another store has none of the versions; vectors and run are those of the same dataset.
        let elsewhere = try sample.run(["--json", "--store", sample.folder("other").string])
        #expect(
            stages("ran", try JSONValue.parse(elsewhere.output, path: "run")) == ["convert", "filter", "negatives"])
    }

    @Test func anotherCommandIsRunAgain() throws {
        _ = try sample.succeed()
        let again = try sample.run(["--json", "--dtype", "bf16"])
        #expect(again.status == 0, "\(again.errorText)")
        let ran = stages("ran", try JSONValue.parse(again.output, path: "run"))
        #expect(ran.prefix(3) == ["encode corpus", "encode queries", "search"])
        #expect(!ran.contains("convert"))
    }

    @Test func everyCommandIsShown() throws {
        let result = try sample.run()
        #expect(result.status == 0, "\(result.errorText)")
        for stage in Self.allStages { #expect(result.outputText.contains("▶ \(stage)\n  tvt-")) }
        #expect(result.outputText.contains("beir@mined  sha256:"))
        #expect(try sample.run().outputText.contains("✓ negatives (done before)"))
    }

    /// The lock of a run that was left alone.
    private static let calm = Swift.Result { try SampleRun("beir").succeed()["lock"] }

    /// Where the program is killed, by what is there then.
    @Test(arguments: [
        ("stages/convert.json", SIGKILL), ("vectors/corpus", SIGKILL), ("vectors/queries", SIGTERM),
        ("run.tsv", SIGKILL),
        ("stages/filter.json", SIGINT),
    ])
    func aKilledRunIsGoneOnWith(file: String, signal: Int32) throws {
        let running = try RunningProgram("tvt-dataset", sample.arguments)
        let met = try running.signal(signal) { Files.exists(sample.output.appending(file)) }
        #expect(met, "\(running.text)")
        if signal != SIGKILL { #expect(running.status == 130, "\(running.text)") }
        // A tool that lost its parent is told to end, and may still hold a lock while it does.
        var result = try sample.run(["--json"])
        while result.status == 75 {
            usleep(20_000)
            result = try sample.run(["--json"])
        }
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "run")["lock"] == Self.calm.get())
        let verified = try run("tvt-store", ["verify", "--store", sample.output.appending("store").string])
        #expect(verified.status == 0, "\(verified.outputText)")
    }

    @Test func aFailedStageEndsTheRunWithItsStatus() throws {
        let raw = sample.folder("raw")
        for name in ["queries.jsonl", "qrels/train.tsv"] {
            try sample.folder.write(
                try Files.readAll(SampleTests.datasets.appending("beir/sample").appending(name)), to: "raw/\(name)")
        }
        try sample.folder.write("{\"_id\": \"x\"\n", to: "raw/corpus.jsonl")
        let result = try run(
            "tvt-dataset",
            [
                "run", SampleTests.datasets.appending("beir").string, "--raw", raw.string, "--output",
                sample.output.string, "--store", sample.folder("store").string, "--manifests",
                sample.folder("m").string,
                "--retriever", SampleTests.retriever.string,
            ])
        #expect(result.status == 65)
        // The tool's own message, and the stage that it came from.
        #expect(result.errorText.contains("corpus.jsonl:1"))
        #expect(result.errorText.contains("stage 'convert' of beir has failed with exit status 65"))
        #expect(!Files.exists(sample.folder("m")))
    }

    @Test func oneProcessAtATime() throws {
        let running = try RunningProgram("tvt-dataset", sample.arguments)
        var second: ToolResult?
        _ = try running.signal(SIGTERM) {
            guard Files.exists(sample.output.appending("vectors/corpus")) else { return false }
            second = try sample.run()
            return true
        }
        #expect(second?.status == 75)
        #expect(second?.errorText.contains("tvt-dataset run beir") == true)
    }

    @Test func aLockThatSaysOtherwiseIsToldOf() throws {
        let before = try sample.succeed()
        let path = sample.output.appending("beir.lock.json")
        let digest = try #require(before["lock"]?["versions"]?.array?[1]["logicalDigest"]?.string)
        let other = "sha256:" + String(repeating: "0", count: 64)
        try Files.replace(path, with: try Files.readText(path).replacing(digest, with: other))
        let again = try sample.run()
        #expect(again.status == 0)
        #expect(again.errorText.contains("beir@filtered: logical digest \(other) before, \(digest) now"))
    }
}
