import Archives
import StoreMaintenance
import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// `--quarantine FILE`: what is left out because of its media, what goes with it, and what stays.
@Suite struct QuarantineTests {
    let place: MediaPlace

    init() throws {
        place = try MediaPlace()
        try place.add(golden: "rgb.png", "grey.png", "baseline.jpg", "stereo.wav")
        try place.add(Array("no image".utf8), as: "bad.png")
    }

    /// Good documents and broken ones by turns; every third is broken.
    private func corpus(_ count: Int) -> [String] {
        (0..<count).map { number in
            document("d\(number)", "image", number % 3 == 2 ? (number % 2 == 0 ? "bad.png" : "gone.png") : "rgb.png")
        }
    }

    /// Links to what is left out go with it; a query that loses all its positives too.
    @Test func linksAndJudgements() throws {
        let queries = [
            #"{"query_id":"q0","query_text":"x","positive_document_ids":["d0","d2","d3"],"#
                + #""positive_document_scores":[0.5,1.5,2.5],"negative_document_ids":["d5","d1"]}"#,
            #"{"query_id":"q1","query_text":"x","positive_document_ids":["d2","d5"],"positive_document_scores":[1,2]}"#,
            #"{"query_id":"q2","query_image":"bad.png","positive_document_ids":["d0"],"positive_document_scores":[1]}"#,
            #"{"query_id":"q3","query_text":"x","positive_document_ids":[],"negative_document_ids":["d2"]}"#,
        ]
        let qrels = ["q0\td0\t1", "q0\td2\t1", "q1\td0\t1", "q2\td0\t2", "q3\td1\t1"]
        let result = try place.convert(corpus(6), queries: queries, qrels: qrels, ["--quarantine", "q"])
        #expect(result.status == 0, "\(result.errorText)")
        let report = try result.report
        #expect(report["documents"] == 4 && report["queries"] == 2 && report["rejects"] == 0)
        #expect(
            report["quarantined"]
                == ["lost positives": 1, "missing": 1, "unknown format": 2], "\(report["quarantined"] ?? .null)")
        // d2, d5 of q0, d2 of q3; those of q1 are gone with it.
        #expect(report["lost_links"] == 3)
        #expect(report["lost_judgements"] == 3 && report["judgements"]?["test"] == 2)
        let dataset = try place.dataset()
        let positives = try #require(dataset.positives)
        #expect(try Array(positives.targets(of: 0)) == [0, 2])
        #expect(try positives.scores(of: 0).map { Array($0) } == [0.5, 2.5])
        #expect(try Array(dataset.negatives!.targets(of: 0)) == [1])
        let listed = try place.quarantine()
        #expect(listed.map { $0["docid"]?.string ?? $0["query_id"]?.string } == ["d2", "d5", "q1", "q2"])
        #expect(listed[2]["field"]?.string == "positive_document_ids" && listed[2]["name"] == nil)
        #expect(listed[3]["field"]?.string == "query_image")
        #expect(try Store(opening: place.root).verify(level: .full).findings.isEmpty)
        #expect(dataset.manifest.provenance.statistics["lostLinks"] == 3)
    }

    /// A link to what never was stays a fault.
    @Test func unknownIDsAreStillFaults() throws {
        let query = #"{"query_id":"q","query_text":"x","positive_document_ids":["nowhere"]}"#
        let result = try place.convert(corpus(3), queries: [query], ["--quarantine", "q"])
        #expect(result.status == 65 && result.errorText.contains("there is no document"))
        #expect(try place.isEmpty())
        // What did not come to a dataset has no list.
        #expect(!Files.exists(place.folder("q")))
    }

    /// Without `--quarantine` a broken item is a bad record like others; with it, others still are bad records.
    @Test func withRejects() throws {
        let mixed = corpus(6) + [#"{"docid":"x"}"#, #"{"docid":"y","#]
        let rejecting = ["--max-bad-records", "4", "--rejects", "r"]
        let plain = try place.convert(mixed, rejecting)
        #expect(plain.status == 0, "\(plain.errorText)")
        #expect(try plain.report["rejects"] == 4 && plain.report["quarantined"] == nil)
        #expect(try place.convert(mixed, ["--max-bad-records", "3", "--rejects", "r"]).status == 65)
        let both = try place.convert(
            mixed, as: "both", ["--max-bad-records", "2", "--rejects", "r", "--quarantine", "q"])
        #expect(both.status == 0, "\(both.errorText)")
        #expect(try both.report["rejects"] == 2)
        #expect(try place.quarantine().count == 2)
        #expect(try Files.readText(place.folder("r")).split(separator: "\n").count == 2)
        #expect(
            try place.dataset("both").manifest.logicalDigest == place.dataset().manifest.logicalDigest)
        let few = ["--max-bad-records", "1", "--rejects", "r", "--quarantine", "q"]
        #expect(try place.convert(mixed, as: "few", few).status == 65)
    }

    @Test func whereNothingIsLeft() throws {
        let result = try place.convert([document("1", "image", "bad.png")], ["--quarantine", "q"])
        #expect(result.status == 65 && result.errorText.contains("no document is left"), "\(result.errorText)")
        // Nothing is converted, and the list still says why.
        #expect(try place.isEmpty() && place.quarantine().count == 1)
        let folder = try place.convert([document("1", "image", "bad.png")], ["--quarantine", "."])
        #expect(folder.status == 73 && !folder.errorText.contains("standard output"), "\(folder.errorText)")
        let good = try place.convert([document("1", "image", "rgb.png")], ["--quarantine", "q"])
        #expect(good.status == 0)
        #expect(try good.report["quarantined"] == .object([:]) && Files.readText(place.folder("q")).isEmpty)
        #expect(try place.convert([document("1", "image", "rgb.png")], ["--quarantine", "-"]).status == 64)
    }

    @Test func theResultIsTheSameWhateverTheWorkers() throws {
        for (workers, name) in [("1", "one"), ("4", "four")] {
            let result = try place.convert(corpus(900), as: name, ["--quarantine", name, "--workers", workers])
            #expect(result.status == 0, "\(result.errorText)")
            #expect(result.errorText.contains("more records are in quarantine"))
        }
        let digests = try ["one", "four"].map { try place.dataset($0).manifest.logicalDigest }
        #expect(digests[0] == digests[1])
        #expect(try Files.readText(place.folder("one")) == Files.readText(place.folder("four")))
        #expect(try place.quarantine("one").count == 300)
    }

    /// However it ends, the list is whole or not there.
    @Test func aKillLeavesAWholeListOrNone() throws {
        let lines = corpus(6000)
        let start = Clock.seconds()
        #expect(try place.convert(lines, ["--quarantine", "calm"]).status == 0)
        let duration = Clock.seconds() - start
        let whole = try Files.readText(place.folder("calm"))
        for part in 1...5 {
            let result = try run(
                "tvt-convert",
                [
                    "v2", "--corpus", place.folder("corpus.jsonl").string, "--assets", place.folder("assets").string,
                    "--dataset", "killed", "--quarantine", place.folder("q").string, "--store",
                    place.folder("killed").string,
                ], killAfterSeconds: duration * Double(part) / 5.2)
            if Files.exists(place.folder("q")) { #expect(try Files.readText(place.folder("q")) == whole) }
            if !result.wasKilled { #expect(result.status == 0) }
        }
    }

    /// Samples of a tar, and passages of v1 rows: left out whole.
    @Test func otherWaysIn() throws {
        let writer = try TarWriter(place.folder("corpus.tar"))
        for (name, bytes) in [
            ("a.png", try golden("rgb.png")), ("b.png", Array("no image".utf8)), ("c.wav", try golden("stereo.wav")),
        ] { try bytes.withUnsafeBytes { try writer.append(name, $0) } }
        try writer.commit()
        let tar = try place.tool(["webdataset", "corpus.tar", "--dataset", "tar", "--quarantine", "q"])
        #expect(tar.status == 0, "\(tar.errorText)")
        #expect(try place.dataset("tar").documentCount == 2 && place.dataset("tar").mediaCount == 2)
        #expect(try place.quarantine().first?["name"]?.string == "b.png")
        let rows = ["rgb.png", "bad.png"].map {
            #"{"query_id":"\#($0)","query":"q","positive_passages":[{"docid":"\#($0)","text":"t","image":"\#($0)"}],"#
                + #""negative_passages":[]}"# + "\n"
        }
        try place.folder.write(rows.joined(), to: "rows.jsonl")
        let v1 = try place.tool([
            "v1-to-v2", "rows.jsonl", "--assets", "assets", "--dataset", "v1", "--quarantine", "q",
        ])
        #expect(v1.status == 0, "\(v1.errorText)")
        #expect(try place.dataset("v1").queryCount == 1)
        #expect(try place.quarantine().first?["field"]?.string == "positive_passages[0].document_image")
    }

    /// A row of a table whose bytes are none.
    @Test func parquet() throws {
        let tree = try SourceTree(sourceRoot.appending("Tests/RawSourcesTests/Golden/tevatron.tar.zst"))
        try place.folder.write(tree.open("bad-empty.parquet").readAll(), to: "bad-empty.parquet")
        let result = try place.tool([
            "tevatron", "--corpus", "bad-empty.parquet", "--dataset", "set", "--quarantine", "q",
        ])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try result.report["quarantined"] == ["bad data": 1])
        #expect(try place.quarantine().first?["docid"]?.string == "b")
    }
}
