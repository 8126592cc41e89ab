import Archives
import Base
import Ingest
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// What conversions say of files that are missing or not read, of samples that are torn, and of what v1 has no place for.
@Suite struct SourceFileTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    /// Converts corpora of one document each and gives the parts that are said to be missing.
    private func missing(_ names: [String]) throws -> [String] {
        for (number, name) in names.enumerated() {
            try place.folder.write("{\"docid\":\"\(number)\",\"text\":\"x\"}\n", to: name)
        }
        let check = try place.tool(["v2", "--dataset", "x", "--corpus"] + names)
        #expect(check.status == 0, "\(check.errorText)")
        guard let line = check.errorText.split(separator: "\n").first(where: { $0.contains("parts that are missing") })
        else { return [] }
        return line.split(separator: ": ").last!.split(separator: ", ").map(String.init)
    }

    @Test(arguments: [
        (["train-00000-of-00002.jsonl"], ["train-00001-of-00002.jsonl"]),
        (["train-00001-of-00002.jsonl"], ["train-00000-of-00002.jsonl"]),
        (["train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl"], []),
        (["part-1-of-3.jsonl", "part-3-of-3.jsonl"], ["part-2-of-3.jsonl"]),
        (["part-1-of-3.jsonl", "part-2-of-3.jsonl", "part-3-of-3.jsonl"], []),
        (["part_1_of_2.jsonl"], ["part_2_of_2.jsonl"]),
        (["a-00000-of-00001.jsonl", "b-00000-of-00002.jsonl"], ["b-00001-of-00002.jsonl"]),
        (["shard-000000.jsonl", "shard-000002.jsonl"], ["shard-000001.jsonl"]),
        (["shard-000002.jsonl", "shard-000003.jsonl"], ["shard-000000.jsonl", "shard-000001.jsonl"]),
        (["docs-0.jsonl", "docs-1.jsonl", "docs-3.jsonl"], ["docs-2.jsonl"]),
        (["corpus-1.jsonl", "corpus-2.jsonl"], []), (["corpus-2.jsonl"], []),
        // Years and versions are no parts.
        (["wiki-2019.jsonl", "wiki-2021.jsonl"], []), (["v1.0.jsonl", "v1.2.jsonl"], []),
    ]) func partsThatAreMissingAreNamed(names: [String], expected: [String]) throws {
        #expect(try missing(names) == expected)
    }

    // MARK: - Samples

    /// A tar of members in this order.
    private func tar(_ members: [(name: String, text: String)]) throws -> FilePath {
        let writer = try TarWriter(place.folder("set.tar"))
        for member in members {
            try Array(member.text.utf8).withUnsafeBytes { try writer.append(member.name, $0) }
        }
        try writer.commit()
        return place.folder("set.tar")
    }

    @Test func endingsOfAnyCaseMakeASample() throws {
        let path = try tar([
            ("k1.TXT", "one"), ("k2.JSON", #"{"document_text":"two"}"#), ("k3.Txt", "three"), ("._k1.TXT", "x"),
        ])
        _ = try Conversions.samples([path], into: place.store, reference: "set")
        #expect(
            try place.store.dataset("set").documentLines == [
                #"{"docid":"k1","document_text":"one"}"#, #"{"docid":"k2","document_text":"two"}"#,
                #"{"docid":"k3","document_text":"three"}"#,
            ])
    }

    @Test func tornSamplesAndDottedKeysAreTold() throws {
        let members = [("k1.txt", "one"), ("k2.txt", "two"), ("k1.json", "{}"), ("a.b.jpg", "x"), ("k3.txt", "three")]
        let path = try tar(members)
        let error = #expect(throws: InputError.self) {
            _ = try Conversions.samples([path], into: place.store, reference: "set")
        }
        #expect(error?.reason == "the members of the sample \"k1\" do not lie side by side")
        var options = IngestOptions()
        options.badRecordLimit = 2
        options.rejects = place.folder("rejects")
        _ = try Conversions.samples([path], into: place.store, reference: "set", options: options)
        #expect(try place.store.dataset("set").documentCount == 3)
        let reasons = try Files.readText(place.folder("rejects.reasons"))
        #expect(reasons.contains("set.tar/a.b.jpg") && reasons.contains("The key of a sample ends at the first dot"))
    }

    // MARK: - v1

    @Test func scoresThatV1HasNoPlaceForAreCounted() throws {
        try place.write([#"{"docid":"a","text":"x"}"#, #"{"docid":"b","text":"y"}"#], to: "corpus.jsonl")
        try place.write(
            [
                #"{"query_id":"q","query_text":"z","positive_document_ids":["a"],"positive_document_scores":[1.5],"#
                    + #""negative_document_ids":["b"],"negative_document_scores":[0.5]}"#
            ], to: "queries.jsonl")
        #expect(
            try place.tool(["v2", "--corpus", "corpus.jsonl", "--queries", "queries.jsonl", "--dataset", "s"]).status
                == 0)
        let result = try place.tool(["v2-to-v1", "s", "--output", "rows.jsonl"])
        #expect(result.status == 0 && result.errorText.contains("no place for scores of links: 2 are not written"))
    }

    @Test func aPositiveAmongTheNegativesIsCounted() throws {
        let rows = [
            row("1", positives: ["a"], negatives: ["b", "a"]), row("2", positives: ["a"], negatives: ["b"]),
            row("3", positives: (0..<40).map { "p\($0)" }, negatives: ["p39"]),
        ]
        let report = try place.convert(rows).report
        #expect(report.sourceCounts == ["rows with a positive among their negatives": 2])
    }
}
