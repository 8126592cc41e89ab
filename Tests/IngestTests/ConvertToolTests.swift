import Archives
import StoreMaintenance
import Base
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

/// `tvt-convert` as a user runs it: help, statuses, reports, and the way back to v1.
@Suite struct ConvertToolTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    static let rows = [row("1", positives: ["a"], negatives: ["b"]), row("2", positives: ["b", "a"])]

    @Test(arguments: [[], ["v1-to-v2"], ["v2"], ["beir"], ["webdataset"], ["v2-to-v1"]]) func helpIsThereForAll(
        command: [String]
    )
        throws
    {
        let result = try run("tvt-convert", command + ["--help"])
        #expect(result.status == 0)
        #expect(result.errors.isEmpty)
        #expect(result.outputText.contains("USAGE: " + (["tvt-convert"] + command).joined(separator: " ")))
        let expected =
            switch command.first {
            case nil: ["v1-to-v2", "v2", "beir", "webdataset", "v2-to-v1"]
            case "v1-to-v2": ["<file>", "--dataset", "--on-conflict", "--max-bad-records", "--rejects", "--workers"]
            case "v2": ["--queries", "--corpus", "--qrels", "--dataset", "--on-conflict"]
            case "beir": ["<source>", "--positives", "--dataset", "--rejects"]
            case "webdataset": ["<source>", "--dataset", "--portable", "--frame-bytes"]
            default: ["--output", "--store", "--json"]
            }
        for part in expected { #expect(result.outputText.contains(part), "\(part)") }
    }

    @Test func theVersionIsToldAndRecorded() throws {
        let version = try run("tvt-convert", ["--version"])
        #expect(version.status == 0)
        let name = version.outputText.trimmingPrefix("").split(separator: "\n").first.map(String.init) ?? ""
        try place.write(Self.rows, to: "rows.jsonl")
        #expect(
            try place.tool(["v1-to-v2", "rows.jsonl", "--dataset", "sample", "--licence", "CC0"]).status == 0)
        let provenance = try place.store.dataset("sample").manifest.provenance
        #expect(provenance.tool == "tvt-convert \(name)")
        #expect(provenance.licence == "CC0")
        #expect(provenance.options["command"] == "v1-to-v2")
        #expect(provenance.inputs.map(\.uri) == ["rows.jsonl"])
    }

    // MARK: - Statuses

    @Test(arguments: [
        [], ["frobnicate"], ["v1-to-v2"], ["v1-to-v2", "rows.jsonl"], ["v1-to-v2", "--dataset", "x"],
        ["v1-to-v2", "-", "-", "--dataset", "x"],
        ["v1-to-v2", "rows.jsonl", "--dataset", "x", "--on-conflict", "last"],
        ["v1-to-v2", "rows.jsonl", "--dataset", "x", "--workers", "0"],
        ["v1-to-v2", "rows.jsonl", "--dataset", "not a name"], ["v1-to-v2", "rows.jsonl", "--dataset", "x", "--fast"],
        ["v2", "--queries", "rows.jsonl", "--dataset", "x"],
        ["v2", "--corpus", "rows.jsonl", "--qrels", "rows.jsonl", "--dataset", "x"],
        ["v1-to-v2", "rows.jsonl", "--dataset", "x", "--frame-bytes", "0"], ["webdataset", "--dataset", "x"],
        ["v2", "--queries", "-", "--corpus", "-", "--dataset", "x"], ["beir", "--dataset", "x"], ["v2-to-v1", "x"],
        ["v2-to-v1", "x", "--output", "-", "--json"],
    ])
    func wrongUse(arguments: [String]) throws {
        try place.write(Self.rows, to: "rows.jsonl")
        // Without arguments the tool prints its help, --store or not.
        let result = arguments.isEmpty ? try run("tvt-convert", ["--store", "x"]) : try place.tool(arguments)
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(!result.errors.isEmpty)
        #expect(try place.nothingIsCommitted())
    }

    @Test(arguments: [
        ["v1-to-v2", "none.jsonl", "--dataset", "x"], ["v1-to-v2", "rows.jsonl", "none.jsonl", "--dataset", "x"],
        ["v1-to-v2", "folder", "--dataset", "x"], ["v2", "--queries", "none.jsonl", "--corpus", "c", "--dataset", "x"],
        ["v2", "--queries", "q", "--corpus", "none.jsonl", "--dataset", "x"],
        ["v2", "--queries", "q", "--corpus", "c", "--qrels", "none.jsonl", "--dataset", "x"],
        ["beir", "none.jsonl", "--dataset", "x"], ["beir", "folder", "--dataset", "x"],
        ["webdataset", "none.jsonl", "--dataset", "x"], ["webdataset", "folder", "--dataset", "x"],
        ["v2-to-v1", "none.jsonl", "--output", "out"],
    ])
    func missingInput(arguments: [String]) throws {
        try place.write(Self.rows, to: "rows.jsonl")
        try place.write(RecordConversionTests.queries, to: "q")
        try place.write(RecordConversionTests.corpus, to: "c")
        try Files.makeDirectory(place.folder("folder"))
        let result = try place.tool(arguments)
        #expect(result.status == 66)
        #expect(result.errorText.contains(arguments.contains("none.jsonl") ? "none.jsonl" : "folder"))
        #expect(!Files.exists(place.folder("out")))
        #expect(try place.nothingIsCommitted())
    }

    @Test func aStoreIsMadeButNotFromSomethingElse() throws {
        try place.write(Self.rows, to: "rows.jsonl")
        try place.write(["x"], to: "full/of/things")
        func convert(_ store: String) throws -> ToolResult {
            try run(
                "tvt-convert", ["v1-to-v2", "rows.jsonl", "--dataset", "sample"],
                environment: ["TVT_STORE": place.folder(store).string], workingFolder: place.folder.path)
        }
        #expect(try convert("a/new/store").status == 0)
        #expect(try Store(opening: place.folder("a/new/store")).dataset("sample").queryCount == 2)
        #expect(try convert("full").status == 73)
        #expect(try Files.list(place.folder("full")) == ["of"])
        #expect(try convert("rows.jsonl").status == 73)
    }

    /// What is left when a process is killed while it makes the store: the next one goes on from there.
    @Test(arguments: [
        [], ["blobs/sha256/"], ["blobs/sha256/", "tmp/"], ["blobs/sha256/", "tmp/", ".index.json.4711.tmp"],
        ["blobs/sha256/", "tmp/", "index.json"], ["blobs/sha256/", "tmp/", "index.json", ".oci-layout.4711.tmp"],
    ])
    func aHalfMadeStoreIsCompleted(names: [String]) throws {
        let half = place.folder("half")
        try Files.makeDirectory(half)
        for name in names {
            let path = half.appending(name)
            if name.hasSuffix("/") {
                try Files.makeDirectory(path)
            } else {
                let isWhole = name == "index.json"
                try place.folder.write(
                    isWhole ? Files.readAll(place.store.root.appending(name)) : [], to: "half/" + name)
            }
        }
        try place.write(Self.rows, to: "rows.jsonl")
        let result = try run(
            "tvt-convert", ["v1-to-v2", "rows.jsonl", "--dataset", "sample", "--store", half.string],
            workingFolder: place.folder.path)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try Store(opening: half).verify(level: .full).findings.isEmpty)
    }

    // MARK: - Reports

    @Test func theReportIsRight() throws {
        let path = try place.write(Self.rows, to: "rows.jsonl.gz")
        let bytes = Self.rows.reduce(0) { $0 + $1.utf8.count + 1 }
        let result = try place.tool(["v1-to-v2", "rows.jsonl.gz", "--dataset", "sample", "--json"])
        #expect(result.status == 0)
        #expect(result.errors.isEmpty)
        var report = try #require(try JSONValue.parse(result.output, path: "stdout").object)
        let dataset = try place.store.dataset("sample")
        #expect(report["seconds"]?.double ?? -1 >= 0)
        #expect(report["stored_bytes"] == JSONValue(dataset.manifest.blobs.reduce(0) { $0 + $1.size }))
        report["seconds"] = nil
        report["stored_bytes"] = nil
        let size = try Files.size(path)
        #expect(
            JSONValue.object(report) == [
                "reference": "sample", "dataset": .string("\(dataset.digest)"), "queries": 2, "documents": 2,
                "positives": 3, "negatives": 1, "judgements": [:], "input_bytes": JSONValue(size),
                "parsed_bytes": JSONValue(bytes), "duplicates_merged": 2, "conflicts": 0, "ids_made_from_content": 0,
                "rejects": 0,
                "inputs": [
                    [
                        "path": "rows.jsonl.gz", "size": JSONValue(size),
                        "sha256": .string(try SHA256Digest.ofFile(path).hex),
                    ]
                ],
            ])
        let text = try place.tool(["v1-to-v2", "rows.jsonl.gz", "--dataset", "sample"]).outputText
        for line in [
            "dataset            sample  \(dataset.digest)\n", "queries            2\n", "documents          2\n",
            "links              3 positive, 1 negative\n", "duplicates merged  2\n", "rejects            0\n",
        ] {
            #expect(text.contains(line), "\(text)")
        }
    }

    /// A name may be given again: it then points at the new version, and the old one stays.
    @Test func aSecondConversionReplacesTheReference() throws {
        let first = try place.convert(Self.rows).dataset.digest
        try place.write([row("3")], to: "other.jsonl")
        #expect(try place.tool(["v1-to-v2", "other.jsonl", "--dataset", "sample"]).status == 0)
        #expect(try place.store.dataset("sample").queryCount == 1)
        #expect(try place.store.dataset("\(first)").queryCount == 2)
    }

    // MARK: - v2-to-v1

    @Test(arguments: ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.jsonl.xz"])
    func rowsAreWrittenPackedByName(name: String) throws {
        try place.convert(Self.rows)
        let result = try place.tool(["v2-to-v1", "sample", "--output", name, "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        let stream = try InputStream(place.folder(name))
        let written = try stream.readAll()
        #expect(
            stream.compression == ["jsonl": .none, "gz": .gzip, "zst": .zstd, "xz": .xz][place.folder(name).extension])
        let report = try JSONValue.parse(result.output, path: "stdout")
        #expect(report["rows"] == 2)
        #expect(report["passages"] == 4)
        #expect(report["raw_bytes"] == JSONValue(written.count))
        #expect(report["written_bytes"] == JSONValue(try Files.size(place.folder(name))))
        #expect(report["dropped_judgements"] == 0)
        #expect(report["output"]?.string == name)
        let lines = String(decoding: written, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(try lines.map { try json($0) } == Self.rows.map { try json($0) })
        // The same through stdout, which holds nothing else.
        let piped = try place.tool(["v2-to-v1", "sample", "--output", "-"])
        #expect(piped.status == 0)
        #expect(piped.output == written)
        #expect(piped.errors.isEmpty)
    }

    @Test func judgementsAreMissed() throws {
        let source = try place.folder.write(ZipFile(BEIRTests.files).bytes, to: "beir.zip")
        _ = try Conversions.beir(source, into: place.store, reference: "beir")
        let result = try place.tool(["v2-to-v1", "beir", "--output", "out", "--json"])
        #expect(result.status == 0)
        #expect(result.errorText.contains("warning: v1 has no place for judgements: 6 are not written"))
        #expect(try JSONValue.parse(result.output, path: "stdout")["dropped_judgements"] == 6)
    }

    /// A v2 query may have extras that mean something in v1; a row must not have such a key twice.
    @Test(arguments: ["query", "positive_passages", "negative_passages"]) func aRowHasNoKeyTwice(name: String) throws {
        let queries = RecordConversionTests.queries + [#"{"query_id":"9","query_text":"x","\#(name)":["kept"]}"#]
        _ = try Conversions.records(
            queries: [place.write(queries, to: "q")], corpus: [place.write(RecordConversionTests.corpus, to: "c")],
            into: place.store, reference: "sample")
        let result = try place.tool(["v2-to-v1", "sample", "--output", "out"])
        #expect(result.status == 65)
        #expect(
            result.errorText.contains(
                "sample, query 3, field \"\(name)\": a field of this name has no place in a v1 row"))
        #expect(!Files.exists(place.folder("out")))
    }
}
