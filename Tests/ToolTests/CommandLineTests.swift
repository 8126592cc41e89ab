import Base
import JSON
import SystemPackage
import TestKit
import Testing

/// What all tools have in common: help, versions, exit statuses, JSON, `-`, and silence.
@Suite("Command lines")
struct CommandLineTests {
    /// A command line that is complete, with what it needs to be told.
    struct Command: Sendable, CustomStringConvertible {
        let tool: String
        var path: [String] = []
        let arguments: [String]
        /// Whether it reads from a store that has to exist.
        var needsStore = true

        var description: String { ([tool] + path).joined(separator: " ") }
        var line: [String] { path + arguments }
        /// Whether it takes the name of a dataset.
        var takesDataset: Bool { needsStore && line.contains("road") }
    }

    static let commands: [Command] = [
        Command(tool: "tvt-convert", path: ["v1-to-v2"], arguments: ["in", "--dataset", "x"], needsStore: false),
        Command(
            tool: "tvt-convert", path: ["v2"], arguments: ["--queries", "in", "--corpus", "in", "--dataset", "x"],
            needsStore: false),
        Command(tool: "tvt-convert", path: ["beir"], arguments: ["in", "--dataset", "x"], needsStore: false),
        Command(tool: "tvt-convert", path: ["webdataset"], arguments: ["in", "--dataset", "x"], needsStore: false),
        Command(tool: "tvt-convert", path: ["v2-to-v1"], arguments: ["road", "--output", "out"]),
        Command(tool: "tvt-dataset", path: ["run"], arguments: ["recipe"], needsStore: false),
        Command(tool: "tvt-dataset", path: ["fetch"], arguments: ["recipe"], needsStore: false),
        Command(tool: "tvt-dataset", path: ["plan"], arguments: ["recipe"], needsStore: false),
        Command(tool: "tvt-dataset", path: ["report"], arguments: ["recipe"], needsStore: false),
        Command(tool: "tvt-store", path: ["init"], arguments: [], needsStore: false),
        Command(tool: "tvt-store", path: ["ls"], arguments: []),
        Command(tool: "tvt-store", path: ["show"], arguments: ["road"]),
        Command(tool: "tvt-store", path: ["stats"], arguments: ["road"]),
        Command(tool: "tvt-store", path: ["get"], arguments: ["road", "--docid", "d1"]),
        Command(tool: "tvt-store", path: ["cat"], arguments: ["road", "queries"]),
        Command(tool: "tvt-store", path: ["export"], arguments: ["road", "--format", "v2", "--output", "out"]),
        Command(tool: "tvt-store", path: ["import"], arguments: ["in", "--dataset", "x"], needsStore: false),
        Command(tool: "tvt-store", path: ["log"], arguments: ["road"]),
        Command(tool: "tvt-store", path: ["browse"], arguments: ["road"]),
        Command(tool: "tvt-store", path: ["diff"], arguments: ["road", "road"]),
        Command(tool: "tvt-store", path: ["dedup"], arguments: ["road", "--as", "x"]),
        Command(tool: "tvt-store", path: ["overlap"], arguments: ["road", "road"]),
        Command(tool: "tvt-store", path: ["judgements"], arguments: ["road", "in", "--as", "x"]),
        Command(tool: "tvt-store", path: ["split"], arguments: ["road", "--as", "x", "--ids", "dev=in"]),
        Command(
            tool: "tvt-store", path: ["hold-out"],
            arguments: ["road", "--as", "x", "--queries", "1", "--split", "dev", "--seed", "1"]),
        Command(
            tool: "tvt-store", path: ["sample"], arguments: ["road", "--as", "x", "--queries", "1", "--seed", "1"]),
        Command(tool: "tvt-store", path: ["merge"], arguments: ["road", "other", "--as", "x"]),
        Command(tool: "tvt-store", path: ["tag"], arguments: ["road", "street"]),
        Command(tool: "tvt-store", path: ["rm"], arguments: ["road"]),
        Command(tool: "tvt-store", path: ["verify"], arguments: ["road"]),
        Command(tool: "tvt-encode", path: ["queries"], arguments: ["road", "--model", model, "--output", "out"]),
        Command(tool: "tvt-encode", path: ["corpus"], arguments: ["road", "--model", model, "--output", "out"]),
        Command(tool: "tvt-encode", path: ["verify"], arguments: ["road", "--model", model, "--reference", "in"]),
        Command(
            tool: "tvt-search", arguments: ["--queries", "in", "--corpus", "in", "--output", "out"], needsStore: false),
        Command(tool: "tvt-mine", path: ["filter"], arguments: ["road", "--run", "in", "--as", "x"]),
        Command(
            tool: "tvt-mine", path: ["negatives"],
            arguments: ["road", "--run", "in", "--count", "1", "--seed", "1", "--as", "x"]),
        Command(tool: "tvt-model", path: ["show"], arguments: [model], needsStore: false),
        Command(tool: "tvt-model", path: ["check"], arguments: [model], needsStore: false),
        Command(tool: "tvt-model", path: ["import"], arguments: [model], needsStore: false),
        Command(
            tool: "tvt-model", path: ["merge"], arguments: [model, "--adapter", "in", "--output", "out"],
            needsStore: false),
        Command(
            tool: "tvt-model", path: ["average"], arguments: [model, "in", "--output", "out"], needsStore: false),
        Command(
            tool: "tvt-model", path: ["rotate"], arguments: [model, "--vectors", "in", "--output", "out"],
            needsStore: false),
        Command(
            tool: "tvt-model", path: ["random"], arguments: [model, "--seed", "1", "--output", "out"],
            needsStore: false),
        Command(tool: "tvt-model", path: ["golden"], arguments: [model], needsStore: false),
        Command(tool: "tvt-train", arguments: ["--manifest", "mix.yaml", "--output", "out"]),
        Command(tool: "tvt-eval", arguments: ["--run", "in", "--qrels", "road"]),
    ]
    static let model = SmallWorld.model.string
    static let tools = commands.map(\.tool).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }

    @Test("libtorch is loaded when something is computed: help and refusals do without, others say that it is missing")
    func withoutLibtorch() throws {
        let world = try SmallWorld(queryCount: 4)
        // Beside this copy lies no CTorchPlugin.
        try Files.makeDirectory(world.path("alone"))
        func encode(_ arguments: String) throws -> ToolResult {
            try runShell(
                "cd \(world.path("")) && { [ -e alone/tvt-encode ] || cp \(builtProducts.appending("tvt-encode")) alone; } "
                    + "&& TVT_STORE=store alone/tvt-encode \(arguments)")
        }
        #expect(try encode("corpus --help").status == 0)
        let refused = try encode("corpus nowhere --model \(SmallWorld.model) --output out --threads 1")
        #expect(refused.status == 66 && refused.errorText.contains("nowhere"), "\(refused.errorText)")
        let missing = try encode("corpus road --model \(SmallWorld.model) --output out")
        #expect(missing.status == 69)
        #expect(
            missing.errorText.contains("error: libtorch cannot be loaded: libCTorchPlugin.so")
                && missing.errorText.contains("must be beside the tool"), "\(missing.errorText)")
        #expect(!world.exists("out/vectors.json"))
    }

    @Test("--help explains every command", arguments: commands)
    func help(_ command: Command) throws {
        let help = try SmallWorld().succeed(command.tool, command.path + ["--help"]).outputText
        #expect(help.contains("OVERVIEW: ") && help.contains("USAGE: \(command)"))
        for option in command.arguments where option.hasPrefix("--") { #expect(help.contains(option), "\(option)") }
        for option in ["--json", "--quiet", "--log-level"] { #expect(help.contains(option), "\(option)") }
        #expect(help.contains("--store") || ["tvt-search", "tvt-model"].contains(command.tool))
    }

    @Test("all tools have one version, and list their commands")
    func versions() throws {
        let world = try SmallWorld()
        let versions = try Self.tools.map { try world.succeed($0, ["--version"]).outputText }
        #expect(Set(versions).count == 1 && versions[0].hasSuffix("\n"))
        #expect(versions[0].split(separator: ".").count == 3)
        for command in Self.commands {
            let help = try world.succeed(command.tool, ["--help"]).outputText
            for name in command.path { #expect(help.contains("  \(name) "), "\(command)") }
        }
    }

    @Test("an unknown option is 64, and nothing is begun", arguments: commands)
    func unknownOption(_ command: Command) throws {
        let world = try SmallWorld()
        try world.fail(
            command.tool, command.line + ["--frobnicate"], status: 64, naming: ["Unknown option '--frobnicate'"])
        try world.fail(
            command.tool, command.line + ["--log-level", "loud"], status: 64, naming: ["'loud' is not a log level"])
        #expect(try Files.list(world.temporary.path).isEmpty)
    }

    @Test("an unknown command, and arguments that are missing, are 64")
    func misuse() throws {
        let world = try SmallWorld()
        for command in Self.commands {
            if !command.path.isEmpty { #expect(try world.run(command.tool, ["frobnicate"]).status == 64) }
            guard !command.arguments.isEmpty, command.description != "tvt-store verify" else { continue }
            #expect(try world.run(command.tool, command.path).status == 64, "\(command)")
        }
    }

    @Test("a store that is not there is 66, and is not made", arguments: commands.filter(\.needsStore))
    func unknownStore(_ command: Command) throws {
        let world = try SmallWorld()
        try world.writeMix()
        try world.fail(
            command.tool, command.line + ["--store", "nowhere"], status: 66, naming: ["nowhere"])
        #expect(try Files.list(world.temporary.path) == ["mix.yaml"])
    }

    @Test("a dataset that is not there is 66, with the one that may have been meant")
    func unknownDataset() throws {
        let world = try SmallWorld(queryCount: 3)
        try world.writeMix(dataset: "raod")
        let names = try Files.list(world.temporary.path)
        for command in Self.commands where command.takesDataset || command.tool == "tvt-train" {
            try world.fail(
                command.tool, command.line.map { $0 == "road" ? "raod" : $0 }, status: 66,
                naming: ["raod", "Did you mean road?"])
        }
        #expect(try Files.list(world.temporary.path) == names)
    }

    @Test("--json prints one JSON value on stdout, and nothing else")
    func json() throws {
        let world = try SmallWorld(queryCount: 12)
        try world.writeMix()
        let road: [(tool: String, line: [String], key: String)] = [
            ("tvt-store", ["init"], "store"),
            ("tvt-convert", ["v1-to-v2", "v1.jsonl", "--dataset", "other"], "dataset"),
            ("tvt-convert", ["v2-to-v1", "road", "--output", "back"], "rows"),
            ("tvt-store", ["ls"], ""), ("tvt-store", ["show", "road"], "logicalDigest"),
            ("tvt-store", ["stats", "road"], "links"), ("tvt-store", ["log", "road"], ""),
            ("tvt-store", ["diff", "road", "road"], "equal"),
            ("tvt-store", ["dedup", "road", "--as", "road@unique"], "aliases"),
            ("tvt-store", ["overlap", "road", "road"], "evaluations"), ("tvt-store", ["rm", "road@unique"], "digest"),
            ("tvt-store", ["tag", "road", "street"], "digest"), ("tvt-store", ["rm", "street"], "digest"),
            ("tvt-store", ["verify"], "findings"),
            ("tvt-encode", SmallWorld.encoding("queries", to: "q"), "encoded"),
            ("tvt-encode", SmallWorld.encoding("corpus", to: "d"), "encoded"),
            (
                "tvt-encode",
                ["verify", "road", "--model", Self.model, "--reference", "d/part-00000.npy", "--threads", "1"],
                "least_cosine"
            ),
            ("tvt-search", ["--queries", "q", "--corpus", "d", "--output", "run"], "results"),
            ("tvt-mine", ["filter", "road", "--run", "run", "--as", "road@filtered"], "kept"),
            (
                "tvt-mine", ["negatives", "road", "--run", "run", "--count", "1", "--seed", "1", "--as", "m"],
                "negatives"
            ),
            ("tvt-train", ["--manifest", "mix.yaml", "--dry-run"], "memory_bytes"),
            ("tvt-train", SmallWorld.training("model"), "last_loss"),
            ("tvt-eval", ["--run", "run", "--qrels", "test.tsv", "--metrics", "mrr@10"], "runs"),
        ]
        let judgements = (0..<12).map { "q\($0)\td\(3 * $0)\t1\n" }.joined()
        try world.temporary.write("query-id\tcorpus-id\tscore\n" + judgements, to: "test.tsv")
        for (tool, line, key) in road {
            let output = try world.succeed(tool, line + ["--json"]).output
            let value = try JSONValue.parse(output, path: "\(tool) \(line)")
            #expect(key.isEmpty ? value.array != nil : value[key] != nil, "\(tool) \(line)")
            #expect(output.last == 0x0A && output.dropLast().last != 0x0A, "\(tool) \(line)")
        }
    }

    @Test("- is stdin or stdout, once")
    func dash() throws {
        let world = try SmallWorld(queryCount: 12)
        let rows = try world.bytes("v1.jsonl")
        try world.succeed("tvt-convert", ["v1-to-v2", "-", "--dataset", "piped"], input: rows)
        let exported = try world.succeed("tvt-convert", ["v2-to-v1", "piped", "--output", "-"]).output
        try world.succeed("tvt-convert", ["v1-to-v2", "-", "--dataset", "again"], input: exported)
        let corpus = try world.succeed("tvt-store", ["cat", "road", "corpus"]).output
        try world.temporary.write(try world.succeed("tvt-store", ["cat", "road", "queries"]).output, to: "queries")
        try world.succeed(
            "tvt-convert", ["v2", "--queries", "queries", "--corpus", "-", "--dataset", "both"], input: corpus)
        let digests = try ["road", "piped", "again", "both"].map {
            try JSONValue.parse(world.succeed("tvt-store", ["show", $0, "--json"]).output, path: $0)["logicalDigest"]
        }
        #expect(digests[0]?.string != nil && Set(digests.map { $0?.string }).count == 1)

        try world.temporary.write("q1\t0\td3\t1\n", to: "qrels")
        let run = Array("q1 Q0 d1 1 2 t\nq1 Q0 d3 2 1 t\n".utf8)
        try world.temporary.write(run, to: "run")
        let arguments = ["--qrels", "qrels", "--metrics", "mrr", "--json", "--run"]
        for (more, input) in [(["-"], run), (["run", "--compare", "-"], Array("q1\td3\t1.5\n".utf8))] {
            let report = try JSONValue.parse(
                world.succeed("tvt-eval", arguments + more, input: input).output, path: "eval")
            let values = report["runs"]?.array?.map { $0["measures"]?["mrr"]?.double }
            #expect(values == [0.5, 1].prefix(more.count == 1 ? 1 : 2).map { $0 })
        }
        for (tool, line) in [
            ("tvt-convert", ["v1-to-v2", "-", "-", "--dataset", "x"]),
            ("tvt-convert", ["v2", "--queries", "-", "--corpus", "-", "--dataset", "x"]),
            ("tvt-convert", ["v2-to-v1", "road", "--output", "-", "--json"]),
            ("tvt-search", ["--queries", "q", "--corpus", "d", "--output", "-", "--json"]),
            ("tvt-eval", ["--run", "-", "--compare", "-", "--qrels", "qrels"]),
            ("tvt-mine", ["filter", "road", "--run", "-", "--as", "x"]),
        ] { #expect(try world.run(tool, line, input: run).status == 64, "\(tool) \(line)") }
    }

    @Test("notes go to stderr, as many as --log-level asks for")
    func notes() throws {
        let world = try SmallWorld(queryCount: 12)
        let arguments = SmallWorld.encoding("corpus", to: "d") + ["--document-max-length", "5", "--json"]
        let noted = try world.run("tvt-encode", arguments)
        let truncated = try JSONValue.parse(noted.output, path: "encode")["truncated"]?.integer ?? 0
        #expect(noted.status == 0 && truncated > 0)
        #expect(noted.errorText == "note: \(truncated) of 36 texts were cut to the maximal length\n")
        try world.succeed("tvt-encode", arguments + ["--resume", "--log-level", "warning"])
    }
}
