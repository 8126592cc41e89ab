import Base
import StoreMaintenance
import Store
import Ingest
import JSON
import RawSources
import Records
import SystemPackage
import TestKit
import Testing

/// MS MARCO as it is published: tables without quoting, judgements, triples of ids.
@Suite struct MSMARCOTests {
    let place: SourcePlace

    init() throws {
        place = try SourcePlace()
        try place.write(["0\tHe said \"yes", "1\ttwo\"\" words", "2\t", "3\té \\t", "4\tfour"], to: "m/collection.tsv")
        try place.write(["10\twhat is 'it", "11\tso?"], to: "m/queries.train.tsv")
        try place.write(["20\tdev?", "21\tdev too"], to: "m/queries.dev.tsv")
        try place.write(["20\tdev?"], to: "m/queries.dev.small.tsv")
        try place.write(["10\t0\t1\t1", "10\t0\t0\t1", "11\t0\t3\t0"], to: "m/qrels.train.tsv")
        try place.write(["20\t0\t2\t1"], to: "m/qrels.dev.small.tsv")
        try place.write(["10\t0\t2", "10\t0\t1", "10\t0\t2", "11\t0\t4", "10\t0\t3", "10\t0\t4"], to: "triples.tsv")
    }

    @Test func aFolder() throws {
        try place.write(["not read"], to: "m/top1000.dev")
        let (dataset, report) = try place.take(.msmarco([place("m")]))
        #expect(dataset.documentCount == 5 && dataset.queryCount == 4 && report.sameQueryCount == 1)
        #expect(try place.document(dataset, 0)["document_text"]?.string == "He said \"yes")
        #expect(try place.document(dataset, 1)["document_text"]?.string == "two\"\" words")
        #expect(try place.document(dataset, 2)["document_text"]?.string == "")
        let query = try #require(try dataset.queryOrdinal(id: Array("10".utf8)))
        #expect(try Array(dataset.positives!.targets(of: query)) == [1, 0])
        // Judged not relevant, and of no training split.
        for id in ["11", "20"] {
            let ordinal = try #require(try dataset.queryOrdinal(id: Array(id.utf8)))
            #expect(try dataset.positives!.targets(of: ordinal).isEmpty)
        }
        #expect(report.judgementCounts.map(\.split) == ["dev.small", "train"])
        #expect(report.judgementCounts.map(\.count) == [1, 3])
        #expect(report.inputs.count == 6 && report.negativeCount == 0)
        #expect(try place.store.verify("set", level: .full).findings.isEmpty)
    }

    @Test func tarsAndPackedFilesAreTheSame() throws {
        let (folder, _) = try place.take(.msmarco([place("m")]), as: "folder")
        let script = """
            cd \(place("m")) && tar czf ../collectionandqueries.tar.gz collection.tsv qrels.*.tsv queries.train.tsv \
            queries.dev.small.tsv && tar czf ../queries.tar.gz queries.dev.tsv queries.train.tsv && \
            gzip collection.tsv && zstd -q --rm queries.dev.tsv
            """
        #expect(try runShell(script).status == 0)
        let (packed, _) = try place.take(.msmarco([place("m")]), as: "packed")
        let tars = [place("collectionandqueries.tar.gz"), place("queries.tar.gz")]
        let (tar, report) = try place.take(.msmarco(tars), as: "tar")
        #expect(folder.manifest.logicalDigest == packed.manifest.logicalDigest)
        // The order of queries is that of the files, and these are two.
        #expect(
            tar.documentCount == 5 && tar.queryCount == 4 && tar.positives!.linkCount == folder.positives!.linkCount)
        #expect(try report.inputs.map(\.sha256) == tars.map { try .ofFile($0) })
    }

    @Test func negativesOfTriples() throws {
        let (dataset, report) = try place.take(
            .msmarco([place("m")], triples: place("triples.tsv"), negativesPerQuery: 3))
        let query = try #require(try dataset.queryOrdinal(id: Array("10".utf8)))
        // The first three different ones, of which one is a positive.
        #expect(try Array(dataset.negatives!.targets(of: query)) == [2, 3])
        #expect(report.sourceCounts[RowRecords.negativesThatArePositives] == 1)
        let other = try #require(try dataset.queryOrdinal(id: Array("11".utf8)))
        #expect(try Array(dataset.negatives!.targets(of: other)) == [4])
        #expect(dataset.manifest.provenance.options["negativesPerQuery"] == 3)
    }

    @Test(arguments: [
        ("10\t0\t9", "triples.tsv:2 (byte 7): there is no document \"9\""),
        ("10\t0", "triples.tsv:2 (byte 7): the line has not"),
        ("10\t0\t1\t2", "triples.tsv:2 (byte 7): the line has not"),
        ("10\t0\t", "triples.tsv:2 (byte 7): an id is empty"),
        ("99\t0\t1", "triples.tsv:2: there is no query"),
    ])
    func badTriples(line: String, says: String) throws {
        try place.write(["10\t0\t2", line, "98\t0\t1"], to: "triples.tsv")
        let text = place.message(of: try .msmarco([place("m")], triples: place("triples.tsv")))
        #expect(text.contains(says), "\(text)")
    }

    @Test func whatDoesNotFitIsNamed() throws {
        try place.write(["20\tanother text"], to: "m/queries.eval.tsv")
        #expect(place.message(of: try .msmarco([place("m")])).contains("queries.eval.tsv:1"))
        #expect(place.message(of: try .msmarco([place("m")])).contains("\"20\" occurs twice, first at"))
        try place.write(["30\teval?"], to: "m/queries.eval.tsv")
        try place.write(["30\t0\t77\t1"], to: "m/qrels.eval.tsv")
        #expect(
            place.message(of: try .msmarco([place("m")])).contains(
                "qrels.eval.tsv:1 (byte 0): there is no document \"77\"")
        )
        try place.write(["31\t0\t1\t1"], to: "m/qrels.eval.tsv")
        #expect(
            place.message(of: try .msmarco([place("m")])).contains(
                "qrels.eval.tsv:1 (byte 0): there is no query \"31\""))
        try place.write(["30\t0\t1\tmuch"], to: "m/qrels.eval.tsv")
        #expect(place.message(of: try .msmarco([place("m")])).contains("the grade \"much\" is not a number"))
        try place.write(["5\tone\ttoo many"], to: "m/collection.tsv")
        #expect(place.message(of: try .msmarco([place("m")])).contains("collection.tsv:1 (byte 0)"))
    }

    @Test func filesOfTREC() throws {
        try place.write(["900\ttrec?"], to: "msmarco-test2019-queries.tsv")
        try place.write(["900 Q0 1 3", "900 Q0 2 0"], to: "2019qrels-pass.txt")
        let more = [place("msmarco-test2019-queries.tsv"), place("2019qrels-pass.txt")]
        let (dataset, report) = try place.take(.msmarco([place("m")] + more))
        #expect(dataset.queryCount == 5)
        #expect(report.judgementCounts.contains { $0.split == "2019qrels-pass" && $0.count == 2 })
    }

    @Test func splits() throws {
        let (dataset, _) = try place.take(.msmarco([place("m")], positives: ["train", "dev.small"]))
        #expect(dataset.positives!.linkCount == 3)
        #expect(place.message(of: try .msmarco([place("m")], positives: ["eval"])).contains("Splits: dev.small, train"))
        try Files.remove(place("m/qrels.train.tsv"))
        let (untrained, _) = try place.take(.msmarco([place("m")]), as: "untrained")
        #expect(untrained.positives?.linkCount ?? 0 == 0)
    }

    @Test func whatIsMissingIsNamed() throws {
        #expect(place.message(of: try .msmarco([place("triples.tsv")])).contains("there is no collection.tsv"))
        #expect(place.message(of: try .msmarco([place("m/collection.tsv")])).contains("there are no queries"))
        try place.write(["0\ta"], to: "m/again/collection.tsv")
        #expect(place.message(of: try .msmarco([place("m")])).contains("several collections"))
    }

    @Test func cutOffAnywhere() throws {
        let lines = ["0\tHe said \"yes", "1\ttwo"]
        let path = try place.write(lines, to: "m/collection.tsv")
        for name in ["qrels.train.tsv", "qrels.dev.small.tsv"] { try Files.remove(place("m/" + name)) }
        // A table has no mark of its end: a cut within a text is a shorter text, one within an id has no text.
        let secondID = lines[0].utf8.count + 2
        try place.cut(path, wholeCounts: { $0 >= 2 && $0 != secondID }) { try .msmarco([place("m")]) }
        #expect(
            try runShell("cd \(place("m")) && printf '0\\ta\\n1\\tb\\n' > collection.tsv && gzip collection.tsv").status
                == 0)
        try place.cut(place("m/collection.tsv.gz"), wholeCounts: { _ in false }) { try .msmarco([place("m")]) }
    }

    @Test func theResultDoesNotDependOnBatches() throws {
        try place.write((0..<500).map { "\($0)\ttext \($0)" }, to: "m/collection.tsv")
        try place.write((0..<200).map { "\(1000 + $0)\tquery \($0)" }, to: "m/queries.eval.tsv")
        let source = { try RawSource.msmarco([place("m")], triples: place("triples.tsv")) }
        let (one, _) = try place.take(source(), as: "one", workers: 1, batchByteCount: 50)
        let (two, _) = try place.take(source(), as: "two", workers: 3)
        #expect(one.manifest.logicalDigest == two.manifest.logicalDigest)
    }

    @Test func theTool() throws {
        let arguments = ["msmarco", place("m").string, "--dataset", "tool", "--store", place("store").string]
        let result = try run("tvt-convert", arguments + ["--positives", "train", "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "report")["positives"] == 2)
        #expect(try run("tvt-convert", arguments + ["--negatives-per-query", "3"]).status == 64)
        let help = try run("tvt-convert", ["msmarco", "--help"])
        for word in ["collectionandqueries.tar.gz", "--triples", "v1-to-v2"] { #expect(help.outputText.contains(word)) }
    }
}
