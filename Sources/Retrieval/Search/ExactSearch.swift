public import Base
public import Rankings
public import Vectors

/// Exact search by inner product: every query against every document.
///
/// A score is the inner product of the stored float32 vectors, summed in float64 and rounded to float32. Results are
/// ordered by score, then by docid descending, which is trec_eval's order. They depend neither on block sizes nor on
/// the number of threads: float32 matrix products only find the candidates (``GroupSearch``).
///
/// Memory is bounded by queries × block; the corpus is read through mappings, as often as there are groups of queries.
public struct ExactSearch: Sendable {
    private let queries: RowBlocks
    private let corpus: RowBlocks
    private let options: SearchOptions
    private let product: RowProduct
    /// Records that no folder holds.
    private let missing: (queries: Int, documents: Int)
    /// Records that were left out when their folders were encoded.
    private let leftOut: (queries: Int, documents: Int)

    /// - Parameter product: finds the candidates.
    /// - Throws: `Failure` where folders do not belong together, or do not hold all of their side.
    public init(
        queries: VectorsReader, corpus: [VectorsReader], options: SearchOptions, product: @escaping RowProduct
    ) throws {
        self.product = product
        precondition(options.depth > 0 && options.threadCount > 0)
        precondition(options.corpusBlockRows > 0 && options.queryBlockRows > 0)
        let sides = try SearchedSides(queries: queries, corpus: corpus, options: options)
        let dims = try sides.commonDims(wanted: options.dims)
        missing = (sides.queries.missingCount, sides.corpus.missingCount)
        leftOut = (sides.queries.leftOutCount, sides.corpus.leftOutCount)
        self.queries = RowBlocks([queries], columns: dims)
        self.corpus = RowBlocks(corpus, columns: dims)
        var options = options
        options.threadCount = min(options.threadCount, ExactSearch.mostThreads)
        self.options = options
        guard self.corpus.count <= Int(UInt32.max) else {
            throw Failure(.badData, "\(self.corpus.count) documents are more than one search takes (2^32 − 1)")
        }
    }

    /// OpenBLAS ends the process when more threads call it than it was built for; Debian builds it for 128.
    private static let mostThreads = 96

    /// What a search on one thread holds of its own, in bytes: a group's queries and candidates, and a block of the corpus
    /// with its products, each as the search has it and as ``RowProduct`` may copy it.
    public static func workingByteCount(queryCount: Int, documentCount: Int, dims: Int, depth: Int) -> Int {
        let options = SearchOptions()
        let group = min(queryCount, largestGroup(options, depth: min(depth, documentCount)))
        let block = min(options.corpusBlockRows, documentCount)
        return 2 * MemoryLayout<Float>.size * (group * dims + block * dims + group * block)
            + group * Candidates.byteCount(depth: min(depth, documentCount))
    }

    /// Queries whose candidates are held together, at most.
    private static func largestGroup(_ options: SearchOptions, depth: Int) -> Int {
        let roomForCandidates = 64 << 20
        return max(1, min(options.queryBlockRows, roomForCandidates / Candidates.byteCount(depth: depth)))
    }

    /// One group of queries and one span of the corpus.
    private struct Work: Sendable {
        let queries: Range<Int>
        let rows: Range<Int>
        let isLastSpan: Bool
    }

    /// Searches, and gives `emit` every query's results in the order of the queries' rows.
    ///
    /// - Throws: `InputError` for a vector that is not finite; `Failure` where a docid stands twice among a query's
    ///   results; what `emit` throws.
    public func run(progress: Progress? = nil, _ emit: (RankedList) throws -> Void) throws -> SearchSummary {
        var (summary, list) = (summary, RankedList())
        try search(0..<corpus.count, progress) { query, best in
            try collect(query, best, into: &list, &summary)
            try emit(list)
        }
        return summary
    }

    /// Each query's best rows of one of several equal shares of the corpus, in the order of the queries' rows; the vectors of
    /// other shares are not touched.
    ///
    /// - Throws: `InputError` for a vector that is not finite; what `emit` throws.
    func searchShare(
        _ index: Int, of count: Int, _ progress: Progress?, _ emit: (_ best: [SearchEntry]) throws -> Void
    ) throws {
        let rows = corpus.count * index / count..<corpus.count * (index + 1) / count
        try search(rows, progress) { _, best in try emit(best) }
    }

    /// Gives `emit` every query's results, from its best rows of all shares of the corpus.
    ///
    /// - Parameter next: called for each query, in the order of rows: its best rows of all shares, in any order.
    /// - Throws: as ``run(progress:_:)``.
    func merge(_ next: () throws -> [SearchEntry], _ emit: (RankedList) throws -> Void) throws -> SearchSummary {
        var (summary, list) = (summary, RankedList())
        for query in 0..<queries.count {
            if query % 4096 == 0 { try Interruption.check() }
            var best = try next()
            guard best.allSatisfy({ $0.row < corpus.count }) else {
                throw Failure(.bug, "a share of the search has a row that no folder has")
            }
            corpus.sort(&best)
            try collect(query, best, into: &list, &summary)
            try emit(list)
        }
        return summary
    }

    var queryCount: Int { queries.count }

    /// What is known before anything is found.
    private var summary: SearchSummary {
        var summary = SearchSummary()
        summary.queryCount = queries.count
        summary.documentCount = corpus.count
        summary.dims = corpus.columns
        summary.missingQueryCount = missing.queries
        summary.missingDocumentCount = missing.documents
        summary.leftOutQueryCount = leftOut.queries
        summary.leftOutDocumentCount = leftOut.documents
        return summary
    }

    /// Gives `take` each query's best rows among some of the corpus, best first.
    private func search(
        _ rows: Range<Int>, _ progress: Progress?, _ take: (_ query: Int, _ best: [SearchEntry]) throws -> Void
    ) throws {
        // A query's own document is left out afterwards, so one more is looked for.
        let depth = min(options.depth + (options.excludesSelf ? 1 : 0), max(1, corpus.count))
        var work = plan(rows, depth: depth).makeIterator()
        var spans: [GroupResults] = []
        let (queries, corpus, options, product) = (queries, corpus, options, product)
        try orderedPipeline(
            workers: options.threadCount > 1 ? options.threadCount : 0, window: options.threadCount * 2,
            read: { work.next() },
            transform: { (work: Work) -> (GroupResults, Bool) in
                let group = GroupSearch(
                    queries: queries, work.queries, corpus: corpus, depth: depth, options: options,
                    product: product)
                return (try group.run(rows: work.rows), work.isLastSpan)
            },
            write: { results, isLastSpan in
                spans.append(results)
                guard isLastSpan else { return }
                for query in results.queries {
                    var best: [SearchEntry] = []
                    for span in spans { span.append(query, to: &best) }
                    if spans.count > 1 {
                        corpus.sort(&best)
                        best.removeLast(max(0, best.count - depth))
                    }
                    try take(query, best)
                }
                progress?.advance(by: results.queries.count)
                spans.removeAll()
            })
    }

    /// Groups of queries × spans of the corpus: a few for each thread, so that none waits long for another.
    private func plan(_ rows: Range<Int>, depth: Int) -> [Work] {
        let largestGroup = Self.largestGroup(options, depth: depth)
        let evenGroup = (queries.count + options.threadCount * 4 - 1) / (options.threadCount * 4)
        let group = max(1, min(largestGroup, max(evenGroup, 64)))
        let groupCount = (queries.count + group - 1) / group
        let spanCount = groupCount >= options.threadCount || groupCount == 0 ? 1 : options.threadCount / groupCount
        let span = max(1, (rows.count + spanCount - 1) / spanCount)
        var work: [Work] = []
        for start in stride(from: 0, to: queries.count, by: group) {
            let range = start..<min(start + group, queries.count)
            var row = rows.lowerBound
            repeat {
                let end = min(row + span, rows.upperBound)
                work.append(Work(queries: range, rows: row..<end, isLastSpan: end == rows.upperBound))
                row = end
            } while row < rows.upperBound
        }
        return work
    }

    /// Makes a query's results of its best rows, best first; there may be more than are wanted.
    private func collect(
        _ query: Int, _ best: [SearchEntry], into list: inout RankedList, _ summary: inout SearchSummary
    ) throws {
        queries.withID(query) { list.restart(query: $0) }
        for (row, score) in best {
            if list.count == options.depth { break }
            let isSelf = corpus.withID(Int(row)) { document in
                if options.excludesSelf, list.query.elementsEqual(document) { return true }
                list.append(document, score)
                return false
            }
            if isSelf { summary.excludedCount += 1 }
        }
        if corpus.readers.count > 1 { try requireDistinct(list) }
        summary.resultCount += list.count
    }

    /// A dataset has distinct ids; several folders may not, and a run must not name a document twice.
    private func requireDistinct(_ list: RankedList) throws {
        var seen = Set<[UInt8]>()
        for index in 0..<list.count where !seen.insert(list.documents[index]).inserted {
            throw Failure(
                .badData,
                "the document \(escaped(list.documents[index])) is in more than one of the corpora",
                advice: "search corpora that share no docid")
        }
    }
}
