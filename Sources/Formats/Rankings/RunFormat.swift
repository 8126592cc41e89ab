/// How the lines of a run file are laid out.
public enum RunFormat: String, Sendable, CaseIterable {
    /// `qid Q0 docid rank score tag`, separated by spaces or tabs. What trec_eval reads.
    case trec
    /// `qid⇥docid⇥score`. Ids may hold spaces.
    case tevatron
    /// `qid⇥docid⇥rank`, the MS MARCO submission format. It has no scores: reading one gives the score −rank, which
    /// keeps the order.
    case marco

    /// Fields of a line.
    var fieldCount: Int { self == .trec ? 6 : 3 }

    /// What a line looks like, for messages.
    var layout: String {
        switch self {
        case .trec: "qid Q0 docid rank score tag"
        case .tevatron: "qid, docid, score separated by tabs"
        case .marco: "qid, docid, rank separated by tabs"
        }
    }
}
