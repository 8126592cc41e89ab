internal import Base
public import Store

/// Takes queries out of a training set and makes a split of them to evaluate on.
///
/// Which queries is a function of the seed and their ids. A query must have judgements to be drawn, of an existing split or
/// made of its positives.
public struct HoldOut: Sendable {
    public var split: String
    public var amount: Amount
    public var seed: UInt64
    public var judgements: QuerySplit.Judgements

    public init(split: String, amount: Amount, seed: UInt64, judgements: QuerySplit.Judgements = .split(nil)) {
        self.split = split
        self.amount = amount
        self.seed = seed
        self.judgements = judgements
    }

    /// - Throws: as ``QuerySplit/derive(from:as:in:tool:)``.
    public func derive(from dataset: Dataset, as reference: String, in store: Store, tool: String) throws
        -> (dataset: Dataset, report: QuerySplit.Report)
    {
        var operation = QuerySplit(.drawn([(split, amount)], seed: seed))
        operation.judgements = judgements
        operation.leavesTraining = true
        let result = try operation.derive(from: dataset, as: reference, in: store, tool: tool)
        if result.report.equalQueriesCount > 0 {
            log.warning(
                "\(result.report.equalQueriesCount) queries that stay in training have the content of one that is held out"
            )
        }
        return result
    }
}
