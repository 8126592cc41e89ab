internal import Base
internal import JSON
internal import Mining
internal import Store
internal import StoreFormat

/// What the recall filter did to the queries, with examples of each outcome.
struct FilterExamples {
    /// One query of an outcome.
    struct Example {
        let query: Excerpt
        let positive: Excerpt?
        /// The document at rank 1, where it is another one.
        let top: Excerpt?
        /// Of the best positive.
        let rank: Int?

        var json: JSONValue {
            var object: JSONObject = ["query": query.json]
            object["positive"] = positive?.json
            object["top"] = top?.json
            object["rank"] = rank.map { JSONValue($0) }
            return .object(object)
        }
    }

    struct Group {
        let key: String
        let label: String
        let count: Int
        let examples: [Example]
    }

    let depth: Int
    let queryCount: Int
    /// Kept first, then the reasons for dropping.
    let groups: [Group]
    let bestRanks: Histogram

    static let exampleCount = 20

    var keptCount: Int { groups[0].count }

    init(_ dataset: Dataset, _ run: MiningRun, depth: Int) throws {
        let filter = RecallFilter(depth: depth)
        let labels = [
            ("kept", "kept: a positive in the top \(depth)"),
            ("positiveBelowDepth", "dropped: best positive below rank \(depth)"),
            ("positiveNotInRun", "dropped: no positive in the run"), ("noPositives", "dropped: no positives known"),
            ("notInRun", "dropped: not in the run"),
        ]
        var samples = labels.map { _ in KeyedSample<RecallJudgement>(Self.exampleCount, seed: 42) }
        var ranks: [Int: Int] = [:]
        _ = try filter.judge(dataset, run: run) { judgement in
            let group: Int
            switch judgement.outcome {
            case .kept(let rank):
                group = 0
                ranks[rank, default: 0] += 1
            case .belowDepth(let rank):
                group = 1
                ranks[rank, default: 0] += 1
            case .notFound: group = 2
            case .withoutPositives: group = 3
            case .notInRun: group = 4
            }
            samples[group].add(judgement.query, judgement)
        }
        self.depth = depth
        queryCount = dataset.queryCount
        bestRanks = Histogram(ranks: ranks)
        groups = try zip(labels, samples).map { label, sample in
            Group(
                key: label.0, label: label.1, count: sample.count,
                examples: try sample.elements.map { try Self.example($0, dataset) })
        }
    }

    private static func example(_ judgement: RecallJudgement, _ dataset: Dataset) throws -> Example {
        let rank: Int? =
            switch judgement.outcome {
            case .kept(let rank), .belowDepth(let rank): rank
            default: nil
            }
        return Example(
            query: Excerpt(try dataset.query(judgement.query)),
            positive: try judgement.positive.map { Excerpt(try dataset.document($0)) },
            top: try rank == 1 ? nil : judgement.top.map { Excerpt(try dataset.document($0)) }, rank: rank)
    }

    var json: JSONValue {
        [
            "depth": JSONValue(depth), "queries": JSONValue(queryCount), "bestPositiveRank": bestRanks.json,
            "outcomes": .object(
                JSONObject(
                    groups.map {
                        ($0.key, ["count": JSONValue($0.count), "examples": .array($0.examples.map(\.json))])
                    })),
        ]
    }
}

/// A query of the mined version with what it is trained on.
struct MinedExample {
    let query: Excerpt
    let positives: [Excerpt]
    let negatives: [Excerpt]

    private static let exampleCount = 5
    private static let shownDocumentCount = 5

    static func choose(from dataset: Dataset) throws -> [MinedExample] {
        guard let negatives = dataset.negatives else { return [] }
        var sample = KeyedSample<Int>(exampleCount, seed: 43)
        for query in 0..<dataset.queryCount { sample.add(query, query) }
        return try sample.elements.map { query in
            func excerpts(_ links: Links?) throws -> [Excerpt] {
                try (links?.targets(of: query)).map {
                    try $0.prefix(shownDocumentCount).map { Excerpt(try dataset.document(Int($0))) }
                } ?? []
            }
            var positives = try excerpts(dataset.positives)
            if positives.isEmpty {
                for (_, links) in dataset.judgements where positives.isEmpty { positives = try excerpts(links) }
            }
            return MinedExample(
                query: Excerpt(try dataset.query(query)), positives: positives, negatives: try excerpts(negatives))
        }
    }

    var json: JSONValue {
        [
            "query": query.json, "positives": .array(positives.map(\.json)), "negatives": .array(negatives.map(\.json)),
        ]
    }
}
