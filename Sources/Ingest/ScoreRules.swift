internal import Records

/// Whether links have scores: either all queries that have such links have scores for them, or none has.
struct ScoreRules {
    /// Nil until a query has such links.
    private var positivesHaveScores: Bool?
    private var negativesHaveScores: Bool?

    /// The rules once a query is taken.
    ///
    /// - Throws: `RecordFault` where the query differs from those before.
    func agreed(
        with scores: (positives: ArraySlice<Float>?, negatives: ArraySlice<Float>?), _ positiveCount: Int,
        _ negativeCount: Int
    ) throws(RecordFault) -> ScoreRules {
        func agree(_ known: Bool?, _ isGiven: Bool, _ linkCount: Int, _ field: String) throws(RecordFault) -> Bool? {
            guard linkCount > 0 else { return known }
            guard let known, known != isGiven else { return isGiven }
            throw RecordFault(
                isGiven ? "there are scores here and none before" : "there are no scores here, and there are before",
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
