import Archives
import StoreMaintenance
import Base
import Export
import Ingest
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// The law of export and import: all that a layout can say comes back, and what it cannot say is counted.
@Suite struct ExportTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    @discardableResult
    func export(
        _ dataset: Dataset, _ format: ExportFormat, to name: String = "out", options: ExportOptions = ExportOptions()
    ) throws -> ExportReport {
        try Conversions.export(dataset, as: format, to: place.folder(name), options: options)
    }

    func takeBack(_ name: String = "out", as format: ExportFormat? = nil) throws -> (Dataset, IngestReport) {
        let report = try Conversions.folder(
            place.folder(name), as: format, into: place.store, reference: "again")
        return (try place.store.dataset("again"), report)
    }

    /// Settings that change nothing but the work.
    static func options(_ seed: UInt64) -> ExportOptions {
        var options = ExportOptions()
        options.workers = Int(seed % 4)
        options.batchByteCount = [1 << 20, 1, 300, 5000][Int(seed / 4 % 4)]
        options.packing = ExportOptions.Packing.allCases[Int(seed % 3)]
        options.shardBytes = [1 << 30, 1, 4096][Int(seed / 3 % 3)]
        return options
    }

    func check(_ dataset: Dataset, _ format: ExportFormat, seed: UInt64) throws {
        let report = try export(dataset, format, options: Self.options(seed))
        let (again, read) = try takeBack()
        #expect(report.omissions.isEmpty)
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest, "\(format) \(seed)")
        #expect(read.exportDifferences == [])
        #expect(try place.store.verify("again", level: .full).findings.isEmpty)
        #expect(report.documentCount == dataset.documentCount && report.queryCount == dataset.queryCount)
        #expect(report.judgementCounts.map(\.count) == dataset.judgements.map(\.links.linkCount))
        #expect(
            report.writtenBytes
                == (try SourceTree(place.folder("out")).names.reduce(0) {
                    $0 + (try Files.size(place.folder("out").appending($1)))
                }))
        #expect(report.fileCount == (try SourceTree(place.folder("out")).names.count))
        #expect(try Files.list(place.folder.path).allSatisfy { !$0.hasPrefix(".") })
    }

    @Test(arguments: 0..<16 as Range<UInt64>) func v2ComesBack(seed: UInt64) throws {
        try check(RandomRecords(scored: (seed % 2 == 0, seed % 3 == 0), seed: seed).convert(in: place), .v2, seed: seed)
    }

    @Test(arguments: 0..<16 as Range<UInt64>) func samplesComeBack(seed: UInt64) throws {
        try check(
            RandomRecords(scored: (seed % 3 == 0, seed % 2 == 0), seed: seed).convert(in: place), .webdataset,
            seed: seed)
    }

    @Test(arguments: 0..<12 as Range<UInt64>) func whatBEIRCanSayComesBack(seed: UInt64) throws {
        try check(RandomRecords(isPlain: true, seed: seed).convert(in: place), .beir, seed: seed)
    }

    @Test func positivesGoAsJudgements() throws {
        let corpus = (0..<20).map { #"{"docid":"d\#($0)","title":"","document_text":"\#($0)"}"# }
        let queries = (0..<9).map {
            #"{"query_id":"q\#($0)","query_text":"\#($0)","positive_document_ids":["d\#($0 + 3)","d1"],"#
                + #""positive_document_scores":[\#($0).5,1],"negative_document_ids":["d2"]}"#
        }
        _ = try Conversions.records(
            queries: [place.write(queries, to: "queries.jsonl")], corpus: [place.write(corpus, to: "corpus.jsonl")],
            judgements: [place.write(["q1 0 d5 1"], to: "test.qrels")], into: place.store, reference: "sample")
        let dataset = try place.store.dataset("sample")
        var options = ExportOptions()
        options.positivesSplit = "train"
        let report = try export(dataset, .beir, options: options)
        let count = try #require(dataset.positives?.linkCount)
        #expect(count > 0 && report.positiveCount == count)
        #expect(report.omissions.contains { $0 == ("positive scores", count) })
        #expect(!report.omissions.contains { $0.name == "positives" })
        let (again, read) = try takeBack()
        #expect(read.exportDifferences == [])
        for query in 0..<dataset.queryCount {
            // The order of judgements is that of documents, and a repeat is none.
            let before = try Set(#require(dataset.positives).targets(of: query)).sorted()
            #expect(try Array(#require(again.positives).targets(of: query)).sorted() == before)
        }
        options.positivesSplit = "test"
        #expect(throws: Failure.self) { try export(dataset, .beir, to: "taken", options: options) }
    }

    /// Scores and grades are those of before, bit by bit, in the order of the links.
    @Test func scoresKeepTheirBits() throws {
        let dataset = try RandomRecords(queryCount: 60, scored: (true, true), seed: 77).convert(in: place)
        try export(dataset, .v2)
        let again = try takeBack().0
        for (before, after) in [
            (dataset.positives, again.positives), (dataset.negatives, again.negatives),
            (dataset.judgements(split: "dev.v1"), again.judgements(split: "dev.v1")),
        ] {
            for query in 0..<dataset.queryCount {
                func bits(_ links: Links?) throws -> [UInt32]? { try links?.scores(of: query)?.map(\.bitPattern) }
                #expect(try bits(before) != nil && bits(before) == bits(after))
            }
        }
    }

    @Test func whatBEIRCannotSayIsCounted() throws {
        let corpus = [
            #"{"docid":"a","document_text":"one"}"#, #"{"docid":"b","document_image":"b.png"}"#,
            #"{"docid":"c","document_text":null,"document_image":"c.png"}"#,
        ]
        let queries = [
            #"{"query_id":"1","query_text":"q","positive_document_ids":["a"],"negative_document_ids":["b","c"]}"#,
            #"{"query_id":"2","query_text":"r","positive_document_ids":["a"]}"#,
        ]
        let qrels = [#"{"query_id":"1","docid":"b","score":1}"#]
        _ = try Conversions.records(
            queries: [place.write(queries, to: "q")], corpus: [place.write(corpus, to: "c")],
            judgements: [place.write(qrels, to: "test.jsonl")], into: place.store, reference: "sample")
        let result = try run(
            "tvt-store",
            ["export", "sample", "--format", "beir", "--output", "out", "--json", "--store", place.store.root.string],
            workingFolder: place.folder.path)
        #expect(result.status == 0, "\(result.errorText)")
        for (name, count) in [("positives", 2), ("negatives", 2), ("texts", 2)] {
            #expect(result.errorText.contains("beir has no place for \(name): \(count) are not written"))
        }
        #expect(
            try JSONValue.parse(result.output, path: "stdout")["omitted"] == [
                "positives": 2, "negatives": 2, "texts": 2,
            ])
        #expect(
            try Files.readText(place.folder("out/corpus.jsonl")) == """
                {"_id":"a","text":"one"}
                {"_id":"b","text":"","image":"b.png"}
                {"_id":"c","text":"","image":"c.png"}

                """)
        #expect(try Files.readText(place.folder("out/qrels/test.tsv")) == "query-id\tcorpus-id\tscore\n1\tb\t1\n")
        // What is left comes back, and its digest is not compared with that of more.
        let (again, report) = try takeBack()
        #expect(report.exportDifferences == [])
        #expect(again.documentCount == 3 && again.queryCount == 2 && again.positives == nil)
    }

    /// The bytes of an export are a function of the dataset.
    @Test(arguments: ExportFormat.allCases) func workersChangeNothing(format: ExportFormat) throws {
        let dataset = try RandomRecords(isPlain: true, seed: 5).convert(in: place)
        var options = ExportOptions()
        options.shardBytes = 10_000
        func files(_ name: String) throws -> [String: [UInt8]] {
            try export(dataset, format, to: name, options: options)
            return Dictionary(
                uniqueKeysWithValues: try SourceTree(place.folder(name)).names.map {
                    ($0, try Files.readAll(place.folder(name).appending($0)))
                })
        }
        let expected = try files("first")
        (options.workers, options.batchByteCount) = (0, 1)
        #expect(try files("second") == expected)
        (options.workers, options.batchByteCount) = (3, 700)
        #expect(try files("third") == expected)
        if format == .webdataset { #expect(expected.keys.contains("corpus-000001.tar")) }
    }

    /// Columns of a table cannot hold tabs and line ends: such judgements are JSON Lines, and BEIR refuses them.
    @Test(arguments: ["a\tb", "a\nb", "a\rb"]) func idsThatNoColumnHolds(id: String) throws {
        let quoted = try #require(
            JSONValue.string(id).canonical().withUnsafeBytes { String(validating: $0, as: UTF8.self) })
        _ = try Conversions.records(
            queries: [place.write([#"{"query_id":"1","query_text":"q"}"#], to: "q")],
            corpus: [place.write([#"{"docid":\#(quoted),"document_text":"one"}"#], to: "c")],
            judgements: [
                place.write([#"{"query_id":"1","docid":\#(quoted),"score":1.5}"#], to: "test.jsonl")
            ], into: place.store, reference: "sample")
        let dataset = try place.store.dataset("sample")
        for format in [ExportFormat.v2, .webdataset] {
            try export(dataset, format, to: format.rawValue)
            #expect(try Files.list(place.folder("\(format.rawValue)/qrels")) == ["test.jsonl"])
            #expect(try takeBack(format.rawValue).0.manifest.logicalDigest == dataset.manifest.logicalDigest)
        }
        let error = #expect(throws: Failure.self) { try export(dataset, .beir, to: "beir") }
        #expect(error?.exitStatus == .badData && error?.message.contains(escaped(id.utf8)) == true)
        #expect(error?.advice?.contains("JSON Lines") == true)
        #expect(!Files.exists(place.folder("beir")) && !Files.exists(place.folder(".beir.export.tmp")))
    }

    @Test func aFieldThatIsInTheWayIsNamed() throws {
        _ = try Conversions.records(
            queries: [place.write([#"{"query_id":"1","query_text":"q","_id":3}"#], to: "q")],
            corpus: [place.write([#"{"docid":"a","document_text":"one"}"#], to: "c")], into: place.store,
            reference: "sample")
        let dataset = try place.store.dataset("sample")
        let error = #expect(throws: InputError.self) { try export(dataset, .beir) }
        #expect(error?.description.contains("sample, query 0, field \"_id\": a field of this name") == true)
        #expect(!Files.exists(place.folder("out")))
        try check(dataset, .v2, seed: 0)
    }

    /// A split is the name of a file: one that cannot be is refused, whatever made it.
    @Test(arguments: ["a/b", "", ".hidden", "test.tsv", "a\0b"]) func splitsThatNoFileCanBe(split: String) throws {
        let writer = try place.store.writer(reference: "sample", provenance: Provenance(tool: "test"))
        _ = try Array("a".utf8).withUnsafeBytes { id in
            try Array(#"{"docid":"a","document_text":"one"}"#.utf8).withUnsafeBytes {
                try writer.appendDocument(id: id, record: $0)
            }
        }
        _ = try Array("1".utf8).withUnsafeBytes { id in
            try Array(#"{"query_id":"1","query_text":"q"}"#.utf8).withUnsafeBytes {
                try writer.appendQuery(id: id, record: $0, positives: [], negatives: [])
            }
        }
        try writer.addJudgement(split: split, query: 0, document: 0, grade: 1)
        let dataset = try writer.commit()
        #expect(throws: Failure.self) { try export(dataset, .v2) }
        #expect(!Files.exists(place.folder("out")))
    }

    /// A folder that was changed is read as it is, and what differs is said.
    @Test func differencesAreSaid() throws {
        let dataset = try RandomRecords(isPlain: true, seed: 8).convert(in: place)
        try export(dataset, .v2)
        let text = try Files.readText(place.folder("out/corpus.jsonl"))
        try place.folder.write(text + #"{"docid":"new one","document_text":"x"}"# + "\n", to: "out/corpus.jsonl")
        try Files.remove(place.folder("out/qrels/test.tsv"))
        let result = try run(
            "tvt-store", ["import", "out", "--dataset", "again", "--json", "--store", place.store.root.string],
            workingFolder: place.folder.path)
        #expect(result.status == 0, "\(result.errorText)")
        let count = dataset.documentCount
        #expect(result.errorText.contains("export.json tells of \(count) documents, and \(count + 1) were read"))
        #expect(result.errorText.contains("judgements test, and 0 were read"))
        #expect(try JSONValue.parse(result.output, path: "stdout")["export_differences"]?.array?.count == 2)
        // Equal counts, another text.
        try Files.removeTree(place.folder("out"))
        try export(dataset, .v2)
        let changed = text.replacing("\"document_text\":\"", with: "\"document_text\":\"!", maxReplacements: 1)
        try place.folder.write(changed, to: "out/corpus.jsonl")
        #expect(try takeBack().1.exportDifferences?.count == 1)
    }

    @Test func theLicenceIsKept() throws {
        let path = try place.write(ConvertToolTests.rows, to: "rows.jsonl")
        var options = IngestOptions()
        options.licence = "CC BY 4.0"
        _ = try Conversions.rows([path], into: place.store, reference: "sample", options: options)
        try export(place.store.dataset("sample"), .webdataset)
        #expect(try takeBack().0.manifest.provenance.licence == "CC BY 4.0")
    }

    // MARK: - A corpus alone

    @Test func aCorpusAloneIsADataset() throws {
        let corpus = try place.write(RecordConversionTests.corpus, to: "corpus.jsonl")
        let converted = try place.tool(["v2", "--corpus", corpus.string, "--dataset", "sample"])
        #expect(converted.status == 0, "\(converted.errorText)")
        let dataset = try place.store.dataset("sample")
        #expect(dataset.queryCount == 0 && dataset.documentCount == 3)
        func store(_ arguments: String...) throws -> ToolResult {
            try run("tvt-store", arguments + ["--store", place.store.root.string], workingFolder: place.folder.path)
        }
        for command in ["show", "stats", "log", "verify", "compact"] {
            let result = try store(command, "sample")
            #expect(result.status == 0, "\(command): \(result.errorText)")
        }
        #expect(try store("cat", "sample", "queries").output.isEmpty)
        #expect(try store("cat", "sample", "corpus").outputText.split(separator: "\n").count == 3)
        #expect(try store("cat", "sample", "qrels").status == 66)
        #expect(try store("diff", "sample", "sample").status == 0)
        #expect(try store("dedup", "sample", "--as", "sample@dedup").status == 0)
        for format in ["v2", "beir", "webdataset"] {
            let result = try store("export", "sample", "--format", format, "--output", format)
            #expect(result.status == 0, "\(format): \(result.errorText)")
            #expect(try store("import", format, "--dataset", "again").status == 0)
            guard format != "beir" else { continue }
            #expect(try place.store.dataset("again").manifest.logicalDigest == dataset.manifest.logicalDigest)
        }
        #expect(try place.tool(["v2-to-v1", "sample", "--output", "rows"]).status == 0)
        #expect(try Files.size(place.folder("rows")) == 0)
    }
}
