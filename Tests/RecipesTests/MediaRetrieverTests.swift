import Base
import Glibc
import JSON
import SystemPackage
import TestKit
import Testing

/// Recipes of documents with media, with a retriever that takes them: random weights in the shape of Qwen2.5-Omni.
@Suite("Recipes with a retriever of media")
struct MediaRetrieverTests {
    static let inputs = [
        "chat=true", "generation_prompt=false", "media_place=last", "image_size=112x112", "frames=4",
        "frame_size=56x56", "frame_pixels=3136-12544",
    ].flatMap { ["--inputs", $0] }

    let temporary: TemporaryFolder
    let retriever: FilePath

    init() throws {
        temporary = try TemporaryFolder()
        retriever = temporary("omni")
        let made = try run(
            "tvt-model",
            [
                "random", sourceRoot.appending("manifests/tiny/qwen2.5-omni").string, "--seed", "7", "--pooling",
                "last",
                "--normalize", "--append-eos", "--query-prompt", "Query: ", "--document-prompt", "", "--output",
                retriever.string,
            ])
        try #require(made.status == 0, "\(made.errorText)")
    }

    private func dataset(_ command: String, _ name: String, _ arguments: [String]) throws -> ToolResult {
        try run("tvt-dataset", [command, SampleTests.datasets.appending(name).string, "--sample"] + arguments)
    }

    private func commands(_ lock: JSONValue) -> [[String]] {
        (lock["stages"]?.array ?? []).map { $0["command"]?.array?.compactMap(\.string) ?? [] }
    }

    @Test(
        "the retriever is given what the documents show",
        arguments: [("pixmo", "image"), ("wiki-ss", "image"), ("msr-vtt", "video"), ("audiocaps", "audio")])
    func runsToTheEnd(name: String, kind: String) throws {
        let output = temporary("out")
        let result = try dataset(
            "run", name, ["--output", output.string, "--retriever", retriever.string, "--json"] + Self.inputs)
        try #require(result.status == 0, "\(result.errorText)")
        let lock = try #require(try JSONValue.parse(result.output, path: "run")["lock"])
        #expect(lock["documents"]?["form"]?.string == kind)
        #expect(lock["documents"]?["reason"]?.string?.hasPrefix("the retriever takes text") == true)
        #expect(lock["stop"] == nil)
        for side in ["corpus", "queries"] { #expect(lock["vectors"]?[side]?["leftOut"] == 0) }
        #expect(lock["vectors"]?["corpus"]?["encoding"]?["media"] == true)
        #expect(lock["unmeasured"] == nil)
        for command in commands(lock) {
            #expect(!command.contains("--text-side") && !command.contains("--ignore-media"), "\(command)")
            guard command.first == "tvt-encode" else { continue }
            #expect(command.contains("--quarantine") && command.contains("image_size=112x112"), "\(command)")
        }
        // Weights are random: a positive is among the first now and then.
        let versions = try #require(lock["versions"]?.array)
        let isMeasured = ["msr-vtt", "audiocaps"].contains(name)
        #expect(versions.count == (isMeasured ? 4 : 3))
        if isMeasured { try checkEvaluation(lock, name, in: output) }
        for version in versions { #expect(version["queries"]?.integer ?? 0 > 0) }
        #expect(versions.last?["negatives"]?.integer ?? 0 > 0)
        let stamp = try JSONValue.parse(file: output.appending("stages/encode-corpus.json"))
        #expect(stamp["decision"]?.string?.contains("encoded with the \(kind) that they show") == true)
        let page = try Files.readText(output.appending("report.html"))
        #expect(page.contains("Documents were encoded by: \(kind); the retriever takes text"))
        let report = try JSONValue.parse(file: output.appending("report.json"))
        #expect(report["documents"]?["form"]?.string == kind)
    }

    /// What was measured against the run and the judgements, counted here.
    private func checkEvaluation(_ lock: JSONValue, _ name: String, in output: FilePath) throws {
        let evaluation = try #require(lock["evaluation"])
        let (dataset, split) = try #require(
            evaluation["dataset"]?.string.flatMap { dataset in evaluation["split"]?.string.map { (dataset, $0) } })
        let exported = temporary("exported")
        let result = try run(
            "tvt-store",
            [
                "export", dataset, "--store", output.appending("store").string, "--format", "beir", "--output",
                exported.string,
            ])
        try #require(result.status == 0, "\(result.errorText)")
        var grades: [String: [String: Int]] = [:]
        let qrels = try Files.readText(exported.appending("qrels/\(split).tsv"))
        for line in qrels.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t").map(String.init)
            grades[fields[0], default: [:]][fields[1]] = Int(fields[2])
        }
        var ranking: [String: [String]] = [:]
        for line in try Files.readText(output.appending("evaluation.tsv")).split(separator: "\n") {
            let fields = line.split(separator: "\t").map(String.init)
            ranking[fields[0], default: []].append(fields[1])
        }
        #expect(grades.count == evaluation["queries"]?.integer && Set(grades.keys) == Set(ranking.keys))
        let values = grades.map { query, grades -> Double in
            func gain(_ grades: some Sequence<Int>) -> Double {
                zip(1..., grades).reduce(0) { $0 + Double($1.1) / log2(Double($1.0) + 1) }
            }
            let found = (ranking[query] ?? []).map { grades[$0] ?? 0 }
            return name == "vidore"
                ? gain(found.prefix(5)) / gain(grades.values.sorted(by: >).prefix(5))
                : Double(found[0]) / Double(grades.count)
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let measure = name == "vidore" ? "ndcg@5" : "recall@1"
        let value = try #require(evaluation["measures"]?[measure]?.double)
        #expect(abs(value - mean) < 1e-9 && value > 0 && value < 1, "\(measure) \(value), \(mean)")
        let written = try JSONValue.parse(file: output.appending("evaluation.json"))
        #expect(written["runs"]?.array?.first?["measures"] == evaluation["measures"])
        for side in ["corpus", "queries"] { #expect(evaluation["vectors"]?[side]?["leftOut"] == 0) }
        let page = try Files.readText(output.appending("report.html"))
        #expect(page.contains("How well the retriever finds") && page.contains("<td>\(measure)</td>"))
    }

    @Test("a test set is measured: nDCG@5 on ViDoRe's layout; what is done is kept")
    func measuresATestSet() throws {
        let output = temporary("out")
        let arguments = ["--output", output.string, "--retriever", retriever.string] + Self.inputs
        let result = try dataset("run", "vidore", arguments + ["--json"])
        try #require(result.status == 0, "\(result.errorText)")
        let lock = try #require(try JSONValue.parse(result.output, path: "run")["lock"])
        #expect(lock["vectors"] == nil && lock["versions"]?.array?.count == 1)
        try checkEvaluation(lock, "vidore", in: output)
        try Files.remove(output.appending("evaluation.json"))
        let again = try dataset("run", "vidore", arguments)
        #expect(again.outputText.contains("✓ search evaluation (done before)\n▶ evaluate\n  tvt-eval --run"))
        #expect(again.outputText.contains("vidore, split test: ndcg@5 0."))
        #expect(again.outputText.contains("Nothing is filtered and mined: it is a test set"))
        let without = try dataset("plan", "vidore", ["--no-evaluation", "--json"])
        #expect(commands(try JSONValue.parse(without.output, path: "plan")).count == 1)
    }

    @Test("--documents text encodes the texts that stand for media, whatever the retriever takes")
    func textByChoice() throws {
        let arguments = ["--retriever", retriever.string, "--json"] + Self.inputs
        for (choice, form) in [("text", "text"), ("media", "image"), ("auto", "image")] {
            let result = try dataset("plan", "pixmo", arguments + ["--documents", choice])
            try #require(result.status == 0, "\(result.errorText)")
            let plan = try JSONValue.parse(result.output, path: "plan")
            #expect(plan["documents"]?["form"]?.string == form, "\(choice)")
            #expect(commands(plan).joined().contains("--text-side") == (form == "text"), "\(choice)")
        }
        let ignoring = try dataset("plan", "wiki-ss", arguments + ["--documents", "text"])
        #expect(ignoring.outputText.contains("--ignore-media"))
    }

    @Test("a retriever of texts is given texts where there are some; else the recipe ends after the conversion")
    func textRetriever() throws {
        let arguments = ["--retriever", SampleTests.retriever.string, "--json"]
        for (name, form) in [("pixmo", "text"), ("msr-vtt", "nothing"), ("audiocaps", "nothing")] {
            let result = try dataset("plan", name, arguments)
            try #require(result.status == 0, "\(result.errorText)")
            let plan = try JSONValue.parse(result.output, path: "plan")
            #expect(plan["documents"]?["form"]?.string == form)
            #expect(commands(plan).count == (form == "nothing" ? 2 : 6))
            #expect((plan["stop"]?.string?.contains("and no text stands for it") ?? false) == (form == "nothing"))
        }
    }

    struct Refusal: CustomStringConvertible, Sendable {
        let recipe: String
        let arguments: [String]
        let status: Int32
        let message: String
        var description: String { "\(recipe) \(arguments)" }
    }

    @Test(
        "what cannot be followed is refused before anything is run",
        arguments: [
            Refusal(recipe: "pixmo", arguments: ["--documents", "media"], status: 78, message: "and no image"),
            Refusal(recipe: "msr-vtt", arguments: ["--documents", "text"], status: 64, message: "has no text"),
            Refusal(recipe: "beir", arguments: ["--documents", "text"], status: 64, message: "names no media"),
            Refusal(
                recipe: "vidore", arguments: ["--inputs", "chat=false"], status: 64, message: "finds nothing to act on"),
            Refusal(recipe: "vidore", arguments: ["--documents", "text"], status: 64, message: "has no text"),
            Refusal(recipe: "vidore", arguments: ["--documents", "media"], status: 78, message: "and no image"),
            Refusal(recipe: "pixmo", arguments: ["--no-evaluation"], status: 64, message: "has no evaluation"),
            Refusal(
                recipe: "audiocaps", arguments: ["--inputs", "chat=false"], status: 64,
                message: "finds nothing to act on"),
            Refusal(recipe: "pixmo", arguments: ["--inputs", "legs=4"], status: 64, message: "cannot be used"),
            Refusal(recipe: "beir", arguments: ["--preset", "nobody"], status: 64, message: "cannot be used"),
            Refusal(recipe: "pixmo", arguments: ["--documents", "smell"], status: 64, message: "smell"),
        ])
    func refusals(refusal: Refusal) throws {
        let output = temporary("out")
        let result = try dataset(
            "run", refusal.recipe,
            ["--output", output.string, "--retriever", SampleTests.retriever.string] + refusal.arguments)
        #expect(result.status == refusal.status, "\(result.errorText)")
        #expect(result.errorText.contains(refusal.message), "\(result.errorText)")
        #expect(!Files.exists(output))
    }

    @Test("an image that cannot be decoded is left out, listed and counted")
    func brokenImage() throws {
        let set = try MadeUpSet(textSide: true)
        let recipe = set.folder("recipe.yaml")
        try Files.replace(
            recipe, with: try Files.readText(recipe).replacing("text_side: answer", with: "media: image"))
        // The header is whole, and so it came into the store.
        try set.folder.write(Array(MadeUpSet.png.prefix(45)), to: "raw/images/\(MadeUpSet.words[4]).png")
        let result = try run(
            "tvt-dataset",
            [
                "run", recipe.string, "--raw", set.folder("raw").string, "--output", set.output.string, "--store",
                set.folder("store").string, "--manifests", set.folder("manifests").string, "--retriever",
                retriever.string, "--json",
            ] + Self.inputs)
        try #require(result.status == 0, "\(result.errorText)")
        let report = try set.report()
        #expect(report["vectors"]?["corpus"]?["leftOut"] == 1)
        #expect(report["vectors"]?["corpus"]?["count"] == 9)
        let listed = try Files.readText(set.output.appending("stages/encode-corpus.left-out.jsonl"))
        #expect(listed.split(separator: "\n").count == 1 && listed.contains("\"d4\""))
        let page = try Files.readText(set.output.appending("report.html"))
        #expect(page.contains("1 of the corpus could not be given to the model"))
    }
}
