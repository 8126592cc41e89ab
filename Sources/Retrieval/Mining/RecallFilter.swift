public import Base
internal import JSON
public import Rankings
public import Store
internal import StoreFormat

/// Keeps the queries that have a positive near the top of a run.
///
/// A query whose own document a retriever does not find among the first results is noise more often than a hard case.
/// Source: the PixMo-docs recipe of Tevatron 2.0 (Ma et al. 2025): top 100 of a DSE retriever.
public struct RecallFilter: Sendable {
    /// Ranks looked at, from 1.
    public var depth: Int
    /// What a run may name that the dataset does not have.
    public var tolerance: UnknownTolerance

    public init(depth: Int, tolerance: UnknownTolerance = UnknownTolerance()) {
        self.depth = depth
        self.tolerance = tolerance
    }

    var options: JSONObject { ["depth": JSONValue(depth), "ignoreUnknown": .bool(tolerance.ignoresDocuments)] }

    /// Judges every query of a dataset: those of the run in its order, then the others in theirs. A duplicate of a
    /// positive, as the dataset's alias map has it, counts as that positive.
    ///
    /// - Returns: what the run names and the dataset does not have.
    /// - Throws: `InputError` on a malformed run, `Failure` on one of another dataset. Memory: a byte a query.
    public func judge(
        _ dataset: Dataset, run: MiningRun, _ body: (RecallJudgement) throws -> Void
    ) throws -> UnknownIDs {
        let positives = Positives(dataset: dataset)
        var isInRun = [Bool](repeating: false, count: dataset.queryCount)
        var resolver = try RunResolver(run, dataset: dataset)
        while let ranking = try resolver.next() {
            try Interruption.check()
            isInRun[ranking.query] = true
            let wanted = try positives.positives(of: ranking.query)
            let best = try ranking.documents.firstIndex { try wanted.contains($0) || wanted.hasDuplicate($0) }
            let outcome: RecallOutcome =
                switch best.map({ $0 + 1 }) {
                case let rank? where rank <= depth: .kept(rank: rank)
                case let rank?: .belowDepth(rank: rank)
                case nil: wanted.documents.isEmpty ? .withoutPositives : .notFound
                }
            try body(
                RecallJudgement(
                    query: ranking.query, outcome: outcome,
                    positive: (best.map { ranking.documents[$0] } ?? wanted.documents.first).map { Int($0) },
                    isDuplicate: best.map { !wanted.contains(ranking.documents[$0]) } ?? false,
                    top: ranking.documents.first.flatMap { $0 == ResolvedRanking.unknown ? nil : Int($0) }))
        }
        try resolver.check(tolerance)
        resolver.noteShallowRun(depth: depth)
        for query in isInRun.indices where !isInRun[query] {
            let first = try positives.positives(of: query).documents.first
            try body(
                RecallJudgement(
                    query: query, outcome: .notInRun, positive: first.map { Int($0) }, isDuplicate: false, top: nil))
        }
        return resolver.unknown
    }

    /// Finds the queries to keep.
    ///
    /// - Returns: the kept queries' ordinals, ascending, and the report.
    /// - Throws: `InputError` on a malformed run, `Failure` on one of another dataset. Memory: a few bytes a query.
    public func apply(to dataset: Dataset, run: MiningRun, progress: Progress) throws -> ([Int], FilterReport) {
        var report = FilterReport(depth: depth)
        report.queryCount = dataset.queryCount
        var kept: [Int] = []
        var ranks: [Int: Int] = [:]
        report.unknown = try judge(dataset, run: run) { judgement in
            if judgement.outcome != .notInRun { progress.advance() }
            if judgement.isDuplicate { report.foundByDuplicateCount += 1 }
            switch judgement.outcome {
            case .kept(let rank):
                ranks[rank, default: 0] += 1
                kept.append(judgement.query)
            case .belowDepth(let rank):
                ranks[rank, default: 0] += 1
                report.belowDepthCount += 1
            case .notFound: report.notFoundCount += 1
            case .withoutPositives: report.withoutPositivesCount += 1
            case .notInRun: report.notInRunCount += 1
            }
        }
        report.bestRanks = Histogram(ranks: ranks)
        kept.sort()
        report.keptCount = kept.count
        return (kept, report)
    }

    /// Writes the version that has the kept queries only.
    ///
    /// - Throws: also `Failure` if no query would be left.
    public func derive(
        from dataset: Dataset, run: MiningRun, as reference: String, in store: Store, tool: String, progress: Progress
    ) throws -> (Dataset, FilterReport) {
        let (kept, report) = try apply(to: dataset, run: run, progress: progress)
        progress.finish()
        guard !kept.isEmpty else {
            throw Failure(
                .badData, "no query of \(dataset.reference) would be left\n\(report.text)",
                advice: "raise --depth, or look whether the run belongs to this dataset")
        }
        let provenance = run.provenance(tool: tool, options: options, parent: dataset, statistics: report.json)
        let derived = try store.derive(
            from: dataset, reference: reference, keepingQueries: kept, positives: nil, negatives: nil,
            provenance: provenance)
        return (derived, report)
    }
}

extension MiningRun {
    func provenance(
        tool: String, options: JSONObject, parent: Dataset, statistics: JSONObject
    ) -> Provenance {
        var options = options
        options["runOrigin"] = origin.map { .object($0) }
        return Provenance(
            tool: tool, options: options, inputs: [input], parents: [parent.digest], statistics: statistics,
            licence: parent.manifest.provenance.licence)
    }
}
