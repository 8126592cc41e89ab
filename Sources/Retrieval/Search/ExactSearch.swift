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
        var summary = SearchSummary()
        summary.queryCount = queries.count
        summary.documentCount = corpus.count
        summary.dims = corpus.columns
        summary.missingQueryCount = missing.queries
        summary.missingDocumentCount = missing.documents
        summary.leftOutQueryCount = leftOut.queries
        summary.leftOutDocumentCount = leftOut.documents
        // A query's own document is left out afterwards, so one more is looked for.
        let depth = min(options.depth + (options.excludesSelf ? 1 : 0), max(1, corpus.count))
        var work = plan(depth: depth).makeIterator()
        var spans: [GroupResults] = []
        let (queries, corpus, options, product) = (queries, corpus, options, product)
        var list = RankedList()
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
                    try collect(query, spans, into: &list, &summary)
                    try emit(list)
                }
                progress?.advance(by: results.queries.count)
                spans.removeAll()
            })
        return summary
    }

    /// Groups of queries × spans of the corpus: a few for each thread, so that none waits long for another.
    private func plan(depth: Int) -> [Work] {
        let roomForCandidates = 64 << 20
        let largestGroup = max(
            1, min(options.queryBlockRows, roomForCandidates / (8 * Candidates.capacity(depth: depth))))
        let evenGroup = (queries.count + options.threadCount * 4 - 1) / (options.threadCount * 4)
        let group = max(1, min(largestGroup, max(evenGroup, 64)))
        let groupCount = (queries.count + group - 1) / group
        let spanCount = groupCount >= options.threadCount || groupCount == 0 ? 1 : options.threadCount / groupCount
        let span = max(1, (corpus.count + spanCount - 1) / spanCount)
        var work: [Work] = []
        for start in stride(from: 0, to: queries.count, by: group) {
            let range = start..<min(start + group, queries.count)
            var row = 0
            repeat {
                let end = min(row + span, corpus.count)
                work.append(Work(queries: range, rows: row..<end, isLastSpan: end == corpus.count))
                row = end
            } while row < corpus.count
        }
        return work
    }

    /// Joins what the spans found for a query.
    private func collect(
        _ query: Int, _ spans: [GroupResults], into list: inout RankedList, _ summary: inout SearchSummary
    ) throws {
        var best: [(row: UInt32, score: Float)] = []
        for span in spans {
            let index = query - span.queries.lowerBound
            for entry in span.offsets[index]..<span.offsets[index + 1] {
                best.append((span.rows[entry], span.scores[entry]))
            }
        }
        if spans.count > 1 { corpus.sort(&best) }
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
