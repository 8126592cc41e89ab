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

    public init(run: Run, qrels: Qrels, measures: [Measure]) {
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
        var judge = Judge()
        var missing = 0
        var results = 0
        for query in order {
            qrels.queries.withBytes(at: query) { queries.append($0) }
            let ranking = judge.ranking(
                of: runQuery[query] < 0 ? nil : runQuery[query], in: run, judgements: query, of: qrels)
            if ranking.retrievedCount == 0 { missing += 1 }
            results += ranking.retrievedCount
            for (index, measure) in measures.enumerated() { values[index].append(ranking.value(of: measure)) }
        }
        self.queries = queries
        self.values = values
        queriesWithoutResults = missing
        unjudgedQueries = unjudged
        resultCount = results
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
    private var slots: [Int32] = []

    mutating func ranking(of query: Int?, in run: Run, judgements judged: Int, of qrels: Qrels) -> JudgedRanking {
        var ranking = JudgedRanking()
        let judgements = qrels.judgements(of: judged)
        for grade in qrels.grades[judgements] {
            if grade > 0 { ranking.idealGrades.append(grade) }
            if grade == 0 { ranking.irrelevantCount += 1 }
        }
        ranking.idealGrades.sort(by: >)
        guard let query else { return ranking }
        let results = run.results(of: query)
        ranking.retrievedCount = results.count
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
        for (index, result) in run.order(of: query).enumerated() {
            run.documents.withBytes(at: result) { document in
                var slot = Int(truncatingIfNeeded: XXH3.hash64(document)) & (capacity - 1)
                while slots[slot] >= 0 {
                    let judgement = judgements.lowerBound + Int(slots[slot])
                    if qrels.documents.withBytes(at: judgement, { RankingOrder.compare(document, $0) == 0 }) {
                        ranking.hits.append((index + 1, qrels.grades[judgement]))
                        break
                    }
                    slot = (slot + 1) & (capacity - 1)
                }
            }
        }
        return ranking
    }
}
