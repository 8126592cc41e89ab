internal import Base

/// The float32 product of rows with rows: `target[i, j] = left[i, :] · right[j, :]`, all row-major without gaps.
///
/// Called by as many threads at once as the search has. Sums may be taken in any order, in float32 or better: results do not
/// depend on it.
public typealias RowProduct =
    @Sendable (
        _ left: UnsafePointer<Float>, _ rowCount: Int, _ right: UnsafePointer<Float>, _ otherRowCount: Int,
        _ columnCount: Int, _ target: UnsafeMutablePointer<Float>
    ) throws -> Void

/// How to search.
public struct SearchOptions: Sendable {
    /// Results per query; fewer where the corpus has fewer.
    public var depth = 100
    /// Leave out the document whose id equals the query's, byte by byte.
    public var excludesSelf = false
    /// Use the leading components only, as Matryoshka models allow; normalised vectors are normalised again.
    public var dims: Int?
    public var threadCount: Int
    /// Search even where folders were made by different models, from different datasets, or are of the wrong side.
    public var allowsMismatch = false
    /// Search even where shards are missing.
    public var allowsMissing = false
    /// Rows of the corpus in one matrix product. The results do not depend on it.
    public var corpusBlockRows = 512
    /// Queries in one matrix product, at most. The results do not depend on it.
    public var queryBlockRows = 640

    public init() { threadCount = processorCount }
}

/// What a search did.
public struct SearchSummary: Sendable, Equatable {
    public var queryCount = 0
    public var documentCount = 0
    public var dims = 0
    /// Lines of the run.
    public var resultCount = 0
    /// Results left out because their id was the query's.
    public var excludedCount = 0
    /// Records of either side that no folder holds, as far as their number is known.
    public var missingQueryCount = 0
    public var missingDocumentCount = 0
    /// Records of either side that were left out when their folders were encoded, and so have no vector.
    public var leftOutQueryCount = 0
    public var leftOutDocumentCount = 0
}
