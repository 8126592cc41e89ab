import Base
import Store
import JSON
import Mining
import TestKit
import Testing

@Suite struct NegativeMiningTests {
    /// Ten documents; b and h say the same, as do c and the positive p.
    static func small() throws -> SmallDataset {
        try SmallDataset(
            documents: [
                ("p", "the answer"), ("a", "alpha"), ("b", "beta"), ("c", "the answer"), ("d", "Jerusalem, of old"),
                ("e", "epsilon"), ("f", "jerusalemite"), ("g", "gamma"), ("h", "beta"), ("p2", "second"),
            ],
            queries: [
                .init(id: "q1", positives: ["p"], negatives: ["g"], answer: #"["JERUSALEM", ""]"#, judged: [("p2", 2)]),
                .init(id: "q2", positives: ["p"], judged: [("a", 0)]),
                .init(id: "q3", positives: ["e"]),
            ])
    }

    /// q1's ranking is a p b c d e f p2 g h; q2's p is not among its results; q3 is not in the run.
    static func run(_ small: SmallDataset) throws -> MiningRun {
        let q1 = [
            ("a", 0.95), ("p", 0.9), ("b", 0.8), ("c", 0.7), ("d", 0.6), ("e", 0.5), ("f", 0.4), ("p2", 0.35),
            ("g", 0.3),
            ("h", 0.2),
        ].map { ("q1", $0.0, $0.1) }
        return try small.run(q1 + [("q2", "a", 0.9), ("q2", "b", 0.5)])
    }

    static func options(_ change: (inout NegativeOptions) -> Void = { _ in }) -> NegativeOptions {
        var options = NegativeOptions(depth: 100, count: 20, seed: 1)
        options.strategy = .top
        change(&options)
        return options
    }

    static let effects: [(name: String, change: @Sendable (inout NegativeOptions) -> Void, q1: String, dropped: Int)] =
        [
            ("positive", { _ in }, "a b c d e f g h", 2),
            ("depth", { $0.depth = 3 }, "a b c", 5),
            ("skipTop", { $0.skipTop = 2 }, "c d e f g h", 2 + 2),
            ("maxScore", { $0.maxScore = 0.6000000238418579 }, "d e f g h", 3 + 1),
            ("minScore", { $0.minScore = 0.5 }, "a b c d e", 3),
            // The reference is p2's 0.35, the lowest of the two positives.
            ("absoluteMargin", { $0.absoluteMargin = 0.1 }, "h", 7 + 2),
            ("relativeMargin", { $0.relativeMargin = 0.1 }, "g h", 6 + 2),
            ("duplicate", { $0.excludesDuplicates = true }, "a b d e f g", 2),
            ("answer", { $0.excludesAnswers = true }, "a b c e f g h", 1),
        ]

    @Test(arguments: effects.indices)
    func eachLimitDropsWhatItSays(_ index: Int) throws {
        let (name, change, expected, dropped) = Self.effects[index]
        let small = try Self.small()
        let (negatives, report) = try small.negatives(Self.options(change), Self.run(small))
        #expect(negatives[0] == expected.split(separator: " ").map(String.init))
        #expect(report.dropped(by: NegativeStep(rawValue: name)!) == dropped)
        #expect(report.resultCount == 12)
        let droppedByAll = NegativeStep.allCases.reduce(0) { $0 + report.dropped(by: $1) }
        #expect(droppedByAll + report.survivorCount == 12, "every result is counted once")
        #expect(report.rankedNegativeCount == report.survivorCount)
    }

    @Test(
        arguments: [
            (.min, "g h"), (.max, "c d e f g h"), (.mean, "e f g h"),
        ] as [(NegativeOptions.PositiveReference, String)])
    func marginsReferToTheChosenPositive(_ reference: NegativeOptions.PositiveReference, _ expected: String) throws {
        let small = try Self.small()
        let options = Self.options {
            $0.relativeMargin = 0.125
            $0.positiveReference = reference
        }
        let (negatives, _) = try small.negatives(options, Self.run(small))
        #expect(negatives[0] == expected.split(separator: " ").map(String.init))
    }

    @Test func queriesWithoutAScoredPositiveAreCountedAndFollowTheirPolicy() throws {
        let small = try Self.small()
        for (policy, expected) in [(.drop, []), (.keep, ["a", "b"])] as [(NegativeOptions.Unscored, [String])] {
            let options = Self.options {
                $0.absoluteMargin = 0
                $0.unscored = policy
            }
            let (negatives, report) = try small.negatives(options, Self.run(small))
            #expect(negatives[1] == expected)
            #expect(report.unscoredQueryCount == 2, "q2's positive is not in its ranking, q3 has none")
            #expect(report.positiveCount == 4)
            #expect(report.scoredPositiveCount == 2)
        }
    }

    @Test func shortageKeepsDropsOrFills() throws {
        let small = try Self.small()
        let run = try Self.run(small)
        func mined(_ shortage: NegativeOptions.Shortage) throws -> ([[String]?], NegativesReport) {
            try small.negatives(
                Self.options {
                    $0.count = 4
                    $0.shortage = shortage
                }, run)
        }
        let (kept, keptReport) = try mined(.keep)
        #expect(kept == [["a", "b", "c", "d"], ["a", "b"], []])
        #expect(keptReport.shortQueryCount == 2)
        #expect(keptReport.lackingCount == 2 + 4)
        #expect(keptReport.withoutNegativesCount == 1)
        #expect(keptReport.notInRunCount == 1)
        #expect(keptReport.replacedCount == 1)

        let (dropped, droppedReport) = try mined(.drop)
        #expect(dropped == [["a", "b", "c", "d"], nil, nil])
        #expect(droppedReport.droppedQueryCount == 2)
        #expect(droppedReport.rankedNegativeCount == 4)

        let (filled, filledReport) = try mined(.fill)
        #expect(filled[0] == ["a", "b", "c", "d"])
        #expect(filled[1]?.prefix(2) == ["a", "b"])
        #expect(filled.map { Set($0 ?? []).count } == [4, 4, 4], "no repeats")
        #expect(Set(filled[1] ?? []).isDisjoint(with: ["p"]))
        #expect(Set(filled[2] ?? []).isDisjoint(with: ["e"]))
        #expect(filledReport.filledNegativeCount == 2 + 4)
        #expect(filledReport.lackingCount == 0)
    }

    @Test func fillingEndsWhereTheCorpusEnds() throws {
        let small = try Self.small()
        let options = Self.options {
            $0.shortage = .fill
            $0.excludesDuplicates = true
        }
        let (negatives, report) = try small.negatives(options, Self.run(small))
        // All but the positive e, and one of b and h, of c and p.
        #expect(negatives[2]?.count == 10 - 1 - 2)
        #expect(report.lackingCount > 0)
    }

    @Test func unknownDocumentsAreAnErrorUnlessIgnored() throws {
        let small = try Self.small()
        let run = try small.run([("q1", "x y", 3), ("q1", "a", 2), ("q1", "b", 1), ("other", "z", 1)])
        let error = #expect(throws: Failure.self) { try small.negatives(Self.options(), run) }
        #expect(error?.exitStatus == .badData)
        #expect(error?.message.contains("\"x y\"") == true)
        #expect(error?.message.contains("in 1 results") == true)
        let options = Self.options {
            $0.ignoresUnknown = true
            $0.depth = 2
        }
        let (negatives, report) = try small.negatives(options, run)
        #expect(negatives[0] == ["a"], "what is skipped keeps its rank")
        #expect(report.dropped(by: .unknown) == 1)
        #expect(report.dropped(by: .depth) == 1)
        #expect(report.unknown.queryCount == 1)
        #expect(report.unknown.documentCount == 1)
    }

    @Test func aRunOfOtherQueriesIsAnError() throws {
        let small = try Self.small()
        let run = try small.run([("x", "a", 1)])
        #expect(throws: Failure.self) { try small.negatives(Self.options(), run) }
    }

    @Test func scatteredQueriesAreAnError() throws {
        let small = try Self.small()
        let run = try small.run([("q1", "a", 1), ("q2", "b", 1), ("q1", "c", 1)])
        let error = #expect(throws: InputError.self) { try small.negatives(Self.options(), run) }
        #expect(error?.place.line == 3)
    }

    @Test func answersThatAreNoStringsAreAnError() throws {
        let small = try SmallDataset(
            documents: [("a", "1"), ("b", "2")], queries: [.init(id: "q", positives: ["a"], answer: #"{"x": 1}"#)])
        let options = Self.options { $0.excludesAnswers = true }
        let run = try small.run([("q", "b", 1)])
        let error = #expect(throws: Failure.self) { try small.negatives(options, run) }
        #expect(error?.message.contains("\"q\"") == true)
    }

    @Test func theNewVersionReplacesNegativesAndTellsHow() throws {
        let small = try Self.small()
        let run = try Self.run(small)
        let options = Self.options {
            $0.count = 2
            $0.seed = UInt64.max
        }
        let (derived, report) = try NegativeMining(options).derive(
            from: small.dataset, run: run, as: "mined", in: small.store, tool: "test", progress: Progress("", unit: ""))
        let reopened = try small.store.dataset("mined")
        #expect(reopened.digest == derived.digest)
        let links = try #require(reopened.negatives)
        #expect(try links.targets(of: 0).map { try small.id(Int($0)) } == ["a", "b"])
        #expect(try links.scores(of: 0).map(Array.init) == [0.95, 0.8])
        #expect(try links.targets(of: 2).isEmpty)
        #expect(try reopened.positives?.targets(of: 0).map { try small.id(Int($0)) } == ["p"])
        #expect(reopened.judgements.map(\.split) == ["test"])
        let provenance = reopened.manifest.provenance
        #expect(provenance.parents == [small.dataset.digest])
        #expect(provenance.inputs.map(\.sha256) == [run.sha256])
        #expect(provenance.options["seed"] == .string("18446744073709551615"), "exact, unlike a JSON number")
        #expect(provenance.statistics == report.json)
        #expect(small.dataset.negatives?.linkCount == 1, "the parent is as it was")

        let dropping = Self.options {
            $0.count = 3
            $0.shortage = .drop
        }
        let (fewer, _) = try NegativeMining(dropping).derive(
            from: small.dataset, run: run, as: "fewer", in: small.store, tool: "test", progress: Progress("", unit: ""))
        #expect(fewer.queryCount == 1)
        #expect(try fewer.queryID(0) == Array("q1".utf8))
    }

    @Test func nothingIsWrittenWhereNothingIsFound() throws {
        let small = try Self.small()
        let options = Self.options { $0.minScore = 5 }
        #expect(throws: Failure.self) {
            try NegativeMining(options).derive(
                from: small.dataset, run: Self.run(small), as: "none", in: small.store, tool: "test",
                progress: Progress("", unit: ""))
        }
        #expect(try small.store.references().map(\.name) == ["small"])
    }

    @Test func theOriginOfARunIsKeptIfItIsThisRuns() throws {
        let small = try Self.small()
        let run = try Self.run(small)
        _ = try small.folder.write(#"{"sha256": "\#(run.sha256.hex)", "model_card": "sha256:00"}"#, to: "run.tsv.json")
        #expect(try MiningRun(run.path).origin?["model_card"] == "sha256:00")
        _ = try small.folder.write(#"{"sha256": "00"}"#, to: "run.tsv.json")
        #expect(try MiningRun(run.path).origin == nil)
    }
}
