import Archives
import Base
import JSON
import Records
import Store
import SystemPackage
import TestKit
import Testing

/// The files of MediaTests' golden tars, by name.
let goldenMedia = Result { try filesOfGoldenTar("files.tar.zst") }
let goldenKinds = Result { try filesOfGoldenTar("kinds.tar.zst") }

private func filesOfGoldenTar(_ name: String) throws -> [String: [UInt8]] {
    let tree = try SourceTree(sourceRoot.appending("Tests/MediaTests/Golden/\(name)"))
    var files: [String: [UInt8]] = [:]
    for name in tree.names { files[name] = try tree.open(name).readAll() }
    return files
}

func golden(_ name: String) throws -> [UInt8] { try #require(goldenMedia.get()[name]) }

/// A folder with files that records name, and a store that `tvt-convert` fills from them.
final class MediaPlace {
    let folder: TemporaryFolder
    let root: FilePath

    init() throws {
        folder = try TemporaryFolder()
        root = folder("store")
    }

    func add(_ bytes: [UInt8], as name: String) throws { try folder.write(bytes, to: "assets/\(name)") }
    func add(golden names: String...) throws { for name in names { try add(golden(name), as: name) } }

    /// Runs `tvt-convert v2` over these lines.
    func convert(
        _ corpus: [String], queries: [String] = [], qrels: [String] = [], as name: String = "set", _ more: [String] = []
    ) throws -> ToolResult {
        var arguments = ["v2", "--corpus", try folder.write(text(corpus), to: "corpus.jsonl").string]
        if !queries.isEmpty { arguments += ["--queries", try folder.write(text(queries), to: "queries.jsonl").string] }
        if !qrels.isEmpty { arguments += ["--qrels", try folder.write(text(qrels), to: "test.tsv").string] }
        return try tool(arguments + ["--assets", folder("assets").string, "--dataset", name] + more)
    }

    func tool(_ arguments: [String]) throws -> ToolResult {
        try run("tvt-convert", arguments + ["--store", root.string, "--json"], workingFolder: folder.path)
    }

    private func text(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

    func dataset(_ name: String = "set") throws -> Dataset { try Store(opening: root).dataset(name) }

    /// The lines of the quarantine's list.
    func quarantine(_ name: String = "q") throws -> [JSONValue] {
        try Files.readText(folder(name)).split(separator: "\n").map { try .parse(Array($0.utf8), path: name) }
    }

    /// Whether nothing was committed.
    func isEmpty() throws -> Bool {
        try !Files.exists(root.appending("oci-layout")) || Store(opening: root).list().isEmpty
    }
}

extension ToolResult {
    var report: JSONValue { get throws { try .parse(output, path: "report") } }
}

/// A document with an image, a video or a sound.
func document(_ id: String, _ kind: String, _ name: String) -> String {
    #"{"docid":"\#(id)","document_\#(kind)":"\#(name)"}"#
}

/// The head of a PNG, which says its size, and nothing behind.
func pngHead(width: UInt32, height: UInt32) -> [UInt8] {
    func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8) + big(width) + big(height)
        + [8, 2, 0, 0, 0, 0, 0, 0, 0]
}
