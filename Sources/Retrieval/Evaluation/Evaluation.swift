public import Base
internal import Glibc
public import Rankings

/// The values of some measures for every judged query, as `trec_eval -c` computes them.
///
/// A query that is judged but has no results counts as zero in every measure. Results of queries that are not judged
/// are left out, and counted. Results are ordered by score as float32 and docid, both descending; unjudged documents
/// are not relevant.
public struct Evaluation: Sendable {
    public let measures: [Measure]
    /// All judged queries, by id bytewise.
    public let queries: ByteColumn
    /// For each measure the value of each query.
    public let values: [[Double]]
    /// Judged queries without a single result.
    public let queriesWithoutResults: Int
    /// Queries of the run that are not judged.
    public let unjudgedQueries: Int
    /// Results that were taken into account.
    public let resultCount: Int
    /// Most results of a judged query.
    public let longestRanking: Int
    /// Results of judged queries whose document has the query's id.
    public let identicalIDCount: Int

    /// - Parameter ignoringIdenticalIDs: leave out results whose document has the query's id, as BEIR does: in sets such
    ///   as ArguAna and Quora queries are documents of the corpus.
    public init(run: Run, qrels: Qrels, measures: [Measure], ignoringIdenticalIDs: Bool = false) {
        self.measures = measures
        let table = ByteTable(of: qrels.queries)
        var runQuery = [Int](repeating: -1, count: qrels.queryCount)
        var unjudged = 0
        for query in 0..<run.queryCount {
            if let judged = run.queries.withBytes(at: query, { table.find($0, in: qrels.queries) }) {
                runQuery[judged] = query
            } else {
                unjudged += 1
            }
        }
        let order = (0..<qrels.queryCount).sorted { qrels.queries.precedes($0, $1) }
        var queries = ByteColumn()
        var values = [[Double]](repeating: [], count: measures.count)
        for index in values.indices { values[index].reserveCapacity(qrels.queryCount) }
        var judge = Judge(ignoresIdenticalIDs: ignoringIdenticalIDs)
        var missing = 0
        var results = 0
        var longest = 0
        for query in order {
            qrels.queries.withBytes(at: query) { queries.append($0) }
            let ranking = judge.ranking(
                of: runQuery[query] < 0 ? nil : runQuery[query], in: run, judgements: query, of: qrels)
            if ranking.retrievedCount == 0 { missing += 1 }
            results += ranking.retrievedCount
            longest = max(longest, ranking.retrievedCount)
            for (index, measure) in measures.enumerated() { values[index].append(ranking.value(of: measure)) }
        }
        self.queries = queries
        self.values = values
        queriesWithoutResults = missing
        unjudgedQueries = unjudged
        resultCount = results
        longestRanking = longest
        identicalIDCount = judge.identicalIDCount
    }

    public var queryCount: Int { queries.count }

    /// The value of a measure over all queries: the mean, the sum of counts, the geometric mean of gm_map; 0 without
    /// queries.
    public func overall(_ measure: Int) -> Double {
        let sum = values[measure].reduce(0, +)
        if measures[measure].isCount { return sum }
        if queryCount == 0 { return 0 }
        if measures[measure].kind == .geometricAveragePrecision {
            return exp(values[measure].reduce(0) { $0 + log($1) } / Double(queryCount))
        }
        return sum / Double(queryCount)
    }
}

/// Finds the judged documents of a query among its results. Keeps its table from query to query.
private struct Judge {
    let ignoresIdenticalIDs: Bool
    private(set) var identicalIDCount = 0
    private var slots: [Int32] = []

    init(ignoresIdenticalIDs: Bool) { self.ignoresIdenticalIDs = ignoresIdenticalIDs }

    mutating func ranking(of query: Int?, in run: Run, judgements judged: Int, of qrels: Qrels) -> JudgedRanking {
        var ranking = JudgedRanking()
        let judgements = qrels.judgements(of: judged)
        for grade in qrels.grades[judgements] {
            if grade > 0 { ranking.idealGrades.append(grade) }
            if grade == 0 { ranking.irrelevantCount += 1 }
        }
        ranking.idealGrades.sort(by: >)
        guard let query else { return ranking }
        let queryID = run.queries[query]
        let capacity = max(4, 1 << (Int.bitWidth - (judgements.count * 2).leadingZeroBitCount))
        slots.removeAll(keepingCapacity: true)
        slots.append(contentsOf: repeatElement(-1, count: capacity))
        for judgement in judgements {
            qrels.documents.withBytes(at: judgement) { document in
                var slot = Int(truncatingIfNeeded: XXH3.hash64(document)) & (capacity - 1)
                while slots[slot] >= 0 { slot = (slot + 1) & (capacity - 1) }
                slots[slot] = Int32(judgement - judgements.lowerBound)
            }
        }
        for result in run.order(of: query) {
            run.documents.withBytes(at: result) { document in
                if document.count == queryID.count, document.elementsEqual(queryID) {
                    identicalIDCount += 1
                    if ignoresIdenticalIDs { return }
                }
                ranking.retrievedCount += 1
                var slot = Int(truncatingIfNeeded: XXH3.hash64(document)) & (capacity - 1)
                while slots[slot] >= 0 {
                    let judgement = judgements.lowerBound + Int(slots[slot])
                    if qrels.documents.withBytes(at: judgement, { RankingOrder.compare(document, $0) == 0 }) {
                        ranking.hits.append((ranking.retrievedCount, qrels.grades[judgement]))
                        break
                    }
                    slot = (slot + 1) & (capacity - 1)
                }
            }
        }
        return ranking
    }
}
