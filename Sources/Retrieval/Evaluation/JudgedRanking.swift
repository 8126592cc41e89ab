/// One query's ranking reduced to what measures need: the ranks and grades of the judged documents.
///
/// All other results are unjudged, hence not relevant; only their number matters.
struct JudgedRanking {
    /// Results of the query.
    var retrievedCount = 0
    /// The judged documents among the results: 1-based rank, ascending, and grade.
    var hits: [(rank: Int, grade: Int32)] = []
    /// All grades above 0 that the query has, descending.
    var idealGrades: [Int32] = []
    /// Documents with grade 0: looked at, and not relevant.
    var irrelevantCount = 0

    var relevantCount: Int { idealGrades.count }

    /// The value of a measure for this query.
    ///
    /// Every definition is trec_eval 9's; a query without relevant documents has 0.
    func value(of measure: Measure) -> Double {
        let cutoff = measure.cutoff ?? Int.max
        switch measure.kind {
        case .retrievedCount: return Double(retrievedCount)
        case .relevantCount: return Double(relevantCount)
        case .relevantRetrievedCount: return Double(relevantHits(Int.max))
        case .averagePrecision: return averagePrecision(cutoff)
        case .geometricAveragePrecision: return max(averagePrecision(cutoff), 0.00001)
        case .rPrecision: return ratio(relevantHits(relevantCount), relevantCount)
        case .bpref: return bpref
        case .reciprocalRank:
            guard let first = hits.first(where: { $0.grade > 0 }), first.rank <= cutoff else { return 0 }
            return 1 / Double(first.rank)
        case .precision: return ratio(relevantHits(cutoff), cutoff)
        case .recall: return ratio(relevantHits(cutoff), relevantCount)
        case .ndcg: return ndcg(cutoff)
        case .success: return relevantHits(cutoff) > 0 ? 1 : 0
        case .interpolatedPrecision: return interpolatedPrecision(percent: measure.recallPercent ?? 0)
        case .setPrecision: return ratio(relevantHits(Int.max), retrievedCount)
        case .setRecall: return ratio(relevantHits(Int.max), relevantCount)
        case .setF:
            let precision = ratio(relevantHits(Int.max), retrievedCount)
            let recall = ratio(relevantHits(Int.max), relevantCount)
            return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
        }
    }

    private func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

    private func relevantHits(_ cutoff: Int) -> Int {
        var count = 0
        for hit in hits {
            if hit.rank > cutoff { break }
            if hit.grade > 0 { count += 1 }
        }
        return count
    }

    private func averagePrecision(_ cutoff: Int) -> Double {
        guard relevantCount > 0 else { return 0 }
        var sum = 0.0
        var found = 0
        for hit in hits where hit.grade > 0 {
            if hit.rank > cutoff { break }
            found += 1
            sum += Double(found) / Double(hit.rank)
        }
        return sum / Double(relevantCount)
    }

    private func ndcg(_ cutoff: Int) -> Double {
        var ideal = 0.0
        for (index, grade) in idealGrades.prefix(cutoff).enumerated() { ideal += Double(grade) * discount(index + 1) }
        guard ideal > 0 else { return 0 }
        var gain = 0.0
        for hit in hits where hit.grade > 0 {
            if hit.rank > cutoff { break }
            gain += Double(hit.grade) * discount(hit.rank)
        }
        return gain / ideal
    }

    private func discount(_ rank: Int) -> Double { Discounts.at(rank) }

    private var bpref: Double {
        guard relevantCount > 0 else { return 0 }
        var sum = 0.0
        var irrelevantBefore = 0
        for hit in hits {
            if hit.grade == 0 {
                irrelevantBefore += 1
            } else if hit.grade > 0 {
                let worst = min(irrelevantCount, relevantCount)
                sum += irrelevantBefore == 0 ? 1 : 1 - Double(min(irrelevantBefore, relevantCount)) / Double(worst)
            }
        }
        return sum / Double(relevantCount)
    }

    private func interpolatedPrecision(percent: Int) -> Double {
        // trec_eval's translation of a recall level into a number of documents.
        let needed = Int(Double(percent) / 100 * Double(relevantCount) + 0.9)
        var best = 0.0
        var found = 0
        for hit in hits where hit.grade > 0 {
            found += 1
            if found >= needed { best = max(best, Double(found) / Double(hit.rank)) }
        }
        return best
    }
}
