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

/// What a run names and the dataset does not have.
public struct UnknownIDs: Sendable, Equatable {
    /// Queries of the run that the dataset does not have; their rankings are skipped.
    public internal(set) var queryCount = 0
    /// Results of known queries whose document the dataset does not have.
    public internal(set) var documentCount = 0
    /// The first such documents.
    public internal(set) var firstDocuments: [[UInt8]] = []

    static let shownCount = 5
}

/// Reads a run query by query and turns ids into ordinals. Memory: one ranking and a cache of bounded size.
struct RunResolver {
    private var reader: RunReader
    private let dataset: Dataset
    private var cache: OrdinalCache
    private var list = RankedList()
    private let path: String
    private(set) var unknown = UnknownIDs()
    /// Queries of the run that the dataset has.
    private(set) var queryCount = 0

    init(_ run: MiningRun, dataset: Dataset) throws {
        reader = try RunReader(run.path, format: run.format, escapedIDs: run.hasEscapedIDs)
        self.dataset = dataset
        path = run.path.string
        cache = OrdinalCache(documentCount: dataset.documentCount)
    }

    /// The next ranking of a query that the dataset has, or nil at the end.
    ///
    /// - Throws: `InputError` on a malformed run or one whose queries are not together.
    mutating func next() throws -> ResolvedRanking? {
        while try reader.next(into: &list) {
            guard let query = try dataset.queryOrdinal(id: list.query) else {
                unknown.queryCount += 1
                continue
            }
            queryCount += 1
            var ranking = ResolvedRanking(query: query)
            ranking.documents.reserveCapacity(list.count)
            ranking.scores.reserveCapacity(list.count)
            for index in list.order() {
                let ordinal = try list.documents.withBytes(at: index) { try cache.ordinal($0, in: dataset) }
                if ordinal == ResolvedRanking.unknown {
                    unknown.documentCount += 1
                    if unknown.firstDocuments.count < UnknownIDs.shownCount {
                        unknown.firstDocuments.append(list.documents[index])
                    }
                }
                ranking.documents.append(ordinal)
                ranking.scores.append(list.scores[index])
            }
            return ranking
        }
        return nil
    }

    /// To be called at the end of the run.
    ///
    /// - Throws: `Failure` if the run has nothing to do with the dataset, or names documents that it does not have and
    ///   they are not to be ignored.
    func check(ignoringUnknown: Bool) throws {
        guard queryCount > 0 else {
            throw Failure(
                .badData, "\(path) has no query of \(dataset.reference) (\(unknown.queryCount) others)",
                advice: "was the run made from another dataset?")
        }
        guard unknown.documentCount == 0 || ignoringUnknown else {
            let first = unknown.firstDocuments.map { escaped($0) }.joined(separator: ", ")
            throw Failure(
                .badData,
                "\(path) names documents that \(dataset.reference) does not have, in \(unknown.documentCount) results: "
                    + first + (unknown.documentCount > unknown.firstDocuments.count ? ", …" : ""),
                advice: "search the corpus of this dataset, or pass --ignore-unknown to skip such results")
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
