import Base
import Glibc
import JSON
import SystemPackage
import Tensors
import TestKit
import Testing

/// `tvt-model`, and golden vectors in the other tools, as a user runs them.
@Suite("tvt-model")
struct ModelToolTests {
    /// A world with a copy of the tiny BERT, which has a card.
    static func world(_ name: String = "m") throws -> SmallWorld {
        let world = try SmallWorld()
        try copyModel(to: name, in: world)
        return world
    }

    static func copyModel(to name: String, in world: SmallWorld) throws {
        for file in try Files.list(SmallWorld.model) {
            try world.temporary.write(Files.readAll(SmallWorld.model.appending(file)), to: "\(name)/\(file)")
        }
    }

    @Test("show tells each answer with its source")
    func show() throws {
        let world = try Self.world()
        let text = try world.succeed("tvt-model", ["show", "m"]).outputText
        for word in ["bert", "mean", "m/tvt.json, field \"query.maxLength\"", "none", "WordPiece", "bge-en-v1.5"] {
            #expect(text.contains(word), "\(text)")
        }
        let json = try JSONValue.parse(world.succeed("tvt-model", ["show", "m", "--json"]).output, path: "show")
        #expect(json["pooling"]?["value"]?.string == "mean")
        #expect(json["pooling"]?["source"]?.string?.contains("tvt.json") == true)
        #expect(json["eos"]?["value"]?.string == "tokenizer" && json["attention"] == nil && json["head"] == nil)
        #expect(json["dims"]?["value"]?.integer == 32 && json["golden"]?["value"]?.isNull == true)
        let preset = try world.succeed("tvt-model", ["show", "m", "--preset", "bge-en-v1.5", "--json"])
        let asked = try JSONValue.parse(preset.output, path: "show")
        #expect(asked["pooling"]?["value"]?.string == "cls")
        #expect(asked["pooling"]?["source"]?.string == "preset bge-en-v1.5, asked for")
    }

    @Test("show tells how inputs of a model that sees are put together")
    func showsInputs() throws {
        let world = try Self.world()
        let made = try world.run(
            "tvt-model",
            [
                "random", sourceRoot.appending("manifests/tiny/qwen2.5-omni").string, "--seed", "7", "--pooling",
                "last",
                "--normalize", "--append-eos", "--query-prompt", "Query: ", "--document-prompt", "", "--output", "omni",
            ])
        try #require(made.status == 0, "\(made.errorText)")
        let words = ["show", "omni", "--inputs", "chat=true", "--inputs", "frames=4"]
        #expect(try world.succeed("tvt-model", words).outputText.contains("frames=4"))
        let json = try JSONValue.parse(world.succeed("tvt-model", words + ["--json"]).output, path: "show")
        #expect(json["inputs"]?["value"]?["frames"]?.integer == 4)
        #expect(json["inputs"]?["source"]?.string?.isEmpty == false)
    }

    @Test("random weights are called so, by the command and by show")
    func random() throws {
        let world = try Self.world()
        let written = try world.run(
            "tvt-model", ["random", "m", "--seed", "7", "--output", "r", "--dtype", "bf16"])
        #expect(written.status == 0 && written.errorText.contains("the weights are random"), "\(written.errorText)")
        let json = try JSONValue.parse(world.succeed("tvt-model", ["show", "r", "--json"]).output, path: "show")
        #expect(json["random_seed"]?["value"]?.string == "7")
        #expect(json["types"]?["value"]?.array?.compactMap(\.string) == ["bfloat16"])
        #expect(try world.succeed("tvt-model", ["show", "r"]).outputText.contains("RANDOM WEIGHTS"))
        let checked = try world.run("tvt-model", ["check", "r"])
        #expect(checked.status == 0 && checked.errorText.contains("drawn with seed 7"), "\(checked.errorText)")
        #expect(try !world.succeed("tvt-model", ["show", "m"]).outputText.contains("RANDOM WEIGHTS"))
        try world.fail("tvt-model", ["random", "m", "--seed", "7", "--output", "r"], status: 73, naming: ["r exists"])
        try world.fail("tvt-model", ["random", "m", "--output", "s"], status: 64, naming: ["--seed"])
    }

    @Test("unknown presets, and those of other families, are refused with the list")
    func presets() throws {
        let world = try Self.world()
        try world.fail("tvt-model", ["show", "m", "--preset", "bge"], status: 64, naming: ["'bge'", "bge-en-v1.5"])
        try world.fail(
            "tvt-model", ["show", "m", "--preset", "bge-m3"], status: 78, naming: ["xlm-roberta", "bge-en-v1.5"])
    }

    @Test("a folder that is not there is 66, one that is none is named")
    func missing() throws {
        let world = try Self.world()
        for command in ["show", "check", "import", "golden"] {
            try world.fail("tvt-model", [command, "nowhere"], status: 66, naming: ["nowhere"])
        }
        try Files.remove(world.path("m/tvt.json"))
        try world.fail("tvt-model", ["check", "m"], status: 78, naming: ["--pooling", "--query-prompt", "presets"])
        // What is asked for can be said, to every command that asks.
        let said = [
            "--pooling", "cls", "--normalize", "--query-prompt", "", "--document-prompt", "", "--query-max-length", "8",
            "--document-max-length", "8",
        ]
        for command in ["show", "check"] {
            let answer = try world.run("tvt-model", [command, "m"] + said)
            #expect(answer.status == 0, "\(answer.errorText)")
        }
    }

    @Test("vectors that are not finite become no golden ones, and the folder stays as it was")
    func goldenOfDamagedWeights() throws {
        let world = try Self.world()
        try world.succeed("tvt-model", ["golden", "m"])
        let file = try SafetensorsFile(world.path("m/model.safetensors"))
        let tensors = try file.names.map { name in
            (name: name, tensor: try file.tensor(name).multiplied(by: name.hasSuffix("output.dense.weight") ? 1e37 : 1))
        }
        try SafetensorsWriter.write(tensors, to: world.path("m/large"))
        try Files.rename(world.path("m/large"), to: world.path("m/model.safetensors"))
        let before = try world.contents(of: "m")
        for command in [
            ["import", "m", "--force", "--no-golden-check"], ["golden", "m", "--force"],
            ["average", "m", "m", "--no-golden-check", "--output", "none"],
        ] {
            try world.fail("tvt-model", command, status: 65, naming: ["not finite"])
        }
        #expect(try world.contents(of: "m") == before && !world.exists("none"))
        #expect(try Files.list(world.temporary.path).allSatisfy { !$0.hasPrefix(".none") })
    }

    @Test("a repository's folder in the Hub's cache stands for its snapshot")
    func hubFolders() throws {
        let world = try Self.world("hub/models--a--b/snapshots/0123abcd")
        try Files.makeDirectory(world.path("hub/models--a--b/blobs"))
        let model = "hub/models--a--b"
        for command in [
            ["show", model], ["check", model], ["average", model, SmallWorld.model.string, "--output", "mean"],
            ["random", model, "--seed", "3", "--output", "random"],
        ] {
            #expect(try world.run("tvt-model", command).status == 0, "\(command)")
        }
        for command in ["merge", "rotate"] {
            let arguments = command == "merge" ? ["--adapter", "a"] : ["--vectors", "v"]
            try world.fail(
                "tvt-model", [command, "nowhere", "--output", "none"] + arguments, status: 66,
                naming: ["nowhere is not a folder"])
        }
    }

    @Test("golden vectors are made once, and checked by every load")
    func golden() throws {
        let world = try Self.world()
        try world.succeed("tvt-model", ["check", "m"])
        try world.succeed("tvt-model", ["golden", "m"])
        try world.fail("tvt-model", ["golden", "m"], status: 73, naming: ["tvt.golden.json", "--force"])
        let checked = try JSONValue.parse(world.succeed("tvt-model", ["check", "m", "--json"]).output, path: "check")
        #expect((checked["golden"]?["least_cosine"]?.double ?? 0) > 0.9999)
        #expect(checked["golden"]?["texts"]?.integer == 4)
        // Another card.
        let card = try Files.readText(world.path("m/tvt.json"))
        try Files.replace(world.path("m/tvt.json"), with: card.replacing("\"mean\"", with: "\"cls\""))
        try world.fail("tvt-model", ["check", "m"], status: 65, naming: ["tvt.golden.json", "pooling", "mean", "cls"])
        try world.succeed("tvt-model", ["golden", "m", "--force"])
        try world.succeed("tvt-model", ["check", "m"])
    }

    @Test("tvt-encode and tvt-train refuse a model that has changed, and go on where they are asked to")
    func otherTools() throws {
        let world = try SmallWorld(queryCount: 6)
        try Self.copyModel(to: "m", in: world)
        try world.succeed("tvt-model", ["golden", "m"])
        try world.encode("queries", world.path("m"), to: "v")
        let card = try Files.readText(world.path("m/tvt.json"))
        try Files.replace(
            world.path("m/tvt.json"), with: card.replacing("\"prompt\": \"\"", with: "\"prompt\": \"x \""))
        let encoding = SmallWorld.encoding("queries", world.path("m"), to: "w")
        try world.fail("tvt-encode", encoding, status: 65, naming: ["tvt.golden.json", "prompts.query", "\"x \""])
        #expect(!world.exists("w"))
        let skipped = try world.run("tvt-encode", encoding + ["--no-golden-check"])
        #expect(skipped.status == 0 && skipped.errorText.contains("--no-golden-check"))
        try world.writeMix()
        try world.fail(
            "tvt-train", SmallWorld.training("run", ["model=m"]), status: 65,
            naming: ["tvt.golden.json", "prompts.query"])
        let trained = try world.run("tvt-train", SmallWorld.training("run", ["model=m"]) + ["--no-golden-check"])
        #expect(trained.status == 0, "\(trained.errorText)")
    }

    @Test("every checkpoint carries golden vectors, adapters too, and --resume checks them", arguments: [false, true])
    func checkpoints(isAdapter: Bool) throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix("checkpoint_every: 3")
        let settings = isAdapter ? ["lora={r: 4, alpha: 8}"] : []
        try world.succeed("tvt-train", SmallWorld.training("run", settings))
        for checkpoint in try Files.list(world.path("run/checkpoints")) {
            let folder = "run/checkpoints/\(checkpoint)"
            #expect(world.exists("\(folder)/tvt.golden.json"))
            let model = isAdapter ? [SmallWorld.model.string, "--adapter", folder] : [folder]
            try world.succeed("tvt-model", ["check"] + model)
        }
        try Files.remove(world.path("run/model"))
        let golden = world.path("run/checkpoints/step-000006/tvt.golden.json")
        let text = try Files.readText(golden)
        try Files.replace(
            golden, with: text.replacing("\"vector\":[", with: "\"vector\":[9").replacing("[9-", with: "[-9"))
        try world.fail(
            "tvt-train", SmallWorld.training("run", settings, resume: true), status: 65,
            naming: ["step-000006/tvt.golden.json", "cosine"])
    }

    @Test("import writes a card that says all, and replaces none unasked")
    func importing() throws {
        let world = try Self.world()
        try Files.remove(world.path("m/tvt.json"))
        try world.fail("tvt-model", ["import", "m"], status: 78, naming: ["--pooling"])
        try world.succeed("tvt-model", ["import", "m", "--preset", "e5-v2", "--document-max-length", "20"])
        let card = try world.json("m/tvt.json")
        #expect(card["pooling"]?.string == "mean" && card["query"]?["prompt"]?.string == "query: ")
        #expect(card["document"]?["maxLength"]?.integer == 20)
        try world.fail("tvt-model", ["import", "m"], status: 73, naming: ["m/tvt.json", "--force"])
        try world.succeed("tvt-model", ["golden", "m"])
        try world.succeed("tvt-model", ["import", "m", "--force", "--query-prompt", "q: "])
        #expect(try world.json("m/tvt.json")["query"]?["prompt"]?.string == "q: ")
        // The golden vectors were made anew with it.
        try world.succeed("tvt-model", ["check", "m"])
    }

    @Test("import writes what is said of heads and ends of texts into the card")
    func importingHeads() throws {
        let world = try Self.world()
        try world.succeed(
            "tvt-model", ["import", "m", "--force", "--pooling", "cls+mean", "--instruction", "find tea"])
        let card = try world.json("m/tvt.json")
        #expect(card["pooling"] == ["cls", "mean"] && card["dims"]?.integer == 64)
        #expect(card["instruction"]?["task"]?.string == "find tea")
        let shown = try JSONValue.parse(world.succeed("tvt-model", ["show", "m", "--json"]).output, path: "show")
        #expect(shown["pooling"]?["value"]?.string == "cls+mean")
        #expect(shown["instruction"]?["source"]?.string?.contains("tvt.json") == true)
        try world.succeed("tvt-model", ["golden", "m"])
        try world.succeed("tvt-model", ["check", "m"])
        // A BERT leaves no choice.
        try world.fail(
            "tvt-model", ["import", "m", "--force", "--attention", "causal"], status: 78,
            naming: ["--attention", "bert"])
    }

    @Test("a killed import leaves the old card or the new one, and a folder that loads")
    func killedImport() throws {
        let world = try Self.world()
        try world.succeed("tvt-model", ["golden", "m"])
        for milliseconds in [5, 20, 60, 120, 250] {
            let prompt = "p\(milliseconds) "
            let before = try world.bytes("m/tvt.json")
            _ = try world.run(
                "tvt-model", ["import", "m", "--force", "--query-prompt", prompt],
                killAfterSeconds: Double(milliseconds) / 1000)
            let card = try world.json("m/tvt.json")
            let isOld = try world.bytes("m/tvt.json") == before
            #expect(isOld || card["query"]?["prompt"]?.string == prompt)
            try world.succeed("tvt-model", ["check", "m"])
        }
    }

    @Test("the example of --help runs as it stands")
    func example() throws {
        let world = try SmallWorld()
        let help = try world.succeed("tvt-model", ["--help"]).outputText
        let lines = help.split(separator: "\n").map { $0.drop { $0 == " " } }
        let first = try #require(lines.firstIndex { $0.hasPrefix("cp -r") })
        let last = try #require(lines.firstIndex { $0.hasPrefix("tvt-model golden") })
        let script = lines[first...last].joined(separator: "\n")
        let result = try runShell(
            "set -e; cd \(world.temporary.path); ln -s \(sourceRoot)/.deps .deps; export PATH=\(builtProducts):$PATH\n"
                + script)
        #expect(result.status == 0, "\(result.errorText)\n\(script)")
        #expect(world.exists("minilm/tvt.json") && world.exists("minilm/tvt.golden.json"))
    }

    @Test("merge writes a folder that gives the adapter's vectors")
    func merge() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        try world.succeed("tvt-train", SmallWorld.training("run", ["lora={r: 4, alpha: 8}"]))
        let model = SmallWorld.model.string
        let merging = ["merge", model, "--adapter", "run/model", "--output", "merged"]
        try world.succeed("tvt-model", merging)
        #expect(try Files.list(world.temporary.path).allSatisfy { !$0.hasPrefix(".merged") })
        for file in [
            "model.safetensors", "config.json", "tokenizer.json", "tvt.json", "modules.json", "tvt.golden.json",
        ] {
            #expect(world.exists("merged/\(file)"), "\(file)")
        }
        #expect(!world.exists("merged/adapter_config.json"))
        // The adapter's golden vectors are those of the merged model.
        try Files.replace(world.path("merged/tvt.golden.json"), with: world.bytes("run/model/tvt.golden.json"))
        try world.succeed("tvt-model", ["check", "merged"])
        try world.fail("tvt-model", merging, status: 73, naming: ["merged exists"])
        // A wrong base is refused, and nothing is left.
        try Self.copyModel(to: "other", in: world)
        var weights = try world.bytes("other/model.safetensors")
        weights[weights.count - 1] ^= 0x80
        try Files.replace(world.path("other/model.safetensors"), with: weights)
        try world.fail(
            "tvt-model", ["merge", "other", "--adapter", "run/model", "--output", "wrong"], status: 78,
            naming: ["was trained on"])
        #expect(!world.exists("wrong"))
    }

    @Test("average writes a folder with the mean of models' weights")
    func average() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        try world.succeed("tvt-train", SmallWorld.training("run"))
        let model = SmallWorld.model.string
        let averaging = ["average", model, "run/model", "--weights", "1,3", "--output", "mean"]
        let json = try JSONValue.parse(
            world.succeed("tvt-model", averaging + ["--json", "--quiet"]).output, path: "average")
        let models = try #require(json["models"]?.array)
        #expect(models.map { $0["share"]?.double } == [0.25, 0.75])
        #expect(models[0]["distance"]?.double == 0 && models[1]["distance"]!.double! > 0)
        #expect(try world.succeed("tvt-model", ["check", "mean"]).outputText.contains("least cosine 1.000000"))
        #expect(try Files.list(world.temporary.path).allSatisfy { !$0.hasPrefix(".mean") })
        try world.fail("tvt-model", averaging, status: 73, naming: ["mean exists"])
        // It is a model like others.
        try world.succeed("tvt-encode", ["queries", "road", "--model", "mean", "--output", "queries", "--quiet"])

        func refuse(_ arguments: [String], _ status: Int32, _ naming: String) throws {
            try world.fail(
                "tvt-model", ["average"] + arguments + ["--output", "none"], status: status, naming: [naming])
            #expect(!world.exists("none") && !world.exists(".none.tmp"))
        }
        try refuse([model], 64, "two or more")
        try refuse([model, "run/model", "--weights", "1"], 64, "1 numbers for 2 folders")
        for weights in ["1,0", "1,-1", "1,nan", "1,", "a,b"] {
            try refuse([model, "run/model", "--weights", weights], 64, "must be a number above 0 up to 1000000")
        }
        try refuse([model, "nowhere"], 66, "nowhere is not a folder")
        // It says that its weights are random.
        #expect(try world.run("tvt-model", ["random", model, "--seed", "3", "--output", "random"]).status == 0)
        try refuse([model, "random"], 78, "without a common origin")
        try world.succeed("tvt-train", SmallWorld.training("adapter", ["lora={r: 4, alpha: 8}"]))
        try refuse([model, "adapter/model"], 78, "adapter/model is an adapter; `tvt-model merge`")
        // A folder that is named twice counts twice, and that is said.
        let twice = try world.run("tvt-model", ["average", model, model, "--output", "twice"])
        #expect(twice.status == 0 && twice.errorText.contains("has the weights of"), "\(twice.errorText)")
    }

    @Test("rotate writes a folder whose vectors lose less where they are cut")
    func rotate() throws {
        let world = try SmallWorld(queryCount: 12)
        let model = SmallWorld.model.string
        for (side, name) in [("queries", "q"), ("corpus", "c")] {
            try world.succeed("tvt-encode", [side, "road", "--model", model, "--output", name, "--quiet"])
        }
        let rotating = ["rotate", model, "--vectors", "q", "--vectors", "c", "--output", "turned"]
        let json = try JSONValue.parse(
            world.succeed("tvt-model", rotating + ["--json", "--quiet"]).output, path: "rotate")
        #expect(json["kept"]?.array?.map { $0["dims"]?.integer } == [32, 16])
        #expect(try world.succeed("tvt-model", ["check", "turned"]).outputText.contains("least cosine 1.000000"))
        try world.fail("tvt-model", rotating, status: 73, naming: ["turned exists"])
        // The order of the results is the same.
        for (name, folder) in [("plain", model), ("after", "turned")] {
            try world.succeed("tvt-encode", ["queries", "road", "--model", folder, "--output", "\(name)-q", "--quiet"])
            try world.succeed("tvt-encode", ["corpus", "road", "--model", folder, "--output", "\(name)-c", "--quiet"])
            try world.succeed(
                "tvt-search",
                [
                    "--queries", "\(name)-q", "--corpus", "\(name)-c", "--depth", "3", "--output", "\(name).run",
                    "--quiet",
                ])
        }
        func results(_ run: String) throws -> [String] {
            try Files.readText(world.path(run)).split(separator: "\n").map {
                $0.split(whereSeparator: \.isWhitespace).prefix(3).joined(separator: " ")
            }
        }
        #expect(try results("plain.run") == results("after.run"))
        // Cut vectors, and those of two models, are refused.
        try world.succeed(
            "tvt-encode", ["corpus", "road", "--model", model, "--dims", "8", "--output", "cut", "--quiet"])
        try world.fail(
            "tvt-model", ["rotate", model, "--vectors", "cut", "--output", "none"], status: 78,
            naming: ["vectors of 8 components", "have 32"])
        try world.fail(
            "tvt-model", ["rotate", model, "--vectors", "q", "--vectors", "after-c", "--output", "none"], status: 78,
            naming: ["after-c/vectors.json, field \"model_card\"", "made these vectors"])
        // A prompt makes another model of it, which is said again.
        let prompt = ["--query-prompt", "query: "]
        try world.succeed(
            "tvt-encode", ["queries", "road", "--model", model, "--output", "prompted", "--quiet"] + prompt)
        let prompted = ["rotate", model, "--vectors", "prompted", "--output", "none"]
        try world.fail("tvt-model", prompted, status: 78, naming: ["model_card"])
        try world.succeed("tvt-model", ["rotate", model, "--vectors", "prompted", "--output", "turned-2"] + prompt)
        #expect(try world.succeed("tvt-model", ["show", "turned-2"]).outputText.contains("query: "))
        try world.fail("tvt-model", ["rotate", model, "--output", "none"], status: 64, naming: ["--vectors"])
        // Numbers that are none are found before anything is made of them, and nothing is made of zeros.
        let part = try #require(Files.list(world.path("q")).first { $0.hasSuffix(".npy") })
        let sound = try world.bytes("q/\(part)")
        let damaged = ["rotate", model, "--vectors", "q", "--output", "none"]
        let rows = 12 * 32 * 4
        try Files.replace(world.path("q/\(part)"), with: sound.dropLast(4) + [0, 0, 0xC0, 0x7F])
        try world.fail("tvt-model", damaged, status: 65, naming: [part, "not finite", "Encode again"])
        try Files.replace(
            world.path("q/\(part)"), with: sound.dropLast(rows) + [UInt8](repeating: 0, count: rows))
        try world.fail("tvt-model", damaged, status: 65, naming: ["all vectors are 0"])
        #expect(!world.exists("none") && !world.exists(".none.tmp"))
        // A link that leads nowhere is in the way before anything is computed.
        #expect(symlink("nowhere", world.path("none").string) == 0)
        try world.fail("tvt-model", damaged, status: 73, naming: ["none exists"])
    }

    @Test("settings by which nothing could be encoded are refused where they would be written down")
    func unusableSettings() throws {
        let world = try Self.world()
        let model = SmallWorld.model.string
        let before = try world.bytes("m/tvt.json")
        for (settings, naming) in [
            (["--inputs", "chat=true"], "chat template"), (["--inputs", "frames=3"], "takes none"),
            (["--query-max-length", "1"], "Raise --query-max-length"),
        ] {
            for command in [
                ["import", "m", "--force"], ["check", "m"], ["average", "m", model, "--output", "none"],
                ["random", "m", "--seed", "1", "--output", "none"],
            ] {
                try world.fail("tvt-model", command + settings, status: 78, naming: [naming])
            }
        }
        #expect(try world.bytes("m/tvt.json") == before && !world.exists("none"))
    }
}
