import Base
import JSON
import Reports
import SystemPackage
import TestKit
import Testing

/// A recipe of made-up queries with answers, images and hostile texts, and its raw files.
struct MadeUpSet {
    let folder: TemporaryFolder
    static let hostile = "</pre><script>alert('x')</script>\" onload=\"y"

    /// A white image of one pixel.
    static let png: [UInt8] = [
        0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1,
        8, 0, 0, 0, 0, 0x3A, 0x7E, 0x9B, 0x55, 0, 0, 0, 0x0D, 0x49, 0x44, 0x41, 0x54, 0x78, 1, 1, 2, 0, 0xFD, 0xFF, 0,
        0xFF, 1, 1, 1, 0, 0x60, 0x87, 0x12, 0xB5, 0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82,
    ]

    static let words = [
        "apple", "river", "castle", "violin", "desert", "engine", "garden", "harbour", "island", "jungle",
    ]

    /// Ten images with two questions each; image 9 has questions without answers. The texts of documents say nothing.
    init(textSide: Bool) throws {
        folder = try TemporaryFolder()
        var corpus: [UInt8] = []
        var queries: [UInt8] = []
        for (number, word) in Self.words.enumerated() {
            try folder.write(Self.png + Array(word.utf8), to: "raw/images/\(word).png")
            let document: JSONValue = [
                "docid": .string("d\(number)"), "image": .string("\(word).png"),
            ]
            document.appendLine(to: &corpus)
            corpus.append(0x0A)
            for copy in 0..<2 {
                var query: JSONObject = [
                    "query_id": .string("q\(number)-\(copy)"),
                    "query_text": .string(number == 3 ? Self.hostile : "where is the \(word)"),
                    "positive_document_ids": .array([.string("d\(number)")]),
                    "negative_document_ids": [],
                ]
                if number < 9 {
                    query["answer"] = copy == 0 ? .string("the \(word)") : ["the \(word)", "a \(word) there"]
                }
                JSONValue.object(query).appendLine(to: &queries)
                queries.append(0x0A)
            }
        }
        try folder.write(corpus, to: "raw/corpus.jsonl")
        try folder.write(queries, to: "raw/queries.jsonl")
        let side = textSide ? "text_side: answer" : ""
        try folder.write(
            """
            name: images
            title: "Images <b>& questions</b>"
            licence: "\(textSide ? "CC0 & more" : "CC0")"
            citation: "<i>nobody</i>, whose works are not cited"
            convert:
              command: v2
              arguments: ["--queries", "{raw}/queries.jsonl", "--corpus", "{raw}/corpus.jsonl", "--assets", "{raw}/images"]
            mining:
              retriever: "a model that sees"
              \(side)
              filter: {depth: 3}
              negatives: {depth: 5, count: 2, seed: 1}
            """, to: "recipe.yaml")
    }

    var output: FilePath { folder("out") }

    func run() throws -> ToolResult {
        try TestKit.run(
            "tvt-dataset",
            [
                "run", folder("recipe.yaml").string, "--raw", folder("raw").string, "--output", output.string,
                "--store",
                folder("store").string, "--manifests", folder("manifests").string, "--retriever",
                SampleTests.retriever.string, "--json",
            ])
    }

    func report() throws -> JSONValue { try JSONValue.parse(file: output.appending("report.json")) }
}

@Suite("Reports of recipes")
struct ReportTests {
    @Test func inlineSizesAreThoseOfTheExport() throws {
        let sample = try SampleRun("beir")
        _ = try sample.succeed()
        let report = try JSONValue.parse(file: sample.output.appending("report.json"))
        for version in try #require(report["versions"]?.array) {
            let reference = try #require(version["reference"]?.string)
            let exported = try run(
                "tvt-convert",
                [
                    "v2-to-v1", reference, "--store", sample.output.appending("store").string, "--output",
                    sample.folder("rows.jsonl").string, "--json",
                ])
            let rows = try JSONValue.parse(exported.output, path: "export")
            #expect(version["inlineRowBytes"] == rows["raw_bytes"], "\(reference)")
            #expect(version["inlineMediaBytes"] == 0)
        }
        // What was counted adds up.
        let outcomes = try #require(report["filter"]?["outcomes"]?.object)
        let total = outcomes.reduce(0) { $0 + ($1.value["count"]?.integer ?? 0) }
        #expect(total == report["filter"]?["queries"]?.integer)
        #expect(outcomes["kept"]?["count"] == report["versions"]?.array?[1]["queries"])
        #expect(outcomes["kept"]?["examples"]?.array?.count == min(20, outcomes["kept"]?["count"]?.integer ?? 0))
        let negatives = try #require(report["negatives"])
        let ranked = negatives["ranks"]?.array?.reduce(0) { $0 + ($1["count"]?.integer ?? 0) } ?? 0
        #expect(ranked + (negatives["notInRanking"]?.integer ?? 0) == negatives["links"]?.integer)
        #expect(negatives["links"] == report["versions"]?.array?[2]["negatives"])
        #expect(ranked > 0)
    }

    /// The histogram of ranks against a count of the run's lines.
    @Test func ranksAreThoseOfTheRun() throws {
        let sample = try SampleRun("tevatron")
        _ = try sample.succeed()
        var rank: [String: [String: Int]] = [:]
        for line in try Files.readText(sample.output.appending("run.tsv")).split(separator: "\n") {
            let fields = line.split(separator: "\t").map(String.init)
            rank[fields[0], default: [:]][fields[1]] = rank[fields[0], default: [:]].count + 1
        }
        let printed = try run(
            "tvt-store",
            ["cat", "tevatron@mined", "queries", "--store", sample.output.appending("store").string])
        var counts = [Int](repeating: 0, count: 21)
        for line in printed.output.split(separator: 0x0A) {
            let query = try JSONValue.parse(Array(line), path: "query")
            let ranks = try #require(rank[query["query_id"]?.string ?? ""])
            for document in query["negative_document_ids"]?.array ?? [] {
                counts[ranks[document.string ?? ""] ?? 0] += 1
            }
        }
        let report = try JSONValue.parse(file: sample.output.appending("report.json"))
        #expect(report["negatives"]?["notInRanking"]?.integer == counts[0])
        let bars = try #require(report["negatives"]?["ranks"]?.array)
        #expect(bars.count > 2)
        for bar in bars {
            let range = (bar["from"]?.integer ?? 0)...min(20, bar["to"]?.integer ?? 0)
            #expect(bar["count"]?.integer == counts[range].reduce(0, +), "\(range)")
        }
        // A query's own documents are none of its negatives.
        #expect(counts.reduce(0, +) == report["negatives"]?["links"]?.integer)
    }

    /// A text model mines images by the answers of their questions.
    @Test func theTextSideFindsImages() throws {
        let set = try MadeUpSet(textSide: true)
        let result = try set.run()
        try #require(result.status == 0, "\(result.errorText)")
        #expect(result.errorText.contains("1 of 10 documents are left out"))
        let report = try set.report()
        let encoding = report["vectors"]?["corpus"]?["encoding"]
        #expect(encoding?["text_side"] == "answer" && encoding?["left_out"] == 1)
        #expect(report["vectors"]?["corpus"]?["count"] == 9)
        let outcomes = report["filter"]?["outcomes"]
        // The image without answers has no vector, and so its two questions find it nowhere.
        #expect(outcomes?["positiveNotInRun"]?["count"]?.integer ?? 0 >= 2)
        #expect(outcomes?["kept"]?["count"]?.integer ?? 0 >= 12)
        // Every use of an image counts: two queries a document, and the negatives.
        let mined = try #require(report["versions"]?.array?[2])
        #expect(mined["mediaItems"] == 10)
        let links = (mined["positives"]?.integer ?? 0) + (mined["negatives"]?.integer ?? 0)
        #expect(mined["inlineMediaBytes"]?.integer ?? 0 >= links * MadeUpSet.png.count)
    }

    @Test func withoutATextSideTheModelHasToSee() throws {
        let set = try MadeUpSet(textSide: false)
        let result = try set.run()
        #expect(result.status == 65)
        #expect(result.errorText.contains("the model reads nothing else"))
        #expect(result.errorText.contains("stage 'encode corpus'"))
    }

    @Test func hostileTextsStayTexts() throws {
        let set = try MadeUpSet(textSide: true)
        try #require(try set.run().status == 0)
        let page = try Files.readText(set.output.appending("report.html"))
        #expect(!page.contains("<script") && !page.contains("<i>nobody") && !page.contains("<b>& questions"))
        #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y"))
        #expect(page.contains("CC0 &amp; more"))
        #expect(page.contains("src=\"data:image/png;base64,iVBORw0KGgo"))
        // Written again from the store, it is the same.
        let again = try run(
            "tvt-dataset",
            [
                "report", set.folder("recipe.yaml").string, "--output", set.output.string, "--store",
                set.folder("store").string, "--manifests", set.folder("manifests").string,
            ])
        #expect(again.status == 0, "\(again.errorText)")
        #expect(try Files.readText(set.output.appending("report.html")) == page)
    }

    @Test func base64IsThatOfTheRFC() {
        for (text, expected) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(Array(text.utf8).withUnsafeBytes { base64($0) } == expected)
        }
    }
}
