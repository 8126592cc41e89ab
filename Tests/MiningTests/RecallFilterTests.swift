import Base
import Store
import Mining
import TestKit
import Testing

@Suite struct RecallFilterTests {
    static func small() throws -> SmallDataset {
        try SmallDataset(
            documents: (0..<8).map { ("d\($0)", "text \($0)") },
            queries: [
                .init(id: "first", positives: ["d1"]),
                .init(id: "third", positives: ["d7"], judged: [("d3", 1)]),
                .init(id: "judged zero", positives: ["d7"], judged: [("d1", 0)]),
                .init(id: "none"),
                .init(id: "absent", positives: ["d1"]),
                .init(id: "fourth", positives: ["d4", "d5"], negatives: ["d0"]),
            ])
    }

    static func run(_ small: SmallDataset) throws -> MiningRun {
        let ids = ["first", "third", "judged zero", "none", "fourth", "stranger"]
        return try small.run(ids.flatMap { id in (1...6).map { (id, "d\($0)", Double(-$0)) } })
    }

    @Test(arguments: [(100, 3, 0), (4, 3, 0), (3, 2, 1), (1, 1, 2)])
    func everyQueryIsCountedOnce(_ depth: Int, _ kept: Int, _ below: Int) throws {
        let small = try Self.small()
        let (ordinals, report) = try RecallFilter(depth: depth).apply(
            to: small.dataset, run: Self.run(small), progress: Progress("", unit: ""))
        #expect(ordinals == Array([0, 1, 5].prefix(kept)))
        #expect(report.queryCount == 6)
        #expect(report.keptCount == kept)
        #expect(report.belowDepthCount == below)
        #expect(report.notFoundCount == 1)
        #expect(report.withoutPositivesCount == 1)
        #expect(report.notInRunCount == 1)
        #expect(report.unknown.queryCount == 1)
        #expect(report.bestRanks.bars.map(\.count) == [1, 1, 1])
        #expect(report.bestRanks.bars.map(\.last) == [1, 3, 5])
    }

    @Test func theNewVersionHasTheKeptQueriesAndTheirLinks() throws {
        let small = try Self.small()
        let run = try Self.run(small)
        let (derived, report) = try RecallFilter(depth: 4).derive(
            from: small.dataset, run: run, as: "small@filtered", in: small.store, tool: "test",
            progress: Progress("", unit: ""))
        #expect(
            try (0..<derived.queryCount).map { String(decoding: try derived.queryID($0), as: UTF8.self) } == [
                "first", "third", "fourth",
            ])
        #expect(derived.documentCount == 8)
        #expect(try derived.positives?.targets(of: 2).map { try small.id(Int($0)) } == ["d4", "d5"])
        #expect(try derived.negatives?.targets(of: 2).map { try small.id(Int($0)) } == ["d0"])
        #expect(derived.manifest.provenance.statistics == report.json)
        #expect(derived.manifest.provenance.inputs.map(\.sha256) == [run.sha256])
        #expect(try small.store.dataset("small@filtered").digest == derived.digest)
    }

    @Test func nothingKeptIsAnErrorAndWritesNothing() throws {
        let small = try Self.small()
        let run = try small.run([("none", "d1", 1), ("first", "d2", 1)])
        let error = #expect(throws: Failure.self) {
            try RecallFilter(depth: 4).derive(
                from: small.dataset, run: run, as: "none", in: small.store, tool: "test",
                progress: Progress("", unit: ""))
        }
        #expect(error?.exitStatus == .badData)
        #expect(try small.store.references().map(\.name) == ["small"])
    }

    /// A duplicate of the positive, as the alias map has it, finds the query as well.
    @Test func duplicatesOfThePositiveCount() throws {
        let small = try SmallDataset(
            documents: [("p", "right"), ("x", "other"), ("p'", "right!")], queries: [.init(id: "q", positives: ["p"])],
            duplicates: [("p'", "p")])
        let run = try small.run([("q", "p'", 3), ("q", "x", 2), ("q", "p", 1)])
        let (kept, report) = try RecallFilter(depth: 1).apply(
            to: small.dataset, run: run, progress: Progress("", unit: ""))
        #expect(kept == [0] && report.foundByDuplicateCount == 1)
        #expect(report.json["foundByDuplicate"] == 1)
    }
}
