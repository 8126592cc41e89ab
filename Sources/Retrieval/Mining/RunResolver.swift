internal import Base
internal import Rankings
internal import Store
internal import SystemPackage

/// One query's ranking in ordinals of a dataset, best first.
struct ResolvedRanking: Sendable {
    var query: Int
    /// ``unknown`` stands for a document that the dataset does not have; it keeps its rank.
    var documents: [UInt32] = []
    var scores: [Float] = []

    static let unknown = UInt32.max
}

/// Reads a run query by query and turns ids into ordinals. Memory: one ranking and a cache of bounded size.
struct RunResolver {
    private var reader: RunReader
    private let run: MiningRun
    private let dataset: Dataset
    private var cache: OrdinalCache
    private var list = RankedList()
    private(set) var unknown = UnknownIDs()
    /// Queries of the run that the dataset has.
    private(set) var queryCount = 0
    /// Results of the longest ranking of such a query, and of all.
    private(set) var longestCount = 0
    private var resultCount = 0

    init(_ run: MiningRun, dataset: Dataset) throws {
        reader = try RunReader(run.file)
        self.run = run
        self.dataset = dataset
        cache = OrdinalCache(documentCount: dataset.documentCount)
    }

    /// The next ranking of a query that the dataset has, or nil at the end.
    ///
    /// - Throws: `InputError` on a malformed run or one whose queries are not together.
    mutating func next() throws -> ResolvedRanking? {
        let dataset = dataset
        while try reader.next(into: &list) {
            guard let query = try dataset.queryOrdinal(id: list.query) else {
                try unknown.addQuery(list.query, of: run.file) { try dataset.queryOrdinal(id: $0) != nil }
                continue
            }
            queryCount += 1
            resultCount += list.count
            longestCount = max(longestCount, list.count)
            var ranking = ResolvedRanking(query: query)
            ranking.documents.reserveCapacity(list.count)
            ranking.scores.reserveCapacity(list.count)
            for index in list.order() {
                let ordinal = try list.documents.withBytes(at: index) { try cache.ordinal($0, in: dataset) }
                if ordinal == ResolvedRanking.unknown {
                    try unknown.addDocument(list.documents[index], of: run.file) {
                        try dataset.documentOrdinal(id: $0) != nil
                    }
                }
                ranking.documents.append(ordinal)
                ranking.scores.append(list.scores[index])
            }
            return ranking
        }
        return nil
    }

    /// To be called at the end of the run: warns where it does not reach the depth that was asked for.
    func noteShallowRun(depth: Int) {
        guard longestCount < depth, longestCount < dataset.documentCount else { return }
        log.warning("--depth \(depth): no query of \(run.path) has more than \(longestCount) results")
    }

    /// To be called at the end of the run: logs what is unknown.
    ///
    /// - Throws: `Failure` if the run has nothing to do with the dataset, or names more that the dataset does not have
    ///   than is tolerated.
    func check(_ tolerance: UnknownTolerance) throws {
        var tolerance = tolerance
        // Without a single common query there is nothing to mine.
        if queryCount == 0 { tolerance.largestShare = 0 }
        let coverage = UnknownIDs.Coverage(
            knownQueryCount: queryCount, missingQueryCount: dataset.queryCount - queryCount, resultCount: resultCount)
        try unknown.check(coverage, against: tolerance, path: run.path.string, source: dataset.reference)
        guard queryCount > 0 else { throw Failure(.badData, "\(run.path) holds no results") }
        if tolerance.ignoresDocuments, unknown.documentCount == 0 {
            log.notice("--ignore-unknown: \(dataset.reference) has every document of \(run.path)")
        }
    }
}

/// Ordinals of the documents seen last, so that a document that stands in many rankings is looked up once.
///
/// Ids are kept as 128-bit hashes, each within a few slots of its home; where these are taken, a newer id takes the
/// first.
private struct OrdinalCache {
    private var keys: [ContentHash?]
    private var ordinals: [UInt32]

    init(documentCount: Int) {
        var count = 1 << 10
        while count < 2 * documentCount && count < 1 << 20 { count *= 2 }
        keys = Array(repeating: nil, count: count)
        ordinals = Array(repeating: 0, count: count)
    }

    mutating func ordinal(_ id: UnsafeRawBufferPointer, in dataset: Dataset) throws -> UInt32 {
        let key = ContentHash.of(id)
        let home = Int(truncatingIfNeeded: key.low)
        var slot = home & (keys.count - 1)
        for step in 0..<8 {
            let candidate = (home &+ step) & (keys.count - 1)
            guard let known = keys[candidate] else {
                slot = candidate
                break
            }
            if known == key { return ordinals[candidate] }
        }
        let found = try dataset.documentOrdinal(id: Array(id)).map(UInt32.init) ?? ResolvedRanking.unknown
        keys[slot] = key
        ordinals[slot] = found
        return found
    }
}
