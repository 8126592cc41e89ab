public import JSON
public import Rankings

/// How hard negatives are chosen. See ``NegativeStep`` for the order in which the limits apply.
public struct NegativeOptions: Sendable, Equatable {
    /// Which score of a query's positives the margins refer to, where it has several.
    public enum PositiveReference: String, Sendable, CaseIterable { case min, max, mean }
    /// How candidates are chosen from those that are left: the best, or a random sample.
    public enum Strategy: String, Sendable, CaseIterable { case random, top }
    /// What happens to a query with fewer than `count` candidates left.
    public enum Shortage: String, Sendable, CaseIterable {
        /// It gets those that there are.
        case keep
        /// It is left out of the new version.
        case drop
        /// The rest are random documents of the corpus that its ranking does not list.
        case fill
    }
    /// What happens to a query with a margin set and none of its positives in the run.
    public enum Unscored: String, Sendable, CaseIterable {
        /// All its candidates are dropped: no margin can be vouched for.
        case drop
        /// The margins are not applied to it.
        case keep
    }

    /// What becomes of a query's own document: the one with its id, or one with its text.
    public enum OwnDocuments: String, Sendable, CaseIterable {
        /// It is no negative where ids of queries and documents overlap; one with the query's text, where documents with
        /// equal ids have equal texts.
        case auto
        case exclude
        case keep
    }

    /// Candidates considered: those of the best ranks among non-positives.
    public var depth: Int
    /// Negatives wanted for each query.
    public var count: Int
    public var seed: UInt64
    /// Best ranks among non-positives that are left out.
    public var skipTop = 0
    /// Candidates that score more are dropped.
    public var maxScore: Double?
    /// Candidates that score less are dropped.
    public var minScore: Double?
    /// Drops candidates with score + margin > reference.
    public var absoluteMargin: Double?
    /// Drops candidates with score > reference − |reference| · margin.
    public var relativeMargin: Double?
    public var positiveReference = PositiveReference.min
    public var unscored = Unscored.drop
    public var strategy = Strategy.random
    public var shortage = Shortage.keep
    /// Drops candidates with the content of a positive, or of a better candidate.
    public var excludesDuplicates = false
    /// Drops candidates whose title or text contains an answer of the query.
    public var excludesAnswers = false
    public var ownDocuments = OwnDocuments.auto
    /// What a run may name that the dataset does not have.
    public var tolerance = UnknownTolerance()

    public init(depth: Int, count: Int, seed: UInt64) {
        self.depth = depth
        self.count = count
        self.seed = seed
    }

    var hasMargin: Bool { absoluteMargin != nil || relativeMargin != nil }

    /// For the manifest: everything that decides the result.
    public var json: JSONObject {
        var object: JSONObject = [
            "depth": JSONValue(depth), "count": JSONValue(count), "seed": .string(String(seed)),
            "skipTop": JSONValue(skipTop), "positiveRef": .string(positiveReference.rawValue),
            "unscored": .string(unscored.rawValue), "strategy": .string(strategy.rawValue),
            "shortage": .string(shortage.rawValue), "excludeDuplicates": .bool(excludesDuplicates),
            "excludeAnswers": .bool(excludesAnswers), "ownDocuments": .string(ownDocuments.rawValue),
            "ignoreUnknown": .bool(tolerance.ignoresDocuments),
        ]
        for (name, value) in [
            ("maxScore", maxScore), ("minScore", minScore), ("absoluteMargin", absoluteMargin),
            ("relativeMargin", relativeMargin),
        ] {
            if let value { object[name] = JSONValue(value) }
        }
        return object
    }
}
