import Base
import JSON
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import TestKit
import Testing

/// Names that no reference can have are refused wherever they come from, and no terminal sees them raw.
@Suite struct HostileNameTests {
    let temporary: TemporaryStore
    static let names = ["\u{1B}]0;owned\u{7}", "../../x", "", "a\u{9B}31m", "a\nb", "-a", "a b"]
    static let commands = [
        ["ls"], ["ls", "--json"], ["verify"], ["show", "sample"], ["tag", "sample", "other"], ["reflog"],
        ["reflog", "--json"], ["log", "sample"], ["gc"], ["show", "nothing"],
    ]

    init() throws {
        temporary = try TemporaryStore()
        try SampleData(documents: 3, queries: 1, seed: 5).commit(to: temporary.store)
    }

    func tool(_ arguments: [String]) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    static func isRaw(_ result: ToolResult) -> Bool {
        (result.outputText + result.errorText).unicodeScalars.contains {
            $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t"
        }
    }

    @Test(arguments: names) func namesInTheIndexAreRefused(name: String) throws {
        let path = temporary.store.root.appending("index.json")
        let text = try Files.readText(path)
        try Files.replace(path, with: text.replacing(#""sample""#, with: JSONValue.string(name).pretty().dropLast()))
        for command in Self.commands where command[0] != "reflog" {
            let result = try tool(command)
            #expect(result.status == 65, "\(command): \(result.errorText)")
            #expect(result.errorText.contains("cannot be the name of a dataset"), "\(command): \(result.errorText)")
            #expect(!Self.isRaw(result), "\(command)")
        }
    }

    @Test(arguments: names) func namesInTheReflogAreRefused(name: String) throws {
        let path = temporary.store.root.appending("reflog")
        let line = JSONValue.object([
            "after": .string(SHA256Digest.of([1]).description), "operation": "tag", "reference": .string(name),
            "time": "2026-01-01T00:00:00Z",
        ]).canonical()
        try Files.replace(path, with: Files.readAll(path) + line + [UInt8(ascii: "\n")])
        for command in [["reflog"], ["reflog", "--json"], ["gc"], ["log", "sample"]] {
            let result = try tool(command)
            #expect(result.status == 65, "\(command): \(result.errorText)")
            #expect(result.errorText.contains("reflog:2"), "\(command): \(result.errorText)")
            #expect(!Self.isRaw(result), "\(command)")
        }
        // Reading a dataset needs no history.
        #expect(try tool(["show", "sample"]).status == 0)
    }

    @Test func anotherVersionOfTheIndexIsRefused() throws {
        let path = temporary.store.root.appending("index.json")
        let text = try Files.readText(path)
        for version in ["99", "1", "\"2\"", "2.5"] {
            try Files.replace(
                path, with: text.replacing(#""schemaVersion":2"#, with: #""schemaVersion":\#(version)"#))
            let result = try tool(["ls"])
            #expect(result.status == 65 && result.errorText.contains("schemaVersion"), "\(result.errorText)")
        }
        try Files.replace(path, with: text.replacing(#","schemaVersion":2"#, with: ""))
        #expect(try tool(["ls"]).status == 65)
    }

    @Test func whatAManifestSaysReachesNoTerminalRaw() throws {
        let provenance = Provenance(
            tool: "x\u{1B}[31m", options: ["a\u{7}": "\u{1B}]0;x\u{7}"],
            inputs: [.init(uri: "\u{9B}31mfile", size: 1, sha256: .of([1]))], licence: "\u{1B}[2J")
        let writer = try temporary.store.writer(reference: "hostile", provenance: provenance)
        try SampleData(documents: 1, queries: 1, seed: 5).append(to: writer)
        try writer.addJudgement(split: "s\u{1B}[1m", query: 0, document: 0, grade: 1)
        try writer.commit()
        for command in [
            ["show", "hostile"], ["log", "hostile"], ["stats", "hostile"], ["ls"], ["show", "hostile", "--json"],
        ] {
            let result = try tool(command)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(!Self.isRaw(result), "\(command)")
        }
        let shown = try JSONValue.parse(tool(["show", "hostile", "--json"]).output, path: "show")
        #expect(shown["provenance"]?["licence"]?.string == "\u{1B}[2J")
        #expect(shown["provenance"]?["inputs"]?.array?.first?["uri"]?.string == "\u{9B}31mfile")
    }
}

/// A name that exists is not moved without a word.
@Suite struct MovedNameTests {
    let temporary: TemporaryStore
    let first: Dataset
    let second: Dataset

    init() throws {
        temporary = try TemporaryStore()
        first = try SampleData(documents: 40, queries: 4, seed: 1).commit(to: temporary.store, as: "nave")
        second = try SampleData(documents: 40, queries: 4, seed: 2).commit(to: temporary.store, as: "other")
    }

    func tool(_ arguments: String...) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    @Test func theOldVersionIsReportedWithACommandThatRestoresIt() throws {
        let moved = try tool("tag", "other", "nave")
        #expect(moved.status == 0)
        #expect(moved.errorText.contains("note: nave pointed at \(first.digest.short) before"))
        let command = try #require(moved.errorText.split(separator: "`").dropFirst().first)
        let words = command.split(separator: " ").map(String.init)
        #expect(words.first == "tvt-store")
        #expect(try run("tvt-store", Array(words.dropFirst())).status == 0)
        #expect(try temporary.store.dataset("nave").digest == first.digest)
    }

    @Test func nothingIsReportedWhereNothingIsLost() throws {
        #expect(try tool("tag", "other", "third").errorText == "")
        #expect(try tool("tag", "other", "third").errorText == "")
    }

    @Test(arguments: [
        ["tag", "other", "nave"], ["dedup", "other", "--as", "nave"],
        ["compact", "other", "--as", "nave", "--portable"],
    ]) func everyCommandReportsAndRefusesWithNew(command: [String]) throws {
        let store = ["--store", temporary.store.root.string]
        let refused = try run("tvt-store", command + ["--new"] + store)
        #expect(refused.status == 73, "\(refused.errorText)")
        #expect(refused.errorText.contains("nave exists and points at \(first.digest.short)"))
        #expect(try temporary.store.dataset("nave").digest == first.digest)
        let moved = try run("tvt-store", command + store)
        #expect(moved.status == 0, "\(moved.errorText)")
        #expect(moved.errorText.contains("nave pointed at \(first.digest.short) before"), "\(moved.errorText)")
        let fresh = command.map { $0 == "nave" ? "fresh" : $0 }
        #expect(try run("tvt-store", fresh + ["--new"] + store).status == 0)
    }

    @Test func aCommitThatFindsTheNameTakenMeanwhileIsRefused() throws {
        let careful = temporary.store.refusingKnownNames()
        let writer = try careful.writer(reference: "late", provenance: Provenance(tool: "test"))
        try SampleData(documents: 3, queries: 1, seed: 3).append(to: writer)
        try temporary.store.tag("nave", as: "late")
        let failure = #expect(throws: Failure.self) { try writer.commit() }
        #expect(failure?.exitStatus == .cannotCreate)
        #expect(try temporary.store.dataset("late").digest == first.digest)
    }

    @Test func importAndPullReportAndRefuse() throws {
        let folder = temporary.folder("exported").string
        #expect(try tool("export", "other", "--format", "v2", "-o", folder).status == 0)
        #expect(try tool("import", folder, "--dataset", "nave", "--new").status == 73)
        #expect(
            try tool("import", folder, "--dataset", "nave").errorText.contains(
                "nave pointed at \(first.digest.short) before"))
        let target = temporary.folder("target").string
        #expect(try run("tvt-store", ["init", "--store", target]).status == 0)
        let there = try SampleData(documents: 4, queries: 1, seed: 8)
            .commit(to: Store(opening: FilePath(target)), as: "other")
        let pull = ["pull", temporary.store.root.string, "other", "--store", target]
        #expect(try run("tvt-store", pull).status == 73)
        #expect(try run("tvt-store", pull + ["--force", "--new"]).status == 73)
        let forced = try run("tvt-store", pull + ["--force"])
        #expect(forced.status == 0)
        #expect(forced.errorText.contains("other pointed at \(there.digest.short) before"))
    }
}

/// The first digits of a digest name it.
@Suite struct ShortDigestTests {
    let temporary: TemporaryStore
    let dataset: Dataset

    init() throws {
        temporary = try TemporaryStore()
        dataset = try SampleData(documents: 40, queries: 4, seed: 1).commit(to: temporary.store, as: "nave")
    }

    func tool(_ arguments: String...) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    @Test func eightDigitsAreEnoughEverywhere() throws {
        let hex = dataset.digest.hex
        let image = try #require(try temporary.store.references().first?.image.digest.hex)
        for text in [
            String(hex.prefix(8)), "sha256:" + hex.prefix(8), String(hex.prefix(63)), hex, "sha256:" + hex,
            String(image.prefix(9)),
        ] {
            #expect(try temporary.store.dataset(text).digest == dataset.digest, "\(text)")
        }
        let short = String(hex.prefix(10))
        for command in [["show", short], ["verify", short], ["log", short], ["stats", short], ["repair", short]] {
            #expect(try run("tvt-store", command + ["--store", temporary.store.root.string]).status == 0, "\(command)")
        }
        #expect(try tool("tag", short, "again").status == 0)
        #expect(try temporary.store.dataset("again").digest == dataset.digest)
        #expect(try tool("show", String(hex.prefix(7))).status == 66)
        #expect(try tool("show", "sha256:00000000").status == 66)
        #expect(try tool("show", "sha256:00000000").errorText.contains("begins with sha256:00000000"))
    }

    @Test func versionsWithoutANameAreFound() throws {
        let short = String(dataset.digest.hex.prefix(8))
        try temporary.store.remove("nave")
        #expect(try temporary.store.dataset(short).digest == dataset.digest)
        // Without a reflog, by what lies in the folder.
        try Files.remove(temporary.store.root.appending("reflog"))
        #expect(try temporary.store.dataset(short).digest == dataset.digest)
    }

    @Test func aManifestThatIsMissingIsRestoredByItsFirstDigits() throws {
        let backup = temporary.folder("backup")
        try FrozenStoreTests.copy(temporary.store.root, to: backup)
        try Files.remove(temporary.store.path(of: dataset.digest))
        let short = String(dataset.digest.hex.prefix(8))
        #expect(try tool("show", short).status == 65)
        #expect(try tool("repair", short, "--from", backup.string).status == 0)
        #expect(try tool("show", short).status == 0)
    }

    @Test func aNameComesBeforeADigest() throws {
        let other = try SampleData(documents: 5, queries: 1, seed: 4)
            .commit(to: temporary.store, as: String(dataset.digest.hex.prefix(8)))
        #expect(try temporary.store.dataset(String(dataset.digest.hex.prefix(8))).digest == other.digest)
        #expect(try temporary.store.dataset("sha256:" + dataset.digest.hex.prefix(8)).digest == dataset.digest)
    }

    @Test func severalAreListed() throws {
        // Two manifests of one beginning are made by hand: the index alone names them.
        let index = temporary.store.root.appending("index.json")
        let twin = dataset.digest.hex.prefix(20) + String(repeating: "0", count: 44)
        let text = try Files.readText(index)
        let entry = try #require(try JSONValue.parse(file: index)["manifests"]?.array?.first)
        let other = String(decoding: entry.canonical(), as: UTF8.self).replacing("nave", with: "twin")
            .replacing(dataset.digest.hex, with: twin)
        try Files.replace(index, with: text.replacing(#""manifests":["#, with: #""manifests":[\#(other),"#))
        let result = try tool("show", String(dataset.digest.hex.prefix(12)))
        #expect(result.status == 64)
        #expect(result.errorText.contains(dataset.digest.description) && result.errorText.contains("sha256:" + twin))
        #expect(try tool("show", String(dataset.digest.hex.prefix(21))).status == 0)
    }
}
