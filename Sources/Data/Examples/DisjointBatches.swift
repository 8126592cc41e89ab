/// Cuts examples into batches of one size so that no batch has a query twice, or a positive twice.
///
/// Queries and positives are the two sides of a bipartite graph, an example is an edge between its query and its positive,
/// a batch is a colour: wanted is a colouring of the edges. One exists with as many colours as the most frequent query or
/// positive has examples (König 1916), and any can be made even: of two colours of different sizes some alternating path
/// has more edges of the larger one, and turning it round moves one over (de Werra 1971).
///
/// Examples stay in the batch where they are as long as they can: without any conflict nothing moves.
package struct DisjointBatches {
    private let queries: [Int]
    private let positives: [Int]
    private let batchCount: Int
    private let batchSize: Int
    /// Of each example; -1 where it has none yet.
    private var batches: [Int]
    private var sizes: [Int]
    /// For each query, then each positive, and each batch: the example that has it there, or -1.
    private var held: [Int32]

    /// The batch of each example.
    ///
    /// - Parameters:
    ///   - queries: a number of each example's query, from 0; examples with equal ones are never in one batch.
    ///   - positives: likewise.
    /// - Precondition: `batchCount` divides the number of examples, and no query or positive is there more often than that.
    package static func batches(queries: [Int], positives: [Int], batchCount: Int) -> [Int] {
        var cut = DisjointBatches(queries: queries, positives: positives, batchCount: batchCount)
        cut.assign()
        cut.even()
        return cut.batches
    }

    private init(queries: [Int], positives: [Int], batchCount: Int) {
        precondition(queries.count == positives.count && queries.count % batchCount == 0)
        let queryCount = (queries.max() ?? -1) + 1
        self.queries = queries
        self.positives = positives.map { $0 + queryCount }
        self.batchCount = batchCount
        batchSize = queries.count / batchCount
        batches = queries.map { _ in -1 }
        sizes = [Int](repeating: 0, count: batchCount)
        held = [Int32](repeating: -1, count: (queryCount + (positives.max() ?? -1) + 1) * batchCount)
    }

    private func holder(_ node: Int, _ batch: Int) -> Int { Int(held[node * batchCount + batch]) }

    private mutating func put(_ example: Int, _ batch: Int) {
        batches[example] = batch
        sizes[batch] += 1
        for node in [queries[example], positives[example]] {
            precondition(holder(node, batch) < 0, "two examples of one query or positive in a batch")
            held[node * batchCount + batch] = Int32(example)
        }
    }

    private mutating func take(_ example: Int) {
        let batch = batches[example]
        batches[example] = -1
        sizes[batch] -= 1
        for node in [queries[example], positives[example]] { held[node * batchCount + batch] = -1 }
    }

    private func isFree(_ node: Int, _ batch: Int) -> Bool { holder(node, batch) < 0 }

    /// Each example its own batch, or one without its query and its positive.
    private mutating func assign() {
        var displaced: [Int] = []
        for example in batches.indices {
            let own = example / batchSize
            if isFree(queries[example], own), isFree(positives[example], own) {
                put(example, own)
            } else {
                displaced.append(example)
            }
        }
        for example in displaced {
            let (query, positive) = (queries[example], positives[example])
            let free = (0..<batchCount).filter { isFree(query, $0) && isFree(positive, $0) }
            if let batch = free.min(by: { sizes[$0] < sizes[$1] }) {
                put(example, batch)
                continue
            }
            guard let batch = (0..<batchCount).first(where: { isFree(query, $0) }),
                let other = (0..<batchCount).first(where: { isFree(positive, $0) })
            else { preconditionFailure("a query or a positive has more examples than there are batches") }
            // The path from the positive ends before the query, which has nothing in `batch`.
            turn(path(from: positive, batch, other), batch, other)
            put(example, batch)
        }
    }

    /// Examples that lead from a node, by turns in one batch and the other.
    private func path(from start: Int, _ batch: Int, _ other: Int) -> [Int] {
        var path: [Int] = []
        var (node, colour) = (start, batch)
        while true {
            let example = holder(node, colour)
            guard example >= 0 else { return path }
            path.append(example)
            node = node == queries[example] ? positives[example] : queries[example]
            colour = colour == batch ? other : batch
        }
    }

    /// Puts each example of a path into the other one of two batches.
    private mutating func turn(_ path: [Int], _ batch: Int, _ other: Int) {
        let targets = path.map { batches[$0] == batch ? other : batch }
        for example in path { take(example) }
        for (example, target) in zip(path, targets) { put(example, target) }
    }

    /// Moves examples from batches that have too many to those that have too few; of each the last one that can.
    private mutating func even() {
        while let large = sizes.firstIndex(where: { $0 > batchSize }),
            let small = sizes.firstIndex(where: { $0 < batchSize })
        {
            turn(surplusPath(large, small), large, small)
        }
    }

    /// The shortest-found path with one more example in `large` than in `small`; there is one where `large` has more.
    private func surplusPath(_ large: Int, _ small: Int) -> [Int] {
        var longer: [Int]?
        for example in batches.indices.reversed() where batches[example] == large {
            for node in [queries[example], positives[example]] where isFree(node, small) {
                let path = path(from: node, large, small)
                if path.count == 1 { return path }
                if longer == nil, path.count % 2 == 1 { longer = path }
            }
        }
        guard let longer else { preconditionFailure("a larger batch has no path to a smaller one") }
        return longer
    }
}
