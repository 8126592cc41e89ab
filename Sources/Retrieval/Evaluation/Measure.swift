internal import Base

/// A measure of trec_eval, with its cut-off where it has one.
public struct Measure: Hashable, Sendable {
    /// What is measured. Levels are grades: a document with a grade of 1 or more is relevant.
    public enum Kind: String, Sendable, CaseIterable {
        /// Results of the query.
        case retrievedCount = "num_ret"
        /// Relevant documents of the query.
        case relevantCount = "num_rel"
        /// Relevant documents among the results.
        case relevantRetrievedCount = "num_rel_ret"
        /// Sum over the relevant results of the precision at their rank, divided by the relevant documents; `@k`
        /// counts the first k results only.
        case averagePrecision = "map"
        /// The same, averaged geometrically over queries, none below 0.00001.
        case geometricAveragePrecision = "gm_map"
        /// Precision at the rank that is the number of relevant documents.
        case rPrecision = "Rprec"
        /// Share of relevant results that stand before judged irrelevant ones (Buckley & Voorhees 2004).
        case bpref
        /// 1 / rank of the first relevant result, 0 if there is none (within the first k).
        case reciprocalRank = "recip_rank"
        /// Relevant results among the first k, divided by k.
        case precision = "P"
        /// Relevant results among the first k, divided by the relevant documents.
        case recall
        /// Σ grade / log2(rank + 1), divided by the greatest that any order of the judged documents gives.
        case ndcg
        /// 1 where one of the first k results is relevant.
        case success
        /// The best precision at any rank whose recall is at least the level.
        case interpolatedPrecision = "iprec_at_recall"
        /// Precision, recall and their harmonic mean over all results, whatever their order.
        case setPrecision = "set_P"
        case setRecall = "set_recall"
        case setF = "set_F"
    }

    public let kind: Kind
    /// Results that count, from the first; nil for all.
    public let cutoff: Int?
    /// Of `interpolatedPrecision`: the recall level, in hundredths.
    public let recallPercent: Int?

    init(_ kind: Kind, cutoff: Int? = nil, recallPercent: Int? = nil) {
        self.kind = kind
        self.cutoff = cutoff
        self.recallPercent = recallPercent
    }

    /// Whether the value over all queries is a sum and not a mean.
    public var isCount: Bool {
        switch kind {
        case .retrievedCount, .relevantCount, .relevantRetrievedCount: true
        default: false
        }
    }

    /// As people write it: `ndcg@10`.
    public var name: String {
        let base =
            switch kind {
            case .reciprocalRank: "mrr"
            case .precision: "precision"
            case .rPrecision: "rprec"
            case .interpolatedPrecision: trecName
            default: kind.rawValue
            }
        return cutoff.map { "\(base)@\($0)" } ?? base
    }

    /// As trec_eval writes it: `ndcg_cut_10`. What trec_eval does not have follows its pattern: `recip_rank_cut_10`.
    public var trecName: String {
        switch (kind, cutoff) {
        case (.interpolatedPrecision, _):
            let percent = recallPercent ?? 0
            return "iprec_at_recall_\(percent / 100).\(percent / 10 % 10)\(percent % 10)"
        case (.precision, let cutoff?), (.recall, let cutoff?), (.success, let cutoff?):
            return "\(kind.rawValue)_\(cutoff)"
        case (_, let cutoff?): return "\(kind.rawValue)_cut_\(cutoff)"
        case (_, nil): return kind.rawValue
        }
    }
}
