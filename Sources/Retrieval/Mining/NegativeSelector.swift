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
    /// Documents drawn from the corpus, and draws that were dropped, by the index of the step.
    var filledCount = 0
    /// Draws that were passed over, since there is nothing to read in them.
    var blankDrawCount = 0
    var droppedDraws = [Int](repeating: 0, count: NegativeStep.allCases.count)
    /// Whether the query has an answer; false where nobody asked.
    var hasAnswers = false
    var positiveCount = 0
    /// Positives that are in the ranking and thus have a score.
    var scoredPositiveCount = 0
    var isInRun = true
}

/// Chooses the negatives of a query from its ranking. A pure function of ranking, dataset, options and seed.
struct NegativeSelector: Sendable {
    let dataset: Dataset
    let options: NegativeOptions
    let ownDocuments: OwnDocuments
    private let positives: Positives

    init(dataset: Dataset, options: NegativeOptions) throws {
        self.dataset = dataset
        self.options = options
        ownDocuments = try OwnDocuments(of: dataset, policy: options.ownDocuments)
        positives = Positives(dataset: dataset)
    }

    /// What is known of a query before its ranking is looked at.
    private struct Subject {
        let positives: QueryPositives
        /// The document with the query's id, if that is no negative.
        let ownDocument: UInt32?
        let ownText: [UInt8]?
        let answers: AnswerMatcher?

        /// Why a document is out of the question, whatever its rank and score.
        func reason(against document: UInt32) throws -> NegativeStep? {
            if positives.contains(document) { return .positive }
            if try positives.hasDuplicate(document) { return .alias }
            return document == ownDocument ? .ownID : nil
        }
    }

    private struct Candidate {
        var document: UInt32
        var score: Float
    }

    /// - Parameter ranking: best first; nil for a query that the run does not have.
    func select(query: Int, ranking: ResolvedRanking?) throws -> NegativeSelection {
        var selection = NegativeSelection(query: query)
        selection.isInRun = ranking != nil
        let subject = Subject(
            positives: try positives.positives(of: query), ownDocument: try ownDocuments.document(of: query),
            ownText: try ownDocuments.text(of: query),
            answers: try options.excludesAnswers ? AnswerMatcher(of: dataset.query(query)) : nil)
        selection.positiveCount = subject.positives.documents.count
        selection.hasAnswers = subject.answers != nil
        var survivors = try survivors(of: ranking ?? ResolvedRanking(query: query), subject, &selection)
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
            try fill(&selection, ranking: ranking, subject, key: key)
        }
        return selection
    }

    private func survivors(
        of ranking: ResolvedRanking, _ subject: Subject, _ selection: inout NegativeSelection
    ) throws -> [Candidate] {
        var reference = ScoreReference(options.positiveReference)
        for (document, score) in zip(ranking.documents, ranking.scores) where subject.positives.contains(document) {
            reference.add(Double(score))
        }
        selection.resultCount = ranking.documents.count
        selection.scoredPositiveCount = reference.count
        var checks = try contentChecks(subject, taken: subject.positives.documents)
        var candidates: [Candidate] = []
        var rank = 0
        for (document, score) in zip(ranking.documents, ranking.scores) {
            func firstReason() throws -> NegativeStep? {
                if let step = try subject.reason(against: document) { return step }
                rank += 1
                if document == ResolvedRanking.unknown { return .unknown }
                if let step = scoreStep(Double(score), rank: rank, reference: reference.value) { return step }
                return try checks.reason(against: document)
            }
            if let step = try firstReason() {
                selection.dropped[step.index] += 1
            } else {
                candidates.append(Candidate(document: document, score: score))
            }
        }
        return candidates
    }

    private func contentChecks(_ subject: Subject, taken: [UInt32]) throws -> ContentChecks {
        try ContentChecks(
            dataset, taken: taken, excludesDuplicates: options.excludesDuplicates, ownText: subject.ownText,
            answers: subject.answers)
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

    /// Moves a random sample, in order of rank, to the front.
    private static func sample(_ count: Int, from candidates: inout [Candidate], seed: UInt64, key: UInt64) {
        var generator = SplitMix64(seed: seed, key)
        var order = Array(candidates.indices)
        for index in 0..<count {
            order.swapAt(index, index + Int(generator.next(below: UInt64(order.count - index))))
        }
        candidates = order[..<count].sorted().map { candidates[$0] }
    }

    /// Whether a document has nothing to read, and no image, video or sound.
    private func isBlank(_ ordinal: UInt32) throws -> Bool {
        let document = try dataset.document(Int(ordinal))
        guard document.image == nil, document.video == nil, document.audio == nil else { return false }
        return [document.title, document.text].allSatisfy { $0?.withUnsafeBytes(BlankTexts.isBlank) ?? true }
    }

    /// Adds random documents that are neither positives nor in the ranking: those that a limit has dropped stay out, and so do
    /// blank ones.
    private func fill(
        _ selection: inout NegativeSelection, ranking: ResolvedRanking?, _ subject: Subject, key: UInt64
    ) throws {
        let listed = Set(ranking?.documents ?? [])
        var checks = try contentChecks(subject, taken: subject.positives.documents + selection.documents)
        let permutation = Permutation(count: UInt64(dataset.documentCount), seed: options.seed, key)
        var next: UInt64 = 0
        while selection.documents.count < options.count && next < permutation.count {
            let document = UInt32(permutation[next])
            next += 1
            if listed.contains(document) { continue }
            if let step = try subject.reason(against: document) {
                selection.droppedDraws[step.index] += 1
                continue
            }
            // A run names what a search found; what is drawn may be anything.
            if try isBlank(document) {
                selection.blankDrawCount += 1
                continue
            }
            if let step = try checks.reason(against: document) {
                selection.droppedDraws[step.index] += 1
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
