import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// `tvt-store sample` and `merge`: records are copied.
@Suite("Samples and merged datasets")
struct SampleTests {
    let world: CurationWorld
    init() throws { world = try CurationWorld() }

    @Test("a sample has its queries, all that they are linked to, and nothing that points nowhere")
    func sample() throws {
        let report = try world.succeed(
            "tvt-store", ["sample", "set", "--as", "small", "--queries", "4", "--seed", "1"])
        let (whole, small) = (try world.dataset("set"), try world.dataset("small"))
        #expect(small.queryCount == 4 && small.documentCount == 16 && report["linked_documents"] == 16)
        let ids = Set(try small.queryIDs)
        func own(_ lines: [String]) -> [String] { lines.filter { ids.contains(String($0.prefix { $0 != ":" })) } }
        #expect(try small.lines(small.positives) == own(whole.lines(whole.positives)))
        #expect(try small.lines(small.negatives) == own(whole.lines(whole.negatives)))
        #expect(try small.judged("test") == own(whole.judged("test")))
        // The records are the same, in the same order, with their images.
        let order = Dictionary(uniqueKeysWithValues: try whole.documentIDs.enumerated().map { ($1, $0) })
        let ordinals = try small.documentIDs.map { order[$0] ?? -1 }
        #expect(ordinals == ordinals.sorted())
        for (new, old) in ordinals.enumerated() {
            #expect(try small.documentRecord(new) == whole.documentRecord(old))
            if old % 10 == 0 {
                let image = try #require(try small.document(new).image?.digest)
                #expect(try small.withMedia(image) { Array($0) } == CurationWorld.image(old))
            }
        }
        #expect(small.manifest.media?.externalCount == 0)
        #expect(small.manifest.provenance.parents == [whole.digest])
        try world.expectClean()
    }

    @Test("a larger sample of the same seed contains a smaller one, whatever the order of the records")
    func nested() throws {
        func queries(_ count: Int, _ seed: Int, of name: String = "set") throws -> Set<String> {
            let reference = "\(name)-\(count)-\(seed)"
            try world.succeed(
                "tvt-store", ["sample", name, "--as", reference, "--queries", "\(count)", "--seed", "\(seed)"])
            return Set(try world.dataset(reference).queryIDs)
        }
        let few = try queries(3, 9)
        #expect(few.isSubset(of: try queries(8, 9)))
        #expect(try queries(3, 10) != few)
        let lines = try Files.readText(world.temporary("set.queries")).split(separator: "\n").reversed()
        try world.temporary.write(lines.joined(separator: "\n") + "\n", to: "turned.queries")
        try world.succeed(
            "tvt-convert",
            ["v2", "--corpus", "set.corpus", "--queries", "turned.queries", "--assets", "files", "--dataset", "turned"])
        #expect(try queries(3, 9, of: "turned") == few)
    }

    @Test("--documents adds others up to a number, and refuses what does not fit")
    func documents() throws {
        try world.succeed(
            "tvt-store", ["sample", "set", "--as", "a", "--queries", "4", "--documents", "30", "--seed", "1"])
        #expect(try world.dataset("a").documentCount == 30)
        try world.succeed("tvt-store", ["sample", "set", "--as", "b", "--documents", "0.9", "--seed", "1"])
        let all = try world.dataset("b")
        #expect(all.documentCount == 90 && all.queryCount == 20)
        try world.fail(
            ["sample", "set", "--as", "c", "--queries", "4", "--documents", "10", "--seed", "1"], 65,
            naming: "16 documents are linked")
        try world.fail(["sample", "set", "--as", "c", "--queries", "21", "--seed", "1"], 65, naming: "there are 20")
        try world.fail(["sample", "set", "--as", "c", "--seed", "1"], 64, naming: "--queries, --documents")
    }

    @Test("equal records are one, and the links of a query are united")
    func merge() throws {
        try world.add("other", documents: 50..<150, queries: 10..<30)
        let report = try world.succeed("tvt-store", ["merge", "set", "other", "--as", "both"])
        let both = try world.dataset("both")
        #expect(try both.documentIDs == (0..<150).map { "d\($0)" })
        #expect(try both.queryIDs == (0..<30).map { "q\($0)" })
        #expect(report["equal_documents"] == 50 && report["equal_queries"] == 10 && report["repeated_judgements"] == 25)
        #expect(try both.lines(both.positives) == (0..<30).map { "q\($0): d\(5 * $0) 0.5" })
        #expect(try both.judged("test").count == 60 && both.judged("train").count == 15)
        #expect(
            both.manifest.provenance.parents == [try world.dataset("set").digest, try world.dataset("other").digest])
        #expect(both.manifest.media?.itemCount == 15)
        try world.expectClean()
    }

    @Test("an id for two contents is an error that names it, or renamed, or the first one's")
    func conflicts() throws {
        try world.add("other", documents: 95..<150, queries: 19..<30, text: { "other text \($0)" })
        let command = ["merge", "set", "other", "--as", "both"]
        try world.fail(command, 65, naming: "5 ids name different contents:\n  documents \"d95\" of set and other")
        let prefixed = try world.succeed("tvt-store", command + ["--conflicts", "prefix"])
        #expect(prefixed["conflicting_documents"] == 5 && prefixed["documents"] == 155)
        let both = try world.dataset("both")
        let renamed = try #require(try both.documentOrdinal(id: Array("other/d95".utf8)))
        #expect(try both.document(renamed).text == Array("other text 95".utf8))
        // The query of both has a positive in each.
        #expect(
            try both.lines(both.positives).filter { $0.hasPrefix("q19:") } == ["q19: d95 0.5", "q19: other/d95 0.5"])
        let first = try world.succeed(
            "tvt-store", ["merge", "set", "other", "--as", "first", "--conflicts", "first"])
        #expect(first["documents"] == 150)
        let kept = try world.dataset("first")
        #expect(try kept.lines(kept.positives).filter { $0.hasPrefix("q19:") } == ["q19: d95 0.5"])
        try world.fail(["merge", "set", "set", "--as", "x"], 78, naming: "merged with itself")
        try world.fail(["merge", "set", "--as", "x"], 64, naming: "two datasets")
        try world.expectClean()
    }

    @Test("a negative that is a positive elsewhere is left out; other grades are an error, or the first one's")
    func contradictions() throws {
        func write(_ name: String, _ query: String, _ grade: Int) throws {
            try world.temporary.write(query, to: "\(name).queries")
            try world.temporary.write("q 0 a \(grade)\n", to: "all.qrels")
            try world.temporary.write(
                "{\"docid\":\"a\",\"document_text\":\"a\"}\n{\"docid\":\"b\",\"document_text\":\"b\"}\n",
                to: "\(name).corpus")
            try world.succeed(
                "tvt-convert",
                [
                    "v2", "--corpus", "\(name).corpus", "--queries", "\(name).queries", "--qrels", "all.qrels",
                    "--dataset",
                    name,
                ])
        }
        try write(
            "x",
            #"{"query_id":"q","query_text":"t","positive_document_ids":["a"],"negative_document_ids":["b"]}"# + "\n", 1)
        try write("y", #"{"query_id":"q","query_text":"t","positive_document_ids":["b"]}"# + "\n", 2)
        try world.fail(["merge", "x", "y", "--as", "z"], 65, naming: "grades query \"q\" and document \"a\" with 2.0")
        let report = try world.succeed("tvt-store", ["merge", "x", "y", "--as", "z", "--conflicts", "first"])
        #expect(report["dropped_negatives"] == 1 && report["conflicting_judgements"] == 1)
        let merged = try world.dataset("z")
        #expect(try merged.lines(merged.positives) == ["q: a", "q: b"] && merged.negatives == nil)
        #expect(try merged.judged("all") == ["q: a 1.0"])
    }
}
