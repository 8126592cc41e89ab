import Base
import JSON
import RawSources
import SystemPackage
import TestKit
import Testing

/// `tvt-convert check` finds out which layout it is given.
@Suite struct SourceGuessTests {
    /// All samples beside the recipes are known by their look, and have nothing wrong.
    @Test(arguments: try! Self.samples()) func everySampleIsKnown(name: String) throws {
        let result = try run(
            "tvt-convert", ["check", Self.datasets.appending(name).appending("sample").string, "--json"])
        #expect(result.status == 0, "\(result.errorText)\(result.outputText)")
        let report = try JSONValue.parse(result.output, path: "report")
        #expect(report["layout"]?.string == name)
        #expect((report["queries"]?["count"]?.integer ?? 0) > 0 && (report["documents"]?["count"]?.integer ?? 0) > 0)
    }

    private static let datasets = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent().appending("datasets")

    private static func samples() throws -> [String] {
        try Files.list(datasets).filter { Files.isDirectory(datasets.appending($0).appending("sample")) }
    }

    @Test func whatIsUnknownIsSaid() throws {
        let folder = try TemporaryFolder()
        try folder.write("some text\n", to: "notes.txt")
        let result = try run("tvt-convert", ["check", folder("notes.txt").string])
        #expect(result.status == 64 && result.errorText.contains("no layout is known"))
        #expect(try run("tvt-convert", ["check", folder("gone").string]).status == 66)
    }

    @Test func rowsOfV1AreKnownByTheirPassages() throws {
        let folder = try TemporaryFolder()
        let row = #"{"query_id":"q","query":"x","positive_passages":[{"docid":"d","text":"t"}],"negative_passages":[]}"#
        try folder.write(row + "\n", to: "train.jsonl")
        #expect(try SourceGuess([folder("train.jsonl")]).arguments.first == "v1-to-v2")
    }
}
