/// Why a result of a query's ranking is no candidate, in the order in which the reasons are looked at: each result is
/// counted under the first that holds. A rank is a result's place among those that the first three do not drop, from 1,
/// before anything else is dropped.
public enum NegativeStep: String, Sendable, CaseIterable {
    case positive
    /// A duplicate of a positive, as the dataset's alias map has it.
    case alias
    /// Has the query's id.
    case ownID = "ownId"
    /// Not in the dataset; it keeps its rank.
    case unknown
    case depth
    case skipTop
    case maxScore
    case minScore
    case absoluteMargin
    case relativeMargin
    case duplicate
    /// Has the query's text.
    case ownText
    case answer

    var index: Int { NegativeStep.allCases.firstIndex(of: self)! }

    public var explanation: String {
        switch self {
        case .positive: "is a positive"
        case .alias: "duplicate of a positive"
        case .ownID: "has the query's id"
        case .unknown: "not in the dataset"
        case .depth: "rank below --depth"
        case .skipTop: "within --skip-top"
        case .maxScore: "above --max-score"
        case .minScore: "below --min-score"
        case .absoluteMargin: "within --absolute-margin"
        case .relativeMargin: "within --relative-margin"
        case .duplicate: "content of a positive or of a better candidate"
        case .ownText: "has the query's text"
        case .answer: "contains an answer"
        }
    }
}
