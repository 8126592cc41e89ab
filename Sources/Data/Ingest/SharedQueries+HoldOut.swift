internal import Base
internal import JSON
internal import Records

extension SharedQueries {
    /// Chooses the queries that are held out, in the order of their ranks.
    ///
    /// Queries that ask the same go together, whatever their ids are: one of them in training would give away the others.
    /// So there may be more than were asked for.
    ///
    /// - Parameter isCandidate: whether a query has positives.
    /// - Throws: `Failure` with status 64 where nothing would be left to train on.
    func heldOut(_ holdOut: HoldOut, among isCandidate: (Int) -> Bool) throws -> Set<Int> {
        let candidates = (0..<count).filter(isCandidate)
        func nothingLeft(_ words: String) -> Failure {
            Failure(
                .usage, "--hold-out \(holdOut.queryCount) would leave nothing to train on: \(words)",
                advice: "Hold out fewer.")
        }
        guard candidates.count > holdOut.queryCount else {
            throw nothingLeft("\(candidates.count) queries have positives")
        }
        let questions = try candidates.map { try questionHash(of: $0) }
        var groups: [ContentHash: [Int]] = [:]
        for (query, question) in zip(candidates, questions) { groups[question, default: []].append(query) }
        let ranked = zip(candidates, questions).map { query, question in
            (rank: holdOut.rank(of: ids.withBytes(at: query) { ContentHash.of($0) }), query: query, question: question)
        }
        var chosen: Set<Int> = []
        for candidate in ranked.sorted(by: { ($0.rank, $0.query) < ($1.rank, $1.query) }) {
            if chosen.count >= holdOut.queryCount { break }
            chosen.formUnion(groups[candidate.question]!)
        }
        guard chosen.count < candidates.count else {
            throw nothingLeft("\(groups.count) different questions have positives, and equal ones go together")
        }
        return chosen
    }

    /// A hash of what a query asks, its text and its media; its id and the fields that are kept with it play no part.
    private func questionHash(of query: Int) throws -> ContentHash {
        let parser = JSONParser()
        return try withExtendedLifetime(parser) {
            var question: [UInt8] = []
            try records.withBytes(at: query) { bytes in
                let record = try parser.parse(bytes)
                for field in ["query_text", "query_image", "query_video", "query_audio"] as [StaticString] {
                    if let value = record[field], value.kind != .null { JSONText.append(value, to: &question) }
                    question.append(0x0A)
                }
            }
            return question.withUnsafeBytes { ContentHash.of($0) }
        }
    }
}
