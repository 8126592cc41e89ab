import Archives
import StoreMaintenance
import Base
import Ingest
import JSON
import RawSources
import Records
import Store
import SystemPackage
import TestKit
import Testing

/// Published v2 sets: Parquet becomes what the same records as JSON Lines become.
@Suite struct TevatronTests {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
        let tree = try SourceTree(Golden(file: #filePath)("tevatron.tar.zst"))
        for name in tree.names { try folder.write(tree.open(name).readAll(), to: name) }
    }

    private func parts(_ name: String) -> [FilePath] { (0..<2).map { folder("\(name)-0000\($0)-of-00002.parquet") } }

    private func convert(
        _ file: String, options: IngestOptions = IngestOptions()
    ) throws -> Dataset {
        _ = try Conversions.tevatron(
            queries: [], corpus: [folder(file + ".parquet")], into: store, reference: file, options: options)
        return try store.dataset(file)
    }

    @Test(arguments: [1, 2]) func parquetIsWhatItsLinesAre(workers: Int) throws {
        var options = IngestOptions()
        options.workers = workers
        options.batchByteCount = workers == 1 ? 500 : 1 << 20
        let report = try Conversions.tevatron(
            queries: parts("queries"), corpus: parts("corpus"), into: store, reference: "tables", options: options)
        options.media = MediaIntake(try AssetFolder(folder("files")))
        _ = try Conversions.records(
            queries: [folder("queries.jsonl")], corpus: [folder("corpus.jsonl")], into: store, reference: "lines",
            options: options)
        let (tables, lines) = (try store.dataset("tables"), try store.dataset("lines"))
        #expect(tables.documentCount == 60 && tables.queryCount == 40)
        #expect(tables.manifest.logicalDigest == lines.manifest.logicalDigest)
        #expect(tables.mediaCount == lines.mediaCount && tables.mediaCount > 10)
        #expect(tables.manifest.media?.index == lines.manifest.media?.index)
        // Sources are known by their bytes.
        #expect(report.inputs.count == 4)
        #expect(try report.inputs[0].sha256 == .ofFile(parts("corpus")[0]))
        #expect(try store.verify("tables", level: .full).findings.isEmpty)
    }

    @Test func aFolderIsItsFilesInOrder() throws {
        for part in parts("corpus") { try folder.write(Files.readAll(part), to: "set/\(part.lastComponent!.string)") }
        _ = try Conversions.tevatron(queries: [], corpus: [folder("set")], into: store, reference: "folder")
        _ = try Conversions.tevatron(queries: [], corpus: parts("corpus"), into: store, reference: "files")
        #expect(try store.dataset("folder").manifest.logicalDigest == store.dataset("files").manifest.logicalDigest)
        try folder.write("", to: "empty/readme.txt")
        #expect(throws: Failure.self) {
            _ = try Conversions.tevatron(queries: [], corpus: [folder("empty")], into: store, reference: "empty")
        }
    }

    @Test func bytesWithoutAStructure() throws {
        let dataset = try convert("bare-bytes")
        #expect(dataset.mediaCount == 1)
        #expect(dataset.manifest.documents.recordCount == 2)
    }

    @Test func aPathCountsWhereThereAreNoBytes() throws {
        #expect(try convert("only-paths").mediaCount == 1)
        var options = IngestOptions()
        options.media = MediaIntake(try AssetFolder(folder("files")))
        let dataset = try convert("only-paths", options: options)
        #expect(dataset.mediaCount == 2)
        #expect(dataset.manifest.media?.externalCount == 0)
    }

    @Test func faultsNameTheirPlace() throws {
        let kind = #expect(throws: InputError.self) { _ = try convert("bad-kind") }
        #expect(kind?.place.field == "image")
        let empty = #expect(throws: InputError.self) { _ = try convert("bad-empty") }
        #expect(empty?.place.line == 2)
        #expect(empty?.place.path.hasSuffix("bad-empty.parquet") == true)
        #expect(throws: InputError.self) { _ = try convert("no-rows") }
        // A record can be left out, and is kept.
        var options = IngestOptions()
        options.badRecordLimit = 1
        options.rejects = folder("rejects")
        #expect(try convert("bad-empty", options: options).documentCount == 1)
        #expect(try Files.readText(folder("rejects.reasons")).contains("bad-empty.parquet:2"))
        #expect(try store.references().map(\.name) == ["bad-empty"])
    }

    @Test func theTool() throws {
        let arguments =
            ["tevatron", "--queries"] + parts("queries").map(\.string) + ["--corpus"] + parts("corpus").map(\.string)
        let result = try run("tvt-convert", arguments + ["--dataset", "set", "--store", store.root.string, "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        let report = try JSONValue.parse(result.output, path: "report")
        #expect(report["documents"]?.integer == 60)
        // Damage and absence have the statuses of the table.
        let cut = Array(try Files.readAll(parts("corpus")[0]).dropLast(100))
        let path = try folder.write(cut, to: "cut.parquet")
        #expect(
            try run(
                "tvt-convert",
                ["tevatron", "--corpus", path.string, "--dataset", "cut", "--store", store.root.string]
            ).status == 65)
        #expect(
            try run(
                "tvt-convert", ["tevatron", "--corpus", "nowhere", "--dataset", "cut", "--store", store.root.string]
            ).status == 66)
    }

    /// Without Arrow's library beside it the tool reads all but Parquet, and says what is missing.
    @Test func withoutArrow() throws {
        let tool = try folder.write(Files.readAll(builtProducts.appending("tvt-convert")), to: "alone/tvt-convert")
        func convert(_ corpus: FilePath) throws -> ToolResult {
            try runShell(
                "chmod +x '\(tool)' && '\(tool)' tevatron --corpus '\(corpus)' --dataset alone --store '\(store.root)'")
        }
        let table = try convert(parts("corpus")[0])
        #expect(table.status == 78)
        #expect(table.errorText.contains("Arrow cannot be loaded"))
        #expect(try convert(folder("corpus.jsonl")).status == 0)
    }
}
