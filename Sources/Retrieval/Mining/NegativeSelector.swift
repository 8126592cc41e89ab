internal import Base
internal import Records
internal import Store

/// The negatives of one query, and what became of its ranking.
struct NegativeSelection: Sendable {
    var query: Int
    /// By rank; then those that ``NegativeOptions/Shortage/fill`` added.
    var documents: [UInt32] = []
    /// Scores of the ranked ones.
    var scores: [Float] = []
    /// Results dropped, by the index of the ``NegativeStep``.
    var dropped = [Int](repeating: 0, count: NegativeStep.allCases.count)
    var resultCount = 0
    /// Candidates that no step dropped.
    var survivorCount = 0
    /// Documents drawn from the corpus.
    var filledCount = 0
    var positiveCount = 0
    /// Positives that are in the ranking and thus have a score.
    var scoredPositiveCount = 0
    var isInRun = true
}

/// Chooses the negatives of a query from its ranking. A pure function of ranking, dataset, options and seed.
struct NegativeSelector: Sendable {
    let dataset: Dataset
    let options: NegativeOptions
    private let positives: Positives

    init(dataset: Dataset, options: NegativeOptions) {
        self.dataset = dataset
        self.options = options
        positives = Positives(dataset: dataset)
    }

    private struct Candidate {
        var document: UInt32
        var score: Float
    }

    /// - Parameter ranking: best first; nil for a query that the run does not have.
    func select(query: Int, ranking: ResolvedRanking?) throws -> NegativeSelection {
        var selection = NegativeSelection(query: query)
        selection.isInRun = ranking != nil
        let positives = try positives.documents(of: query)
        selection.positiveCount = positives.count
        var survivors = try survivors(of: ranking ?? ResolvedRanking(query: query), positives, &selection)
        selection.survivorCount = survivors.count
        let key = try dataset.queryID(query).withUnsafeBytes { XXH3.hash64($0) }
        if survivors.count > options.count {
            if options.strategy == .random {
                Self.sample(options.count, from: &survivors, seed: options.seed, key: key)
            }
            survivors.removeLast(survivors.count - options.count)
        }
        selection.documents = survivors.map(\.document)
        selection.scores = survivors.map(\.score)
        if options.shortage == .fill && survivors.count < options.count {
            try fill(&selection, ranking: ranking, positives: positives, key: key)
        }
        return selection
    }

    private func survivors(
        of ranking: ResolvedRanking, _ positives: [UInt32], _ selection: inout NegativeSelection
    ) throws -> [Candidate] {
        var reference = ScoreReference(options.positiveReference)
        for (document, score) in zip(ranking.documents, ranking.scores) where positives.containsSorted(document) {
            reference.add(Double(score))
        }
        selection.resultCount = ranking.documents.count
        selection.scoredPositiveCount = reference.count
        var contents = try options.excludesDuplicates ? contentHashes(of: positives) : []
        let answers = try options.excludesAnswers ? answers(of: selection.query) : nil
        var candidates: [Candidate] = []
        var rank = 0
        for (document, score) in zip(ranking.documents, ranking.scores) {
            func firstReason() throws -> NegativeStep? {
                if positives.containsSorted(document) { return .positive }
                rank += 1
                if document == ResolvedRanking.unknown { return .unknown }
                if let step = scoreStep(Double(score), rank: rank, reference: reference.value) { return step }
                // The dear ones last: they read the corpus.
                if options.excludesDuplicates {
                    let content = try dataset.documentContentHash(Int(document))
                    if contents.contains(content) { return .duplicate }
                    if try holdsAnswer(document, answers) { return .answer }
                    contents.insert(content)
                    return nil
                }
                return try holdsAnswer(document, answers) ? .answer : nil
            }
            if let step = try firstReason() {
                selection.dropped[step.index] += 1
            } else {
                candidates.append(Candidate(document: document, score: score))
            }
        }
        return candidates
    }

    /// The first limit on rank or score that a candidate breaks.
    private func scoreStep(_ score: Double, rank: Int, reference: Double?) -> NegativeStep? {
        if rank > options.depth { return .depth }
        if rank <= options.skipTop { return .skipTop }
        if let limit = options.maxScore, score > limit { return .maxScore }
        if let limit = options.minScore, score < limit { return .minScore }
        if options.hasMargin && reference == nil && options.unscored == .drop {
            return options.absoluteMargin != nil ? .absoluteMargin : .relativeMargin
        }
        guard let reference else { return nil }
        if let margin = options.absoluteMargin, score + margin > reference { return .absoluteMargin }
        if let margin = options.relativeMargin, score > reference - abs(reference) * margin { return .relativeMargin }
        return nil
    }

    private func contentHashes(of documents: [UInt32]) throws -> Set<ContentHash> {
        var hashes: Set<ContentHash> = []
        for document in documents { hashes.insert(try dataset.documentContentHash(Int(document))) }
        return hashes
    }

    private func answers(of query: Int) throws -> AnswerMatcher? {
        let record = try dataset.query(query)
        guard let extra = record.extras.first(where: { $0.key == Array("answer".utf8) }) else { return nil }
        return try AnswerMatcher(json: extra.json, query: record.id)
    }

    private func holdsAnswer(_ document: UInt32, _ answers: AnswerMatcher?) throws -> Bool {
        guard let answers else { return false }
        let record = try dataset.document(Int(document))
        return [record.title, record.text].contains { $0.map(answers.isContained) ?? false }
    }

    /// Moves a random sample, in order of rank, to the front.
    private static func sample(_ count: Int, from candidates: inout [Candidate], seed: UInt64, key: UInt64) {
        var generator = SplitMix64(seed: seed, key)
        var order = Array(candidates.indices)
        for index in 0..<count {
            order.swapAt(index, index + Int(generator.next(below: UInt64(order.count - index))))
        }
        candidates = order[..<count].sorted().map { candidates[$0] }
    }

    /// Adds random documents that are neither positives nor in the ranking: those that a limit has dropped stay out.
    private func fill(
        _ selection: inout NegativeSelection, ranking: ResolvedRanking?, positives: [UInt32], key: UInt64
    ) throws {
        let listed = Set(ranking?.documents ?? [])
        var contents = try options.excludesDuplicates ? contentHashes(of: positives + selection.documents) : []
        let answers = try options.excludesAnswers ? answers(of: selection.query) : nil
        let permutation = Permutation(count: UInt64(dataset.documentCount), seed: options.seed, key)
        var next: UInt64 = 0
        while selection.documents.count < options.count && next < permutation.count {
            let document = UInt32(permutation[next])
            next += 1
            guard !listed.contains(document), !positives.containsSorted(document) else { continue }
            if options.excludesDuplicates {
                let content = try dataset.documentContentHash(Int(document))
                guard !contents.contains(content), try !holdsAnswer(document, answers) else { continue }
                contents.insert(content)
            } else if try holdsAnswer(document, answers) {
                continue
            }
            selection.documents.append(document)
            selection.filledCount += 1
        }
    }
}

/// The score that margins refer to.
private struct ScoreReference {
    private let kind: NegativeOptions.PositiveReference
    private var total = 0.0
    private var smallest = Double.infinity
    private var largest = -Double.infinity
    private(set) var count = 0

    init(_ kind: NegativeOptions.PositiveReference) { self.kind = kind }

    mutating func add(_ score: Double) {
        total += score
        smallest = min(smallest, score)
        largest = max(largest, score)
        count += 1
    }

    var value: Double? {
        guard count > 0 else { return nil }
        return switch kind {
        case .min: smallest
        case .max: largest
        case .mean: total / Double(count)
        }
    }
}

extension NegativeStep {
    var index: Int { NegativeStep.allCases.firstIndex(of: self)! }
}
