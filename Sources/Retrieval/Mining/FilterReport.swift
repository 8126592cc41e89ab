internal import Base
public import JSON
public import Rankings

/// What `tvt-mine filter` kept and dropped, and why. Every query of the dataset is counted once.
public struct FilterReport: Sendable, Equatable {
    public internal(set) var depth: Int
    public internal(set) var queryCount = 0
    public internal(set) var keptCount = 0
    /// Queries that the run does not have.
    public internal(set) var notInRunCount = 0
    /// Queries in the run for which the dataset knows no positive.
    public internal(set) var withoutPositivesCount = 0
    /// Queries with a positive in the run, but none within the depth.
    public internal(set) var belowDepthCount = 0
    /// Queries none of whose positives is in the run.
    public internal(set) var notFoundCount = 0
    /// Queries whose best rank is that of a duplicate of a positive.
    public internal(set) var foundByDuplicateCount = 0
    public internal(set) var unknown = UnknownIDs()
    /// Ranks of the best positive of each query that has one in the run.
    public internal(set) var bestRanks = Histogram(ranks: [:])

    public var droppedCount: Int { queryCount - keptCount }

    init(depth: Int) { self.depth = depth }

    public var json: JSONObject {
        [
            "queries": JSONValue(queryCount), "kept": JSONValue(keptCount), "dropped": JSONValue(droppedCount),
            "reasons": [
                "notInRun": JSONValue(notInRunCount), "noPositives": JSONValue(withoutPositivesCount),
                "positiveBelowDepth": JSONValue(belowDepthCount), "positiveNotInRun": JSONValue(notFoundCount),
            ],
            "foundByDuplicate": JSONValue(foundByDuplicateCount),
            "unknownQueriesInRun": JSONValue(unknown.queryCount),
            "unknownDocumentsInRun": JSONValue(unknown.documentCount),
            "bestPositiveRank": bestRanks.json,
        ]
    }

    /// For people.
    public var text: String {
        let width = String(queryCount).count
        func line(_ label: String, _ count: Int) -> String {
            "  " + aligned(String(count), width) + "  " + aligned(percent(count, of: queryCount), 7) + "  " + label
                + "\n"
        }
        var text = "\(queryCount) queries\n"
        text += line("kept: a positive in the top \(depth)", keptCount)
        text += line("dropped: best positive below rank \(depth)", belowDepthCount)
        text += line("dropped: no positive in the run", notFoundCount)
        text += line("dropped: no positives known", withoutPositivesCount)
        text += line("dropped: not in the run", notInRunCount)
        if foundByDuplicateCount > 0 {
            text += "\(foundByDuplicateCount) queries were found by a duplicate of a positive\n"
        }
        text += unknown.text
        text += "\nbest rank of a positive, queries\n"
        text += bestRanks.text { bar in
            bar.first == bar.last ? "\(Int(bar.first))" : "\(Int(bar.first))–\(Int(bar.last))"
        }
        return text
    }
}

extension UnknownIDs {
    var text: String {
        var text = ""
        if queryCount > 0 { text += "skipped: \(queryCount) queries of the run that the dataset does not have\n" }
        if documentCount > 0 { text += "skipped: \(documentCount) results whose document it does not have\n" }
        return text
    }
}
