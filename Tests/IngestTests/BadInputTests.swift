import Base
import Store
import Ingest
import JSON
import SystemPackage
import TestKit
import Testing

/// An input that cannot be accepted, and what the user must be told.
struct BadInput: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let files: [(name: String, bytes: [UInt8])]
    let arguments: [String]
    /// All of them stand in the message.
    let message: [String]

    /// v1 rows in `rows.jsonl`.
    init(_ name: String, rows: [String], _ message: String...) {
        self.init(name, bytes: Array(rows.joined(separator: "\n").utf8), message: message)
    }

    init(_ name: String, bytes: [UInt8], message: [String]) {
        testDescription = name
        files = [("rows.jsonl", bytes)]
        arguments = ["v1-to-v2", "rows.jsonl"]
        self.message = message
    }

    /// v2 records, with judgements in `test.tsv` where there are any.
    init(
        _ name: String, queries: [String] = RecordConversionTests.queries,
        corpus: [String] = RecordConversionTests.corpus, qrels: [String]? = nil, _ message: String...
    ) {
        testDescription = name
        let texts = [("queries.jsonl", queries), ("corpus.jsonl", corpus)] + (qrels.map { [("test.tsv", $0)] } ?? [])
        files = texts.map { ($0, $1.flatMap { Array($0.utf8) + [0x0A] }) }
        arguments =
            ["v2", "--queries", "queries.jsonl", "--corpus", "corpus.jsonl"]
            + (qrels == nil ? [] : ["--qrels", "test.tsv"])
        self.message = message
    }
}

/// Every fault ends with status 65, is told with its place, and leaves the store as it was.
@Suite struct BadInputTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    static let good = row("1", positives: ["a"])
    /// Where a second line begins.
    static let second = good.utf8.count + 1

    @Test(arguments: rows + records + judgements) func isRefused(input: BadInput) throws {
        for file in input.files { try place.folder.write(file.bytes, to: file.name) }
        let result = try place.tool(input.arguments + ["--dataset", "sample"])
        #expect(result.status == 65)
        #expect(result.output.isEmpty)
        // Media that stay outside of the store are warned of first.
        let errors = result.errorText.split(separator: "\n").filter { !$0.hasPrefix("warning: ") }
        #expect(errors.first?.hasPrefix("tvt-convert: error: ") == true, "\(result.errorText)")
        for part in input.message { #expect(result.errorText.contains(part), "\(result.errorText)") }
        #expect(try place.nothingIsCommitted())
    }

    static let rows: [BadInput] = [
        BadInput("an empty file", rows: [], "rows.jsonl: there are no records", "was it written to its end?"),
        BadInput("blank lines only", rows: ["", " \t", "\r"], "rows.jsonl: there are no records"),
        BadInput(
            "a truncated last line", rows: [good, String(good.prefix(40))],
            "rows.jsonl:2 (byte \(second + 36)): not valid JSON: the text ends inside a string: \"\\\"pos\"",
            "The line looks cut off"),
        BadInput(
            "a line that is no JSON", rows: [good, "Hello, world"],
            "rows.jsonl:2 (byte \(second)): not valid JSON: “H” where a value should be: \"Hello, world\""),
        BadInput(
            "several records in a line", rows: [good, good + good],
            "rows.jsonl:2 (byte \(second + good.utf8.count)): not valid JSON: something follows"),
        BadInput(
            "a line that is no object", rows: [good, #"["query_id"]"#],
            "rows.jsonl:2 (byte \(second)): an array where a record should be", "Each line holds one JSON object."),
        BadInput(
            "invalid UTF-8", bytes: Array((good + "\n{\"query_id\":\"").utf8) + [0x61, 0xFF, 0x22, 0x7D, 0x0A],
            message: ["rows.jsonl:2 (byte \(second + 14)): not valid JSON: invalid UTF-8: \"\\xff\\\"}"]),
        BadInput(
            "half a surrogate pair", rows: [good.replacing("text of 1", with: #"\ud83d"#)],
            "rows.jsonl:1 (byte 25): not valid JSON: half of a surrogate pair"),
        BadInput(
            "a number beyond 64 bits", rows: [#"{"score":123456789012345678901,"#],
            "rows.jsonl:1 (byte 9): not valid JSON: a whole number beyond 64 bits: write it as a string"),
        BadInput(
            "no query_id", rows: [good, good.replacing(#""query_id":"1","#, with: "")],
            "rows.jsonl:2 (byte \(second)): missing field \"query_id\""),
        BadInput(
            "no query", rows: [good.replacing(#""query":"#, with: #""question":"#)],
            "rows.jsonl:1 (byte 0): missing field \"query\"", "Also read as \"query_text\"."),
        BadInput(
            "no positives", rows: [good.replacing("positive_passages", with: "positives")],
            "missing field \"positive_passages\"", "an empty one is []"),
        BadInput(
            "no negatives", rows: [good.replacing(#","negative_passages":[]"#, with: "")],
            "missing field \"negative_passages\""),
        BadInput(
            "a passage without text",
            rows: [good, row("2", positives: ["a", "b"]).replacing(#","text":"text of b""#, with: "")],
            "rows.jsonl:2 (byte \(second)), field \"positive_passages[1]\": missing field \"text\""),
        BadInput(
            "a number for a text", rows: [good.replacing(#""text of 1""#, with: "1")],
            "rows.jsonl:1 (byte 0), field \"query\": a number where a string should be"),
        BadInput(
            "an object for a list",
            rows: [good.replacing(#""negative_passages":[]"#, with: #""negative_passages":{}"#)],
            "field \"negative_passages\": an object where an array should be"),
        BadInput(
            "a string for a passage",
            rows: [good.replacing(#""negative_passages":[]"#, with: #""negative_passages":["a"]"#)],
            "field \"negative_passages[0]\": a string where a record should be"),
        BadInput(
            "a list for a title", rows: [good.replacing(#""docid":"a""#, with: #""docid":"a","title":[]"#)],
            "field \"positive_passages[0].title\": an array where a string should be"),
        BadInput(
            "a number as query id", rows: [good, good.replacing(#""query_id":"1""#, with: #""query_id":2"#)],
            "rows.jsonl:2 (byte \(second)), field \"query_id\": a number where a string should be",
            "Ids are strings: write the number in quotes"),
        BadInput(
            "a number as docid", rows: [good.replacing(#""docid":"a""#, with: #""docid":7"#)],
            "field \"positive_passages[0].docid\": a number where a string should be",
            "Ids are strings: write the number in quotes"),
        BadInput(
            "an empty id", rows: [good.replacing(#""docid":"a""#, with: #""docid":"""#)],
            "field \"positive_passages[0].docid\": the id is empty"),
        BadInput(
            "a query id twice", rows: [good, row("2"), row("1", positives: ["b"])],
            "rows.jsonl:3 (byte \(second + row("2").utf8.count + 1)): "
                + "the query id \"1\" occurs twice, first at rows.jsonl:1", "give one another id"),
        BadInput(
            "a docid with two contents",
            rows: [good, row("2", negatives: ["b", "a"]).replacing("text of a", with: "another")],
            "rows.jsonl:2 (byte \(second)), field \"negative_passages[1]\": "
                + "the document \"a\" differs from the one at rows.jsonl:1", "--on-conflict first"),
        BadInput(
            "a key twice", rows: [good.replacing(#""query":"#, with: #""query":"other","query":"#)],
            "rows.jsonl:1 (byte 0), field \"query\": the field is given twice"),
        BadInput(
            "a key under two names", rows: [good.replacing(#""query":"#, with: #""query_text":"other","query":"#)],
            "field \"query\": the field is given twice", "mean the same: keep one."),
        BadInput(
            "a list twice",
            rows: [
                good.replacing(#""negative_passages":[]"#, with: #""negative\u005fpassages":[],"negative_passages":[]"#)
            ],
            "rows.jsonl:1 (byte 0), field \"negative_passages\": the field is given twice"),
        // The passages of these have been seen in the row before.
        BadInput(
            "a list with a comma too many", rows: [good, row("2", positives: ["a"]).replacing("}],", with: "},],")],
            "rows.jsonl:2 (byte \(second + 90)): not valid JSON: “]” where a value should be"),
        BadInput(
            "a list with a comma too few",
            rows: [good, row("2", positives: ["a", "a"]).replacing("},{", with: "} {")],
            "rows.jsonl:2 (byte \(second + 90)): not valid JSON: “{” where “,” or “]” should be"),
        BadInput(
            "a list that does not end", rows: [good, row("2", positives: ["a"]).replacing("}],", with: "},")],
            "rows.jsonl:2 (byte \(second + 109)): not valid JSON: “:” where “,” or “]” should be"),
        BadInput(
            "an extra twice", rows: [good.replacing(#"{"docid""#, with: #"{"x":1,"x":1,"docid""#)],
            "field \"positive_passages[0].x\": the field is given twice"),
    ]

    static let records: [BadInput] = [
        BadInput("no queries", queries: [], "queries.jsonl: there are no records"),
        BadInput("no corpus", corpus: [], "corpus.jsonl: there are no records"),
        BadInput(
            "a dangling positive", queries: [#"{"query_id":"1","query_text":"x","positive_document_ids":["a","z z"]}"#],
            "queries.jsonl:1 (byte 0), field \"positive_document_ids[1]\": there is no document \"z z\" in the corpus",
            "must be the docid of a document"),
        BadInput(
            "a dangling negative", queries: [#"{"query_id":"1","query_text":"x","negative_document_ids":["z"]}"#],
            "field \"negative_document_ids[0]\": there is no document \"z\" in the corpus"),
        BadInput(
            "a number in a list of ids", queries: [#"{"query_id":"1","query_text":"x","positive_document_ids":[1]}"#],
            "queries.jsonl:1 (byte 0), field \"positive_document_ids[0]\": a number where a docid should be"),
        BadInput(
            "a query id twice", queries: RecordConversionTests.queries + [RecordConversionTests.queries[1]],
            "queries.jsonl:4", "the query id \"2\" occurs twice, first at queries.jsonl:2"),
        BadInput("no docid", corpus: [#"{"text":"x"}"#], "corpus.jsonl:1 (byte 0): missing field \"docid\""),
        BadInput(
            "no content", corpus: [#"{"docid":"a","title":"x"}"#], "missing field \"document_text\"",
            "\"document_image\", \"document_video\", \"document_audio\""),
        BadInput(
            "a number for media", corpus: [#"{"docid":"a","image":3}"#],
            "corpus.jsonl:1 (byte 0), field \"image\": a number where a string or an object should be"),
        BadInput(
            "links in a corpus", corpus: [#"{"docid":"a","text":"x","positive_document_ids":[]}"#],
            "field \"positive_document_ids\": a field of this name has no place", "rename the field"),
    ]

    static let judgements: [BadInput] = [
        BadInput("no judgements", qrels: [], "test.tsv: there are no records"),
        BadInput("a header alone", qrels: ["query-id\tcorpus-id\tscore"], "test.tsv: there are no records"),
        BadInput(
            "a dangling query", qrels: ["1\ta\t1", "9\ta\t1"], "test.tsv:2 (byte 6): there is no query \"9\"",
            "a query and a document of the dataset"),
        BadInput(
            "a dangling document", qrels: ["1 0 a 1", "1 0 b 1"], "test.tsv:2 (byte 8): there is no document \"b\""),
        BadInput(
            "columns in another order", qrels: ["1\t1\ta"],
            "test.tsv:1 (byte 0), field \"score\": the grade \"a\" is not a number",
            "do the columns stand in another order?",
            "with a header of these names"),
        BadInput(
            "a column of another name", qrels: ["query-id\tcorpus-id\ttime", "1\ta\t1"],
            "test.tsv:1 (byte 0), field \"score\": the grade \"time\" is not a number"),
        BadInput(
            "a header with a column less", qrels: ["query-id\tcorpus-id", "1\ta"],
            "test.tsv:1 (byte 0): 2 columns instead of 4", "query-id, corpus-id, score, separated by tabs"),
        BadInput(
            "a line with a column more", qrels: ["query-id\tcorpus-id\tscore", "1\ta\t1\t0"],
            "test.tsv:2 (byte 25): 4 columns instead of 3", "A line is: query-id, corpus-id, score"),
        BadInput(
            "a first grade with a typo", qrels: ["1\ta\tl", "1\td\t1"],
            "test.tsv:1 (byte 0), field \"score\": the grade \"l\" is not a number"),
        BadInput(
            "a grade that is none", qrels: ["1 0 a 1", "1 0 d nan"],
            "test.tsv:2 (byte 8), field \"score\": the grade \"nan\" is not a number", "query 0 document grade"),
        BadInput("an empty id", qrels: ["1\ta\t1", "\ta\t1"], "test.tsv:2 (byte 6): an id is empty"),
        BadInput(
            "a grade of two minds", qrels: ["1\ta\t1", "1\ta\t0"], "query \"1\" and document \"a\"", "two grades"),
    ]

    @Test func anArchiveWithTwoCorpora() throws {
        let files = BEIRTests.files + [("copy/corpus.jsonl", BEIRTests.files[0].contents)]
        try place.folder.write(ZipFile(files).bytes, to: "beir.zip")
        let result = try place.tool(["beir", "beir.zip", "--dataset", "sample"])
        #expect(result.status == 65)
        #expect(result.errorText.contains("beir.zip has several of corpus.jsonl: copy/corpus.jsonl, corpus.jsonl"))
        #expect(try place.nothingIsCommitted())
    }

    /// The place of a fault inside an archive names the archive and the entry.
    @Test func aFaultInsideAnArchive() throws {
        var files = BEIRTests.files
        files[0].contents += Array(#"{"_id":5,"text":"x"}"#.utf8)
        try place.folder.write(ZipFile(files).bytes, to: "beir.zip")
        let result = try place.tool(["beir", "beir.zip", "--dataset", "sample"])
        #expect(result.status == 65)
        let byte = BEIRTests.files[0].contents.count
        #expect(result.errorText.contains("beir.zip/corpus.jsonl:4 (byte \(byte)), field \"_id\": a number"))
        #expect(try place.nothingIsCommitted())
    }

    @Test(arguments: ["gz", "zst", "xz"]) func aTruncatedStream(kind: String) throws {
        let packed = try Files.readAll(place.write(RandomRows(count: 50, seed: 1).lines, to: "whole.\(kind)"))
        try place.folder.write(Array(packed.dropLast(9)), to: "cut.jsonl")
        let result = try place.tool(["v1-to-v2", "cut.jsonl", "--dataset", "sample"])
        #expect(result.status == 65)
        #expect(result.errorText.contains("cut.jsonl (byte "))
        #expect(result.errorText.contains("the compressed data is damaged or cut off"))
        #expect(result.errorText.contains("Fetch or make the file again"))
        #expect(try place.nothingIsCommitted())
    }

    /// A fault in a second file undoes the first; faults never take away what was there.
    @Test func whatWasThereStays() throws {
        let before = try place.convert([Self.good]).dataset.digest
        let blobCount = try place.blobCount()
        try place.write([row("1")], to: "first.jsonl")
        try place.write([row("2"), "{}"], to: "second.jsonl")
        let result = try place.tool(["v1-to-v2", "first.jsonl", "second.jsonl", "--dataset", "sample"])
        #expect(result.status == 65)
        #expect(result.errorText.contains("second.jsonl:2"))
        #expect(try place.store.dataset("sample").digest == before)
        #expect(try place.store.references().count == 1)
        #expect(try place.blobCount() == blobCount)
        #expect(try place.nothingIsHalfDone())
    }
}
