import Base
import JSON
import Mining
import Records
import TestKit
import Testing

/// What must hold of any run, on seeded random data; and equality with another implementation.
@Suite struct MiningLawTests {
    static let documentCount = 60
    static let queryCount = 30

    struct Case {
        var small: SmallDataset
        var positives: [Set<String>]
        /// By query.
        var rankings: [[(String, String, Double)]]
    }

    static func random(_ seed: UInt64) throws -> Case {
        var random = SplitMix64(seed: seed)
        let documents = (0..<documentCount).map { (id: "d\($0)", text: "text \($0 % 50)") }
        var positives: [Set<String>] = []
        var rankings: [[(String, String, Double)]] = []
        for query in 0..<queryCount {
            positives.append(Set((0...random.next(below: 2)).map { _ in "d\(random.next(below: 60))" }))
            let count = Int(random.next(below: 50))
            let order = Permutation(count: 60, seed: seed, UInt64(query))
            rankings.append(
                (0..<count).map { ("q\(query)", "d\(order[UInt64($0)])", Double(random.next(below: 20)) / 8 - 1) })
        }
        let queries = positives.enumerated().map { index, positives in
            SmallDataset.Query(id: "q\(index)", positives: positives.sorted())
        }
        return Case(
            small: try SmallDataset(documents: documents, queries: queries), positives: positives, rankings: rankings)
    }

    static func options(_ seed: UInt64) -> NegativeOptions {
        var random = SplitMix64(seed: seed, 99)
        var options = NegativeOptions(
            depth: 1 + Int(random.next(below: 50)), count: 1 + Int(random.next(below: 12)), seed: seed)
        options.skipTop = Int(random.next(below: UInt64(min(5, options.depth))))
        options.strategy = seed % 2 == 0 ? .random : .top
        options.shortage = NegativeOptions.Shortage.allCases[Int(seed % 3)]
        options.excludesDuplicates = seed % 5 < 2
        options.relativeMargin = seed % 4 == 0 ? 0.05 : nil
        options.unscored = seed % 8 == 0 ? .keep : .drop
        return options
    }

    @Test(arguments: Array<UInt64>(0..<12))
    func neverAPositiveNeverARepeatNeverTooMany(_ seed: UInt64) throws {
        let data = try Self.random(seed)
        let options = Self.options(seed)
        let (negatives, report) = try data.small.negatives(options, data.small.run(data.rankings.flatMap { $0 }))
        for (query, chosen) in negatives.enumerated() {
            guard let chosen else {
                #expect(options.shortage == .drop)
                continue
            }
            #expect(Set(chosen).isDisjoint(with: data.positives[query]))
            #expect(Set(chosen).count == chosen.count)
            #expect(chosen.count <= options.count)
            if options.shortage != .keep { #expect(chosen.count == options.count) }
            if options.shortage != .fill {
                #expect(Set(chosen).isSubset(of: data.rankings[query].map(\.1)))
            }
            if options.excludesDuplicates {
                let contents = (chosen + data.positives[query]).map { Int($0.dropFirst())! % 50 }
                #expect(Set(contents.prefix(chosen.count)).count == chosen.count)
                #expect(
                    Set(contents.prefix(chosen.count)).isDisjoint(with: contents.suffix(data.positives[query].count)))
            }
        }
        #expect(report.queryCount == Self.queryCount)
        let dropped = NegativeStep.allCases.reduce(0) { $0 + report.dropped(by: $1) }
        #expect(dropped + report.survivorCount == report.resultCount)
        #expect(
            report.rankedNegativeCount + report.filledNegativeCount == negatives.reduce(0) { $0 + ($1?.count ?? 0) })
        let drawn = report.scores.bars.reduce(0) { $0 + $1.count }
        #expect(drawn == report.rankedNegativeCount)
    }

    @Test(arguments: Array<UInt64>(0..<12))
    func theOrderOfTheRunDoesNotMatter(_ seed: UInt64) throws {
        let data = try Self.random(seed)
        let options = Self.options(seed)
        let (expected, report) = try data.small.negatives(options, data.small.run(data.rankings.flatMap { $0 }))
        var random = SplitMix64(seed: seed, 7)
        let shuffled = data.rankings.shuffled(using: &random).flatMap { $0.shuffled(using: &random) }
        let (negatives, shuffledReport) = try data.small.negatives(
            options, data.small.run(shuffled, name: "shuffled.tsv"))
        #expect(negatives == expected)
        #expect(shuffledReport == report)
    }

    @Test func theSeedMattersToRandomChoicesOnly() throws {
        let data = try Self.random(5)
        let run = try data.small.run(data.rankings.flatMap { $0 })
        var options = NegativeOptions(depth: 50, count: 5, seed: 1)
        var other = options
        other.seed = 2
        #expect(try data.small.negatives(options, run).0 != data.small.negatives(other, run).0)
        options.strategy = .top
        other.strategy = .top
        #expect(try data.small.negatives(options, run).0 == data.small.negatives(other, run).0)
    }

    /// Over many seeds each of 8 candidates is drawn as often as any other.
    @Test func samplingIsFair() throws {
        let documents = (0..<9).map { (id: "d\($0)", text: "text \($0)") }
        let small = try SmallDataset(documents: documents, queries: [.init(id: "q", positives: ["d0"])])
        let run = try small.run((1..<9).map { ("q", "d\($0)", Double(9 - $0)) })
        var counts: [String: Int] = [:]
        for seed in 0..<800 as Range<UInt64> {
            let (negatives, _) = try small.negatives(NegativeOptions(depth: 8, count: 2, seed: seed), run)
            for document in negatives[0]! { counts[document, default: 0] += 1 }
        }
        #expect(counts.count == 8)
        // 200 expected, standard deviation 12.
        #expect(counts.values.allSatisfy { (140...260).contains($0) }, "\(counts)")
    }

    static let golden = try! JSONValue.parse(file: Golden()("margins.json"))

    @Test(arguments: golden["cases"]!.array!.indices)
    func marginsEqualSentenceTransformers(_ index: Int) throws {
        let golden = Self.golden
        let scores = golden["scores"]!.array!.map { $0.array!.map { $0.double! } }
        let documents = scores[0].indices.map { (id: "d\($0)", text: "text \($0)") }
        let queries = golden["positives"]!.array!.enumerated().map { query, positives in
            SmallDataset.Query(id: "q\(query)", positives: positives.array!.map { "d\($0.integer!)" })
        }
        let small = try SmallDataset(documents: documents, queries: queries)
        let run = try small.run(
            scores.enumerated().flatMap { query, row in row.enumerated().map { ("q\(query)", "d\($0)", $1) } })
        let testCase = golden["cases"]!.array![index]
        var options = NegativeOptions(depth: documents.count, count: golden["count"]!.integer!, seed: 0)
        options.strategy = .top
        options.absoluteMargin = testCase["absolute_margin"]!.double
        options.relativeMargin = testCase["relative_margin"]!.double
        options.maxScore = testCase["max_score"]!.double
        options.minScore = testCase["min_score"]!.double
        let (negatives, _) = try small.negatives(options, run)
        let expected = testCase["negatives"]!.array!.map { $0.array!.map { "d\($0.integer!)" } }
        #expect(negatives.map { $0 ?? [] } == expected)
    }
}
