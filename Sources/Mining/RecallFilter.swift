public import Base
internal import JSON
public import Store

/// Keeps the queries that have a positive near the top of a run.
///
/// A query whose own document a retriever does not find among the first results is noise more often than a hard case.
/// Source: the PixMo-docs recipe of Tevatron 2.0 (Ma et al. 2025): top 100 of a DSE retriever.
public struct RecallFilter: Sendable {
    /// Ranks looked at, from 1.
    public var depth: Int
    /// Skips results whose document the dataset does not have (they keep their rank), instead of failing.
    public var ignoresUnknown: Bool

    public init(depth: Int, ignoresUnknown: Bool = false) {
        self.depth = depth
        self.ignoresUnknown = ignoresUnknown
    }

    var options: JSONObject { ["depth": JSONValue(depth), "ignoreUnknown": .bool(ignoresUnknown)] }

    /// Finds the queries to keep.
    ///
    /// - Returns: the kept queries' ordinals, ascending, and the report.
    /// - Throws: `InputError` on a malformed run, `Failure` on one of another dataset. Memory: a few bytes a query.
    public func apply(to dataset: Dataset, run: MiningRun, progress: Progress) throws -> ([Int], FilterReport) {
        var report = FilterReport(depth: depth)
        report.queryCount = dataset.queryCount
        let positives = Positives(dataset: dataset)
        var isKept = [Bool](repeating: false, count: dataset.queryCount)
        var ranks: [Int: Int] = [:]
        var resolver = try RunResolver(run, dataset: dataset)
        while let ranking = try resolver.next() {
            try Interruption.check()
            progress.advance()
            let wanted = try positives.documents(of: ranking.query)
            let best = ranking.documents.firstIndex(where: wanted.containsSorted).map { $0 + 1 }
            if let best {
                ranks[best, default: 0] += 1
                isKept[ranking.query] = best <= depth
                if best > depth { report.belowDepthCount += 1 }
            } else if wanted.isEmpty {
                report.withoutPositivesCount += 1
            } else {
                report.notFoundCount += 1
            }
        }
        try resolver.check(ignoringUnknown: ignoresUnknown)
        report.unknown = resolver.unknown
        report.notInRunCount = dataset.queryCount - resolver.queryCount
        report.bestRanks = Histogram(ranks: ranks)
        let kept = isKept.indices.filter { isKept[$0] }
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
