import Base
import JSON
import Media
import SystemPackage
import TestKit
import Testing

/// `tvt-train --memory` and what `--dry-run` says of memory, as a user runs them.
@Suite("tvt-train and memory")
struct MemoryToolTests {
    let world: SmallWorld

    init() throws {
        world = try SmallWorld(queryCount: 12)
        try world.writeMix()
    }

    /// A BERT of 60 MB of weights: what a run takes has to be more than what any process does.
    func writeModel() throws -> FilePath {
        let shape = world.path("shape")
        try Files.makeDirectory(shape)
        let tokenizer = "tokenizer.json"
        try Files.replace(shape.appending(tokenizer), with: Files.readAll(SmallWorld.model.appending(tokenizer)))
        var config = try #require(JSONValue.parse(file: SmallWorld.model.appending("config.json")).object)
        config["hidden_size"] = 512
        config["intermediate_size"] = 2048
        config["num_hidden_layers"] = 5
        config["initializer_range"] = 0.02
        try Files.replace(shape.appending("config.json"), with: JSONValue.object(config).pretty())
        let card = [
            "--pooling", "mean", "--normalize", "--query-prompt", "", "--document-prompt", "", "--query-max-length",
            "32",
            "--document-max-length", "32",
        ]
        let made = try world.run("tvt-model", ["random", "shape", "--seed", "7", "--output", "large"] + card)
        try #require(made.status == 0, "\(made.errorText)")
        return world.path("large")
    }

    /// Makes a dataset of documents, and of a query for some of them, whose positive it is.
    func convert(
        _ records: [(document: JSONObject, text: String?)], as dataset: String, _ more: [String] = []
    ) throws {
        var (corpus, queries): ([UInt8], [UInt8]) = ([], [])
        for (number, (document, text)) in records.enumerated() {
            var document = document
            document["docid"] = .string("\(number)")
            JSONValue.object(document).appendLine(to: &corpus)
            corpus.append(0x0A)
            guard let text else { continue }
            let query: JSONObject = [
                "query_id": .string("q\(number)"), "query_text": .string(text),
                "positive_document_ids": .array([.string("\(number)")]),
                "negative_document_ids": .array([.string("\((number + 1) % records.count)")]),
            ]
            JSONValue.object(query).appendLine(to: &queries)
            queries.append(0x0A)
        }
        try Files.replace(world.path("corpus.jsonl"), with: corpus)
        try Files.replace(world.path("queries.jsonl"), with: queries)
        let files = ["--corpus", "corpus.jsonl", "--queries", "queries.jsonl"]
        try world.succeed("tvt-convert", ["v2"] + files + more + ["--dataset", dataset])
    }

    /// What `--dry-run` says of memory, where the run then takes about as much.
    func forecast(_ settings: [String]) throws -> JSONValue {
        let arguments = settings + ["--trace", "recompute", "--quiet", "--log-level", "error", "--json"]
        let dry = try world.run("tvt-train", arguments + ["--dry-run"])
        let memory = try #require(JSONValue.parse(dry.output, path: dry.errorText)["memory_bytes"])
        let predicted = try #require(memory["chosen"]?["bytes"]?.integer)
        let run = try world.run("tvt-train", arguments + ["--output", "run"])
        let measured = try #require(JSONValue.parse(run.output, path: run.errorText)["peak_bytes"]?.integer)
        // Of so small a model what the libraries take is a fifth.
        #expect(abs(predicted - measured) * 100 < 15 * measured, "\(predicted) for \(measured)")
        return memory
    }

    @Test("--dry-run says what a run takes, for weights, gradients and the optimizer of 60 MB")
    func prediction() throws {
        let model = try writeModel()
        _ = try forecast([
            "--dataset", "road", "--model", model.string, "--set", "steps=2", "--set", "queries_per_step=4",
            "--threads", "1",
        ])
    }

    @Test("--dry-run counts validation where it takes more than a step")
    func predictionOfValidation() throws {
        let model = try writeModel()
        let words = String(repeating: "along the road ", count: 12)
        // None of the long ones is trained on.
        try convert(
            (0..<800).map { number in
                let text = "\(number)" + (number > 20 ? " \(words)" : "")
                return (["document_text": .string(text)], number < 20 ? "\(number)" : nil)
            }, as: "long")
        // 800 documents of 32 tokens: one batch, of which a block of 2,048 columns makes 200 MB.
        let memory = try forecast([
            "--dataset", "long", "--model", model.string, "--set", "steps=2", "--set", "queries_per_step=4", "--set",
            "passages_per_query=2", "--set", "validation={share: 0.5, every: 2, batch_tokens: 32768}", "--threads", "1",
        ])
        #expect(memory["peak"]?["validation"]?.integer ?? 0 > 0 && memory["peak"]?["gradients"]?.integer == 0)
    }

    @Test("--dry-run counts the pixels of a step, and of the steps that are read ahead")
    func predictionOfImages() throws {
        let made = try world.run(
            "tvt-model",
            [
                "random", sourceRoot.appending("manifests/tiny/qwen2-vl").string, "--seed", "1", "--pooling", "last",
                "--normalize", "--query-prompt", "", "--document-prompt", "", "--inputs", "chat=true", "--output",
                "seeing",
            ])
        try #require(made.status == 0, "\(made.errorText)")
        try convert(
            (0..<8).map { number in
                let pixels = (0..<(1000 * 1000 * 3)).map { UInt8(truncatingIfNeeded: $0 / 3000 * (number + 1)) }
                let image = Bitmap(width: 1000, height: 1000, channelCount: 3, pixels: pixels)
                try Files.replace(world.path("\(number).jpg"), with: image.encoded(as: .jpeg))
                return (["document_image": .string("\(number).jpg")], "number \(number)")
            }, as: "seen", ["--assets", "."])
        let memory = try forecast([
            "--dataset", "seen", "--model", "seeing", "--set", "steps=1", "--set", "queries_per_step=2", "--set",
            "passages_per_query=2", "--set", "max_lengths={query: 64, document: 2048}", "--workers", "1",
        ])
        let media = try #require(memory["peak"]?["media"]?.integer)
        // Three bytes a pixel, of the step and of three that wait, and of the image that is decoded and copied; two queries
        // may share an image.
        let ofImage = 3 * 980 * 980
        #expect([3, 4].contains { media == 4 * $0 * ofImage + 2 * 3 * 1000 * 1000 }, "\(media)")
    }

    @Test("--memory says what it chooses, names the least, and is refused beside what cannot be")
    func memoryOption() throws {
        let mix = ["--config", "mix.yaml", "--dry-run"]
        let dry = try world.run("tvt-train", mix + ["--memory", "64GiB"])
        #expect(
            dry.status == 0 && dry.outputText.contains("--trace keep is the fastest plan that fits"), "\(dry.errorText)"
        )
        #expect(try world.run("tvt-train", mix + ["--memory", "2TiB"]).outputText.contains("--memory 2048.0 GiB"))
        #expect(dry.outputText.contains("relative time of a step"))
        try world.fail(
            "tvt-train", mix + ["--memory", "64MiB"], status: 78, naming: ["--memory", "the least is", "MiB"])
        for size in ["1MiB", "65537GiB", "24GB", "24 GiB", "1.5GiB", "much"] {
            try world.fail(
                "tvt-train", mix + ["--memory", size], status: 64,
                naming: ["--memory", "bytes, KiB, MiB, GiB or TiB", "from 64MiB to 64TiB, not \"\(size)\""])
        }
        try world.fail(
            "tvt-train", mix + ["--kept-blocks", "1"], status: 64,
            naming: ["--kept-blocks 1 goes with --trace recompute"])
        try world.fail(
            "tvt-train", mix + ["--trace", "recompute", "--kept-blocks", "9"], status: 64,
            naming: ["--kept-blocks 9: the model has 2 blocks"])
    }

    @Test("runs whose inputs wait in a file, and whose plan was chosen, have the losses of others")
    func losses() throws {
        func loss(_ name: String, _ more: [String]) throws -> JSONValue? {
            let result = try world.run("tvt-train", SmallWorld.training(name) + more + ["--json"])
            return try JSONValue.parse(result.output, path: result.errorText)["last_loss"]
        }
        let wanted = try loss("a", ["--trace", "keep"])
        #expect(wanted != nil)
        #expect(try loss("b", ["--trace", "offload", "--kept-blocks", "1"]) == wanted)
        #expect(try loss("c", ["--memory", "64GiB"]) == wanted)
        #expect(try Files.list(world.path("b")).allSatisfy { !$0.hasPrefix("tvt-") })
    }
}
