internal import Encoding
internal import Inputs
internal import Search

/// What measuring a model takes of memory beside its weights and the pass of a batch, in bytes: of the dataset that takes most.
///
/// Datasets are measured one after another. Processes that train together encode together, and the first one holds it all.
struct ValidationMemory {
    /// Of the largest batch that is encoded, in tokens: see ``ModelInput/cost``.
    let batchCost: Int
    /// Vectors, which are mapped, the records that wait to be encoded, and results; media that are decoded ahead.
    let held: Int
    /// Beside them while it searches.
    let search: Int

    /// An id of a result, and its score, about.
    private static let resultByteCount = 32

    /// - Parameters:
    ///   - longestCost: of an input, as in training.
    ///   - mediaPerCost: bytes of decoded media for each token that an input costs.
    init(_ set: ValidationSet, dims: Int, longestCost: Int, mediaPerCost: Double) {
        let encoding = DatasetEncoder.Options()
        let vectorByteCount = MemoryLayout<Float>.size * dims
        var (most, held, search, batchCost) = (-1, 0, 0, 0)
        for part in set.parts {
            let (queryCount, documentCount) = (part.queries.count, part.corpus?.count ?? part.dataset.documentCount)
            let cost = max(queryCount, documentCount) * longestCost
            let batch = min(cost, max(longestCost, set.options.batchTokens))
            // One window is encoded while the next is read.
            let window = min(encoding.recordsPerPart, max(queryCount, documentCount))
            let results = queryCount * min(set.options.depth, documentCount) * Self.resultByteCount
            let media = mediaPerCost * Double(batch) + min(mediaPerCost * Double(cost), Double(encoding.mediaBudget))
            let own =
                (queryCount + documentCount + window) * vectorByteCount
                + 2 * window * longestCost * MemoryLayout<Int32>.size + Int(media) + results
            let searching = ExactSearch.workingByteCount(
                queryCount: queryCount, documentCount: documentCount, dims: dims, depth: set.options.depth)
            batchCost = max(batchCost, batch)
            guard own + searching > most else { continue }
            (most, held, search) = (own + searching, own, searching)
        }
        (self.batchCost, self.held, self.search) = (batchCost, held, search)
    }
}
