import Base
import JSON
import SystemPackage
import TestKit
import Testing

/// A table of a user's own becomes a trained and evaluated model, by the commands that README shows.
@Suite("Own data") struct OwnDataTests {
    /// The commands of README's section, without the prompt.
    static func commands() throws -> [String] {
        let readme = try Files.readText(sourceRoot.appending("README.md"))
        let section = try #require(readme.split(separator: "\n## ").first { $0.hasPrefix("Your own data\n") })
        return section.split(separator: "\n").filter { $0.hasPrefix("    $ ") }.map { String($0.dropFirst(6)) }
    }

    @Test func commandsOfREADMETrainAndEvaluateOnACSV() throws {
        let world = try SmallWorld()
        var csv = "question,passage\n"
        for number in 0..<40 { csv += "\"ba \(number % 10) be\",\"da, \(number) di do\"\n" }
        for number in 0..<40 { csv += "ka \(number) ke,da ku \(number) di do\n" }
        try world.temporary.write(csv, to: "questions.csv")
        let commands = try Self.commands()
        #expect(commands.count <= 4 && commands.count > 2)
        var printed = ""
        for command in commands {
            let here = command.replacing(".deps/models/all-MiniLM-L6-v2", with: SmallWorld.model.string)
                .replacing("--hold-out 500", with: "--hold-out 12")
            #expect(here != command || !command.contains(".deps"))
            let result = try runShell(
                "cd '\(world.temporary.path)' && PATH='\(builtProducts)':$PATH TVT_STORE=store \(here)")
            try #require(result.status == 0, "\(here): \(result.errorText)")
            printed = result.outputText
        }
        // A line a measure: before, after, difference, …
        let line = try #require(printed.split(separator: "\n").first { $0.hasPrefix("ndcg@10 ") }, "\(printed)")
        let values = line.split(separator: " ").dropFirst().prefix(2).compactMap { Double($0) }
        #expect(values.count == 2 && values.allSatisfy { (0...1).contains($0) }, "\(printed)")
        let show = try world.succeed("tvt-store", ["ls", "--json"]).outputText
        #expect(show.contains("mine"))
    }

    @Test func aModelIsMeasuredAsItsRunIs() throws {
        let world = try SmallWorld()
        var csv = "question,passage\n"
        for number in 0..<30 { csv += "ba \(number) be,da \(number) di do\n" }
        try world.temporary.write(csv, to: "a.csv")
        try world.succeed(
            "tvt-convert",
            ["rows", "a.csv", "--query", "question", "--positive", "passage", "--hold-out", "9", "--dataset", "mine"])
        let model = SmallWorld.model.string
        let direct = try world.succeed(
            "tvt-eval", ["--model", model, "--dataset", "mine", "--work", "work", "--format", "json"])
        // The same, step by step.
        try world.succeed("tvt-encode", ["corpus", "mine", "--model", model, "--output", "corpus"])
        try world.succeed(
            "tvt-encode", ["queries", "mine", "--split", "test", "--model", model, "--output", "queries"])
        try world.succeed("tvt-search", ["--queries", "queries", "--corpus", "corpus", "--output", "by-hand.run"])
        let byHand = try world.succeed("tvt-eval", ["--run", "by-hand.run", "--qrels", "mine", "--format", "json"])
        func measures(_ result: ToolResult) throws -> JSONValue? {
            let report = try JSONValue.parse(result.output, path: "report")
            return report["runs"]?.array?.first?["measures"] ?? report["runs"]?.array?.first
        }
        let (one, two) = (try measures(direct), try measures(byHand))
        #expect(one?["ndcg@10"] == two?["ndcg@10"] && one?["ndcg@10"] != nil, "\(direct.outputText)")
        #expect(world.exists("work/model-1/run") && world.exists("work/model-1/corpus"))
        // Nothing is left where nothing was asked for.
        try world.temporary.write("", to: "tmp/note")
        let quiet = try TestKit.run(
            "tvt-eval", ["--model", model, "--dataset", "mine"],
            environment: world.environment.merging(["TMPDIR": world.path("tmp").string]) { $1 },
            workingFolder: world.temporary.path)
        #expect(quiet.status == 0, "\(quiet.errorText)")
        #expect(try Files.list(world.path("tmp")) == ["note"])
    }

    /// As a dataset's is: a repository's folder in the Hub's cache stands for its only snapshot.
    @Test func modelsAreReadFromTheCacheOfTheHub() throws {
        let world = try SmallWorld(queryCount: 5)
        let script = """
            cd '\(world.temporary.path)' && mkdir -p hub/models--o--n/blobs hub/models--o--n/snapshots
            ln -s '\(SmallWorld.model)' hub/models--o--n/snapshots/abc
            """
        #expect(try runShell(script).status == 0)
        for (model, output) in [("hub/models--o--n", "one"), (SmallWorld.model.string, "two")] {
            try world.succeed("tvt-encode", ["queries", "road", "--model", model, "--output", output])
        }
        let same = try runShell("cd '\(world.temporary.path)' && diff -rq --exclude '*.json' --exclude .lock one two")
        #expect(same.status == 0, "\(same.outputText)")
        let trained = try world.run(
            "tvt-train", ["--dataset", "road", "--model", "hub/models--o--n", "--dry-run"])
        #expect(trained.status == 0, "\(trained.errorText)")
        try world.temporary.write("", to: "hub/models--o--n/snapshots/def/config.json")
        try world.fail(
            "tvt-encode", ["queries", "road", "--model", "hub/models--o--n", "--output", "three"], status: 64,
            naming: ["2 snapshots"])
    }

    @Test func whatCannotBeMeasuredIsSaid() throws {
        let world = try SmallWorld(queryCount: 5)
        let model = SmallWorld.model.string
        try world.fail("tvt-eval", ["--model", model], status: 64, naming: ["--model and --dataset go together"])
        try world.fail("tvt-eval", ["--run", "x"], status: 64, naming: ["--run and --qrels"])
        try world.fail(
            "tvt-eval", ["--model", model, "--dataset", "road"], status: 66,
            naming: ["no judgements named test", "tvt-store judgements"])
        try world.fail("tvt-train", ["--dataset", "road", "--output", "x"], status: 64, naming: ["--model"])
        try world.fail(
            "tvt-train", ["--dataset", "road", "--model", model, "--config", "m.yaml", "--output", "x"], status: 64,
            naming: ["--config"])
        let gone = try world.run("tvt-eval", ["--model", "nowhere", "--dataset", "road", "--split", "x"])
        #expect(gone.status == 66, "\(gone.errorText)")
    }
}
