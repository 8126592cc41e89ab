import Base
import Evaluation
import Rankings
import TestKit
import Testing

let golden = Golden()

private func evaluate(_ measures: String, _ run: String, _ qrels: String) throws -> Evaluation {
    let folder = try TemporaryFolder()
    return Evaluation(
        run: try Run(reading: folder.write(run, to: "run")),
        qrels: try Qrels(reading: folder.write(qrels, to: "qrels")),
        measures: try Measure.parse(list: measures))
}

@Suite struct EvaluationTests {
    /// pytrec_eval's value of every measure for every query, to 1e-6.
    @Test func equalsPytrecEval() throws {
        let lines = try Files.readText(golden("values.tsv")).split(separator: "\n").map { $0.split(separator: "\t") }
        let names = lines[0].dropFirst().map(String.init)
        let measures = try Measure.parse(list: names.joined(separator: ","))
        #expect(measures.map(\.trecName) == names)
        let evaluation = Evaluation(
            run: try Run(reading: golden("run.trec")), qrels: try Qrels(reading: golden("qrels.trec")),
            measures: measures)
        var expected: [[UInt8]: [Double]] = [:]
        for line in lines.dropFirst() { expected[Array(line[0].utf8)] = line.dropFirst().map { Double($0)! } }
        #expect(expected.count == 58)
        var compared = 0
        for query in 0..<evaluation.queryCount {
            let id = evaluation.queries[query]
            guard let wanted = expected[id] else {
                // Judged without results: pytrec_eval leaves it out, trec_eval -c counts zeros.
                for (index, measure) in measures.enumerated() where measure.kind != .relevantCount {
                    #expect(evaluation.values[index][query] == 0)
                }
                continue
            }
            for index in measures.indices {
                let value = evaluation.values[index][query]
                #expect(
                    abs(value - wanted[index]) <= 1e-6, "\(escaped(id)) \(names[index]): \(value), \(wanted[index])")
                compared += 1
            }
        }
        #expect(compared == 58 * names.count)
        #expect(evaluation.queriesWithoutResults == evaluation.queryCount - 58)
        #expect(evaluation.unjudgedQueries > 0)
    }

    /// Measures depend on scores and ids alone, not on the order of lines in either file.
    @Test func orderOfLinesDoesNotMatter() throws {
        let measures = try Measure.parse(list: "ndcg,map,bpref,P,iprec_at_recall")
        let run = try Files.readText(golden("run.trec")).split(separator: "\n")
        let qrels = try Files.readText(golden("qrels.trec")).split(separator: "\n")
        let folder = try TemporaryFolder()
        func evaluate(seed: UInt64?) throws -> Evaluation {
            func shuffled(_ lines: [Substring], _ key: UInt64) -> String {
                guard let seed else { return lines.joined(separator: "\n") }
                var random = SplitMix64(seed: seed, key)
                return lines.shuffled(using: &random).joined(separator: "\n")
            }
            return Evaluation(
                run: try Run(reading: folder.write(shuffled(run, 1), to: "run")),
                qrels: try Qrels(reading: folder.write(shuffled(qrels, 2), to: "qrels")), measures: measures)
        }
        let expected = try evaluate(seed: nil)
        for seed in 0..<4 as Range<UInt64> {
            let other = try evaluate(seed: seed)
            #expect(other.queries == expected.queries)
            #expect(other.values == expected.values)
        }
    }

    /// By hand, from the definitions.
    @Test func smallExample() throws {
        let run = "q Q0 a 1 3 t\nq Q0 b 2 2 t\nq Q0 c 3 1 t\nq Q0 d 4 0 t\n"
        let qrels = "q 0 b 2\nq 0 d 1\nq 0 e 1\nmissing 0 x 1\n"
        let evaluation = try evaluate("map,mrr,p@2,recall@4,ndcg@4,success@1,num_rel,rprec,mrr@1", run, qrels)
        let (l2, l3, l4, l5) = (1.0, 1.584962500721156, 2.0, 2.321928094887362)
        let expected = [
            (0.5 + 0.5) / 3, 0.5, 0.5, 2.0 / 3, (2 / l3 + 1 / l5) / (2 / l2 + 1 / l3 + 1 / l4), 0, 3, 1.0 / 3, 0,
        ]
        for (index, value) in expected.enumerated() {
            // "missing" comes before "q" and has no results.
            #expect(abs(evaluation.values[index][1] - value) < 1e-12, "\(evaluation.measures[index].name)")
            let isCount = evaluation.measures[index].isCount
            #expect(abs(evaluation.overall(index) - (isCount ? 4 : value / 2)) < 1e-12)
        }
        #expect(evaluation.queriesWithoutResults == 1)
    }

    @Test func geometricMeanHasAFloor() throws {
        let evaluation = try evaluate("gm_map", "q Q0 a 1 1 t\n", "q 0 a 1\nr 0 a 1\n")
        #expect(abs(evaluation.overall(0) - 0.0031622776601683794) < 1e-12)
    }

    @Test func nothingJudged() throws {
        let evaluation = try evaluate("ndcg@10,map,gm_map,num_ret", "q Q0 a 1 1 t\n", "")
        #expect(evaluation.queryCount == 0 && evaluation.unjudgedQueries == 1)
        #expect((0..<4).map(evaluation.overall) == [0, 0, 0, 0])
    }

    @Test func namesOfMeasures() throws {
        for (people, trec) in [
            ("ndcg@10", "ndcg_cut_10"), ("ndcg", "ndcg"), ("recall@100", "recall_100"), ("mrr", "recip_rank"),
            ("mrr@10", "recip_rank_cut_10"), ("map@5", "map_cut_5"), ("precision@3", "P_3"), ("success@1", "success_1"),
            ("rprec", "Rprec"), ("iprec_at_recall_0.10", "iprec_at_recall_0.10"), ("set_F", "set_F"),
        ] {
            let measures = try Measure.parse(list: "\(people),\(trec)")
            #expect(measures.count == 1)
            #expect(measures[0].name == people && measures[0].trecName == trec)
        }
        #expect(try Measure.parse(list: "P.5,p@5, P_5,hit@1").map(\.name) == ["precision@5", "success@1"])
        #expect(try Measure.parse(list: "P").map(\.cutoff) == [5, 10, 15, 20, 30, 100, 200, 500, 1000])
        #expect(try Measure.parse(list: "iprec_at_recall").map(\.trecName).last == "iprec_at_recall_1.00")
        for bad in [
            "", "ndcg@", "ndcg@0", "ndcg@-1", "ndcg@x", "map,", "accuracy", "bpref@5", "ndcg_10_",
            "iprec_at_recall_1.5",
            "P_99999999999999999999",
        ] {
            let error = #expect(throws: Failure.self, "\(bad)") { try Measure.parse(list: bad) }
            #expect(error?.exitStatus == .usage)
        }
    }
}

@Suite struct ComparisonTests {
    private func evaluations(_ first: [Double], _ second: [Double]) throws -> (Evaluation, Evaluation) {
        // Values are made by success@1 and by reciprocal ranks 1/n.
        func run(_ values: [Double]) -> String {
            values.enumerated().map { query, value in
                let rank = Int((1 / value).rounded())
                return (1...rank).map { "q\(query) Q0 \($0 == rank ? "x" : "d\($0)") \($0) \(rank - $0) t\n" }.joined()
            }.joined()
        }
        let qrels = first.indices.map { "q\($0) 0 x 1\n" }.joined()
        return (try evaluate("mrr", run(first), qrels), try evaluate("mrr", run(second), qrels))
    }

    /// With n differences of one sign, only the two sign patterns out of 2^n that are all equal are as far.
    @Test func agreesWithExactEnumeration() throws {
        let (first, second) = try evaluations(
            Array(repeating: 0.5, count: 6) + [1], Array(repeating: 1, count: 6) + [1])
        let comparison = try #require(try Comparison.compare(first, second, permutations: 200_000, seed: 4).first)
        #expect(comparison.wins == 6 && comparison.losses == 0 && comparison.ties == 1)
        #expect(abs(comparison.meanDifference - 3.0 / 7) < 1e-12)
        #expect(abs(comparison.pValue - 2.0 / 64) < 0.003)
    }

    /// Mixed differences, against all 2^n sign patterns.
    @Test(arguments: 0..<5 as Range<UInt64>)
    func mixedDifferences(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let values = (0..<2).map { _ in (0..<11).map { _ in 1 / Double(1 + random.next(below: 6)) } }
        let (first, second) = try evaluations(values[0], values[1])
        let differences = zip(first.values[0], second.values[0]).map { $1 - $0 }
        let observed = abs(differences.reduce(0, +))
        var asFar = 0
        for pattern in 0..<1 << 11 {
            let sum = differences.enumerated().reduce(0.0) {
                $0 + (pattern >> $1.offset & 1 == 0 ? $1.element : -$1.element)
            }
            if abs(sum) >= observed - 1e-9 { asFar += 1 }
        }
        let comparison = try Comparison.compare(first, second, permutations: 100_000, seed: seed)[0]
        #expect(abs(comparison.pValue - Double(asFar) / 2048) < 0.008)
        #expect(try comparison == Comparison.compare(first, second, permutations: 100_000, seed: seed)[0])
        let reversed = try Comparison.compare(second, first, permutations: 100_000, seed: seed)[0]
        #expect(reversed.pValue == comparison.pValue && reversed.wins == comparison.losses)
    }

    @Test func equalRuns() throws {
        let (first, second) = try evaluations([1, 0.5], [1, 0.5])
        let comparison = try Comparison.compare(first, second)[0]
        #expect(comparison.pValue == 1 && comparison.ties == 2 && comparison.meanDifference == 0)
    }
}
