internal import Base

extension Measure {
    /// What `tvt-eval` computes unless told otherwise.
    public static let standard = [
        Measure(.ndcg, cutoff: 10), Measure(.recall, cutoff: 100), Measure(.reciprocalRank, cutoff: 10),
        Measure(.averagePrecision),
    ]

    /// trec_eval's default cut-offs.
    private static let cutoffs = [5, 10, 15, 20, 30, 100, 200, 500, 1000]

    /// The measures that a comma-separated list names, in its order, none twice.
    ///
    /// Each may be written as people do (`ndcg@10`, `p@5`, `mrr`) or as trec_eval does (`ndcg_cut_10`, `P.5`,
    /// `recip_rank`); a family without a cut-off (`P`, `recall`, `ndcg_cut`, `map_cut`, `success`,
    /// `iprec_at_recall`) stands for trec_eval's default cut-offs.
    ///
    /// - Throws: `Failure` that lists the measures, for a name that is none.
    public static func parse(list: String) throws -> [Measure] {
        var measures: [Measure] = []
        var seen = Set<Measure>()
        for name in list.split(separator: ",", omittingEmptySubsequences: false) {
            let name = name.filter { $0 != " " }
            guard let named = parse(name: name) else { throw unknown(name) }
            measures.append(contentsOf: named.filter { seen.insert($0).inserted })
        }
        return measures
    }

    private static func parse(name: String) -> [Measure]? {
        if let plain = plain(name) { return [plain] }
        if let family = family(name) { return family }
        guard let (base, parameter) = split(name) else { return nil }
        if base == "iprec_at_recall" {
            return recallPercent(parameter).map { [Measure(.interpolatedPrecision, recallPercent: $0)] }
        }
        guard let kind = cutKind(base), let cutoff = Int(parameter), cutoff > 0, cutoff <= 1 << 40 else { return nil }
        return [Measure(kind, cutoff: cutoff)]
    }

    private static func plain(_ name: String) -> Measure? {
        switch name {
        case "map": Measure(.averagePrecision)
        case "mrr", "recip_rank": Measure(.reciprocalRank)
        case "ndcg": Measure(.ndcg)
        case "rprec", "Rprec": Measure(.rPrecision)
        case "bpref": Measure(.bpref)
        case "gm_map": Measure(.geometricAveragePrecision)
        case "num_ret": Measure(.retrievedCount)
        case "num_rel": Measure(.relevantCount)
        case "num_rel_ret": Measure(.relevantRetrievedCount)
        case "set_P": Measure(.setPrecision)
        case "set_recall": Measure(.setRecall)
        case "set_F": Measure(.setF)
        default: nil
        }
    }

    private static func family(_ name: String) -> [Measure]? {
        switch name {
        case "P", "precision": cutoffs.map { Measure(.precision, cutoff: $0) }
        case "recall": cutoffs.map { Measure(.recall, cutoff: $0) }
        case "ndcg_cut": cutoffs.map { Measure(.ndcg, cutoff: $0) }
        case "map_cut": cutoffs.map { Measure(.averagePrecision, cutoff: $0) }
        case "success": [1, 5, 10].map { Measure(.success, cutoff: $0) }
        case "iprec_at_recall": (0...10).map { Measure(.interpolatedPrecision, recallPercent: $0 * 10) }
        default: nil
        }
    }

    private static func cutKind(_ base: String) -> Kind? {
        switch base {
        case "ndcg", "ndcg_cut": .ndcg
        case "recall", "r": .recall
        case "mrr", "recip_rank", "recip_rank_cut": .reciprocalRank
        case "map", "map_cut": .averagePrecision
        case "precision", "p", "P": .precision
        case "success", "hit": .success
        default: nil
        }
    }

    /// `ndcg@10`, `ndcg_cut_10` and `ndcg_cut.10` in two.
    private static func split(_ name: String) -> (base: String, parameter: String)? {
        for separator in ["@", "."] as [Character] {
            if let at = name.firstIndex(of: separator), !name.hasPrefix("iprec_at_recall_") {
                return (String(name[..<at]), String(name[name.index(after: at)...]))
            }
        }
        guard let at = name.lastIndex(of: "_") else { return nil }
        return (String(name[..<at]), String(name[name.index(after: at)...]))
    }

    /// `0.10` as 10.
    private static func recallPercent(_ text: String) -> Int? {
        guard let level = Double(text), 0...1 ~= level else { return nil }
        let percent = (level * 100).rounded()
        return abs(percent - level * 100) < 1e-9 ? Int(percent) : nil
    }

    private static func unknown(_ name: String) -> Failure {
        Failure(
            .usage, "\"\(name)\" is not a measure",
            advice: "measures: ndcg, ndcg@k, recall@k, mrr, mrr@k, map, map@k, precision@k, success@k, rprec, bpref, "
                + "gm_map, iprec_at_recall_0.10, set_P, set_recall, set_F, num_ret, num_rel, num_rel_ret; "
                + "trec_eval's names mean the same: ndcg_cut_10, recall_100, recip_rank, P_5, map_cut_10, success_1")
    }
}
