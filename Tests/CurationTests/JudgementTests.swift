import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// `tvt-store judgements`, `split` and `hold-out`: all that leaves records as they are.
@Suite("Judgements and splits")
struct JudgementTests {
    let world: CurationWorld
    init() throws { world = try CurationWorld() }

    @Test("qrels of either format become a split of their name, and the rest stays")
    func judgements() throws {
        try world.temporary.write("query-id\tcorpus-id\tscore\nq1\td7\t3\nq0\td9\t1\nq0\td1\t2\n", to: "dev.tsv")
        try world.temporary.write("q2 0 d11 1\n", to: "extra.qrels.txt")
        let report = try world.succeed(
            "tvt-store", ["judgements", "set", "dev.tsv", "extra.qrels.txt", "--as", "set@more"])
        #expect(report["added"] == 4 && report["reference"] == "set@more")
        let (before, after) = (try world.dataset("set"), try world.dataset("set@more"))
        #expect(after.judgements.map(\.split) == ["dev", "extra", "test", "train"])
        #expect(try after.judged("dev") == ["q0: d1 2.0", "q0: d9 1.0", "q1: d7 3.0"])
        #expect(try after.judged("extra") == ["q2: d11 1.0"])
        #expect(try after.judged("test") == before.judged("test"))
        #expect(
            after.manifest.documents == before.manifest.documents
                && after.manifest.positives == before.manifest.positives)
        let provenance = after.manifest.provenance
        #expect(
            provenance.parents == [before.digest] && provenance.inputs.map(\.uri) == ["dev.tsv", "extra.qrels.txt"])
        #expect(provenance.tool.hasPrefix("tvt-store judgements ") && provenance.statistics["added"] == 4)
        try world.expectClean()
    }

    @Test("a split that exists grows; another grade is an error, unless --replace")
    func existing() throws {
        try world.temporary.write("q1 0 d5 2\nq1 0 d6 1\n", to: "test.qrels")
        let report = try world.succeed("tvt-store", ["judgements", "set", "test.qrels", "--as", "a"])
        #expect(report["added"] == 1 && report["repeated"] == 1)
        #expect(try world.dataset("a").judged("test").count == 41)
        try world.temporary.write("q1 0 d5 7\n", to: "test.qrels")
        try world.fail(["judgements", "set", "test.qrels", "--as", "b"], 65, naming: "--replace")
        let replaced = try world.succeed("tvt-store", ["judgements", "set", "test.qrels", "--as", "b", "--replace"])
        #expect(replaced["replaced"] == 1 && replaced["added"] == 0)
        #expect(try world.dataset("b").judged("test").contains("q1: d5 7.0"))
        try world.fail(["judgements", "b", "test.qrels", "--as", "c"], 65, naming: "there is nothing to add")
    }

    @Test("ids that the dataset does not have are named, or counted where that is asked for")
    func unknown() throws {
        try world.temporary.write("q1 0 d6 1\nq99 0 d6 1\nq1 0 d999 1\n", to: "dev.qrels")
        try world.fail(
            ["judgements", "set", "dev.qrels", "--as", "a"], 65, naming: "2 lines name what set does not have")
        let report = try world.succeed(
            "tvt-store", ["judgements", "set", "dev.qrels", "--as", "a", "--ignore-unknown"])
        #expect(report["unknown"] == 2 && report["added"] == 1)
        try world.fail(["judgements", "set", "nowhere", "--as", "a"], 66, naming: "nowhere")
        try world.fail(
            ["judgements", "set", "dev.qrels", "--as", "a", "--split", "a/b"], 64, naming: "cannot name a split")
        try world.temporary.write("q1 0 d6\n", to: "short.qrels")
        try world.fail(["judgements", "set", "short.qrels", "--as", "a"], 65, naming: "short.qrels:1")
    }

    @Test("files of ids make splits; what they do not name stays")
    func splitByFiles() throws {
        try world.temporary.write("q3\r\nq1\n\n", to: "dev.ids")
        try world.temporary.write("q7\n", to: "final.ids")
        let report = try world.succeed(
            "tvt-store",
            ["split", "set", "--as", "s", "--from", "test", "--ids", "dev=dev.ids", "--ids", "final=final.ids"])
        let after = try world.dataset("s")
        #expect(after.judgements.map(\.split) == ["dev", "final", "test", "train"])
        #expect(try after.judged("dev") == ["q1: d5 2.0", "q1: d8 0.0", "q3: d15 2.0", "q3: d18 0.0"])
        #expect(try after.judged("test").count == 34)
        #expect(report["left"] == 17 && report["splits"]?["dev"]?["queries"] == 2)
        // The training set is none of its business.
        #expect(after.manifest.positives == (try world.dataset("set")).manifest.positives)
        try world.fail(
            ["split", "set", "--as", "t", "--ids", "dev=dev.ids"], 78, naming: "--from names one of: test, train")
        try world.fail(
            ["split", "set", "--as", "t", "--from", "test", "--ids", "train=dev.ids"], 78,
            naming: "has a split train already")
        try world.temporary.write("q7\nq3\n", to: "final.ids")
        try world.fail(
            ["split", "set", "--as", "t", "--from", "test", "--ids", "dev=dev.ids", "--ids", "final=final.ids"], 65,
            naming: "final.ids:2")
        try world.temporary.write("q1\nnobody\n", to: "dev.ids")
        try world.fail(["split", "set", "--as", "t", "--from", "test", "--ids", "dev=dev.ids"], 65, naming: "nobody")
        try world.expectClean()
    }

    @Test("what is drawn depends on the seed and the ids, and a query is in one split")
    func splitByDrawing() throws {
        func splits(_ name: String, _ seed: String) throws -> [[String]] {
            try world.succeed(
                "tvt-store",
                [
                    "split", "set", "--as", name, "--from", "test", "--draw", "dev=0.25", "--draw", "final=3", "--seed",
                    seed,
                ])
            let dataset = try world.dataset(name)
            return try ["dev", "final", "test"].map { split in
                var ids: [String] = []
                for line in try dataset.judged(split) {
                    let id = String(line.prefix { $0 != ":" })
                    if ids.last != id { ids.append(id) }
                }
                return ids
            }
        }
        let first = try splits("a", "1")
        #expect(first.map(\.count) == [5, 3, 12])
        #expect(Set(first.joined()).count == 20)
        #expect(try splits("b", "1") == first)
        #expect(try splits("c", "2") != first)
        try world.fail(
            ["split", "set", "--as", "d", "--from", "test", "--draw", "dev=21", "--seed", "1"], 65,
            naming: "there are 20")
        try world.fail(["split", "set", "--as", "d", "--draw", "dev=2"], 64, naming: "--seed")
        try world.fail(["split", "set", "--as", "d", "--draw", "dev=1.5", "--seed", "1"], 64, naming: "share")
        try world.fail(["split", "set", "--as", "d"], 64, naming: "--ids or --draw")
    }

    @Test("queries that are held out leave the training set, and their positives become judgements")
    func holdOut() throws {
        try world.add("plain", documents: 0..<100, queries: 0..<20, judges: false)
        let report = try world.succeed(
            "tvt-store",
            [
                "hold-out", "plain", "--as", "held", "--queries", "0.2", "--split", "dev", "--from-positives", "--seed",
                "4",
            ])
        let (before, after) = (try world.dataset("plain"), try world.dataset("held"))
        #expect(report["removed_positives"] == 4 && report["removed_negatives"] == 8)
        let judged = try after.judged("dev")
        #expect(judged.count == 4 && judged.allSatisfy { $0.hasSuffix(" 1.0") })
        let held = Set(judged.map { $0.prefix { $0 != ":" } })
        #expect(held.count == 4)
        for (old, new) in [(before.positives, after.positives), (before.negatives, after.negatives)] {
            let expected = try before.lines(old).filter { !held.contains($0.prefix { $0 != ":" }) }
            #expect(try after.lines(new) == expected)
        }
        #expect(
            after.manifest.queries == before.manifest.queries && after.manifest.documents == before.manifest.documents)
        // Queries come in pairs that say the same.
        let twins = held.count { id in
            let number = Int(id.dropFirst()) ?? 0
            return !held.contains("q\(number ^ 1)")
        }
        #expect(report["equal_queries"]?.integer == twins)
        try world.expectClean()
        try world.fail(
            ["hold-out", "plain", "--as", "x", "--queries", "2", "--split", "dev", "--seed", "1"], 65,
            naming: "--from-positives makes them")
        try world.fail(
            ["hold-out", "plain", "--as", "x", "--queries", "0", "--split", "dev", "--seed", "1"], 64,
            naming: "--queries")
    }

    @Test("an existing split gives its judgements to the one that is held out")
    func holdOutOfSplit() throws {
        try world.succeed(
            "tvt-store",
            ["hold-out", "set", "--as", "held", "--queries", "5", "--split", "dev", "--from", "train", "--seed", "4"])
        let after = try world.dataset("held")
        #expect(try after.judged("dev").count == 5 && after.judged("train").count == 5)
        #expect(try after.judged("test").count == 40)
        #expect(try after.lines(after.positives).count == 15)
    }
}
