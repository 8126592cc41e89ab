internal import Base
internal import JSON
internal import Store
internal import StoreFormat

/// What a query points at in one role: its positives, its negatives, or the judgements of a split.
struct LinkList {
    /// Names the list in an address: `positives`, `negatives`, `judgements-0`.
    let key: String
    let role: LinkRole
    /// Of judgements.
    let split: String?
    private let browsed: BrowsedDataset
    /// In the order in which they are shown.
    private let documents: [UInt32]
    private let scores: [Float]?
    /// What is said elsewhere about the query's documents: marked on a card, because a negative that somebody judged
    /// relevant is worth a look.
    private let marks: Marks

    /// The other lists that documents of a query are in.
    final class Marks {
        var positives: Set<UInt32> = []
        var negatives: Set<UInt32> = []
        var grades: [UInt32: [(split: String, grade: Float)]] = [:]
    }

    /// All lists of a query, in the order of the page. Empty lists are there where the dataset has links of their kind.
    ///
    /// Memory: the query's links.
    static func all(of query: Int, in browsed: BrowsedDataset) throws -> [LinkList] {
        let dataset = browsed.dataset
        let marks = Marks()
        var lists: [LinkList] = []
        for (key, links) in [("positives", dataset.positives), ("negatives", dataset.negatives)] {
            guard let links else { continue }
            let targets = Array(try links.targets(of: query))
            if links.role == .positive { marks.positives = Set(targets) } else { marks.negatives = Set(targets) }
            lists.append(
                LinkList(
                    key: key, role: links.role, split: nil, browsed: browsed, documents: targets,
                    scores: try links.scores(of: query).map { Array($0) }, marks: marks))
        }
        for (number, (split, links)) in dataset.judgements.enumerated() {
            let targets = Array(try links.targets(of: query))
            let grades = try links.scores(of: query).map { Array($0) } ?? []
            for (document, grade) in zip(targets, grades) { marks.grades[document, default: []].append((split, grade)) }
            // The best first; equal grades in the order of the corpus.
            let order = targets.indices.sorted {
                ($0 < grades.count && $1 < grades.count && grades[$0] != grades[$1])
                    ? grades[$0] > grades[$1] : targets[$0] < targets[$1]
            }
            lists.append(
                LinkList(
                    key: "judgements-\(number)", role: .judgement, split: split, browsed: browsed,
                    documents: order.map { targets[$0] }, scores: nil, marks: marks))
        }
        return lists
    }

    /// - Parameters:
    ///   - from: number of the first link, from 0.
    ///   - limit: at most so many cards.
    func json(from: Int, limit: Int) throws -> JSONValue {
        let range = min(from, documents.count)..<min(documents.count, from + limit)
        var json: JSONObject = [
            "key": .string(key), "total": JSONValue(documents.count), "hasScores": JSONValue(scores != nil),
            "items": .array(try range.map { try card($0) }),
            "next": range.upperBound < documents.count ? JSONValue(range.upperBound) : .null,
        ]
        if let split { json["split"] = .string(split) }
        return .object(json)
    }

    /// A document that cannot be read is a card that says so, so that the others are seen.
    private func card(_ position: Int) throws -> JSONValue {
        let document = documents[position]
        var card: JSONObject
        do {
            card = try browsed.document(Int(document), isWhole: false)
        } catch {
            card = ["ordinal": JSONValue(Int(document)), "error": .string(BrowseError(error).message)]
        }
        card["rank"] = JSONValue(position + 1)
        if let scores { card["score"] = Self.number(scores[position]) }
        if let grades = marks.grades[document] {
            card["grades"] = .array(grades.map { ["split": .string($0.split), "grade": Self.number($0.grade)] })
        }
        if role != .positive, marks.positives.contains(document) { card["isPositive"] = true }
        if role != .negative, marks.negatives.contains(document) { card["isNegative"] = true }
        return .object(card)
    }

    /// With the digits that a float has; JSON has no infinity.
    private static func number(_ value: Float) -> JSONValue {
        guard value.isFinite, let double = Double(value.description) else { return .string(value.description) }
        return .number(double)
    }
}
