internal import Records

/// Whether links have scores: either all queries that have such links have scores for them, or none has.
struct ScoreRules {
    private struct Rule {
        let hasScores: Bool
        /// Of the first query with such links: number of the input, and line.
        let place: (input: Int, line: Int)
    }

    /// Nil until a query has such links.
    private var positivesHaveScores: Rule?
    private var negativesHaveScores: Rule?

    /// The rules once a query is taken.
    ///
    /// - Parameters:
    ///   - place: of the query.
    ///   - describe: a place, for people.
    /// - Throws: `RecordFault` where the query differs from those before.
    func agreed(
        with scores: (positives: ArraySlice<Float>?, negatives: ArraySlice<Float>?), _ positiveCount: Int,
        _ negativeCount: Int, at place: (input: Int, line: Int), describe: ((input: Int, line: Int)) -> String
    ) throws(RecordFault) -> ScoreRules {
        func agree(_ known: Rule?, _ isGiven: Bool, _ linkCount: Int, _ field: String) throws(RecordFault) -> Rule? {
            guard linkCount > 0 else { return known }
            guard let known else { return Rule(hasScores: isGiven, place: place) }
            guard known.hasScores != isGiven else { return known }
            throw RecordFault(
                isGiven
                    ? "there are scores here, and none at \(describe(known.place))"
                    : "there are no scores here, and there are at \(describe(known.place))",
                field: field,
                advice: "Either all queries that have such links have scores for them, or none has.")
        }
        var rules = self
        rules.positivesHaveScores = try agree(
            positivesHaveScores, scores.positives != nil, positiveCount, "positive_document_scores")
        rules.negativesHaveScores = try agree(
            negativesHaveScores, scores.negatives != nil, negativeCount, "negative_document_scores")
        return rules
    }
}
