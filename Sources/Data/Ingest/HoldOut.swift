internal import Base

/// Queries that are set aside to evaluate with: their links become judgements of a split, and nobody trains on them.
public struct HoldOut: Sendable, Equatable {
    /// Of the queries that have a positive.
    public var queryCount: Int
    public var split: String
    /// Which queries are chosen is a function of the seed and of their ids.
    public var seed: UInt64

    public init(queryCount: Int, split: String = "test", seed: UInt64 = 42) {
        (self.queryCount, self.split, self.seed) = (queryCount, split, seed)
    }

    /// A query's place in the order in which queries are chosen.
    func rank(of id: ContentHash) -> UInt64 { SplitMix64.mix(seed, id.high, id.low) }
}
