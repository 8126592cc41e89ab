import Base
import Recipes
import SystemPackage
import TestKit
import Testing

@Suite("Recipes")
struct RecipeTests {
    private let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    static let whole = """
        name: whole
        title: "All that a recipe can say"
        licence: CC-BY-4.0
        citation: |
          Somebody 2026
        source:
          repository: datasets/somebody/whole
          revision: v2
          files:
            - {path: a/b.parquet, size: 10, sha256: \(String(repeating: "ab", count: 32))}
            - path: c.json
        convert:
          command: tevatron
          arguments: ["--queries", "{raw}/queries it's", "--corpus", "{raw}/corpus"]
        mining:
          retriever: "a model that sees"
          text_side: answer
          encode: {dtype: bf16, batch_tokens: 8192, ignore_media: true, query_prompt: "find: "}
          filter: {depth: 80}
          negatives: {depth: 60, count: 7, seed: 9, options: ["--strategy", "top"]}
        sample:
          arguments: ["--corpus", "{raw}"]
          filter: {depth: 5}
          negatives: {count: 2}

        """

    private func read(_ yaml: String) throws -> Recipe {
        try Recipe(file: try temporary.write(yaml, to: "recipe.yaml"))
    }

    @Test func allKeysAreRead() throws {
        let recipe = try read(Self.whole)
        #expect(recipe.name == "whole" && recipe.licence == "CC-BY-4.0" && recipe.citation == "Somebody 2026\n")
        #expect(recipe.source?.revision == "v2")
        #expect(recipe.source?.files.map(\.path) == ["a/b.parquet", "c.json"])
        #expect(recipe.source?.files[0].size == 10 && recipe.source?.files[1].sha256 == nil)
        #expect(recipe.encoding?.textSide == "answer")
        #expect(recipe.sample.filter?.depth == 5)
        // What a sample does not say is as in the whole.
        #expect(recipe.sample.negatives?.count == 2 && recipe.sample.negatives?.seed == 9)
        #expect(recipe.sample.negatives?.options == ["--strategy", "top"])
    }

    /// The commands that a recipe stands for: `tvt-dataset plan` prints them.
    @Test(arguments: [(false, "plan.txt"), (true, "plan-sample.txt")])
    func commandsAreThose(isSample: Bool, golden: String) throws {
        let plan = RecipePlan(try read(Self.whole), isSample: isSample)
        let lines = plan.stages.map { shellQuoted([$0.tool] + $0.arguments(with: [:])) + "\n" }
        #expect(try Golden().check(Array(lines.joined().utf8), against: golden))
    }

    @Test func planPrintsTheCommands() throws {
        let path = try temporary.write(Self.whole, to: "recipe.yaml")
        let result = try run(
            "tvt-dataset",
            ["plan", path.string, "--store", "s", "--retriever", "m", "--device", "cuda", "--dtype", "f16"])
        #expect(result.status == 0)
        #expect(
            result.outputText.contains(
                "# raw: 2 files of {hub}/datasets/somebody/whole/resolve/v2/\n#   a/b.parquet, 10 B\n"))
        #expect(result.outputText.contains("--model m --batch-tokens 8192"))
        #expect(result.outputText.contains("--dtype f16 --device cuda --store s\n"))
        #expect(!result.outputText.contains("bf16"))
    }

    struct Fault: CustomTestStringConvertible {
        let old: String
        let new: String
        let message: String
        var testDescription: String { message }
    }

    @Test(arguments: [
        Fault(old: "title:", new: "titel:", message: "recipe.yaml:2: unknown key \"titel\""),
        Fault(old: "licence: CC-BY-4.0\n", new: "", message: "\"licence\" is missing"),
        Fault(old: "name: whole", new: "name: a/b", message: "recipe.yaml:1: \"name\" must consist of"),
        Fault(old: "  text_side: answer", new: "  textside: answer", message: "Did you mean \"text_side\"?"),
        Fault(
            old: "  text_side", new: "  media: smell\n  text_side",
            message: "recipe.yaml:17: \"mining.media\" must be one of image, video, audio, not \"smell\""),
        Fault(
            old: "size: 10", new: "size: ten", message: "\"source.files.0.size\" must be a whole number, not \"ten\""),
        Fault(old: "c.json", new: "a/b.parquet", message: "\"source.files.1.path\" comes twice"),
        Fault(
            old: "c.json", new: "../c.json", message: "recipe.yaml:11: \"source.files.1.path\" must be a relative path"),
        Fault(old: "c.json", new: "/etc/passwd", message: "must be a relative path"),
        Fault(old: "c.json", new: "a/./c", message: "must be a relative path"),
        Fault(old: "datasets/somebody/whole", new: "../../x", message: "\"source.repository\" must be a path"),
        Fault(old: "sha256: ab", new: "sha256: zz", message: "\"source.files.0.sha256\" must be 64 hexadecimal digits"),
        // Options of the last stage are known before the first.
        Fault(
            old: "[\"--strategy\", \"top\"]", new: "[\"--relative-margin\", \"nan\"]",
            message: "recipe.yaml:20: \"mining.negatives.options\" with --relative-margin must be a number from"),
        Fault(old: "\"top\"]", new: "\"best\"]", message: "with --strategy must be one of random, top, not \"best\""),
        Fault(old: "\"top\"]", new: "\"top\", \"--as\", \"x\"]", message: "must not have --as: the stage says it"),
        Fault(
            old: "\"top\"]", new: "\"top\", \"--count=5\"]", message: "must not have --count: it is a key of its own"),
        Fault(old: "\"top\"]", new: "\"top\", \"--skip-top\"]", message: "must have a value behind --skip-top"),
        Fault(old: "\"--strategy\"", new: "\"--stratgy\"", message: "\"--stratgy\" is none"),
        Fault(
            old: "\"{raw}/corpus\"]", new: "\"{raw}/corpus\", \"--dataset=x\"]",
            message: "\"convert.arguments\" must not have --dataset"),
        Fault(
            old: "batch_tokens: 8192", new: "batch_tokens: 16777217",
            message: "\"mining.encode.batch_tokens\" must be from 1 to 16777216"),
        Fault(old: "depth: 80", new: "depth: 0", message: "\"mining.filter.depth\" must be from 1 to 1000000"),
        Fault(old: "depth: 80", new: "depth: 99999999999999999999", message: "must be from 1 to 1000000"),
        Fault(old: "size: 10", new: "size: 1000000000000001", message: "\"source.files.0.size\" must be from 0 to"),
        Fault(old: "size: 10", new: "size: -1", message: "recipe.yaml:10: \"source.files.0.size\" must be from 0 to"),
        Fault(
            old: "batch_tokens: 8192", new: "batch_tokens: 0", message: "\"mining.encode.batch_tokens\" must be from 1"),
        Fault(old: "c.json", new: "\"a\\eb\"", message: "control characters"),
        Fault(old: "  command: tevatron\n", new: "", message: "\"convert.command\" is missing"),
        Fault(old: "mining:", new: "stop: enough\nmining:", message: "\"stop\" is for recipes without \"mining\""),
        Fault(old: "dtype: bf16", new: "fast: true", message: "unknown key \"mining.encode.fast\""),
        Fault(old: "[\"--corpus\", \"{raw}\"]", new: "[[1]]", message: "\"sample.arguments\" must be a list of texts"),
        Fault(old: "name: whole", new: "name: [", message: "recipe.yaml"),
        Fault(old: "sample:", new: "evaluation: {metrics: [map]}\nsample:", message: "\"evaluation.split\" is missing"),
        Fault(
            old: "sample:", new: "evaluation: {split: dev}\nsample:",
            message: "recipe.yaml: \"evaluation.metrics\" must list at least one measure"),
        Fault(
            old: "sample:", new: "evaluation: {split: dev, metrics: [map, smell@3]}\nsample:",
            message: "\"evaluation.metrics\" has no measure of tvt-eval in \"smell@3\""),
        Fault(
            old: "sample:", new: "evaluation: {split: dev, metrics: [recall@11], depth: 10}\nsample:",
            message: "has \"recall@11\", which looks at 11 results of 10"),
        Fault(
            old: "sample:", new: "evaluation: {split: dev, metrics: [map], depth: 0}\nsample:",
            message: "\"evaluation.depth\" must be from 1 to 1000000"),
        Fault(
            old: "sample:", new: "evaluation: {split: mined, metrics: [map], arguments: [\"{raw}\"]}\nsample:",
            message: "\"evaluation.split\" names the version of \"arguments\""),
        Fault(
            old: "sample:", new: "evaluation: {split: a b, metrics: [map], arguments: [\"{raw}\"]}\nsample:",
            message: "\"evaluation.split\" names the version of \"arguments\""),
        Fault(
            old: "sample:",
            new: "evaluation: {split: dev, metrics: [map], arguments: [\"--licence=x\"]}\nsample:",
            message: "\"evaluation.arguments\" must not have --licence"),
        Fault(
            old: "sample:", new: "evaluation: {split: dev, metrics: [map], media: image}\nsample:",
            message: "\"evaluation.media\" is for recipes without \"mining\""),
        Fault(
            old: "sample:", new: "evaluation: {split: dev, metrics: [map], text_side: answer}\nsample:",
            message: "unknown key \"evaluation.text_side\""),
    ])
    func faultsNameFileLineAndKey(fault: Fault) throws {
        #expect(Self.whole.contains(fault.old))
        do {
            _ = try read(Self.whole.replacing(fault.old, with: fault.new))
            Issue.record("the recipe was accepted")
        } catch let error as Failure {
            #expect(error.exitStatus == .badConfiguration)
            #expect(error.description.contains(fault.message), "\(error)")
        }
    }

    @Test("a byte order mark is no part of a recipe")
    func byteOrderMark() throws {
        #expect(try read("\u{FEFF}" + Self.whole).name == "whole")
    }

    /// Texts that are long, deep or hostile: an error of a few lines, with the place, that no terminal minds.
    @Test(arguments: [
        Fault(old: "title", new: String(repeating: "[", count: 100_000), message: "recipe.yaml:2:"),
        Fault(old: "title", new: String(repeating: "- ", count: 50_000) + "title", message: "recipe.yaml:2:"),
        Fault(old: "title", new: String(repeating: "x", count: 100_000), message: "recipe.yaml:"),
        Fault(old: "depth: 80", new: "depth: " + String(repeating: "y", count: 100_000), message: "recipe.yaml:19: "),
        Fault(old: "depth: 80", new: "depth: \"\\e]0;x\\a\"", message: "recipe.yaml:19: "),
        Fault(old: "c.json", new: String(repeating: "z", count: 100_000), message: "recipe.yaml:11: "),
        Fault(old: "stop", new: "stop", message: "recipe.yaml"),
        Fault(old: "CC-BY-4.0", new: String(repeating: "l", count: 100_001), message: "must have at most 100000 bytes"),
    ])
    func errorsAreShort(fault: Fault) throws {
        let yaml = Self.whole + (fault.old == "stop" ? "name: again\n" : "")
        let error = try #require(throws: Failure.self) { try read(yaml.replacing(fault.old, with: fault.new)) }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains(fault.message), "\(error.description.prefix(500))")
        #expect(error.description.utf8.count < 1000)
        #expect(!error.description.utf8.contains { $0 < 0x20 && $0 != 0x0A })
    }

    @Test("a few references that stand for billions of values are refused")
    func aliasBomb() throws {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n" }
        let keys = "? *a20\n: x\n"
        for text in [bomb, bomb + keys, Self.whole + bomb + keys] {
            let error = try #require(throws: Failure.self) { try read(text) }
            #expect(error.exitStatus == .badConfiguration && error.description.contains("references to anchors"))
        }
        // A reference or two are what they are for.
        let shared = Self.whole.replacing("licence: CC-BY-4.0", with: "licence: &l CC-BY-4.0")
            .replacing("retriever: \"a model that sees\"", with: "retriever: *l")
        #expect(try read(shared).encoding?.retriever == "CC-BY-4.0")
    }

    @Test func aRecipeWithoutMiningSaysWhy() throws {
        let start = Self.whole.firstRange(of: "mining:")!.lowerBound
        let short = String(Self.whole[..<start])
        #expect(throws: Failure.self) { try read(short) }
        let recipe = try read(short + "stop: no model sees images yet\n")
        #expect(recipe.stop == "no model sees images yet")
        #expect(RecipePlan(recipe, isSample: false).stages.map(\.name) == ["convert"])
        #expect(throws: Failure.self) { try read(short + "stop: x\nsample: {filter: {depth: 2}}\n") }
    }

    /// What is mined is measured by the same run where it can be, and by one of its own on another corpus.
    @Test func anEvaluationIsPlanned() throws {
        let evaluation = "evaluation: {split: dev, metrics: [ndcg@10, map], depth: 150}\n"
        let yaml = Self.whole.replacing("  text_side: answer\n", with: "") + evaluation
        let shared = RecipePlan(try read(yaml), isSample: false)
        #expect(
            shared.stages.map(\.name) == [
                "convert", "encode corpus", "encode queries", "search", "filter", "negatives", "evaluate",
            ])
        #expect(shared.stages[3].arguments.joined(separator: " ").contains("--depth 150"))
        #expect(
            shared.stages[6].arguments == [
                "--run", "run.tsv", "--qrels", "whole", "--split", "dev", "--metrics", "ndcg@10,map", "--format",
                "json", "--output", "evaluation.json", "--store", "{store}",
            ])
        #expect(shared.notes.isEmpty)

        let own = RecipePlan(
            try read(yaml.replacing("{split", with: "{arguments: [\"{raw}\", \"--splits\", \"dev\"], split")),
            isSample: true)
        #expect(
            own.stages.map(\.name) == [
                "convert", "convert evaluation", "encode corpus", "encode queries", "search", "filter", "negatives",
                "encode evaluation corpus", "encode evaluation queries", "search evaluation", "evaluate",
            ])
        #expect(
            own.stages[1].arguments.prefix(6) == ["tevatron", "raw", "--splits", "dev", "--dataset", "whole@dev"])
        #expect(own.stages[8].arguments.prefix(2) == ["queries", "whole@dev"])
        #expect(own.stages[8].arguments.joined(separator: " ").contains("--resume --split dev --model"))
        #expect(own.stages[10].arguments.prefix(4) == ["--run", "evaluation.tsv", "--qrels", "whole@dev"])

        // Answers of the judged queries would be searched by these queries.
        let answers = RecipePlan(try read(Self.whole + evaluation), isSample: false)
        #expect(answers.stages.last?.name == "negatives")
        #expect(answers.unmeasured?.contains("\"answer\" stand for the documents") == true)
        #expect(answers.notes.count == 1)
        let left = RecipePlan(try read(yaml), isSample: false, leavesOutEvaluation: true)
        #expect(left.stages.last?.name == "negatives" && left.unmeasured == nil)
    }

    @Test func leavingOutNoEvaluationIsRefused() throws {
        let path = try temporary.write(Self.whole, to: "recipe.yaml").string
        let result = try run("tvt-dataset", ["plan", path, "--no-evaluation"])
        #expect(result.status == 64)
        #expect(result.errorText.contains("--no-evaluation finds nothing to act on"))
    }

    @Test func unknownNamesAreToldTheKnownOnes() throws {
        let result = try run("tvt-dataset", ["plan", "bier"], workingFolder: sourceRoot)
        #expect(result.status == 66)
        #expect(result.errorText.contains("beir"))
    }

    @Test func aFullRunAsksForTheRetrieverAndTheRawFiles() throws {
        let path = try temporary.write(Self.whole, to: "recipe.yaml").string
        let output = temporary("out").string
        let without = try run("tvt-dataset", ["run", path, "--output", output, "--raw", "/"])
        #expect(without.status == 64)
        #expect(without.errorText.contains("it wants a model that sees"))
        #expect(without.errorText.contains("--retriever DIR"))
        let missing = try run("tvt-dataset", ["run", path, "--raw", output, "--retriever", "/"])
        #expect(missing.status == 66)
        let sample = try run("tvt-dataset", ["run", path, "--sample", "--output", output, "--retriever", "/"])
        #expect(sample.status == 66)
        #expect(sample.errorText.contains("has no sample"))
    }
}
