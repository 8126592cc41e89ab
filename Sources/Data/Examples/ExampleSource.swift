internal import Base
public import Store
internal import StoreFormat

/// The examples of some datasets, by slot: order, choice of passages and records.
///
/// Holds mapped datasets and, for a dataset in which some queries are skipped, a directory of at most 512 KiB; nothing
/// that grows with the data. May be used from any thread.
public final class ExampleSource: Sendable {
    /// One dataset.
    public struct Part: Sendable {
        public let dataset: Dataset
        public let options: ExampleOptions.Part
        /// As given, or by size.
        public let weight: Double
        let readable: ReadableExamples
        let positives: Links
        let negatives: Links?
        public let counts: Counts
        /// Ordinals of the queries that are held out, ascending; see ``ExampleOptions/heldOut``.
        public let heldOutQueries: [UInt32]

        public var exampleCount: UInt64 { UInt64(readable.count) }
    }

    /// What was found when a dataset was opened.
    public struct Counts: Sendable, Equatable {
        public var queries = 0
        /// Left out of training.
        public var withoutPositives = 0
        /// Used, with fewer negatives than wanted.
        public var shortOfNegatives = 0
        /// Used, with no negative at all.
        public var withoutNegatives = 0
        /// Queries with positives that are left out because their texts, or those of all their positives, are blank.
        public var leftOutAsBlank = 0
        /// Blank records of the whole dataset, where the policy asked for them to be looked for.
        public var blankDocuments = 0
        public var blankQueries = 0
        /// Queries that would be examples and are held out.
        public var heldOut = 0
    }

    public let options: ExampleOptions
    public let parts: [Part]
    public let order: ExampleOrder
    private let choice: PassageChoice

    /// Opens datasets and counts what they hold.
    ///
    /// - Throws: `Failure` where a dataset has no positives, or where the policies refuse what was counted.
    /// - Complexity: none that grows with the data where all queries have a positive and examples take one; otherwise, and
    ///   for datasets whose links were written before their header counted, one pass over the offsets of the links.
    public init(_ options: ExampleOptions, store: Store) throws {
        self.options = options
        let parts = try options.parts.map { try Self.open($0, options, store) }
        self.parts = parts
        order = try Self.order(of: parts, options)
        choice = PassageChoice(policy: options.sampling, seed: options.seed)
    }

    private static func open(_ part: ExampleOptions.Part, _ options: ExampleOptions, _ store: Store) throws -> Part {
        let dataset = try store.dataset(part.reference)
        guard let positives = dataset.positives, dataset.queryCount > 0 else {
            throw Failure(
                .badConfiguration, "dataset \(part.reference) has no queries with positive documents",
                advice: "Training needs links: convert a v1 file, or queries with positive_document_ids.")
        }
        let linked = try LinkedQueries(positives)
        var counts = Counts()
        counts.queries = dataset.queryCount
        counts.withoutPositives = dataset.queryCount - linked.count
        if let firstWithout = linked.firstWithout, options.withoutPositives == .error {
            throw Failure(
                .badData,
                "dataset \(part.reference): \(counts.withoutPositives) of \(counts.queries) queries have no "
                    + "positive document, the first is \(escaped(try dataset.queryID(firstWithout)))",
                advice: "Say without_positives: skip in the config to train without them.")
        }
        var readable = try ReadableExamples(linked, of: dataset, positives, options, counts: &counts)
        counts.leftOutAsBlank = linked.count - readable.count
        let heldOut = try options.heldOut.map { try readable.holdOut($0, of: dataset, positives) } ?? []
        counts.heldOut = heldOut.count
        try countNegatives(dataset, positives, readable, part, options, into: &counts)
        if counts.shortOfNegatives > 0, options.shortage == .error {
            throw Failure(
                .badData,
                "dataset \(part.reference): \(counts.shortOfNegatives) of \(readable.count) queries have "
                    + (options.positivesPerQuery == 1
                        ? "fewer than \(options.negativesPerQuery(of: part, positiveCount: 1)) negatives"
                        : "too few negatives to make \(options.passagesPerQuery(of: part)) passages with their positives"),
                advice: "Mine more, lower passages_per_query, or say shortage: keep or fill in the config.")
        }
        guard readable.count > 0 else {
            throw Failure(
                .badData,
                "dataset \(part.reference): no query has a positive document"
                    + (linked.count > counts.heldOut ? " whose text, and its own, are not blank" : "")
                    + (counts.heldOut > 0 ? ", \(counts.heldOut) that are held out aside" : ""))
        }
        return Part(
            dataset: dataset, options: part, weight: part.weight ?? options.weight(ofSize: readable.count),
            readable: readable, positives: positives, negatives: dataset.negatives, counts: counts,
            heldOutQueries: heldOut)
    }

    /// Counts queries of examples that are short of negatives.
    private static func countNegatives(
        _ dataset: Dataset, _ positives: Links, _ readable: ReadableExamples, _ part: ExampleOptions.Part,
        _ options: ExampleOptions, into counts: inout Counts
    ) throws {
        // Of a query that has one positive; with more of them, fewer may be wanted.
        let mostWanted = options.negativesPerQuery(of: part, positiveCount: 1)
        guard mostWanted > 0 else { return }
        func count(_ positiveCount: Int, _ negativeCount: Int) {
            let wanted =
                positiveCount == 1 ? mostWanted : options.negativesPerQuery(of: part, positiveCount: positiveCount)
            if negativeCount < wanted { counts.shortOfNegatives += 1 }
            if negativeCount == 0, wanted > 0 { counts.withoutNegatives += 1 }
        }
        if options.positivesPerQuery == 1, dataset.negatives == nil {
            (counts.shortOfNegatives, counts.withoutNegatives) = (readable.count, readable.count)
            return
        }
        let isWhole = readable.leftOutDocuments.isEmpty && readable.count == readable.linked.count
        guard isWhole, let negatives = dataset.negatives else {
            func readableCount(_ links: Links, _ query: Int) throws -> Int {
                try links.targets(of: query).count { !readable.leftOutDocuments.contains(Int($0)) }
            }
            for example in 0..<readable.count {
                if example % 65_536 == 0 { try Interruption.check() }
                let query = try readable.query(example)
                try count(readableCount(positives, query), dataset.negatives.map { try readableCount($0, query) } ?? 0)
            }
            return
        }
        let byCount = negatives.queriesByLinkCount
        if options.positivesPerQuery == 1, readable.count == dataset.queryCount, mostWanted <= byCount.count {
            (counts.shortOfNegatives, counts.withoutNegatives) = (byCount[..<mostWanted].reduce(0, +), byCount[0])
            return
        }
        let length = 1 << 16
        for start in stride(from: 0, to: dataset.queryCount, by: length) {
            try Interruption.check()
            let block = start..<min(start + length, dataset.queryCount)
            let positiveOffsets = try positives.offsets(of: block)
            let negativeOffsets = try negatives.offsets(of: block)
            for index in 1...block.count where positiveOffsets[index] != positiveOffsets[index - 1] {
                // Damaged ones may descend; who reads them says so.
                count(
                    Int(truncatingIfNeeded: positiveOffsets[index] &- positiveOffsets[index - 1]),
                    Int(truncatingIfNeeded: negativeOffsets[index] &- negativeOffsets[index - 1]))
            }
        }
    }

    // MARK: - Choosing

    /// An example by ordinals, before any record is read.
    struct Chosen {
        let slot: UInt64
        let entry: ExampleOrder.Entry
        let query: Int
        /// The positives first.
        let documents: [Int]
        let positiveCount: Int
        /// All of the query's positives if they are to be known, else empty.
        let knownPositives: UnsafeBufferPointer<UInt32>
    }

    /// - Parameter entry: of the slot.
    func choose(_ entry: ExampleOrder.Entry, slot: UInt64) throws -> Chosen {
        let part = parts[entry.part]
        do {
            let query = try part.readable.query(Int(entry.example))
            let positives = try part.positives.targets(of: query)
            var (documents, positiveCount): ([Int], Int)
            if part.readable.leftOutDocuments.isEmpty {
                let negatives = try part.negatives?.targets(of: query)
                (documents, positiveCount) = chosen(entry, query, positives, negatives)
            } else {
                let skipped = part.readable.leftOutDocuments
                let negatives = try part.negatives?.targets(of: query).filter { !skipped.contains(Int($0)) }
                (documents, positiveCount) = chosen(
                    entry, query, positives.filter { !skipped.contains(Int($0)) }, negatives)
            }
            let count = options.passagesPerQuery(of: part.options)
            if options.shortage == .fill, documents.count < count {
                fill(&documents, entry, query, count: count, part, avoiding: Set(positives.map(Int.init)))
            }
            let known = options.readsKnownPositives ? positives : UnsafeBufferPointer(start: nil, count: 0)
            for document in documents where document >= part.dataset.documentCount {
                throw outOfRange(document, query, part)
            }
            for document in known where document >= part.dataset.documentCount {
                throw outOfRange(Int(document), query, part)
            }
            return Chosen(
                slot: slot, entry: entry, query: query, documents: documents, positiveCount: positiveCount,
                knownPositives: known)
        } catch var error as DamagedBlob {
            error.context = error.context ?? "example \(entry.example) of \(part.options.reference)"
            throw error
        }
    }

    /// The positives and the negatives that the policy takes of a query's links.
    private func chosen<Documents: RandomAccessCollection<UInt32>>(
        _ entry: ExampleOrder.Entry, _ query: Int, _ positives: Documents, _ negatives: Documents?
    ) -> (documents: [Int], positiveCount: Int) where Documents.Index == Int {
        let part = parts[entry.part].options
        let negativeCount = options.negativesPerQuery(of: part, positiveCount: positives.count)
        let chosen = choice.choose(
            part: entry.part, query: UInt64(query), epoch: entry.epoch, positiveCount: positives.count,
            negativeCount: negatives?.count ?? 0,
            wantedPositives: options.passagesPerQuery(of: part) - negativeCount, wanted: negativeCount)
        var documents = chosen.positives.map { Int(positives[$0]) }
        if let negatives { documents += chosen.negatives.map { Int(negatives[$0]) } }
        return (documents, chosen.positives.count)
    }

    private func outOfRange(_ document: Int, _ query: Int, _ part: Part) -> Failure {
        Failure(
            .badData,
            "dataset \(part.options.reference): query \(query) points at document \(document) of "
                + "\(part.dataset.documentCount)",
            advice: "Run `tvt-store verify --level full`.")
    }

    /// Adds documents of the corpus by hash until there are `count`, or none is left: no positive, none twice.
    private func fill(
        _ documents: inout [Int], _ entry: ExampleOrder.Entry, _ query: Int, count: Int, _ part: Part,
        avoiding positives: Set<Int>
    ) {
        let total = UInt64(part.dataset.documentCount)
        let drawn = Permutation(
            count: total, seed: options.seed, 0x6669_6c6c, UInt64(entry.part), UInt64(query), entry.epoch)
        var next: UInt64 = 0
        while documents.count < count, next < total {
            let document = Int(drawn[next])
            next += 1
            if !positives.contains(document), !documents.contains(document),
                !part.readable.leftOutDocuments.contains(document)
            {
                documents.append(document)
            }
        }
    }

    // MARK: - Reading

    /// The example of a slot.
    public func example(at slot: UInt64) throws -> Example { try examples(at: [slot])[0] }

    /// The examples of some slots, in the order of the slots.
    ///
    /// Records are read in the order in which they are stored, so a frame that several examples need is decompressed
    /// once. For a long run of slots take an ``ExampleReader``.
    ///
    /// - Throws: what the first slot that cannot be read throws.
    public func examples(at slots: [UInt64]) throws -> [Example] { try SlotReader(self).examples(at: slots) }
}

/// Reads examples of any slots again and again on one thread, with one set of decompression contexts.
public final class SlotReader {
    private let reader: WindowReader

    public init(_ source: ExampleSource) { reader = WindowReader(source) }

    /// See ``ExampleSource/examples(at:)``.
    public func examples(at slots: [UInt64]) throws -> [Example] {
        let window = try reader.read(slots)
        if let failure = window.failure { throw failure }
        return window.examples
    }
}
