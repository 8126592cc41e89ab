import Base
import JSON
import SystemPackage
import TestKit
import Testing

/// What the later stages do with files that are cut off, altered or missing: they say which, and make nothing of it.
@Suite("Damaged inputs")
struct DamagedInputTests {
    /// What is done to one file, and what is said about it.
    struct Damage: Sendable, CustomStringConvertible {
        let file: String
        let what: String
        let status: Int32
        let naming: [String]
        /// Nil removes the file.
        let change: @Sendable ([UInt8]) throws -> [UInt8]?

        var description: String { "\(file) \(what)" }

        init(
            _ file: String, _ what: String, _ status: Int32, naming: [String],
            change: @escaping @Sendable ([UInt8]) throws -> [UInt8]?
        ) {
            (self.file, self.what, self.status, self.naming, self.change) = (file, what, status, naming, change)
        }

        /// Changes the file in a folder.
        func apply(to folder: FilePath) throws {
            let path = folder.appending(file)
            let changed = try change(Files.readAll(path))
            try Files.remove(path)
            if let changed { try Files.replace(path, with: changed) }
        }
    }

    /// Cut off in the middle.
    @Sendable static func half(_ bytes: [UInt8]) -> [UInt8]? { Array(bytes.prefix(bytes.count / 2)) }
    @Sendable static func nothing(_ bytes: [UInt8]) -> [UInt8]? { nil }

    static func replacing(_ old: String, with new: String) -> @Sendable ([UInt8]) throws -> [UInt8]? {
        { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            try #require(text.contains(old))
            return Array(text.replacing(old, with: new).utf8)
        }
    }

    /// Alters the header of a safetensors file, not its data.
    static func header(_ change: @escaping @Sendable (inout JSONObject) throws -> Void)
        -> @Sendable ([UInt8]) throws
        -> [UInt8]?
    {
        { bytes in
            let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            var header = try #require(try JSONValue.parse(Array(bytes[8..<8 + length]), path: "header").object)
            try change(&header)
            var text: [UInt8] = []
            JSONValue.object(header).appendLine(to: &text)
            return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + bytes[(8 + length)...]
        }
    }

    static let tensor = "encoder.layer.0.attention.self.query.weight"

    // MARK: Models

    static let models: [Damage] = [
        Damage("model.safetensors", "is missing", 66, naming: ["no model.safetensors"], change: nothing),
        Damage(
            "model.safetensors", "is cut off", 65, naming: ["model.safetensors", "bytes of data where"], change: half),
        Damage("model.safetensors", "is empty", 65, naming: ["model.safetensors: not a safetensors file"]) { _ in [] },
        Damage("model.safetensors", "has a header that is none", 65, naming: ["model.safetensors"]) {
            $0.prefix(8) + [UInt8(ascii: "?")] + $0.dropFirst(9)
        },
        Damage(
            "model.safetensors", "lacks a tensor", 65, naming: ["\"\(tensor)\"", "is missing"],
            change: header {
                let entry = $0[tensor]
                $0[tensor] = nil
                $0["stranger"] = entry
            }),
        Damage(
            "model.safetensors", "has a tensor of another shape", 65,
            naming: ["model.safetensors, field \"\(tensor)\"", "[32, 32]", "[16, 64]"],
            change: header {
                var entry = try #require($0[tensor]?.object)
                entry["shape"] = [16, 64]
                $0[tensor] = .object(entry)
            }),
        Damage("tokenizer.json", "is missing", 66, naming: ["tokenizer.json"], change: nothing),
        Damage("tokenizer.json", "is cut off", 65, naming: ["tokenizer.json:"], change: half),
        Damage(
            "tokenizer.json", "knows more tokens than the model", 78, naming: ["tokenizer.json", "999"],
            change: replacing("\"un\": 119", with: "\"un\": 999")),
        Damage("config.json", "is missing", 66, naming: ["config.json"], change: nothing),
        Damage(
            "config.json", "is of a family that we do not know", 78, naming: ["config.json", "\"model_type\"", "gert"],
            change: replacing("\"bert\"", with: "\"gert\"")),
        Damage(
            "tvt.json", "is incomplete", 78, naming: ["tvt.json, field \"pooling\""],
            change: replacing("\"pooling\": \"mean\",", with: "")),
        Damage(
            "tvt.json", "says more than we understand", 78, naming: ["tvt.json", "\"padding\""],
            change: replacing("\"dims\": 32,", with: "\"dims\": 32, \"padding\": \"left\",")),
    ]

    /// A copy of the tiny model in the world's folder.
    func copyModel(in world: SmallWorld) throws {
        for name in try Files.list(SmallWorld.model) {
            try world.temporary.write(Files.readAll(SmallWorld.model.appending(name)), to: "model/\(name)")
        }
    }

    @Test("a model's files", arguments: models)
    func model(_ damage: Damage) throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        try copyModel(in: world)
        try damage.apply(to: world.path("model"))
        try world.fail(
            "tvt-encode", SmallWorld.encoding("queries", "model", to: "v"), status: damage.status,
            naming: damage.naming)
        try world.fail(
            "tvt-train", SmallWorld.training("run", ["model=model"]), status: damage.status, naming: damage.naming)
        #expect(!world.exists("v") && !world.exists("run"))
    }

    @Test("a model without a card is asked about, in the words of the tool")
    func modelWithoutCard() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        try copyModel(in: world)
        try Files.remove(world.path("model/tvt.json"))
        let flags = [
            ("--pooling", "mean"), ("--query-prompt", "x "), ("--document-prompt", ""), ("--query-max-length", "8"),
            ("--document-max-length", "16"),
        ]
        let encoding = SmallWorld.encoding("queries", "model", to: "v")
        try world.fail(
            "tvt-encode", encoding, status: 78, naming: ["no tvt.json", "--normalize"] + flags.map(\.0))
        try world.encode("queries", "model", to: "v", ["--normalize"] + flags.flatMap { [$0.0, $0.1] })
        let training = SmallWorld.training("run", ["model=model"])
        try world.fail(
            "tvt-train", training, status: 78,
            naming: [
                "no tvt.json", "pooling: mean|cls|last", "normalize: true|false", "prompts.query", "prompts.document",
                "max_lengths.query", "max_lengths.document",
            ])
        #expect(!world.exists("run"))
        let settings = [
            "pooling=mean", "normalize=true", "prompts={query: 'x ', document: ''}",
            "max_lengths={query: 8, document: 16}",
        ]
        try world.succeed("tvt-train", training + settings.flatMap { ["--set", $0] })
        #expect(try world.json("run/model/tvt.json")["query"] == ["prompt": "x ", "maxLength": 8])
    }

    static let adapters: [Damage] = [
        Damage("adapter_config.json", "is missing", 66, naming: ["adapter_config.json"], change: nothing),
        Damage(
            "adapter_config.json", "has another rank", 65, naming: ["adapter_model.safetensors", "with rank 8"],
            change: replacing("\"r\": 4", with: "\"r\": 8")),
        Damage("adapter_model.safetensors", "is cut off", 65, naming: ["adapter_model.safetensors"], change: half),
        Damage("tvt.json", "is cut off", 65, naming: ["tvt.json:"], change: half),
    ]

    @Test("an adapter's files")
    func adapter() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        try world.succeed("tvt-train", SmallWorld.training("run", ["lora={r: 4, alpha: 8}"]))
        let folder = world.path("run/model")
        for damage in Self.adapters {
            let whole = try Files.readAll(folder.appending(damage.file))
            try damage.apply(to: folder)
            try world.fail(
                "tvt-encode", SmallWorld.encoding("queries", to: "v") + ["--adapter", folder.string],
                status: damage.status, naming: damage.naming)
            try Files.replace(folder.appending(damage.file), with: whole)
        }
        #expect(!world.exists("v"))
        try world.encode("queries", to: "v", ["--adapter", folder.string])
    }

    // MARK: Checkpoints

    static let checkpoints: [Damage] = [
        Damage("model.safetensors", "is cut off", 65, naming: ["step-000006/model.safetensors"], change: half),
        Damage("optimizer.safetensors", "is cut off", 65, naming: ["step-000006/optimizer.safetensors"], change: half),
        Damage(
            "optimizer.safetensors", "is missing", 66, naming: ["step-000006/optimizer.safetensors"], change: nothing),
        Damage("training.json", "is cut off", 65, naming: ["step-000006/training.json"], change: half),
        Damage(
            "training.json", "is of another run", 78, naming: ["step-000006 belongs to the run"],
            change: replacing("sha256:", with: "sha256:0")),
    ]

    @Test("a damaged last checkpoint stops --resume; without it, the one before serves")
    func checkpoint() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix("checkpoint_every: 1")
        let resuming = SmallWorld.training("run", resume: true)
        try world.succeed("tvt-train", SmallWorld.training("run"))
        let weights = try world.weights("run/model")
        let losses = try world.losses(of: "run")
        try Files.remove(world.path("run/model"))
        let last = world.path("run/checkpoints/step-000006")
        for damage in Self.checkpoints {
            let whole = try Files.readAll(last.appending(damage.file))
            try damage.apply(to: last)
            try world.fail("tvt-train", resuming, status: damage.status, naming: damage.naming)
            #expect(!world.exists("run/model"), "\(damage)")
            try Files.replace(last.appending(damage.file), with: whole)
        }
        try Files.removeTree(last)
        try world.succeed("tvt-train", resuming)
        #expect(try world.weights("run/model") == weights)
        #expect(try world.losses(of: "run") == losses)
    }

    // MARK: Vectors, runs, the store

    static let vectors: [Damage] = [
        Damage("part-00000.npy", "is cut off", 65, naming: ["d/part-00000.npy", "bytes where 36 × 32"], change: half),
        Damage("part-00000.npy", "is missing", 66, naming: ["d/part-00000.npy"], change: nothing),
        Damage("part-00000.npy", "is no matrix", 65, naming: ["d/part-00000.npy"]) { [0] + $0.dropFirst() },
        Damage("part-00000.ids", "is cut off", 65, naming: ["d/part-00000.ids"], change: half),
        Damage("vectors.json", "is missing", 66, naming: ["d holds no vectors.json"], change: nothing),
        Damage("vectors.json", "is cut off", 65, naming: ["d/vectors.json:"], change: half),
        Damage(
            "vectors.json", "counts wrongly", 65, naming: ["d/vectors.json, field \"count\""],
            change: replacing("\"count\": 36,\n  \"tr", with: "\"count\": 35,\n  \"tr")),
        Damage(
            "vectors.json", "has other dims", 65, naming: ["d/part-00000.npy"],
            change: replacing("\"dims\": 32", with: "\"dims\": 16")),
        Damage(
            "vectors.json", "is of a later format", 65, naming: ["d/vectors.json", "tvt-vectors-9"],
            change: replacing("tvt-vectors-1", with: "tvt-vectors-9")),
    ]

    @Test("a folder of vectors")
    func vectors() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.encode("queries", to: "q")
        try world.encode("corpus", to: "d")
        let search = ["--queries", "q", "--corpus", "d", "--output", "run"]
        for damage in Self.vectors {
            let whole = try world.bytes("d/\(damage.file)")
            try damage.apply(to: world.path("d"))
            try world.fail("tvt-search", search, status: damage.status, naming: damage.naming)
            #expect(!world.exists("run") && !world.exists("run.json"), "\(damage)")
            try world.temporary.write(whole, to: "d/\(damage.file)")
        }
        // A flipped bit in the numbers is a vector like any other: --verify finds it, and --resume mends it.
        let whole = try world.bytes("d/part-00000.npy")
        try world.temporary.write(
            whole.dropLast(2) + [whole[whole.count - 2] ^ 1, whole.last!], to: "d/part-00000.npy")
        try world.fail("tvt-search", search + ["--verify"], status: 65, naming: ["d/part-00000.npy", "SHA-256"])
        try world.encode("corpus", to: "d", ["--resume"])
        #expect(try world.bytes("d/part-00000.npy") == whole)
        try world.succeed("tvt-search", search + ["--verify"])
    }

    @Test("an output that is a file is not taken for a folder")
    func outputs() throws {
        let world = try SmallWorld(queryCount: 3)
        try world.fail(
            "tvt-encode", SmallWorld.encoding("queries", to: "v1.jsonl"), status: 73, naming: ["v1.jsonl"])
    }

    @Test(
        "a bad line of a run is named, and no version is made",
        arguments: [
            ("q2 Q0 d3 x", "4 fields"), ("q2 Q0 d3 3 much tvt", "field \"score\""), ("q2 Q0 d3 3 nan tvt", "score"),
        ])
    func run(_ line: String, _ reason: String) throws {
        let world = try SmallWorld(queryCount: 12)
        try world.temporary.write("q1 Q0 d3 1 2 tvt\nq1 Q0 d4 2 1 tvt\n\(line)\n", to: "run")
        try world.temporary.write("q1 0 d3 1\n", to: "qrels")
        for (tool, arguments) in [
            ("tvt-mine", ["filter", "road", "--run", "run", "--as", "x"]),
            ("tvt-mine", ["negatives", "road", "--run", "run", "--count", "1", "--seed", "1", "--as", "x"]),
            ("tvt-eval", ["--run", "run", "--qrels", "qrels"]),
        ] { try world.fail(tool, arguments, status: 65, naming: ["run:3", reason]) }
        #expect(try world.digest(of: "x") == nil)
    }

    @Test("a flipped bit in a shard stops every stage that reads it, and nothing is made of it")
    func shard() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        let manifest = try JSONValue.parse(
            world.succeed("tvt-store", ["show", "road", "--json"]).output, path: "show")
        let digest = try #require(manifest["documents"]?["shards"]?.array?.first?["digest"]?.string)
        let name = "store/blobs/sha256/\(digest.dropFirst(7))"
        var bytes = try world.bytes(name)
        bytes[bytes.count / 3] ^= 1
        try world.temporary.write(bytes, to: name)
        for (tool, arguments) in [
            ("tvt-encode", SmallWorld.encoding("corpus", to: "v")),
            ("tvt-train", SmallWorld.training("run")),
            ("tvt-convert", ["v2-to-v1", "road", "--output", "out"]),
        ] { try world.fail(tool, arguments, status: 65, naming: [name, "damaged", "tvt-store verify"]) }
        #expect(!world.exists("v/vectors.json") && !world.exists("run/model") && !world.exists("out"))
        #expect(try world.run("tvt-store", ["verify"]).status == 65)
    }
}
