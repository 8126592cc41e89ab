import Archives
import StoreMaintenance
import Store
import Base
import Ingest
import JSON
import SystemPackage
import TestKit
import Testing

/// `--max-bad-records N --rejects FILE`: what is left out is counted and kept.
@Suite struct RejectsTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    /// Good and bad rows by turns; the bad ones in ways that a careless writer would change.
    static let good = [row("1", positives: ["a"]), row("2", positives: ["a"], negatives: ["b"])]
    static let bad: [[UInt8]] = [
        Array("  {\"query_id\": \"x\" }\t ".utf8), [0x22, 0xFF, 0x00, 0xFE], Array((row("1") + "\r").utf8),
    ]

    func write() throws {
        var bytes: [UInt8] = []
        for line in [Self.bad[0], Array(Self.good[0].utf8), Self.bad[1], Array(Self.good[1].utf8)] {
            bytes += line + [0x0A]
        }
        // The last line has no newline.
        try place.folder.write(bytes + Self.bad[2], to: "rows.jsonl")
    }

    static let keptBytes: [UInt8] = bad.flatMap { $0 + [0x0A] }

    @Test(arguments: ["bad", "bad.zst"]) func badRecordsAreKeptAsTheyWere(name: String) throws {
        try write()
        let result = try place.tool([
            "v1-to-v2", "rows.jsonl", "--dataset", "sample", "--json", "--max-bad-records", "3", "--rejects", name,
        ])
        #expect(result.status == 0, "\(result.errorText)")
        let report = try JSONValue.parse(result.output, path: "stdout")
        #expect(report["rejects"] == 3)
        #expect(report["queries"] == 2)
        #expect(report["documents"] == 2)
        #expect(result.errorText.contains("left out: rows.jsonl:1 (byte 0): missing field \"query\""))
        let dataset = try place.store.dataset("sample")
        #expect(dataset.manifest.provenance.statistics["rejects"] == 3)
        #expect(dataset.manifest.provenance.options["maxBadRecords"] == 3)
        #expect(
            try dataset.manifest.logicalDigest == place.convert(Self.good, as: "good").dataset.manifest.logicalDigest)
        #expect(try unpacked(name) == Self.keptBytes)
        let reasons = String(decoding: try Files.readAll(place.folder(name + ".reasons")), as: UTF8.self)
        let places = reasons.split(separator: "\n").filter { !$0.hasPrefix("  ") }
        #expect(places.count == 3)
        #expect(places[0].hasPrefix("rows.jsonl:1 (byte 0): missing field \"query\""))
        #expect(places[1].hasPrefix("rows.jsonl:3 (byte "))
        #expect(places[1].contains("invalid UTF-8"))
        #expect(places[2].hasPrefix("rows.jsonl:5 (byte "))
        #expect(places[2].contains("the query id \"1\" occurs twice, first at rows.jsonl:2"))
    }

    func unpacked(_ name: String) throws -> [UInt8] {
        guard name.hasSuffix(".zst") else { return try Files.readAll(place.folder(name)) }
        return try InputStream(place.folder(name)).readAll()
    }

    @Test func oneMoreThanAllowedStops() throws {
        try write()
        let result = try place.tool([
            "v1-to-v2", "rows.jsonl", "--dataset", "sample", "--max-bad-records", "2", "--rejects", "out/bad",
        ])
        #expect(result.status == 65)
        #expect(result.errorText.contains("error: rows.jsonl:5 (byte "))
        #expect(result.errorText.contains("This is bad record number 3; --max-bad-records allows 2."))
        #expect(try place.nothingIsCommitted())
        #expect(try Files.list(place.folder("out")) == [])
    }

    /// What a broken stream lacks is not a bad record.
    @Test func aTruncatedStreamIsNoBadRecord() throws {
        let packed = try Files.readAll(place.write(Self.good, to: "rows.gz"))
        try place.folder.write(Array(packed.dropLast(4)), to: "cut.gz")
        let result = try place.tool([
            "v1-to-v2", "cut.gz", "--dataset", "sample", "--max-bad-records", "9", "--rejects", "bad",
        ])
        #expect(result.status == 65)
        #expect(!Files.exists(place.folder("bad")))
        #expect(try place.nothingIsCommitted())
    }

    func options(limit: Int, policy: ConflictPolicy = .error) -> IngestOptions {
        var options = IngestOptions()
        options.badRecordLimit = limit
        options.rejects = place.folder("bad")
        options.conflictPolicy = policy
        return options
    }

    /// A row that is left out leaves neither its documents nor its query behind.
    @Test func aRowIsTakenWholeOrNotAtAll() throws {
        let conflicting = row("2", positives: ["new"], negatives: ["newer", "a"]).replacing("text of a", with: "other")
        let lines = [
            row("1", positives: ["a"]), conflicting,
            // The docids and the query id of the row that was left out are free, for any content.
            row("2", positives: ["newer", "new"], negatives: ["a"]).replacing("text of new", with: "other text"),
        ]
        let (dataset, report) = try place.convert(lines, options: options(limit: 1))
        #expect([report.rejectCount, report.documentCount, report.queryCount] == [1, 3, 2])
        #expect([report.conflictCount, report.duplicatesMerged, report.positiveCount] == [0, 1, 3])
        #expect(
            try dataset.manifest.logicalDigest
                == place.convert([lines[0], lines[2]], as: "good").dataset.manifest.logicalDigest)
        #expect(try Files.readAll(place.folder("bad")) == Array(conflicting.utf8) + [0x0A])
    }

    /// The same where documents were renamed before the row failed.
    @Test func renamedDocumentsAreTakenBack() throws {
        let hash = ContentHash.of(Array(#"{"docid":"b","document_text":"other"}"#.utf8)).hex.prefix(16)
        let lines = [
            row("1", positives: ["a", "b", "b~\(hash)"]),
            // "a" gets a name of its own, "b" finds it taken.
            row("2", positives: ["a", "b"]).replacing("text of a", with: "other").replacing("text of b", with: "other"),
            row("3", positives: ["a"]).replacing("text of a", with: "other"),
        ]
        let (dataset, report) = try place.convert(lines, options: options(limit: 1, policy: .rename))
        #expect([report.rejectCount, report.documentCount, report.conflictCount] == [1, 4, 1])
        #expect(try dataset.positiveTargets == [[0, 1, 2], [3]])
        #expect(try place.store.verify("sample", level: .full).findings.isEmpty)
    }

    @Test func queriesAndJudgementsMayBeLeftOut() throws {
        let queries = RecordConversionTests.queries + [#"{"query_id":"9","text":"x","positive_document_ids":["none"]}"#]
        let corpus = RecordConversionTests.corpus + [#"{"docid":"z"}"#]
        let qrels = ["query-id\tcorpus-id\tscore", "1\ta\t1", "9\ta\t1", "1\tz\t1", "1\td\tx"]
        let report = try Conversions.records(
            queries: [place.write(queries, to: "queries")], corpus: [place.write(corpus, to: "corpus")],
            judgements: [place.write(qrels, to: "test.tsv")], into: place.store, reference: "sample",
            options: options(limit: 5))
        #expect([report.rejectCount, report.queryCount, report.documentCount] == [5, 3, 3])
        #expect(report.json["judgements"] == ["test": 1])
        #expect(try place.store.dataset("sample").triples(split: "test") == [[0, 0, 1]])
        let kept = [corpus[3], queries[3]] + qrels[2...]
        #expect(try Files.readAll(place.folder("bad")) == kept.flatMap { Array($0.utf8) + [0x0A] })
    }

    @Test func withoutBadRecordsTheFilesAreEmpty() throws {
        try place.convert(Self.good, options: options(limit: 5))
        #expect(try Files.size(place.folder("bad")) == 0)
        #expect(try Files.size(place.folder("bad.reasons")) == 0)
    }

    @Test(arguments: [
        ["--max-bad-records", "2"], ["--rejects", "bad"], ["--max-bad-records=-1", "--rejects", "bad"],
        ["--max-bad-records", "0", "--rejects", "bad"], ["--max-bad-records", "many", "--rejects", "bad"],
        ["--max-bad-records", "1", "--rejects", "-"],
    ])
    func flagsGoTogether(flags: [String]) throws {
        try write()
        let result = try place.tool(["v1-to-v2", "rows.jsonl", "--dataset", "sample"] + flags)
        #expect(result.status == 64)
        #expect(!Files.exists(place.folder("bad")))
        #expect(try place.nothingIsCommitted())
    }
}
