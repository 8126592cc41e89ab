public import Base
public import SystemPackage

/// A whole run in columns: for each query, the documents retrieved for it and their scores.
///
/// Queries stand in the order of their first line, a query's documents in the order of their lines; the lines of a
/// query need not be together in the file.
public struct Run: Sendable, Equatable {
    public private(set) var queries = ByteColumn()
    /// `queryCount + 1` offsets into ``documents`` and ``scores``.
    public private(set) var offsets: [Int] = [0]
    public private(set) var documents = ByteColumn()
    public private(set) var scores: [Float] = []

    /// A run without queries.
    public init() {}

    /// Adds a query with its results.
    ///
    /// - Precondition: the run has no such query, and the list names no document twice.
    public mutating func append(_ list: RankedList) {
        queries.append(list.query)
        for index in 0..<list.count { list.documents.withBytes(at: index) { documents.append($0) } }
        scores.append(contentsOf: list.scores)
        offsets.append(scores.count)
    }

    public var queryCount: Int { queries.count }
    /// Lines of the run.
    public var resultCount: Int { scores.count }

    /// The entries of ``documents`` and ``scores`` that belong to a query.
    public func results(of query: Int) -> Range<Int> { offsets[query]..<offsets[query + 1] }

    /// The results of a query in trec_eval's order.
    public func order(of query: Int) -> [Int] {
        RankingOrder.order(of: results(of: query), scores: scores, documents: documents)
    }

    /// Reads a run file as it says, or as its caller did, that it is to be read.
    public init(reading file: RunFile) throws {
        var lines = try RunLines(file.path, format: file.format, escapedIDs: file.hasEscapedIDs)
        try self.init(&lines)
        file.noteUnescapedIDs(lines.unescapedIDCount)
        file.noteRisingScores(lines)
    }

    /// Reads a run file.
    ///
    /// - Parameters:
    ///   - format: nil to decide it by the lines.
    ///   - escapedIDs: whether ids were percent-escaped when the run was written.
    /// - Throws: `InputError` for a line that is not of the format, or a docid that a query has twice.
    public init(reading path: FilePath, format: RunFormat? = nil, escapedIDs: Bool = false) throws {
        var lines = try RunLines(path, format: format, escapedIDs: escapedIDs)
        try self.init(&lines)
    }

    private init(_ lines: inout RunLines) throws {
        if let size = lines.estimatedSize() {
            documents.reserveCapacity(count: size.lineCount, bytes: size.idByteCount)
            scores.reserveCapacity(size.lineCount)
        }
        var table = ByteTable()
        /// The query of each stretch of lines, and where the stretch begins.
        var stretches: [(query: Int, start: Int)] = []
        var current: [UInt8] = []
        while try lines.next({ query, document, score in
            if stretches.isEmpty || !current.elementsEqual(query) {
                current.removeAll(keepingCapacity: true)
                current.append(contentsOf: query)
                stretches.append((table.index(of: query, in: &queries), scores.count))
            }
            documents.append(document)
            scores.append(score)
        }) {}
        if stretches.count == queries.count {
            offsets = stretches.map(\.start) + [scores.count]
        } else {
            gather(stretches)
        }
        var seen = DuplicateFinder()
        for query in 0..<queryCount {
            if let duplicate = seen.duplicate(in: documents, results(of: query)) {
                throw lines.repeated(documents[duplicate], of: queries[query])
            }
        }
    }

    /// Brings the stretches of each query together.
    private mutating func gather(_ stretches: [(query: Int, start: Int)]) {
        let oldDocuments = documents
        let oldScores = scores
        var stretchesOfQuery = [[Range<Int>]](repeating: [], count: queries.count)
        for (index, stretch) in stretches.enumerated() {
            let end = index + 1 < stretches.count ? stretches[index + 1].start : oldScores.count
            stretchesOfQuery[stretch.query].append(stretch.start..<end)
        }
        documents.removeAll()
        scores.removeAll(keepingCapacity: true)
        offsets = [0]
        for ranges in stretchesOfQuery {
            for range in ranges {
                for index in range { oldDocuments.withBytes(at: index) { documents.append($0) } }
                scores.append(contentsOf: oldScores[range])
            }
            offsets.append(scores.count)
        }
    }
}
