import Base
import Glibc
import JSON
import Recipes
import SystemPackage
import TestKit
import Testing

/// Every recipe below `datasets/`; new ones are taken by themselves.
@Suite("Samples of all recipes")
struct SampleTests {
    static let datasets = sourceRoot.appending("datasets")
    static let names = (try? Recipe.names(in: datasets)) ?? []
    static let retriever = sourceRoot.appending(".deps/models/all-MiniLM-L6-v2")

    @Test func thereAreSome() { #expect(Self.names.contains("beir") && Self.names.contains("tevatron")) }

    @Test(arguments: names) func isDocumentedAndSmall(name: String) throws {
        let recipe = try Recipe(named: name, datasets: Self.datasets)
        #expect(recipe.name == name, "the folder has the recipe's name")
        #expect(recipe.citation.count > 20)
        let readme = try Files.readText(recipe.folder.appending("README.md"))
        #expect(readme.lowercased().contains("licence"), "README.md says what the sample's licence is")
        #expect(readme.lowercased().contains("sample"), "README.md says what the sample is made from")
        #expect(readme.lowercased().contains("changed"), "README.md says what is changed and why")
        let bytes = try SampleRun.files(below: recipe.sampleFolder).reduce(0) { try $0 + Files.size($1) }
        #expect(1..<(1 << 20) ~= bytes, "the sample has \(bytes) bytes")
    }

    /// Two runs into different stores give the same data, lock and report; a third has nothing left to do.
    @Test(arguments: names) func givesTheSameEachTime(name: String) throws {
        let first = try SampleRun(name)
        let second = try SampleRun(name)
        let result = try first.succeed()
        let other = try second.succeed()
        let versions = try #require(result["lock"]?["versions"]?.array)
        let recipe = try Recipe(named: name, datasets: Self.datasets)
        // The retriever is one of texts: of sounds and videos it makes nothing, and the lock says so.
        let stop = result["lock"]?["stop"]?.string
        #expect((stop != nil) == (recipe.mining == nil || ["audiocaps", "msr-vtt"].contains(name)), "\(stop ?? "")")
        #expect(versions.count == (stop != nil ? 1 : 3) + (recipe.evaluation?.arguments == nil ? 0 : 1))
        // The same retriever finds no pages, videos and sounds.
        #expect((result["lock"]?["unmeasured"] != nil) == (recipe.evaluation != nil))
        #expect(result["lock"]?["evaluation"] == nil)
        #expect(versions.map { $0["logicalDigest"] } == other["lock"]?["versions"]?.array?.map { $0["logicalDigest"] })
        let files = ["\(name).lock.json", "report.json", "report.html"]
        for file in files {
            #expect(
                try Files.readAll(first.output.appending(file)) == Files.readAll(second.output.appending(file)),
                "\(file)")
        }
        let lock = try Files.readText(first.output.appending(files[0]))
        #expect(!lock.contains(first.folder.path.string) && !lock.contains(sourceRoot.string))
        let verified = try run("tvt-store", ["verify", "--store", first.output.appending("store").string])
        #expect(verified.status == 0, "\(verified.outputText)")
        // A sample that loses all its queries, or finds no negatives, shows nothing.
        if stop == nil {
            #expect(versions[1]["queries"]?.integer ?? 0 > 0)
            #expect(versions[2]["negatives"]?.integer ?? 0 > 0)
        }
        let again = try first.succeed()
        #expect(again["ran"]?.array?.isEmpty == true)
        #expect(again["lock"] == result["lock"])
    }
}

/// A run of a recipe's sample into a folder of its own.
struct SampleRun {
    let name: String
    let folder: TemporaryFolder

    init(_ name: String) throws {
        self.name = name
        folder = try TemporaryFolder()
    }

    var output: FilePath { folder("out") }

    var arguments: [String] {
        [
            "run", SampleTests.datasets.appending(name).string, "--sample", "--output", output.string, "--retriever",
            SampleTests.retriever.string,
        ]
    }

    func run(_ more: [String] = [], environment: [String: String] = [:]) throws -> ToolResult {
        try TestKit.run("tvt-dataset", arguments + more, environment: environment)
    }

    /// The result as JSON.
    func succeed(at location: SourceLocation = #_sourceLocation) throws -> JSONValue {
        let result = try run(["--json"])
        try #require(result.status == 0, "\(result.errorText)", sourceLocation: location)
        return try JSONValue.parse(result.output, path: "run")
    }

    static func files(below folder: FilePath) throws -> [FilePath] {
        try Files.list(folder).flatMap { name in
            let path = folder.appending(name)
            return Files.isDirectory(path) ? try files(below: path) : [path]
        }
    }
}
