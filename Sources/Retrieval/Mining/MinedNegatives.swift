internal import Base
public import Store

/// Where a dataset's negatives stand in the run that they were mined from.
public struct MinedNegatives: Sendable, Equatable {
    public private(set) var linkCount = 0
    /// Negatives that their query's ranking does not list: drawn from the corpus, or from elsewhere.
    public private(set) var unrankedCount = 0
    public let ranks: Histogram
    public let scores: Histogram

    /// Looks each negative up in its query's ranking.
    ///
    /// Memory: 4 bytes a negative, and one ranking.
    /// - Throws: `InputError` on a malformed run.
    public init(of dataset: Dataset, in run: MiningRun) throws {
        linkCount = dataset.negatives?.linkCount ?? 0
        var found: [Float] = []
        var counts: [Int: Int] = [:]
        if let negatives = dataset.negatives {
            var resolver = try RunResolver(run, dataset: dataset)
            while let ranking = try resolver.next() {
                try Interruption.check()
                var wanted = Set(try negatives.targets(of: ranking.query))
                for (index, document) in ranking.documents.enumerated() where !wanted.isEmpty {
                    guard wanted.remove(document) != nil else { continue }
                    counts[index + 1, default: 0] += 1
                    found.append(ranking.scores[index])
                }
            }
        }
        unrankedCount = linkCount - found.count
        ranks = Histogram(ranks: counts)
        scores = Histogram(scores: found)
    }
}
