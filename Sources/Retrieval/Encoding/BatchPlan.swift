/// Cuts a window of texts into batches of similar length under a token budget.
///
/// Texts are sorted by length, longest first, so that the largest batch comes first (memory is exhausted at once or
/// never) and texts of equal length are neighbours. The plan depends on the lengths and the budget only.
public struct BatchPlan {
    /// Indices into the window, batch after batch.
    public let batches: [[Int]]

    /// - Parameter tokenBudget: the most tokens of a batch; a longer text gets a batch of its own.
    public init(lengths: [Int], tokenBudget: Int) {
        let order = lengths.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
        var batches: [[Int]] = []
        var batch: [Int] = []
        var tokenCount = 0
        for index in order {
            if !batch.isEmpty && tokenCount + lengths[index] > tokenBudget {
                batches.append(batch)
                batch = []
                tokenCount = 0
            }
            batch.append(index)
            tokenCount += lengths[index]
        }
        if !batch.isEmpty { batches.append(batch) }
        self.batches = batches
    }
}
