import Base
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

/// Pages of documents: Wiki-SS and the test sets of ViDoRe, in Parquet and JSON Lines.
@Suite struct PageSourceTests {
    let place: SourcePlace
    var folder: TemporaryFolder { place.folder }

    init() throws {
        place = try SourcePlace()
        for name in ["a", "b", "c"] { try folder.write("\u{89}PNG\r\n\u{1A}\n page " + name, to: "files/\(name).png") }
        try folder.write("\u{89}PNG\r\n\u{1A}\n page a", to: "files/a-again.png")
    }

    private func sample(_ name: String) -> FilePath { sourceRoot.appending("datasets/\(name)/sample") }

    private func take(
        _ source: RawSource, as reference: String = "set", _ change: (inout IngestOptions) -> Void = { _ in }
    ) throws -> (Dataset, IngestReport) {
        try place.take(source, as: reference, assets: folder("files"), change)
    }

    private func message(of source: @autoclosure () throws -> RawSource) -> String {
        place.message(of: try source(), assets: folder("files"))
    }

    // MARK: - Wiki-SS

    private func writeWiki(queries: String, split: String = "train") throws {
        try folder.write(
            #"""
            {"docid":"A","image":"a.png","title":"T","text":"t"}
            {"docid":7,"image":"b.png"}
            {"docid":"C","image":"c.png","revision":3}

            """#, to: "wiki/corpus.jsonl")
        try folder.write(queries, to: "wiki/queries/\(split)-00000-of-00001.jsonl")
    }

    private func wiki(_ positives: [String]? = nil) throws -> RawSource {
        try .wikiSS(queries: [folder("wiki/queries")], corpus: [folder("wiki/corpus.jsonl")], positives: positives)
    }

    @Test func wikiIsTakenAsItIs() throws {
        try writeWiki(
            queries: #"""
                {"query_id":"1","query":"what?","answers":["x","y"],"positive_passages":[{"docid":"A","title":"T"}],"negative_passages":[{"docid":7}]}
                {"query_id":2,"query_text":"who?","positive_document_ids":["C"],"negative_document_ids":["A","7"]}

                """#)
        try writeWiki(
            queries: #"{"query_id":"3","query":"why?","positive_document_ids":["A"],"negative_document_ids":["C"]}"#
                + "\n",
            split: "test")
        let (dataset, _) = try take(wiki())
        #expect(dataset.documentCount == 3 && dataset.queryCount == 3 && dataset.mediaCount == 3)
        let document = try place.document(dataset, "A")
        #expect(document["title"]?.string == "T" && document["document_text"]?.string == "t")
        #expect(try place.document(dataset, "C")["revision"]?.integer == 3)
        let first = try place.query(dataset, "1")
        #expect(first["query_text"]?.string == "what?" && first["answers"]?.array?.count == 2)
        #expect(try place.targets(dataset.positives, dataset) == ["1": ["A"], "2": ["C"]])
        #expect(try place.targets(dataset.negatives, dataset) == ["1": ["7"], "2": ["A", "7"]])
        // What is asked of the test split is judged, and nothing to train on.
        #expect(try place.judged(dataset, "test") == ["3": ["A"]])
        #expect(try place.judged(dataset, "train") == ["1": ["A"], "2": ["C"]])
        let both = try take(wiki(["train", "test"]), as: "both").0
        #expect(try place.targets(both.positives, both).count == 3)
        #expect(message(of: try wiki(["dev"])).contains("no split \"dev\""))
    }

    @Test func withoutASplitLinksStayLinks() throws {
        try writeWiki(
            queries: #"{"query_id":"1","query":"what?","positive_passages":[{"docid":"A"}],"negative_passages":[]}"#
                + "\n",
            split: "all")
        let (dataset, _) = try take(wiki())
        #expect(try place.targets(dataset.positives, dataset) == ["1": ["A"]] && dataset.judgements.isEmpty)
    }

    @Test func passagesWithoutIDsAreNamed() throws {
        try writeWiki(
            queries: #"{"query_id":"1","query":"what?","positive_passages":[{"docid":"A"},{"title":"T"}]}"# + "\n")
        let text = message(of: try wiki())
        #expect(text.contains("train-00000-of-00001.jsonl:1") && text.contains("missing field \"docid\""))
        #expect(text.contains("positive_passages[1]"))
        try writeWiki(queries: #"{"query_id":"1","query":"what?","positive_passages":[{"docid":"Z"}]}"# + "\n")
        #expect(message(of: try wiki()).contains("no document \"Z\""))
    }

    @Test func theSampleOfWikiInParquet() throws {
        let report = try place.convert(
            [
                "wiki-ss", "--queries", sample("wiki-ss").string + "/queries", "--corpus",
                sample("wiki-ss").string + "/corpus",
            ],
            as: "wiki")
        #expect(report["documents"]?.integer == 48 && report["queries"]?.integer == 24)
        #expect(report["positives"]?.integer == 20 && report["media_items"]?.integer == 48)
        #expect(report["judgements"]?["test"]?.integer == 4 && report["judgements"]?["train"]?.integer == 20)
    }

    // MARK: - ViDoRe

    @Test func version1MergesEqualPagesAndKeepsPagesThatNothingAsksFor() throws {
        try folder.write(
            #"""
            {"query":"What?","image":"a.png","image_filename":"1.png","answer":"A","source":"s"}
            {"query":"Why?","image":"a-again.png","image_filename":"2.png","answer":null}
            {"query":null,"image":"b.png","image_filename":"3.png"}
            {"image":"b.png","image_filename":"4.png"}
            {"query":"What?","image":"c.png","image_filename":"5.png"}

            """#, to: "test-00000-of-00001.jsonl")
        let (dataset, report) = try take(.vidore([folder("test-00000-of-00001.jsonl")]))
        #expect(dataset.documentCount == 3 && dataset.queryCount == 3 && dataset.positives == nil)
        #expect(report.duplicatesMerged == 2 && report.sourceCounts == ["pages without a query": 2])
        let pages = try ["a", "a", "c"].map { try SHA256Digest.ofFile(folder("files/\($0).png")).hex }
        let judged = dataset.judgements(split: "test")!
        for query in 0..<3 {
            let targets = try Array(judged.targets(of: query)).map {
                String(decoding: try dataset.documentID(Int($0)), as: UTF8.self)
            }
            #expect(targets == [pages[query]])
        }
        let first = try JSONValue.parse(dataset.queryRecord(0), path: "query")
        #expect(first["answer"]?.string == "A" && first["image_filename"]?.string == "1.png")
    }

    @Test func version1WithoutQueriesIsAnError() throws {
        try folder.write(#"{"image":"a.png"}"# + "\n", to: "pages.jsonl")
        #expect(message(of: try .vidore([folder("pages.jsonl")])).contains("no row has a query"))
        #expect(message(of: try .vidore([folder("pages.jsonl")], language: "english")).contains("--language"))
    }

    @Test func aFolderThatIsCalledDocsIsNoForm() throws {
        try folder.write(#"{"query":"What?","image":"a.png"}"# + "\n", to: "docs/test.jsonl")
        #expect(try take(.vidore([folder("docs")])).0.queryCount == 1)
    }

    /// ColPali's rows have the columns of version 1.
    @Test func version1InParquet() throws {
        let (dataset, _) = try place.take(.vidore([sample("colpali")]))
        #expect(dataset.documentCount == 29 && dataset.queryCount == 30 && dataset.mediaCount == 29)
        #expect(dataset.judgements.map(\.split) == ["test"] && dataset.positives == nil)
    }

    @Test func theFormOfBEIRInParquet() throws {
        let (dataset, report) = try place.take(.vidore([sample("vidore")]))
        #expect(dataset.documentCount == 24 && dataset.queryCount == 16 && dataset.positives == nil)
        #expect(report.sourceCounts.isEmpty)
        let page = try place.document(dataset, "7")
        #expect(page["doc-id"]?.string == "water" && page["doc"]?["title"]?.string == "Report on water")
        #expect(page["doc"]?["pages"]?.integer == 6)
        #expect(try place.query(dataset, "1")["language"]?.string == "french")
        #expect(try place.judged(dataset, "test")["0"] == ["1", "2"])
        let judged = dataset.judgements(split: "test")!
        #expect(try Array(#require(try judged.scores(of: 0))) == [2, 1])
    }

    @Test func aLanguageIsPicked() throws {
        let (dataset, report) = try place.take(.vidore([sample("vidore")], language: "french"))
        #expect(dataset.documentCount == 24 && dataset.queryCount == 8)
        #expect(
            report.sourceCounts == ["queries in other languages": 8, "judgements of queries in other languages": 16])
        #expect(dataset.manifest.provenance.options["language"]?.string == "french")
        let text = message(of: try .vidore([sample("vidore")], language: "german"))
        #expect(text.contains("no query is in \"german\"") && text.contains("english, french"))
    }

    private func writeBEIR(corpus: String? = nil, qrels: String? = nil, prefix: String = "v/") throws {
        let rows = #"{"corpus_id":1,"image":"a.png"}"# + "\n" + #"{"corpus_id":2,"image":"a-again.png"}"# + "\n"
        try folder.write(corpus ?? rows, to: prefix + "corpus/test.jsonl")
        try folder.write(#"{"query_id":5,"query":"What?"}"# + "\n", to: prefix + "queries/test.jsonl")
        try folder.write(
            qrels ?? #"{"query_id":5,"corpus_id":2,"score":1.5}"# + "\n", to: prefix + "qrels/test.jsonl")
    }

    @Test func namesWithUnderscoresAndFilesByTheirPrefixes() throws {
        try writeBEIR()
        let folders = try take(.vidore([folder("v")]), as: "folders").0
        // Ids are as published: equal pages stay two documents.
        #expect(folders.documentCount == 2 && folders.mediaCount == 1)
        #expect(try place.judged(folders, "test") == ["5": ["2"]])
        for part in ["corpus", "queries", "qrels"] {
            try folder.write(Files.readAll(folder("v/\(part)/test.jsonl")), to: "flat/\(part)-00000-of-00001.jsonl")
        }
        let flat = try take(.vidore([folder("flat")]), as: "flat").0
        #expect(flat.manifest.logicalDigest == folders.manifest.logicalDigest)
        try folder.write("{}\n", to: "flat/pdfs-00000.jsonl")
        #expect(message(of: try .vidore([folder("flat")])).contains("pdfs-00000.jsonl is none of corpus"))
        try Files.removeTree(folder("v/qrels"))
        #expect(message(of: try .vidore([folder("v")])).contains("there is no qrels"))
    }

    @Test func judgementsAtFaultAreNamed() throws {
        try writeBEIR(qrels: #"{"query_id":5,"corpus_id":3,"score":1}"# + "\n")
        #expect(message(of: try .vidore([folder("v")])).contains("no document \"3\""))
        try writeBEIR(qrels: #"{"query_id":6,"corpus_id":2,"score":1}"# + "\n")
        #expect(message(of: try .vidore([folder("v")])).contains("no query \"6\""))
        try writeBEIR(qrels: #"{"query_id":5,"corpus_id":2,"score":"x"}"# + "\n")
        let text = message(of: try .vidore([folder("v")]))
        #expect(text.contains("qrels/test.jsonl:1") && text.contains("field \"score\""))
        try writeBEIR(
            qrels: #"{"query_id":5,"corpus_id":2,"score":1}"# + "\n" + #"{"query_id":5,"corpus_id":2,"score":2}"# + "\n"
        )
        #expect(message(of: try .vidore([folder("v")])).contains("two grades"))
    }

    @Test func docsAreJoined() throws {
        try writeBEIR(
            corpus: #"{"corpus_id":1,"image":"a.png","doc_id":"r"}"# + "\n"
                + #"{"corpus_id":2,"image":"b.png","doc_id":"s"}"# + "\n")
        try folder.write(#"{"doc_id":"r","url":"u"}"# + "\n", to: "v/documents_metadata/test.jsonl")
        let (dataset, report) = try take(.vidore([folder("v")]))
        #expect(try place.document(dataset, "1")["doc"]?["url"]?.string == "u")
        #expect(try place.document(dataset, "2")["doc"] == nil)
        #expect(report.sourceCounts == ["pages whose document is not in docs": 1])
        try folder.write(#"{"doc_id":"r"}"# + "\n" + #"{"doc_id":"r"}"# + "\n", to: "v/docs/test.jsonl")
        try Files.removeTree(folder("v/documents_metadata"))
        #expect(message(of: try .vidore([folder("v")])).contains("docs/test.jsonl:2"))
    }

    @Test(arguments: [1, 2]) func theResultDoesNotDependOnBatches(workers: Int) throws {
        for name in ["vidore", "colpali"] {
            let whole = try place.take(.vidore([sample(name)]), as: "whole").0
            let small = try place.take(.vidore([sample(name)]), as: "small") {
                $0.workers = workers
                $0.batchByteCount = 1
            }.0
            #expect(small.manifest.logicalDigest == whole.manifest.logicalDigest)
        }
    }

    /// Names of items on their way are random, and nothing of them is left: not even how long they were.
    @Test func theManifestTooIsAFunctionOfTheData() throws {
        let digests = try (0..<8).map { _ in try place.take(.vidore([sample("vidore")])).0.digest }
        #expect(digests.allSatisfy { $0 == digests[0] })
    }

    @Test func samplesOfImagesAreTaken() throws {
        let pixmo = try place.convert(["pixmo", sample("pixmo").string], as: "pixmo")
        #expect(pixmo["documents"]?.integer == 32 && pixmo["queries"]?.integer == 80)
        let colpali = try place.convert(["colpali", sample("colpali").string], as: "colpali")
        #expect(colpali["documents"]?.integer == 29 && colpali["queries"]?.integer == 30)
    }

    @Test(arguments: ["wiki-ss", "vidore"]) func helpTeaches(command: String) throws {
        let help = try run("tvt-convert", [command, "--help"])
        #expect(help.status == 0 && help.outputText.contains("Parquet") && help.outputText.contains("--dataset"))
    }
}
