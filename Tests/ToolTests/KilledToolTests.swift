import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// `kill -9` at many moments: what was there stays whole, and the next run ends as if nothing had happened.
@Suite("Killed tools", .serialized)
struct KilledToolTests {
    /// Moments by the clock, spread from the start of a process to beyond the end of a quick one.
    static let clock: [Moment] = [0.02, 0.1, 0.25, 0.35, 0.5].map { .after(seconds: $0) }

    /// Whether one of the kills was in the middle of something.
    static func isMidway(_ killed: [Moment]) -> Bool { killed.contains(where: \.isObserved) }

    /// Names that readers look at: staged files begin with a dot.
    static func visible(_ contents: [String: SHA256Digest]) -> [String: SHA256Digest] {
        contents.filter { !$0.key.split(separator: "/").contains { $0.hasPrefix(".") } }
    }

    @Test("tvt-encode")
    func encode() throws {
        let world = try SmallWorld(queryCount: 800)
        let flags = ["--part-size", "64"]
        try world.encode("corpus", to: "calm", flags)
        let calm = Self.visible(try world.contents(of: "calm"))
        let arguments = SmallWorld.encoding("corpus", to: "rough") + flags + ["--resume"]
        let moments: [Moment] =
            Self.clock + [
                .whenThereIs("rough", prefix: ".part-", suffix: ".tmp"),
                .whenThereIs("rough", prefix: "part-00003", suffix: ".json"),
                .whenThereIs("rough", prefix: ".part-00009", suffix: ".tmp"),
                .whenThereIs("rough", prefix: "part-00015", suffix: ".ids"),
            ]
        var killed: [Moment] = []
        for moment in moments {
            if try world.kill("tvt-encode", arguments, moment) { killed.append(moment) }
            guard world.exists("rough") else { continue }
            let isFinished = world.exists("rough/vectors.json")
            for (name, digest) in Self.visible(try world.contents(of: "rough")) {
                // Records of parts are there until the folder is finished.
                if name.hasPrefix("part-"), name.hasSuffix(".json") { continue }
                #expect(calm[name] == digest, "\(name), killed \(moment)")
            }
            guard !isFinished else { continue }
            let search = ["--queries", "calm", "--corpus", "rough", "--allow-mismatch", "--output", "run"]
            try world.fail("tvt-search", search, status: 66, naming: ["no finished folder of vectors"])
        }
        #expect(Self.isMidway(killed))
        try world.expectCleanStore()
        // Remains of writers that died while they wrote are swept away.
        for name in [".part-00000.npy.4711.tmp", ".vectors.json.4711.tmp"] {
            try world.temporary.write("half", to: "rough/\(name)")
        }
        let last = try JSONValue.parse(
            world.succeed("tvt-encode", arguments + ["--json"]).output, path: "encode")
        #expect(last["skipped"]?.integer ?? 0 >= 3 * 64)
        var rough = try world.contents(of: "rough")
        rough[".lock"] = nil
        #expect(rough == calm)
    }

    @Test("tvt-encode that leaves records out lists all of them, whenever it was killed")
    func encodeWithQuarantine() throws {
        let world = try SmallWorld()
        let folder = sourceRoot.appending("manifests/tiny/qwen2.5-omni").string
        // That the weights are random is said on stderr.
        let made = try world.run(
            "tvt-model",
            [
                "random", folder, "--seed", "1", "--pooling", "last", "--normalize", "--query-prompt", "",
                "--document-prompt", "", "--inputs", "chat=true", "--output", "model",
            ])
        try #require(made.status == 0, "\(made.errorText)")
        try Files.makeDirectory(world.path("media"))
        var corpus = ""
        for number in 0..<600 {
            let isBroken = number % 3 == 0
            corpus += #"{"docid": "d\#(number)", "document_text": "\#(SmallWorld.text(ofDocument: number))""#
            corpus += isBroken ? #", "document_image": "\#(number).png"}"# + "\n" : "}\n"
            if isBroken {
                // The signature of PNG, and nothing behind it that could be one.
                let bytes = [0x89] + Array("PNG\r\n\u{1A}\n no image \(number)".utf8)
                try Files.replace(world.path("media").appending("\(number).png"), with: bytes)
            }
        }
        try world.temporary.write(Array(corpus.utf8), to: "corpus.jsonl")
        try world.succeed(
            "tvt-convert",
            [
                "v2", "--corpus", "corpus.jsonl", "--assets", "media", "--media-check", "none", "--dataset", "media",
            ])
        func arguments(_ output: String) -> [String] {
            [
                "corpus", "media", "--model", "model", "--output", output, "--part-size", "64", "--quarantine",
                output + ".jsonl", "--resume", "--threads", "1",
            ]
        }
        func encode(_ output: String) throws -> JSONValue {
            let result = try world.run("tvt-encode", arguments(output) + ["--json"])
            try #require(result.status == 0, "\(result.errorText)")
            return try JSONValue.parse(result.output, path: "encode")
        }
        _ = try encode("calm")
        let calm = try world.contents(of: "calm").filter { $0.key != ".lock" }
        let killed = try [
            Moment.whenThereIs("rough", prefix: "part-00002", suffix: ".json"),
            .whenThereIs("rough", prefix: ".part-00005", suffix: ".tmp"),
        ].filter { try world.kill("tvt-encode", arguments("rough"), $0) }
        #expect(!killed.isEmpty && !world.exists("rough/vectors.json"))
        let last = try encode("rough")
        #expect(last["skipped"]?.integer ?? 0 >= 2 * 64 && last["quarantined"]?.integer == 200)
        #expect(try world.contents(of: "rough").filter { $0.key != ".lock" } == calm)
        #expect(try world.bytes("rough.jsonl") == world.bytes("calm.jsonl"))
        #expect(try world.bytes("calm.jsonl").split(separator: 0x0A).count == 200)
    }

    @Test("an interrupted tvt-encode ends with 130, sweeps up, and goes on with --resume")
    func interruptedEncode() throws {
        let world = try SmallWorld(queryCount: 800)
        let arguments = SmallWorld.encoding("corpus", to: "v") + ["--part-size", "64", "--resume"]
        let running = try RunningTool("tvt-encode", arguments, in: world)
        running.wait { world.exists("v/part-00002.json") }
        running.send(SIGINT)
        let end = try running.finish()
        #expect(end.status == 130 && end.errorText == "tvt-encode: interrupted\n")
        #expect(try Files.list(world.path("v")).allSatisfy { $0 == ".lock" || !$0.hasPrefix(".") })
        #expect(!world.exists("v/vectors.json"))
        let last = try JSONValue.parse(
            world.succeed("tvt-encode", arguments + ["--json"]).output, path: "encode")
        #expect(last["skipped"]?.integer ?? 0 >= 3 * 64 && last["records"]?.integer == 2400)
    }

    @Test("tvt-mine negatives")
    func mine() throws {
        let world = try SmallWorld(queryCount: 1200)
        try world.writeRun(queryCount: 1200, depth: 100, to: "run.tsv")
        let arguments = [
            "negatives", "road", "--run", "run.tsv", "--count", "8", "--seed", "5", "--exclude-duplicates", "--as",
            "road@mined", "--log-level", "warning",
        ]
        try world.succeed("tvt-mine", arguments)
        let digest = try #require(try world.digest(of: "road@mined"))
        try world.succeed("tvt-store", ["rm", "road@mined"])
        let before = try #require(try world.digest(of: "road"))
        let blobs = try world.contents(of: "store/blobs")

        let moments: [Moment] =
            Self.clock + [
                .whenThereIs("store/tmp", prefix: "", suffix: ".lock"),
                .whenThereIs("store", prefix: ".index.json", suffix: ".tmp"),
                .whenThereIs("store", prefix: "catalog.sqlite-journal", suffix: ""),
            ]
        var killed: [Moment] = []
        for moment in moments {
            if try world.kill("tvt-mine", arguments, moment) { killed.append(moment) }
            try world.expectCleanStore("\(moment)")
            #expect(try world.digest(of: "road") == before)
            // All or nothing, and then the very same version.
            if let mined = try world.digest(of: "road@mined") {
                #expect(mined == digest, "\(moment)")
                try world.succeed("tvt-store", ["rm", "road@mined"])
            }
        }
        #expect(Self.isMidway(killed))
        try world.succeed("tvt-mine", arguments)
        #expect(try world.digest(of: "road@mined") == digest)
        #expect(try world.contents(of: "store/blobs").filter { blobs[$0.key] != nil } == blobs)
        #expect(try Files.list(world.path("store/tmp")) == ["gate"])
        try world.expectCleanStore()
    }

    static let trainings: [(settings: [String], moments: [Moment])] = [
        (
            [],
            clock + [
                .whenThereIs("rough/checkpoints", prefix: ".step-", suffix: ".tmp"),
                .whenThereIs("rough/checkpoints", prefix: ".step-", suffix: ".old"),
                .whenThereIs("rough/checkpoints/.step-000008.tmp", prefix: "optimizer", suffix: ""),
                .whenThereIs("rough/checkpoints/.step-000011.tmp", prefix: "tvt.json", suffix: ""),
                .whenThereIs("rough/checkpoints", prefix: "step-000014", suffix: ""),
            ]
        ),
        (
            ["lora={r: 4, alpha: 8}"],
            [
                .whenThereIs("rough", prefix: "lock.json", suffix: ""),
                .whenThereIs("rough/checkpoints/.step-000005.tmp", prefix: "adapter", suffix: ""),
            ]
        ),
    ]

    @Test("tvt-train, with a checkpoint at every step", arguments: trainings)
    func train(settings: [String], moments: [Moment]) throws {
        let world = try SmallWorld(queryCount: 24)
        try world.writeMix("checkpoint_every: 1")
        let settings = settings + ["steps=16"]
        try world.succeed("tvt-train", SmallWorld.training("calm", settings))
        let resuming = SmallWorld.training("rough", settings, resume: true)
        var killed: [Moment] = []
        for moment in moments {
            if try world.kill("tvt-train", resuming, moment) { killed.append(moment) }
            guard world.exists("rough/checkpoints") else { continue }
            let names = try Files.list(world.path("rough/checkpoints")).filter { !$0.hasPrefix(".") }
            // Every checkpoint that can be seen is a whole model.
            for name in names { try check("rough/checkpoints/\(name)", in: world, "\(moment)") }
        }
        #expect(Self.isMidway(killed))
        try world.expectCleanStore()
        for name in [".metrics.jsonl.4711.tmp", "checkpoints/.step-000003.tmp/model.safetensors"] {
            try world.temporary.write("half", to: "rough/\(name)")
        }
        try world.succeed("tvt-train", resuming)
        var (rough, calm) = (try world.contents(of: "rough"), try world.contents(of: "calm"))
        // The lock file tells of its holder, the metrics, the page and TensorBoard's files of the wall time; runs that were killed before their first
        // checkpoint leave their metrics under another name.
        func isTimed(_ name: String) -> Bool {
            name == ".lock" || name == "report.html" || ["metrics.", "events/"].contains(where: name.hasPrefix)
        }
        rough = rough.filter { !isTimed($0.key) }
        calm = calm.filter { !isTimed($0.key) }
        #expect(rough == calm)
        #expect(try world.losses(of: "rough") == world.losses(of: "calm"))
    }

    private func check(_ checkpoint: String, in world: SmallWorld, _ moment: String) throws {
        let isAdapter = world.exists("\(checkpoint)/adapter_config.json")
        let model = isAdapter ? SmallWorld.model : world.path(checkpoint)
        try Files.removeTree(world.path("v"))
        let result = try world.run(
            "tvt-encode",
            SmallWorld.encoding("queries", model, to: "v") + (isAdapter ? ["--adapter", checkpoint] : []))
        #expect(result.status == 0, "\(checkpoint), killed \(moment): \(result.errorText)")
    }
}
