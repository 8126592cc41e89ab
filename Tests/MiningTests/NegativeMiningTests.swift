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

    /// Encoding with `--blank-texts skip` leaves blank documents out of every run, and filling up must not bring them back.
    @Test func blankDocumentsAreNotDrawn() throws {
        let blanks: [(id: String, text: String)] = (0..<30).map { ("blank\($0)", ["", " ", "\u{200B}\n"][$0 % 3]) }
        let small = try SmallDataset(
            documents: [("p", "positive"), ("a", "one"), ("b", "two"), ("c", "three")] + blanks,
            queries: [.init(id: "q1", positives: ["p"])])
        let (filled, report) = try small.negatives(
            Self.options { ($0.count, $0.shortage) = (5, .fill) }, small.run([("q1", "a", 1.5)]))
        #expect(filled[0].map(Set.init) == ["a", "b", "c"])
        #expect(report.filledNegativeCount == 2 && report.lackingCount == 2)
        #expect(report.blankDrawCount == 30)
        #expect(report.text.contains("draws passed over: blank documents"))
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
        #expect(error?.message.contains("1 of 3 results") == true)
        let options = Self.options {
            $0.tolerance.ignoresDocuments = true
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

    /// Answers are found in either field, as a string or as a list; without any the option is refused.
    @Test(
        arguments: [
            (["answer": #""alpha""#], "b c"), (["answers": #""alpha""#], "b c"),
            (["answers": #"["ALPHA", "gamma"]"#], "b"),
            (["answer": #"["beta"]"#, "answers": #"["alpha"]"#], "c"),
            (["answer": "null", "answers": #"["beta"]"#], "a c"),
            (["answers": "[]"], nil), (["answer": "null"], nil), (["solution": #""alpha""#], nil),
        ] as [([String: String], String?)])
    func answersInEitherField(fields: [String: String], expected: String?) throws {
        let small = try SmallDataset(
            documents: [("p", "right"), ("a", "alpha"), ("b", "beta"), ("c", "gamma")],
            queries: [.init(id: "q", positives: ["p"], fields: fields)])
        let run = try small.run([("q", "a", 3), ("q", "b", 2), ("q", "c", 1)])
        let options = Self.options { $0.excludesAnswers = true }
        guard let expected else {
            let error = #expect(throws: Failure.self) { try small.negatives(options, run) }
            #expect(error?.message.contains("--exclude-answers: no query") == true)
            return
        }
        let (negatives, _) = try small.negatives(options, run)
        #expect(negatives[0]?.joined(separator: " ") == expected)
    }

    /// Duplicates of a positive, as the alias map has them, are as right as it is: neither ranked nor drawn, and counted.
    @Test func duplicatesOfPositivesAreNoNegatives() throws {
        let small = try SmallDataset(
            documents: [
                ("p", "the answer"), ("x", "other"), ("p'", "the answer!"), ("p''", "the  answer"), ("y", "another"),
                ("x'", "other!"), ("z", "last"),
            ],
            queries: [.init(id: "q", judged: [("p'", 1)]), .init(id: "r", positives: ["p"])],
            duplicates: [("p'", "p"), ("p''", "p"), ("x'", "x")])
        let run = try small.run([
            ("q", "p''", 6), ("q", "x", 5), ("q", "p", 4), ("q", "x'", 3), ("q", "p'", 2), ("q", "y", 1),
        ])
        let (negatives, report) = try small.negatives(Self.options { $0.depth = 2 }, run)
        #expect(negatives[0] == ["x", "x'"], "duplicates of positives have no rank")
        #expect(report.dropped(by: .alias) == 2 && report.dropped(by: .positive) == 1)
        #expect(report.json["droppedResults"]?["alias"] == 2)
        let (distinct, distinctReport) = try small.negatives(Self.options { $0.excludesDuplicates = true }, run)
        #expect(distinct[0] == ["x", "y"] && distinctReport.dropped(by: .duplicate) == 1)
        let filling = Self.options {
            $0.shortage = .fill
            $0.excludesDuplicates = true
        }
        let (filled, filledReport) = try small.negatives(filling, run)
        #expect(filled[0] == ["x", "y", "z"])
        #expect(filled[1].map(Set.init)?.isDisjoint(with: ["p", "p'", "p''"]) == true)
        #expect(filled[1]?.count == 3, "x or its duplicate, y and z")
        #expect(filledReport.drawsDropped(by: .alias) == 2 && filledReport.drawsDropped(by: .positive) == 1)
    }

    /// A query's own document, by id or by text, is no negative where ids overlap, nor where that is asked for.
    @Test(
        arguments: [
            (.auto, "x", 1, 1), (.exclude, "x", 1, 1), (.keep, "q copy x", 0, 0),
        ] as [(NegativeOptions.OwnDocuments, String, Int, Int)])
    func ownDocuments(policy: NegativeOptions.OwnDocuments, expected: String, ids: Int, texts: Int) throws {
        let small = try SmallDataset(
            documents: [("p", "right"), ("q", "my words"), ("copy", " my words\n"), ("x", "other")],
            queries: [.init(id: "q", positives: ["p"], text: "my words"), .init(id: "r", positives: ["x"])])
        let run = try small.run([("q", "q", 4), ("q", "copy", 3), ("q", "p", 2), ("q", "x", 1)])
        let (negatives, report) = try small.negatives(Self.options { $0.ownDocuments = policy }, run)
        #expect(negatives[0]?.joined(separator: " ") == expected)
        #expect(report.dropped(by: .ownID) == ids && report.dropped(by: .ownText) == texts)
        #expect(report.notes.contains { $0.contains("--own-documents keep") } == (policy == .auto))
        // Nor is it drawn from the corpus.
        let filling = Self.options {
            $0.ownDocuments = policy
            $0.shortage = .fill
        }
        let (filled, filledReport) = try small.negatives(filling, small.run([("r", "p", 1)]))
        #expect(filled[0].map(Set.init) == Set(policy == .keep ? ["q", "copy", "x"] : ["x"]))
        #expect(filledReport.drawsDropped(by: .ownID) == ids && filledReport.drawsDropped(by: .ownText) == texts)
    }

    /// Numbers that happen to be a query's and a document's say nothing about texts; equal texts alone say nothing unless
    /// they are asked for.
    @Test func ownDocumentsByTextNeedAReason() throws {
        let documents = [("1", "right"), ("2", "another"), ("3", "my words")]
        let numbers = try SmallDataset(
            documents: documents, queries: [.init(id: "2", positives: ["1"], text: "my words")])
        let (negatives, report) = try numbers.negatives(
            Self.options(), numbers.run([("2", "3", 2), ("2", "2", 1)]))
        #expect(negatives[0] == ["3"] && report.dropped(by: .ownID) == 1 && report.overlappingIDCount == 1)
        let names = try SmallDataset(
            documents: documents, queries: [.init(id: "q", positives: ["1"], text: "my words")])
        let run = try names.run([("q", "3", 2), ("q", "2", 1)])
        #expect(try names.negatives(Self.options(), run).0[0] == ["3", "2"])
        #expect(try names.negatives(Self.options { $0.ownDocuments = .exclude }, run).0[0] == ["2"])
    }

    /// Unknown queries are held against a run that lacks queries, from a share on.
    @Test func aShareOfUnknownQueriesIsAnError() throws {
        let small = try Self.small()
        func strangers(_ count: Int) -> [(String, String, Double)] { (0..<count).map { ("stranger \($0)", "a", 1) } }
        let known = [("q1", "a", 1.0), ("q2", "a", 1.0)]
        let (_, report) = try small.negatives(Self.options(), small.run(known + strangers(2)))
        #expect(report.unknown.queryCount == 2 && report.json["unknownQueriesInRun"] == 2)
        let error = #expect(throws: Failure.self) {
            try small.negatives(Self.options(), small.run(known + strangers(3)))
        }
        #expect(error?.exitStatus == .badData && error?.description.contains("3 of 5 queries") == true)
        #expect(error?.description.contains("--max-unknown") == true)
        let tolerant = Self.options { $0.tolerance.largestShare = 0.6 }
        _ = try small.negatives(tolerant, small.run(known + strangers(3)))
        // A run that has every query may have any number of others.
        _ = try small.negatives(Self.options(), small.run(known + [("q3", "a", 1)] + strangers(90)))
        let escaped = #expect(throws: Failure.self) {
            try small.negatives(Self.options(), small.run([("q%31", "a", 1)]))
        }
        #expect(escaped?.description.contains("give --escape-ids") == true)
    }

    @Test func aShareOfUnknownDocumentsIsAnError() throws {
        let small = try Self.small()
        let run = try small.run([("q1", "a", 3), ("q1", "nobody", 2), ("q1", "none", 1)])
        var options = Self.options { $0.tolerance.ignoresDocuments = true }
        let error = #expect(throws: Failure.self) { try small.negatives(options, run) }
        #expect(error?.description.contains("2 of 3 results") == true)
        options.tolerance.largestShare = 0.7
        #expect(try small.negatives(options, run).1.unknown.documentCount == 2)
    }

    static let idle: [(change: @Sendable (inout NegativeOptions) -> Void, note: String?)] = [
        ({ $0.minScore = -5 }, "--min-score dropped nothing"), ({ $0.maxScore = 5 }, "--max-score dropped nothing"),
        ({ $0.skipTop = 1 }, nil), ({ $0.relativeMargin = 0.1 }, "margins: 2 of 3 queries"),
        ({ $0.excludesAnswers = true }, "--exclude-answers: 2 of 3 queries have no answer"),
        ({ $0.ownDocuments = .exclude }, "--own-documents exclude: no query"),
    ]

    /// Limits that dropped nothing, and margins without a score to refer to, are named.
    @Test(arguments: idle.indices)
    func idleOptionsAreNamed(_ index: Int) throws {
        let (change, note) = Self.idle[index]
        let small = try Self.small()
        let (_, report) = try small.negatives(Self.options(change), Self.run(small))
        if let note { #expect(report.notes.contains { $0.hasPrefix(note) }, "\(report.notes)") }
        #expect(note != nil || report.notes.isEmpty, "\(report.notes)")
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
