/// What becomes of a query in the recall filter.
public enum RecallOutcome: Sendable, Equatable {
    /// Its best positive's rank.
    case kept(rank: Int)
    case belowDepth(rank: Int)
    /// None of its positives is in its ranking.
    case notFound
    /// The dataset knows no positive.
    case withoutPositives
    case notInRun
}

/// One query and what the filter makes of it.
public struct RecallJudgement: Sendable, Equatable {
    public let query: Int
    public let outcome: RecallOutcome
    /// The positive with the best rank, or a duplicate of one with a better; else the first positive that the dataset
    /// knows; ordinal.
    public let positive: Int?
    /// Whether that is a duplicate of a positive.
    public let isDuplicate: Bool
    /// The document at rank 1; nil where there is none, or one that the dataset does not have.
    public let top: Int?
}
