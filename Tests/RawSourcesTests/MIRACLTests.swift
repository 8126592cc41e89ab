import Base
import Store
import Ingest
import JSON
import RawSources
import Records
import SystemPackage
import TestKit
import Testing

/// MIRACL: a language is a dataset; what was judged not to answer is a negative.
@Suite struct MIRACLTests {
    let place: SourcePlace

    init() throws {
        place = try SourcePlace()
        try write("sw")
    }

    private func write(_ language: String) throws {
        let corpus = "r/miracl-corpus-v1.0-\(language)", set = "r/miracl-v1.0-\(language)"
        let passages = (0..<4).map { #"{"docid":"\#($0)#0","title":"T \#($0)","text":"passage \#($0) \#(language)"}"# }
        try place.write(Array(passages[..<2]), to: corpus + "/docs-0.jsonl")
        try place.write(Array(passages[2...]), to: corpus + "/docs-1.jsonl")
        try place.write(["1#0\tNini?", "2#0\tWapi \"?"], to: set + "/topics/topics.miracl-v1.0-\(language)-train.tsv")
        try place.write(["3#0\tLini?"], to: set + "/topics/topics.miracl-v1.0-\(language)-dev.tsv")
        try place.write(["4#0\tNani?"], to: set + "/topics/topics.miracl-v1.0-\(language)-test-b.tsv")
        try place.write(
            ["1#0\tQ0\t0#0\t1", "1#0\tQ0\t1#0\t0", "2#0\tQ0\t3#0\t1"],
            to: set + "/qrels/qrels.miracl-v1.0-\(language)-train.tsv")
        try place.write(
            ["3#0\tQ0\t2#0\t1", "3#0\tQ0\t0#0\t0"], to: set + "/qrels/qrels.miracl-v1.0-\(language)-dev.tsv")
    }

    @Test func aLanguage() throws {
        try place.write(["readme"], to: "r/README.md")
        let (dataset, report) = try place.take(.miracl([place("r")]))
        #expect(dataset.documentCount == 4 && dataset.queryCount == 4)
        #expect(
            report.judgementCounts.map(\.split) == ["dev", "train"] && report.judgementCounts.map(\.count) == [2, 3])
        let first = try #require(try dataset.queryOrdinal(id: Array("1#0".utf8)))
        #expect(try place.texts(dataset, dataset.positives, of: first) == ["passage 0 sw"])
        #expect(try place.texts(dataset, dataset.negatives, of: first) == ["passage 1 sw"])
        let dev = try #require(try dataset.queryOrdinal(id: Array("3#0".utf8)))
        #expect(try dataset.positives!.targets(of: dev).isEmpty && dataset.negatives!.targets(of: dev).isEmpty)
        #expect(try place.document(dataset, 0)["title"]?.string == "T 0")
        #expect(dataset.manifest.provenance.options["language"] == "sw")
        let (plain, _) = try place.take(.miracl([place("r")], negativesFromJudgements: false), as: "plain")
        #expect(plain.negatives?.linkCount ?? 0 == 0 && plain.positives!.linkCount == 2)
    }

    @Test func severalLanguages() throws {
        try write("yo")
        #expect(place.message(of: try .miracl([place("r")])).contains("several languages: sw, yo"))
        let (dataset, _) = try place.take(.miracl([place("r")], language: "yo"))
        #expect(try place.document(dataset, 0)["document_text"]?.string == "passage 0 yo")
        #expect(place.message(of: try .miracl([place("r")], language: "ja")).contains("There are: sw, yo"))
        // The folders of one language, named by themselves and packed.
        #expect(try runShell("gzip -r \(place("r"))").status == 0)
        let folders = [place("r/miracl-v1.0-yo"), place("r/miracl-corpus-v1.0-yo")]
        let (packed, _) = try place.take(.miracl(folders), as: "packed")
        #expect(packed.manifest.logicalDigest == dataset.manifest.logicalDigest)
    }

    @Test func partsThatAreMissing() throws {
        #expect(
            place.message(of: try .miracl([place("r/miracl-v1.0-sw")])).contains("miracl-corpus-v1.0-sw/docs-*.jsonl"))
        #expect(place.message(of: try .miracl([place("r/miracl-corpus-v1.0-sw")])).contains("topics.*.tsv"))
        #expect(
            place.message(of: try .miracl([place("r/miracl-v1.0-sw/topics"), place("store/oci-layout")])).contains(
                "docs-*")
        )
        try place.folder.write("x", to: "e/other.txt")
        #expect(place.message(of: try .miracl([place("e")])).contains("there are no files of MIRACL"))
    }

    @Test func badRowsAreNamed() throws {
        let corpus = "r/miracl-corpus-v1.0-sw/docs-1.jsonl"
        try place.write([#"{"docid":"2#0","title":"T","text":["x"]}"#], to: corpus)
        #expect(place.message(of: try .miracl([place("r")])).contains("docs-1.jsonl:1 (byte 0), field \"text\""))
        try place.write([#"{"docid":"2#0","title":"T","text":"x"}"#], to: corpus)
        #expect(
            place.message(of: try .miracl([place("r")])).contains(
                "qrels.miracl-v1.0-sw-train.tsv:3 (byte 26): there is no document \"3#0\""))
    }

    @Test func theResultDoesNotDependOnBatches() throws {
        let (one, _) = try place.take(.miracl([place("r")]), as: "one", workers: 1, batchByteCount: 10)
        let (two, _) = try place.take(.miracl([place("r")]), as: "two", workers: 3)
        #expect(one.manifest.logicalDigest == two.manifest.logicalDigest)
    }

    @Test func theTool() throws {
        let arguments = ["miracl", place("r").string, "--dataset", "tool", "--store", place("store").string, "--json"]
        let result = try run("tvt-convert", arguments + ["--no-negatives-from-judgements"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "report")["negatives"] == 0)
        try write("yo")
        #expect(try run("tvt-convert", arguments).status == 64)
        #expect(try run("tvt-convert", ["miracl", "--help"]).outputText.contains("--language"))
    }
}
