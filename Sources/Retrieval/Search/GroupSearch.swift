internal import Base
internal import Rankings
internal import Vectors

/// A document, by its row, and its exact score for a query.
typealias SearchEntry = (row: UInt32, score: Float)

/// The exact results of some queries within some rows of the corpus.
struct GroupResults: Sendable {
    let queries: Range<Int>
    /// `queries.count + 1` offsets into ``rows`` and ``scores``.
    var offsets: [Int] = [0]
    var rows: [UInt32] = []
    var scores: [Float] = []

    /// Appends what was found for a query, best first.
    func append(_ query: Int, to best: inout [SearchEntry]) {
        let index = query - queries.lowerBound
        for entry in offsets[index]..<offsets[index + 1] { best.append((rows[entry], scores[entry])) }
    }
}

/// Searches one group of queries in one span of the corpus: a float32 matrix product for each block finds candidates,
/// float64 products decide between them.
///
/// Error of a float32 inner product of d terms, summed in any order, with or without fused operations:
/// |computed − exact| ≤ γ_d·|q|·|c|, γ_d = d·u / (1 − d·u), u = 2^−24 (Higham 2002, section 3.1). Rounding the exact
/// score to float32, which ties are told by, adds u·|q|·|c|. The bound uses the longest row met so far.
final class GroupSearch {
    private let source: RowBlocks
    private let corpus: RowBlocks
    private let options: SearchOptions
    private let product: RowProduct
    private let depth: Int
    private let columns: Int
    private let queryRange: Range<Int>
    private let queries: UnsafeMutablePointer<Float>
    private let queryLengths: [Double]
    private let products: UnsafeMutablePointer<Float>
    private let scratch: UnsafeMutablePointer<Float>
    private let candidates: Candidates
    private let relativeError: Double
    private var longestRow = 0.0
    /// Row and slot of candidates, for ``rescore(_:)``.
    private var keys: [UInt64] = []

    private var queryCount: Int { queryRange.count }

    init(
        queries source: RowBlocks, _ range: Range<Int>, corpus: RowBlocks, depth: Int, options: SearchOptions,
        product: @escaping RowProduct
    ) {
        self.source = source
        self.product = product
        self.corpus = corpus
        self.options = options
        self.depth = depth
        columns = corpus.columns
        queryRange = range
        queries = .allocate(capacity: max(1, range.count * columns))
        source.copy(range, into: queries)
        var lengths: [Double] = []
        for index in 0..<range.count {
            let row = queries + index * columns
            lengths.append(RowMath.exactProduct(row, row, count: columns).squareRoot())
        }
        queryLengths = lengths
        products = .allocate(capacity: max(1, range.count * options.corpusBlockRows))
        scratch = .allocate(capacity: options.corpusBlockRows * columns)
        candidates = Candidates(
            queryCount: range.count, depth: depth, blockCount: options.corpusBlockRows)
        let unit = 0x1p-24
        let terms = Double(columns) * unit
        relativeError = 1.01 * (terms / (1 - terms) + 3 * unit)
    }

    deinit {
        queries.deallocate()
        products.deallocate()
        scratch.deallocate()
    }

    /// - Throws: `InputError` for a vector that is not finite; `Failure` when interrupted.
    func run(rows span: Range<Int>) throws -> GroupResults {
        for (index, length) in queryLengths.enumerated() where !(length < 0x1p63) {
            throw source.notFinite(queryRange.lowerBound + index)
        }
        var row = span.lowerBound
        while row < span.upperBound {
            try Interruption.check()
            let block = corpus.block(from: row, limit: min(options.corpusBlockRows, span.upperBound - row))
            let scratch = scratch
            longestRow = max(longestRow, try corpus.withRows(block, scratch: scratch) { try measure(block, $0) })
            try corpus.withRows(block, scratch: scratch) { matrix in
                try product(queries, queryCount, matrix, block.count, columns, products)
            }
            for query in 0..<queryCount {
                if candidates.counts[query] == 0 {
                    candidates.begin(
                        query, block: products + query * block.count, count: block.count, margin: margin(query))
                }
                candidates.scan(
                    query: query, block: products + query * block.count, count: block.count, firstRow: block.lowerBound,
                    makeRoom: makeRoom)
            }
            row = block.upperBound
        }
        return finish()
    }

    /// The length of the longest row of a block, rounded up.
    private func measure(_ block: Range<Int>, _ matrix: UnsafePointer<Float>) throws -> Double {
        var longest: Float = 0
        for index in 0..<block.count {
            let squared = RowMath.squaredLength(matrix + index * columns, count: columns)
            // Past 2^126 a product of two rows may leave float32's range. NaN fails the comparison as well.
            guard squared < 0x1p126 else { throw corpus.notFinite(block.lowerBound + index) }
            longest = max(longest, squared)
        }
        // Squares below the normal range may be lost; the addend covers them.
        return (Double(longest) * (1 + 2 * relativeError) + Double(columns) * 0x1p-126).squareRoot()
    }

    private func margin(_ query: Int) -> Double {
        2 * (relativeError * queryLengths[query] * longestRow + Double(columns) * 0x1p-126)
    }

    private func makeRoom(_ query: Int) {
        candidates.prune(query, margin: margin(query))
        if candidates.isCrowded(query) {
            rescore(query..<query + 1)
            candidates.replace(query, with: best(query), margin: margin(query))
        }
    }

    /// Gives every candidate of some queries its exact score.
    ///
    /// In the order of rows, not of queries: a row is then read once for all queries, and memory is read forwards.
    private func rescore(_ range: Range<Int>) {
        keys.removeAll(keepingCapacity: true)
        for query in range {
            let start = query * candidates.capacity
            for slot in start..<start + candidates.counts[query] {
                keys.append(UInt64(candidates.rows[slot]) << 32 | UInt64(slot))
            }
        }
        keys.sort()
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { copy in
            for key in keys {
                let row = Int(key >> 32)
                let slot = Int(truncatingIfNeeded: key & 0xFFFF_FFFF)
                let vector = queries + slot / candidates.capacity * columns
                let score = corpus.withRows(row..<row + 1, scratch: copy.baseAddress!) {
                    RowMath.exactProduct(vector, $0, count: columns)
                }
                candidates.scores[slot] = Float(score)
            }
        }
    }

    /// The best of a query's candidates, whose scores are exact, best first, at most `depth`.
    private func best(_ query: Int) -> [SearchEntry] {
        let start = query * candidates.capacity
        var best: [SearchEntry] = []
        best.reserveCapacity(candidates.counts[query])
        for slot in start..<start + candidates.counts[query] {
            best.append((candidates.rows[slot], candidates.scores[slot]))
        }
        corpus.sort(&best)
        if best.count > depth { best.removeLast(best.count - depth) }
        return best
    }

    private func finish() -> GroupResults {
        for query in 0..<queryCount { candidates.prune(query, margin: margin(query)) }
        rescore(0..<queryCount)
        var results = GroupResults(queries: queryRange)
        results.rows.reserveCapacity(queryCount * depth)
        results.scores.reserveCapacity(queryCount * depth)
        for query in 0..<queryCount {
            for (row, score) in best(query) {
                results.rows.append(row)
                results.scores.append(score)
            }
            results.offsets.append(results.rows.count)
        }
        return results
    }
}

extension RowBlocks {
    /// Brings results in trec_eval's order: score descending, then id descending. Ids are read only for ties.
    func sort(_ results: inout [SearchEntry]) {
        results.sort { left, right in
            guard left.score == right.score else { return left.score > right.score }
            return withID(Int(left.row)) { leftID in
                withID(Int(right.row)) { RankingOrder.compare(leftID, $0) > 0 }
            }
        }
    }
}
