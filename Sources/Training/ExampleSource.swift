internal import Base
internal import Records
public import Store

/// The examples of a mix, by slot: order, choice of passages and texts.
///
/// Holds mapped datasets and, for a dataset in which some queries are skipped, 4 bytes a kept query; nothing else that
/// grows with the data.
public final class ExampleSource: Sendable {
    /// One dataset of the mix.
    public struct Part: Sendable {
        public let dataset: Dataset
        public let options: Mix.Part
        public let weight: UInt64
        /// Ordinals of the queries that have a positive; nil if all have.
        let kept: [UInt32]?
        let positives: Links
        let negatives: Links?
        public let counts: Counts

        public var exampleCount: UInt64 { UInt64(kept?.count ?? dataset.queryCount) }
        func query(of example: UInt64) -> Int { kept.map { Int($0[Int(example)]) } ?? Int(example) }
    }

    /// What was found when a dataset was opened.
    public struct Counts: Sendable, Equatable {
        public var queries = 0
        /// Left out of training.
        public var withoutPositives = 0
        /// Used, with fewer negatives than the mix wants.
        public var shortOfNegatives = 0
        /// Used, with no negative at all.
        public var withoutNegatives = 0
    }

    public let mix: Mix
    public let parts: [Part]
    public let order: ExampleOrder
    private let choice: PassageChoice

    /// Opens the mix's datasets and counts what they hold.
    ///
    /// - Throws: `Failure` where a dataset has no positives, or where the mix's policies refuse what was counted.
    /// - Complexity: one pass over the offsets of each dataset's links.
    public init(_ mix: Mix, store: Store) throws {
        self.mix = mix
        var parts: [Part] = []
        for options in mix.datasets { parts.append(try Self.open(options, mix, store)) }
        self.parts = parts
        order = ExampleOrder(
            parts: parts.map { .init(count: $0.exampleCount, weight: $0.weight) }, seed: mix.seed)
        choice = PassageChoice(policy: mix.sampling, seed: mix.seed)
    }

    /// How many optimizer steps the mix asks for.
    public var stepCount: Int {
        switch mix.length {
        case .steps(let steps): return steps
        case .epochs(let epochs):
            let examples = Double(parts.reduce(0) { $0 + $1.exampleCount })
            return max(1, Int((epochs * examples / Double(mix.queriesPerStep)).rounded(.up)))
        }
    }

    private static func open(_ options: Mix.Part, _ mix: Mix, _ store: Store) throws -> Part {
        let dataset = try store.dataset(options.reference)
        guard let positives = dataset.positives, dataset.queryCount > 0 else {
            throw Failure(
                .badConfiguration, "dataset \(options.reference) has no queries with positive documents",
                advice: "Training needs links: convert a v1 file, or queries with positive_document_ids.")
        }
        let wanted = mix.passagesPerQuery - 1
        var counts = Counts()
        var kept: [UInt32] = []
        var firstWithout: Int?
        counts.queries = dataset.queryCount
        for query in 0..<dataset.queryCount {
            guard try positives.range(of: query).count > 0 else {
                counts.withoutPositives += 1
                firstWithout = firstWithout ?? query
                continue
            }
            kept.append(UInt32(query))
            let negativeCount = try dataset.negatives?.range(of: query).count ?? 0
            if negativeCount < wanted { counts.shortOfNegatives += 1 }
            if negativeCount == 0, wanted > 0 { counts.withoutNegatives += 1 }
        }
        if let firstWithout, mix.withoutPositives == .error {
            throw Failure(
                .badData,
                "dataset \(options.reference): \(counts.withoutPositives) of \(counts.queries) queries have no "
                    + "positive document, the first is \(escaped(try dataset.queryID(firstWithout)))",
                advice: "Say without_positives: skip in the mix to train without them.")
        }
        if counts.shortOfNegatives > 0, mix.shortage == .error {
            throw Failure(
                .badData,
                "dataset \(options.reference): \(counts.shortOfNegatives) of \(kept.count) queries have fewer than "
                    + "\(wanted) negatives",
                advice: "Mine more, lower passages_per_query, or say shortage: keep or fill in the mix.")
        }
        guard !kept.isEmpty else {
            throw Failure(.badData, "dataset \(options.reference): no query has a positive document")
        }
        return Part(
            dataset: dataset, options: options, weight: options.weight ?? UInt64(kept.count),
            kept: counts.withoutPositives > 0 ? kept : nil, positives: positives, negatives: dataset.negatives,
            counts: counts)
    }

    /// The example of a slot.
    public func example(at slot: UInt64) throws -> Example {
        let entry = order.entry(at: slot)
        let part = parts[entry.part]
        let query = part.query(of: entry.example)
        let positives = try part.positives.targets(of: query)
        let negatives = try part.negatives?.targets(of: query)
        let wanted = mix.passagesPerQuery - 1
        let chosen = choice.choose(
            part: entry.part, query: UInt64(query), epoch: entry.epoch, positiveCount: positives.count,
            negativeCount: negatives?.count ?? 0, wanted: wanted)
        var documents = [Int(positives[chosen.positive])]
        if let negatives { documents += chosen.negatives.map { Int(negatives[$0]) } }
        if mix.shortage == .fill, documents.count <= wanted {
            fill(&documents, entry, query, count: wanted + 1, part, avoiding: Set(positives.map(Int.init)))
        }
        var known: Set<ContentHash> = []
        if mix.masksKnownPositives {
            for document in positives { known.insert(ContentHash.of(try text(of: Int(document), part))) }
        }
        let record = try part.dataset.query(query)
        guard let queryText = record.text, !queryText.isEmpty else {
            throw missingText("query", record.id, part)
        }
        return Example(
            entry: entry, query: query, queryText: queryText,
            passages: try documents.map { document in
                let text = try text(of: document, part)
                return Example.Passage(document: document, text: text, content: ContentHash.of(text))
            },
            knownPositives: known)
    }

    /// Adds documents of the corpus by hash until there are `count`, or none is left: no positive, none twice.
    private func fill(
        _ documents: inout [Int], _ entry: ExampleOrder.Entry, _ query: Int, count: Int, _ part: Part,
        avoiding positives: Set<Int>
    ) {
        let total = UInt64(part.dataset.documentCount)
        let drawn = Permutation(
            count: total, seed: mix.seed, 0x6669_6c6c, UInt64(entry.part), UInt64(query), entry.epoch)
        var next: UInt64 = 0
        while documents.count < count, next < total {
            let document = Int(drawn[next])
            next += 1
            if !positives.contains(document), !documents.contains(document) { documents.append(document) }
        }
    }

    /// `title + " " + text`, or what there is of the two.
    private func text(of document: Int, _ part: Part) throws -> [UInt8] {
        let record = try part.dataset.document(document)
        switch (record.title, record.text) {
        case (let title?, let text?) where !title.isEmpty: return title + [0x20] + text
        case (_, let text?) where !text.isEmpty: return text
        case (let title?, nil) where !title.isEmpty: return title
        default: throw missingText("document", record.id, part)
        }
    }

    private func missingText(_ kind: String, _ id: [UInt8], _ part: Part) -> Failure {
        Failure(
            .badData, "dataset \(part.options.reference): \(kind) \(escaped(id)) has no text",
            advice: "This model reads texts only.")
    }
}
