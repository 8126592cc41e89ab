import Base
import StoreMaintenance
import Ingest
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// `v2`: queries that link to a corpus by ids, and judgements beside them.
@Suite struct RecordConversionTests {
    let place: Workplace

    static let corpus = [
        #"{"docid":"a","title":"A","document_text":"one","source":"s"}"#, #"{"docid":"b c","document_text":"two"}"#,
        #"{"docid":"d","document_image":"d.png","document_text":null}"#,
    ]
    static let queries = [
        #"{"query_id":"1","query_text":"first","positive_document_ids":["b c","a"],"negative_document_ids":["d"]}"#,
        #"{"query_id":"2","query_text":"second","positive_document_ids":["d","d"],"answer":[1.5]}"#,
        #"{"query_id":"3","query_audio":"x.wav","positive_document_ids":[],"negative_document_ids":null}"#,
    ]

    init() throws { place = try Workplace() }

    @discardableResult
    func convert(
        _ queries: [String] = queries, _ corpus: [String] = corpus, qrels: [(name: String, lines: [String])] = [],
        as reference: String = "sample"
    ) throws -> (dataset: Dataset, report: IngestReport) {
        let report = try Conversions.records(
            queries: [place.write(queries, to: "queries.jsonl")], corpus: [place.write(corpus, to: "corpus.jsonl")],
            judgements: qrels.map { try place.write($0.lines, to: $0.name) }, into: place.store, reference: reference)
        return (try place.store.dataset(reference), report)
    }

    @Test func recordsAndLinksAreTaken() throws {
        let (dataset, report) = try convert()
        #expect(
            try dataset.documentLines == [
                #"{"docid":"a","title":"A","document_text":"one","source":"s"}"#, Self.corpus[1],
                #"{"docid":"d","document_image":"d.png","document_text":null}"#,
            ])
        #expect(
            try dataset.queryLines == [
                #"{"query_id":"1","query_text":"first"}"#, #"{"query_id":"2","query_text":"second","answer":[1.5]}"#,
                #"{"query_id":"3","query_audio":"x.wav"}"#,
            ])
        #expect(try dataset.positiveTargets == [[1, 0], [2, 2], []])
        #expect(try dataset.negativeTargets == [[2], [], []])
        #expect([report.positiveCount, report.negativeCount, report.documentCount, report.queryCount] == [4, 1, 3, 3])
    }

    /// Published data sets say `text`, the paper `document_text`: both are read, one is written.
    @Test func oldNamesAreRead() throws {
        let names = ["text", "image", "video", "audio"]
        func corpus(_ prefix: String) -> [String] {
            names.map { #"{"docid":"\#($0)","\#(prefix)\#($0)":"x"}"# }
        }
        func queries(_ prefix: String) -> [String] {
            names.map { #"{"query_id":"\#($0)","\#(prefix)\#($0)":"x"}"# }
        }
        let new = try convert(queries("query_"), corpus("document_"), as: "new").dataset
        let old = try convert(queries(""), corpus(""), as: "old").dataset
        #expect(try new.documentLines == corpus("document_"))
        #expect(try new.queryLines == queries("query_"))
        #expect(old.manifest.logicalDigest == new.manifest.logicalDigest)
    }

    @Test func severalFilesAreOneDataset() throws {
        let expected = try convert().dataset.manifest.logicalDigest
        let report = try Conversions.records(
            queries: Self.queries.enumerated().map { try place.write([$1], to: "q\($0).jsonl.gz") },
            corpus: Self.corpus.enumerated().map { try place.write([$1], to: "c\($0).jsonl.zst") },
            into: place.store, reference: "parts")
        #expect(report.inputs.count == 6)
        #expect(try place.store.dataset("parts").manifest.logicalDigest == expected)
    }

    /// What `tvt-store cat` prints can be taken again.
    @Test func aDatasetInItsOwnWordsIsTheSame() throws {
        let rows = try place.convert(RandomRows(count: 60, seed: 5).lines, as: "rows").dataset
        let reader = try RecordReader(rows)
        let queries = try (0..<rows.queryCount).map { ordinal in
            var line: [UInt8] = []
            try rows.queryRecord(ordinal).withUnsafeBytes {
                try rows.appendQueryLine(ordinal, $0, with: reader, to: &line)
            }
            return String(decoding: line, as: UTF8.self)
        }
        let again = try convert(queries, rows.documentLines, as: "again").dataset
        #expect(again.manifest.logicalDigest == rows.manifest.logicalDigest)
    }

    // MARK: - Duplicates

    @Test func equalDocumentsAreMergedAndOthersAreNot() throws {
        let equal = #"{"title":"A","source":"s","text":"one","docid":"a"}"#
        #expect(try convert(Self.queries, Self.corpus + [equal]).report.duplicatesMerged == 1)
        let different = #"{"docid":"a","document_text":"another"}"#
        let error = #expect(throws: InputError.self) {
            try convert(Self.queries, Self.corpus + [different], as: "other")
        }
        #expect(error?.place.line == 4)
        #expect(error?.reason.hasSuffix("corpus.jsonl:1") == true)
        #expect(try place.store.references().map(\.name) == ["sample"])
    }

    // MARK: - Judgements

    @Test func judgementsInBothForms() throws {
        let trec = ["1 0 a 2", "1\t0\td\t0", "  2   Q0  d   1  "]
        let beir = ["query-id\tcorpus-id\tscore", "1\ta\t2", "1\td\t0", "2\td\t1"]
        let (dataset, report) = try convert(qrels: [
            ("test.qrels", trec), ("dev.tsv.gz", beir), ("a/bare.tsv", Array(beir[1...])),
        ])
        #expect(dataset.judgements.map(\.split) == ["bare", "dev", "test"])
        for split in ["bare", "dev", "test"] {
            #expect(try dataset.triples(split: split) == [[0, 0, 2], [0, 2, 0], [1, 2, 1]], "\(split)")
        }
        #expect(report.json["judgements"] == ["bare": 3, "dev": 3, "test": 3])
        // Ids with spaces are the tabs' business.
        let spaced = try convert(qrels: [("test.tsv", beir + ["3\tb c\t1"])], as: "spaced").dataset
        #expect(try spaced.triples(split: "test").last == [2, 1, 1])
    }

    @Test(arguments: ["query_id\tcorpus-id\tscore", "qid\tdocid\trelevance", "query-id\tcorpus-id\tscore\r"])
    func headersHaveSomeNames(header: String) throws {
        let dataset = try convert(qrels: [("test.tsv", [header, "1\ta\t1\r"])]).dataset
        #expect(try dataset.triples(split: "test") == [[0, 0, 1]])
    }

    @Test func contradictingJudgementsAreRefused() throws {
        let failure = #expect(throws: Failure.self) { try convert(qrels: [("test.qrels", ["1 0 a 1", "1 0 a 0"])]) }
        #expect(failure?.exitStatus == .badData)
        #expect(failure?.message.contains("query \"1\" and document \"a\"") == true)
        #expect(try place.nothingIsCommitted())
    }

    /// Otherwise the report would have the count of one of them only.
    @Test func twoFilesAreNotOneSplit() throws {
        let failure = #expect(throws: Failure.self) {
            try convert(qrels: [("x/test.tsv", ["1\ta\t1"]), ("y/test.qrels.gz", ["1 0 d 1"])])
        }
        #expect(failure?.exitStatus == .usage)
        #expect(failure?.message.contains("the split \"test\"") == true)
        #expect(try place.nothingIsCommitted())
    }

    // MARK: - Scores

    @Test func scoresAreTaken() throws {
        let queries = [
            #"{"query_id":"0","query_text":"q","positive_document_ids":[],"positive_document_scores":[]}"#,
            #"{"query_id":"1","query_text":"q","positive_document_ids":["a","d"],"positive_document_scores":[0.1,-3]}"#,
            #"{"query_id":"2","query_text":"q","negative_document_ids":["d"],"positive_document_scores":null}"#,
            #"{"query_id":"3","query_text":"q","positive_document_scores":[1e-3],"positive_document_ids":["b c"]}"#,
        ]
        let (dataset, report) = try convert(queries)
        #expect(report.positiveCount == 3 && report.rejectCount == 0)
        #expect(dataset.positives?.hasScores == true && dataset.negatives?.hasScores == false)
        let scores = try (0..<4).map { try dataset.positives?.scores(of: $0).map { Array($0) } }
        #expect(scores == [[], [0.1, -3], [], [1e-3]])
        #expect(try dataset.queryLines == (0..<4).map { #"{"query_id":"\#($0)","query_text":"q"}"# })
        #expect(try place.store.verify("sample", level: .full).findings.isEmpty)
    }

    @Test(arguments: [
        ([#""positive_document_ids":["a","d"],"positive_document_scores":[1]"#], "1 scores for 2 documents"),
        ([#""positive_document_scores":[1]"#], "1 scores for 0 documents"),
        ([#""positive_document_ids":["a"],"positive_document_scores":["1"]"#], "a string where a score should be"),
        ([#""positive_document_ids":["a"],"positive_document_scores":[null]"#], "null where a score should be"),
        ([#""positive_document_ids":["a"],"positive_document_scores":[1e39]"#], "the score 1e+39 is too large"),
        ([#""positive_document_ids":["a"],"positive_document_scores":1"#], "a number where an array should be"),
        (
            [#""negative_document_ids":["a"]"#, #""negative_document_ids":["a"],"negative_document_scores":[1]"#],
            "there are scores here, and none at"
        ),
        (
            [#""negative_document_ids":["a"],"negative_document_scores":[1]"#, #""negative_document_ids":["a"]"#],
            "there are no scores here, and there are at"
        ),
    ])
    func scoresThatDoNotFit(fields: [String], reason: String) throws {
        let queries = fields.enumerated().map { #"{"query_id":"\#($0)","query_text":"q",\#($1)}"# }
        let error = #expect(throws: InputError.self) { try convert(queries) }
        #expect(error?.reason.hasPrefix(reason) == true)
        #expect(error?.place.line == fields.count && error?.place.field?.contains("_document_scores") == true)
        #expect(try place.nothingIsCommitted())
    }
}
