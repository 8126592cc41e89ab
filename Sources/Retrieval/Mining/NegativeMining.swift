public import Base
public import Store

/// Finds hard negatives for the queries of a dataset in a run.
///
/// What a query gets is a function of its ranking, the dataset and the options alone: neither the order of the run's
/// lines nor the number of threads changes it. Memory: the chosen links (8 bytes each) and a bounded number of rankings.
public struct NegativeMining: Sendable {
    public var options: NegativeOptions
    public var workers = processorCount

    public init(_ options: NegativeOptions) { self.options = options }

    /// What was chosen, by query.
    package struct Choice {
        /// Where a query's links are; nil for one that is left out.
        package var ranges: [Range<Int>?]
        package var documents: [UInt32] = []
        /// Not kept with ``NegativeOptions/Shortage/fill``, whose random documents have none.
        package var scores: [Float] = []
    }

    /// - Throws: `InputError` on a malformed run, `Failure` on one of another dataset.
    package func choose(for dataset: Dataset, run: MiningRun, progress: Progress) throws -> (Choice, NegativesReport) {
        var report = NegativesReport(options: options)
        var choice = Choice(ranges: Array(repeating: nil, count: dataset.queryCount))
        var isInRun = [Bool](repeating: false, count: dataset.queryCount)
        var chosenScores: [Float] = []
        let selector = try NegativeSelector(dataset: dataset, options: options)
        report.overlappingIDCount = selector.ownDocuments.overlapCount
        func keep(_ selection: NegativeSelection) {
            let isKept = options.shortage != .drop || selection.documents.count >= options.count
            report.add(selection, isKept: isKept)
            guard isKept else { return }
            let start = choice.documents.count
            choice.documents += selection.documents
            choice.ranges[selection.query] = start..<choice.documents.count
            chosenScores += selection.scores
        }
        var resolver = try RunResolver(run, dataset: dataset)
        try orderedPipeline(
            workers: workers, window: 4 * workers,
            read: {
                try Interruption.check()
                var batch: [ResolvedRanking] = []
                while batch.count < 64, let ranking = try resolver.next() { batch.append(ranking) }
                return batch.isEmpty ? nil : batch
            },
            transform: { batch in
                try batch.map { try selector.select(query: $0.query, ranking: $0) }
            },
            write: { selections in
                for selection in selections {
                    isInRun[selection.query] = true
                    keep(selection)
                }
                progress.advance(by: selections.count)
            })
        try resolver.check(options.tolerance)
        resolver.noteShallowRun(depth: options.depth)
        for query in isInRun.indices where !isInRun[query] { keep(try selector.select(query: query, ranking: nil)) }
        if options.excludesAnswers, report.queriesWithAnswersCount == 0 {
            throw Failure(
                .badData,
                "--exclude-answers: no query of \(dataset.reference) has an answer in a field "
                    + AnswerMatcher.fields.map { "\"\($0)\"" }.joined(separator: " or "),
                advice: "leave the option out, or convert the data with one of these fields")
        }
        report.hasAliases = dataset.aliases != nil
        report.unknown = resolver.unknown
        report.replacedCount = dataset.negatives?.linkCount ?? 0
        report.scores = Histogram(scores: chosenScores)
        if options.shortage != .fill { choice.scores = chosenScores }
        return (choice, report)
    }

    /// Writes the version whose negatives are those found here; negatives that the dataset had are replaced.
    ///
    /// - Throws: also `Failure` if no negative was found.
    public func derive(
        from dataset: Dataset, run: MiningRun, as reference: String, in store: Store, tool: String, progress: Progress
    ) throws -> (Dataset, NegativesReport) {
        let (choice, report) = try choose(for: dataset, run: run, progress: progress)
        progress.finish()
        guard !choice.documents.isEmpty else {
            throw Failure(
                .badData, "no negative is left for any query of \(dataset.reference)\n\(report.text)",
                advice: "loosen the limits that dropped the results")
        }
        let hasScores = options.shortage != .fill
        let writer = try store.linksWriter(hasScores: hasScores)
        for case let range? in choice.ranges {
            let documents = choice.documents[range]
            if hasScores {
                try writer.append(targets: documents, scores: choice.scores[range])
            } else {
                try writer.append(targets: documents)
            }
        }
        let kept = choice.ranges.indices.filter { choice.ranges[$0] != nil }
        let provenance = run.provenance(tool: tool, options: options.json, parent: dataset, statistics: report.json)
        let derived = try store.derive(
            from: dataset, reference: reference, keepingQueries: kept.count == dataset.queryCount ? nil : kept,
            positives: nil, negatives: writer, provenance: provenance)
        return (derived, report)
    }
}
