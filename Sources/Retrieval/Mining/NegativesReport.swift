internal import Base
public import JSON
public import Rankings

/// What `tvt-mine negatives` found, dropped and chose.
public struct NegativesReport: Sendable, Equatable {
    public internal(set) var options: NegativeOptions
    public internal(set) var queryCount = 0
    /// Queries that the run does not have.
    public internal(set) var notInRunCount = 0
    /// Queries left out of the new version for want of negatives.
    public internal(set) var droppedQueryCount = 0
    /// Queries for which fewer candidates than wanted were left.
    public internal(set) var shortQueryCount = 0
    /// Queries that end with no negative at all, those left out not counted.
    public internal(set) var withoutNegativesCount = 0
    /// Negatives that are lacking in the new version.
    public internal(set) var lackingCount = 0
    /// Results of the run for queries of the dataset.
    public internal(set) var resultCount = 0
    /// Results dropped by each step, in the order of ``NegativeStep``.
    public internal(set) var droppedResults = [Int](repeating: 0, count: NegativeStep.allCases.count)
    /// Draws from the corpus that a step dropped, likewise.
    public internal(set) var droppedDraws = [Int](repeating: 0, count: NegativeStep.allCases.count)
    /// Queries that have an answer; 0 where nobody asked.
    public internal(set) var queriesWithAnswersCount = 0
    /// Queries that have the id of a document; 0 where nobody asked.
    public internal(set) var overlappingIDCount = 0
    /// Whether the dataset has an alias map.
    var hasAliases = false
    /// Results that no step dropped.
    public internal(set) var survivorCount = 0
    /// Negatives in the new version, from the ranking and drawn from the corpus.
    public internal(set) var rankedNegativeCount = 0
    public internal(set) var filledNegativeCount = 0
    /// Draws of blank documents, which were passed over.
    public internal(set) var blankDrawCount = 0
    /// Queries with positives, none of which is in the run: they have no score that a margin could refer to.
    public internal(set) var unscoredQueryCount = 0
    public internal(set) var positiveCount = 0
    /// Positives with a score in the run.
    public internal(set) var scoredPositiveCount = 0
    /// Links to negatives that the dataset had before; they are replaced.
    public internal(set) var replacedCount = 0
    public internal(set) var unknown = UnknownIDs()
    public internal(set) var scores = Histogram(scores: [])

    init(options: NegativeOptions) { self.options = options }

    public func dropped(by step: NegativeStep) -> Int { droppedResults[step.index] }
    public func drawsDropped(by step: NegativeStep) -> Int { droppedDraws[step.index] }

    mutating func add(_ selection: NegativeSelection, isKept: Bool) {
        queryCount += 1
        if !selection.isInRun { notInRunCount += 1 }
        resultCount += selection.resultCount
        for (index, count) in selection.dropped.enumerated() { droppedResults[index] += count }
        for (index, count) in selection.droppedDraws.enumerated() { droppedDraws[index] += count }
        if selection.hasAnswers { queriesWithAnswersCount += 1 }
        survivorCount += selection.survivorCount
        if selection.survivorCount < options.count { shortQueryCount += 1 }
        positiveCount += selection.positiveCount
        scoredPositiveCount += selection.scoredPositiveCount
        if selection.positiveCount > 0 && selection.scoredPositiveCount == 0 { unscoredQueryCount += 1 }
        guard isKept else {
            droppedQueryCount += 1
            return
        }
        rankedNegativeCount += selection.scores.count
        filledNegativeCount += selection.filledCount
        blankDrawCount += selection.blankDrawCount
        lackingCount += options.count - selection.documents.count
        if selection.documents.isEmpty { withoutNegativesCount += 1 }
    }

    public var json: JSONObject {
        func steps(_ counts: [Int]) -> JSONValue {
            .object(JSONObject(zip(NegativeStep.allCases, counts).map { ($0.rawValue, JSONValue($1)) }))
        }
        return [
            "queries": JSONValue(queryCount), "kept": JSONValue(queryCount - droppedQueryCount),
            "dropped": JSONValue(droppedQueryCount), "notInRun": JSONValue(notInRunCount),
            "results": JSONValue(resultCount), "droppedResults": steps(droppedResults),
            "droppedDraws": steps(droppedDraws),
            "candidates": JSONValue(survivorCount), "negatives": JSONValue(rankedNegativeCount + filledNegativeCount),
            "filled": JSONValue(filledNegativeCount), "blankDraws": JSONValue(blankDrawCount),
            "replaced": JSONValue(replacedCount),
            "shortage": [
                "queries": JSONValue(shortQueryCount), "withoutNegatives": JSONValue(withoutNegativesCount),
                "lacking": JSONValue(lackingCount),
            ],
            "positives": [
                "total": JSONValue(positiveCount), "scored": JSONValue(scoredPositiveCount),
                "unscoredQueries": JSONValue(unscoredQueryCount),
            ],
            "unknownQueriesInRun": JSONValue(unknown.queryCount),
            "unknownDocumentsInRun": JSONValue(unknown.documentCount),
            "overlappingIds": JSONValue(overlappingIDCount), "scores": scores.json,
        ]
    }

    /// For people.
    public var text: String {
        let width = max(String(resultCount).count, 5)
        func line(_ count: Int, _ label: String) -> String {
            "  " + aligned(String(count), width) + "  " + label + "\n"
        }
        var text = "\(queryCount) queries\n"
        text += line(queryCount - droppedQueryCount, "in the new version")
        if droppedQueryCount > 0 { text += line(droppedQueryCount, "dropped: fewer than \(options.count) candidates") }
        if notInRunCount > 0 { text += line(notInRunCount, "not in the run") }
        if shortQueryCount > 0 {
            text += line(shortQueryCount, "short of candidates (--shortage \(options.shortage.rawValue))")
        }
        if withoutNegativesCount > 0 { text += line(withoutNegativesCount, "without any negative") }
        text += line(unscoredQueryCount, "without a positive in the run" + unscoredNote)
        text += "\(resultCount) results\n"
        for step in NegativeStep.allCases where dropped(by: step) > 0 {
            text += line(dropped(by: step), "dropped: " + step.explanation)
        }
        text += line(survivorCount, "candidates")
        text += line(rankedNegativeCount, "chosen (\(options.strategy.rawValue))")
        if filledNegativeCount > 0 { text += line(filledNegativeCount, "drawn from the corpus") }
        if blankDrawCount > 0 { text += line(blankDrawCount, "draws passed over: blank documents") }
        for step in NegativeStep.allCases where drawsDropped(by: step) > 0 {
            text += line(drawsDropped(by: step), "draws dropped: " + step.explanation)
        }
        if lackingCount > 0 { text += line(lackingCount, "lacking") }
        if replacedCount > 0 { text += line(replacedCount, "old negatives replaced") }
        text += unknown.text
        text += "\nscores of the chosen, negatives\n"
        text += scores.text { decimal($0.first, digits: 4) + " – " + decimal($0.last, digits: 4) }
        return text
    }

    private var unscoredNote: String {
        guard options.hasMargin && unscoredQueryCount > 0 else { return "" }
        return options.unscored == .drop ? ": no candidate passes the margin" : ": margins not applied"
    }

    /// Which options acted without being asked for, or found nothing to act on, a sentence each.
    public var notes: [String] {
        var notes: [String] = []
        let own = [NegativeStep.ownID, .ownText].reduce(0) { $0 + dropped(by: $1) + drawsDropped(by: $1) }
        if overlappingIDCount > 0 {
            notes.append(
                "\(overlappingIDCount) queries have the id of a document: a query's own document is no negative, which "
                    + "dropped \(own) results and draws; --own-documents keep takes them")
        } else if options.ownDocuments == .exclude, own == 0 {
            notes.append("--own-documents exclude: no query met a document with its id or its text")
        }
        if options.hasMargin, unscoredQueryCount > 0 {
            notes.append(
                "margins: \(unscoredQueryCount) of \(queryCount) queries have no positive with a score in the run, so "
                    + (options.unscored == .drop
                        ? "all their candidates are dropped (--unscored drop)"
                        : "none applies to them (--unscored keep)"))
        }
        if options.excludesAnswers, queriesWithAnswersCount < queryCount {
            notes.append(
                "--exclude-answers: \(queryCount - queriesWithAnswersCount) of \(queryCount) queries have no answer")
        }
        let limits: [(isSet: Bool, step: NegativeStep, name: String)] = [
            (options.skipTop > 0, .skipTop, "--skip-top"), (options.maxScore != nil, .maxScore, "--max-score"),
            (options.minScore != nil, .minScore, "--min-score"),
            (options.absoluteMargin != nil, .absoluteMargin, "--absolute-margin"),
            (options.relativeMargin != nil, .relativeMargin, "--relative-margin"),
            (options.excludesDuplicates, .duplicate, "--exclude-duplicates"),
            (options.excludesAnswers, .answer, "--exclude-answers"),
        ]
        for (isSet, step, name) in limits where isSet && dropped(by: step) + drawsDropped(by: step) == 0 {
            let advice =
                step == .duplicate && !hasAliases
                ? ": only equal contents are known as duplicates; tvt-store dedup --near or --near-images finds others"
                : ""
            notes.append("\(name) dropped nothing" + advice)
        }
        return notes
    }
}
