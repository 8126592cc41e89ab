import Base
import StoreMaintenance
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

/// `beir`: folders and archives, splits, positives.
@Suite struct BEIRTests {
    let place: Workplace

    /// A small dataset with ids that need care, and a query that no split judges.
    static let files: [(name: String, contents: [UInt8])] = [
        (
            "corpus.jsonl",
            lines(
                #"{"_id":"d 1","title":"T","text":"one","metadata":{"url":"u"}}"#,
                #"{"_id":"d#2","title":"","text":"two"}"#, #"{"_id":"3","text":"three"}"#)
        ),
        ("qrels/dev.tsv", lines("query-id\tcorpus-id\tscore", "q 2\td 1\t2", "q 2\td#2\t0", "q 2\t3\t-1")),
        ("qrels/test.tsv", lines("query-id\tcorpus-id\tscore", "q1\t3\t1", "q 2\t3\t1.5", "q1\td 1\t1", "q1\t3\t1")),
        (
            "queries.jsonl",
            lines(
                #"{"_id":"q1","text":"first","metadata":{}}"#, #"{"_id":"q 2","text":"second"}"#,
                #"{"_id":"q3","text":"third"}"#)
        ),
    ]

    static func lines(_ lines: String...) -> [UInt8] { lines.flatMap { Array($0.utf8) + [0x0A] } }

    init() throws { place = try Workplace() }

    /// Writes the files into a folder, packed as `ending` says.
    @discardableResult
    func folder(
        _ name: String, inside: String = "", ending: String = "", _ files: [(name: String, contents: [UInt8])] = files
    ) throws -> FilePath {
        for file in files { try place.write(file.contents, to: "\(name)/\(inside)\(file.name)\(ending)") }
        return place.folder(name)
    }

    func zip(_ name: String, _ files: [(name: String, contents: [UInt8])]) throws -> FilePath {
        try place.folder.write(ZipFile(files).bytes, to: name)
    }

    @discardableResult
    func convert(
        _ source: FilePath, as reference: String = "sample", positives: String? = nil
    ) throws -> (dataset: Dataset, report: IngestReport) {
        let report = try Conversions.beir(source, into: place.store, reference: reference, positives: positives)
        return (try place.store.dataset(reference), report)
    }

    @Test func allIsTaken() throws {
        let (dataset, report) = try convert(folder("beir"))
        #expect(
            try dataset.documentLines == [
                #"{"docid":"d 1","title":"T","document_text":"one","metadata":{"url":"u"}}"#,
                #"{"docid":"d#2","title":"","document_text":"two"}"#, #"{"docid":"3","document_text":"three"}"#,
            ])
        #expect(
            try dataset.queryLines == [
                #"{"query_id":"q1","query_text":"first","metadata":{}}"#, #"{"query_id":"q 2","query_text":"second"}"#,
                #"{"query_id":"q3","query_text":"third"}"#,
            ])
        #expect(dataset.judgements.map(\.split) == ["dev", "test"])
        #expect(try dataset.triples(split: "dev") == [[1, 0, 2], [1, 1, 0], [1, 2, -1]])
        // The repeated line counts once.
        #expect(try dataset.triples(split: "test") == [[0, 0, 1], [0, 2, 1], [1, 2, 1.5]])
        #expect(dataset.manifest.provenance.statistics["repeatedJudgements"] == 1)
        #expect(dataset.positives == nil && dataset.negatives == nil)
        #expect(report.json["judgements"] == ["dev": 3, "test": 4])
        #expect([report.queryCount, report.documentCount, report.inputs.count] == [3, 3, 4])
    }

    @Test func foldersAndArchivesAreEqual() throws {
        let expected = try convert(folder("beir"))
        var sources = [try folder("below", inside: "a/b/"), try zip("flat.zip", Self.files)]
        sources.append(try zip("deep.zip", Self.files.map { ("x/y/" + $0.name, $0.contents) }))
        for ending in ["gz", "zst", "xz"] { sources.append(try folder("packed-\(ending)", ending: ".\(ending)")) }
        for (number, source) in sources.enumerated() {
            let (dataset, report) = try convert(source, as: "source\(number)")
            #expect(dataset.manifest.logicalDigest == expected.dataset.manifest.logicalDigest, "\(source)")
            #expect(report.json["judgements"] == expected.report.json["judgements"])
            #expect(report.parsedBytes == expected.report.parsedBytes)
        }
        // An archive is one input.
        let inputs = try place.store.dataset("source1").manifest.provenance.inputs
        #expect(inputs.map(\.uri) == [sources[1].string])
        #expect(inputs.map(\.sha256) == [try .ofFile(sources[1])])
    }

    @Test func aSplitMayBecomeThePositives() throws {
        let source = try folder("beir")
        let dev = try convert(source, as: "dev", positives: "dev")
        #expect(try dev.dataset.positiveTargets == [[], [0], []])
        #expect(dev.report.positiveCount == 1)
        #expect(dev.dataset.judgements.map(\.split) == ["dev", "test"])
        #expect(dev.dataset.manifest.provenance.options["positives"] == "dev")
        // In the order of the lines; a repeated one counts once.
        let test = try convert(source, as: "test", positives: "test").dataset
        #expect(try test.positiveTargets == [[2, 0], [2], []])
        let failure = #expect(throws: Failure.self) { try convert(source, as: "none", positives: "train") }
        #expect(failure?.description.contains("no split \"train\"") == true)
        #expect(failure?.description.contains("dev, test") == true)
        #expect(failure?.exitStatus == .badData)
        #expect(try place.store.references().map(\.name) == ["dev", "test"])
    }

    @Test func exportedRowsHaveThePositives() throws {
        let (dataset, _) = try convert(folder("beir"), positives: "test")
        let rows = try place.rows(of: dataset)
        #expect(rows.count == 3)
        #expect(
            try json(rows[0]) == [
                "query_id": "q1", "query": "first", "metadata": [:], "negative_passages": [],
                "positive_passages": [
                    ["docid": "3", "text": "three"],
                    ["docid": "d 1", "title": "T", "text": "one", "metadata": ["url": "u"]],
                ],
            ])
        #expect(try place.convert(rows, as: "again").report.documentCount == 2)
    }

    @Test func naveConvertsFromItsZip() throws {
        let source = sourceRoot.appending("datasets/nave/nave-beir.zip").string
        let result = try place.tool(["beir", source, "--dataset", "nave", "--positives", "train", "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        let report = try JSONValue.parse(result.output, path: "stdout")
        #expect(report["documents"] == 31_102)
        #expect(report["queries"] == 12_723)
        let judgements = try #require(report["judgements"]?.object)
        #expect(judgements.keys.sorted() == ["dev", "test", "train"])
        #expect(judgements.reduce(0) { $0 + ($1.value.integer ?? 0) } == 74_779)
        #expect(report["positives"] == judgements["train"])
        let dataset = try place.store.dataset("nave")
        #expect([dataset.documentCount, dataset.queryCount] == [31_102, 12_723])
        #expect(dataset.judgements.reduce(0) { $0 + $1.links.linkCount } == 74_779)
        let judged = try dataset.judgements.map { split, links in
            try (split, (0..<links.queryCount).count { try !links.targets(of: $0).isEmpty })
        }
        #expect(judged.map(\.1) == [1273, 2369, 9081])
        #expect(try dataset.documentOrdinal(id: Array("Gen.1.1".utf8)) == 0)
        #expect(try place.store.verify("nave", level: .meta).findings.isEmpty)
    }

    // MARK: - What is no dataset

    @Test func everyTruncatedZipIsRefused() throws {
        let bytes = ZipFile(Self.files).bytes
        for count in 0..<bytes.count {
            let path = try place.folder.write(Array(bytes[..<count]), to: "cut.zip")
            let error = #expect(throws: InputError.self, "\(count) bytes") { try convert(path, as: "cut") }
            #expect(error?.exitStatus == .badData)
        }
        #expect(try place.nothingIsCommitted())
    }

    @Test func damageInAZipIsNoticed() throws {
        let whole = ZipFile(Self.files).bytes
        let start = try #require(whole.firstRange(of: Array("three".utf8))).lowerBound
        var bytes = whole
        bytes[start] = UInt8(ascii: "T")
        let path = try place.folder.write(bytes, to: "damaged.zip")
        let error = #expect(throws: InputError.self) { try convert(path) }
        #expect(error?.place.path == path.string + "/corpus.jsonl")
        #expect(try place.nothingIsCommitted())
    }

    @Test func partsThatAreMissingOrTooMany() throws {
        func failure(_ files: [(name: String, contents: [UInt8])]) throws -> Failure? {
            #expect(throws: Failure.self) { try convert(zip("beir.zip", files)) }
        }
        let corpus = Self.files[0]
        let twice = try failure(Self.files + [("old/corpus.jsonl", corpus.contents)])
        #expect(twice?.message.contains("several of corpus.jsonl: corpus.jsonl, old/corpus.jsonl") == true)
        #expect(twice?.exitStatus == .badData)
        let doubled = #expect(throws: InputError.self) { try convert(zip("beir.zip", Self.files + [corpus])) }
        #expect(doubled?.place.path.hasSuffix("beir.zip/corpus.jsonl") == true)
        let split = try failure(Self.files + [("other/qrels/dev.tsv", Self.files[1].contents)])
        #expect(split?.message.contains("would both be the split \"dev\"") == true)
        #expect(split?.exitStatus == .badData)
        let missing = try failure(Array(Self.files[1...]))
        #expect(missing?.message.contains("has no corpus.jsonl") == true)
        #expect(missing?.exitStatus == .missingInput)
        // Entries of an archive are not unpacked a second time, and not taken for plain text either.
        let packed = try Files.readAll(place.write(corpus.contents, to: "corpus.jsonl.gz"))
        let nested = try failure([("corpus.jsonl.gz", packed)] + Self.files[1...])
        #expect(nested?.message.contains("has no corpus.jsonl") == true)
        #expect(throws: Failure.self) { try convert(place.folder("nowhere")) }
        #expect(try place.nothingIsCommitted())
    }
}
