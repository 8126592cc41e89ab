internal import Base
internal import Encoding
internal import Evaluation
internal import Examples
internal import Inputs
internal import JSON
internal import Models
internal import Rankings
internal import Records
internal import Store
internal import StoreFormat
internal import Vectors

/// What a run is measured on, opened: queries with the documents that are relevant to them, among those that are searched.
///
/// Memory: 4 bytes for each query and document that is chosen, and the judgements.
public final class ValidationSet {
    let options: TrainingConfig.ValidationOptions
    let parts: [Part]
    /// Nil where training queries are held out, which the datasets of the run have the record of.
    let lock: JSONValue?

    /// Queries of one dataset.
    struct Part {
        let dataset: Dataset
        let planners: TrainingConfig.Sides<InputPlanner>
        /// Ordinals, ascending.
        let queries: [UInt32]
        /// Ordinals of the documents that are searched, ascending; nil for all.
        let corpus: [UInt32]?
        let qrels: Qrels
        /// Of the queries that have a relevant document, in an order of their own.
        let pairs: [Pair]

        /// What is encoded of one side.
        func source(_ side: VectorsSide, blankTexts: BlankTexts) throws -> RecordSource {
            let isQueries = side == .queries
            return try RecordSource(
                dataset, side, planner: isQueries ? planners.query : planners.document,
                ordinals: isQueries ? queries : corpus, blankTexts: blankTexts)
        }
    }

    /// What the loss of one query is made of, by ordinals.
    struct Pair {
        let query: UInt32
        let positive: UInt32
        let negatives: [UInt32]
        /// All documents that are known to be relevant.
        let known: Set<UInt32>
    }

    public var queryCount: Int { parts.reduce(0) { $0 + $1.queries.count } }
    public var documentCount: Int { parts.reduce(0) { $0 + ($1.corpus?.count ?? $1.dataset.documentCount) } }

    /// - Parameters:
    ///   - source: of the training examples, without the queries that are held out.
    ///   - planners: of the parts of the source.
    /// - Throws: `Failure` where the dataset or its judgements are not there, nothing is held out, or the documents that are
    ///   relevant are more than may be searched.
    init(
        _ options: TrainingConfig.ValidationOptions, _ config: TrainingConfig, _ source: ExampleSource,
        _ planners: [TrainingConfig.Sides<InputPlanner>], store: Store,
        makePlanners: (Dataset) throws -> TrainingConfig.Sides<InputPlanner>
    ) throws {
        self.options = options
        guard let reference = options.dataset else {
            lock = nil
            parts = try zip(source.parts, planners).compactMap { part, planners in
                guard !part.heldOutQueries.isEmpty, let positives = part.dataset.positives else { return nil }
                let chosen = ChosenQueries(
                    dataset: part.dataset, judgements: positives, isGraded: false, queries: part.heldOutQueries)
                return try Part(chosen, planners, options, config)
            }
            guard !parts.isEmpty else {
                throw config.places.failure(
                    "validation.share", "holds out no query of \(source.parts.reduce(0) { $0 + $1.counts.queries })",
                    advice: "Raise it, or name a dataset with judgements.")
            }
            return
        }
        let dataset = try store.dataset(reference)
        let split = try Self.split(of: dataset, options.split, config.places)
        let judgements = dataset.judgements(split: split)!
        let judged = try (0..<dataset.queryCount).filter { query in
            if query % 65_536 == 0 { try Interruption.check() }
            return try !judgements.range(of: query).isEmpty
        }.map { UInt32($0) }
        guard !judged.isEmpty else {
            throw config.places.failure(
                "validation.split", "is \(split), which judges no query of \(dataset.reference)")
        }
        try Self.noteTrained(judged, of: dataset, source)
        let chosen = ChosenQueries(dataset: dataset, judgements: judgements, isGraded: true, queries: judged)
        parts = [try Part(chosen, makePlanners(dataset), options, config)]
        lock = [
            "reference": JSONValue(dataset.reference), "digest": JSONValue(dataset.digest.description),
            "split": JSONValue(split),
        ]
    }

    private static func split(of dataset: Dataset, _ wanted: String?, _ places: KeyPlaces) throws -> String {
        let splits = dataset.judgements.map(\.split)
        let known = splits.isEmpty ? "it has none" : "it has \(splits.joined(separator: ", "))"
        if let wanted {
            guard splits.contains(where: { $0.utf8.elementsEqual(wanted.utf8) }) else {
                throw places.failure(
                    "validation.split",
                    "is \(escaped(wanted.utf8)), and \(dataset.reference) has no such judgements; \(known)")
            }
            return wanted
        }
        if splits.contains("dev") { return "dev" }
        guard splits.count == 1 else {
            throw places.failure(
                "validation.dataset", "is \(dataset.reference), which has no judgements named dev; \(known)",
                advice: splits.isEmpty
                    ? "tvt-store judgements adds those of a file; validation.share holds out training queries."
                    : "Name one with validation.split.")
        }
        return splits[0]
    }

    /// Says how many of the queries are trained on: figures on these are no measure of what is learnt.
    private static func noteTrained(_ queries: [UInt32], of dataset: Dataset, _ source: ExampleSource) throws {
        let digest = dataset.manifest.queries.logicalDigest
        for part in source.parts where part.dataset.manifest.queries.logicalDigest == digest {
            guard let positives = part.dataset.positives else { continue }
            let count = try queries.count { try !positives.range(of: Int($0)).isEmpty }
            guard count > 0 else { continue }
            log.warning(
                """
                validation: \(count) of the \(queries.count) judged queries of \(dataset.reference) have positives and are \
                trained on as well
                """)
        }
    }
}

/// Queries of a dataset with the links that say what is relevant to them.
private struct ChosenQueries {
    let dataset: Dataset
    let judgements: Links
    /// Whether the links' scores are grades; else every link is a relevant document.
    let isGraded: Bool
    /// Ordinals, ascending.
    let queries: [UInt32]

    /// The documents of a query with their grades.
    func grades(of query: UInt32) throws -> [(document: UInt32, grade: Int32)] {
        let scores = isGraded ? try judgements.scores(of: Int(query)) : nil
        return try judgements.targets(of: Int(query)).enumerated().map { index, document in
            guard let grade = Int32(exactly: scores?[index] ?? 1) else {
                throw Failure(
                    .badData,
                    "\(dataset.reference): the grade of \(escaped(try dataset.documentID(Int(document)))) for the query "
                        + "\(escaped(try dataset.queryID(Int(query)))) is \(scores![index]), and measures take whole numbers"
                )
            }
            return (document, grade)
        }
    }

    /// At most `limit` of the queries, by hash, ascending.
    func limited(to limit: Int?, seed: UInt64) -> [UInt32] {
        guard let limit, limit < queries.count else { return queries }
        let order = Permutation(count: UInt64(queries.count), seed: seed, 0x7175_6572)
        return (0..<limit).map { queries[Int(order[UInt64($0)])] }.sorted()
    }
}

extension ValidationSet.Part {
    fileprivate init(
        _ chosen: ChosenQueries, _ planners: TrainingConfig.Sides<InputPlanner>,
        _ options: TrainingConfig.ValidationOptions, _ config: TrainingConfig
    ) throws {
        let dataset = chosen.dataset
        let queries = chosen.limited(to: options.queryLimit, seed: config.seed)
        var qrels = Qrels()
        var pairs: [ValidationSet.Pair] = []
        var wanted: Set<UInt32> = []
        for (number, query) in queries.enumerated() {
            if number % 1024 == 0 { try Interruption.check() }
            let grades = try chosen.grades(of: query)
            qrels.append(
                query: try dataset.queryID(Int(query)),
                try grades.map { (document: try dataset.documentID(Int($0.document)), grade: $0.grade) })
            let known = Set(grades.filter { $0.grade > 0 }.map(\.document))
            wanted.formUnion(known)
            // The first of those with the highest grade.
            guard let best = grades.map(\.grade).max(), best > 0 else { continue }
            let positive = grades.first { $0.grade == best }!.document
            let negatives = try dataset.negatives?.targets(of: Int(query)).filter { !known.contains($0) } ?? []
            let taken = Array(negatives.prefix(config.passagesPerQuery - 1))
            wanted.formUnion(taken)
            pairs.append(.init(query: query, positive: positive, negatives: taken, known: known))
        }
        let order = Permutation(count: UInt64(max(1, pairs.count)), seed: config.seed, 0x7061_6972)
        self.dataset = dataset
        self.planners = planners
        self.queries = queries
        self.qrels = qrels
        self.pairs = pairs.indices.map { pairs[Int(order[UInt64($0)])] }
        corpus = try Self.corpus(wanted, of: dataset, options.corpusLimit, config)
    }

    /// The documents that are wanted, and others by hash up to the limit.
    private static func corpus(
        _ wanted: Set<UInt32>, of dataset: Dataset, _ limit: Int?, _ config: TrainingConfig
    ) throws -> [UInt32]? {
        guard let limit, limit < dataset.documentCount else { return nil }
        guard wanted.count <= limit else {
            throw config.places.failure(
                "validation.corpus",
                "is \(limit), and \(wanted.count) documents of \(dataset.reference) are relevant to the queries, or negatives "
                    + "of theirs",
                advice: "Raise it, or lower validation.queries.")
        }
        var corpus = wanted
        corpus.reserveCapacity(limit)
        let order = Permutation(count: UInt64(dataset.documentCount), seed: config.seed, 0x636f_7270)
        var next: UInt64 = 0
        while corpus.count < limit {
            if next % 65_536 == 0 { try Interruption.check() }
            corpus.insert(UInt32(order[next]))
            next += 1
        }
        return corpus.sorted()
    }
}
