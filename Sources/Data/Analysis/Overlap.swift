public import Base
public import Store
internal import StoreFormat

/// How a record of an evaluation set comes again in the training set; the strongest that holds.
public enum OverlapLevel: Int, Sendable, CaseIterable {
    /// The same contents: all fields but the id.
    case contents
    /// The same text after normalisation.
    case text
    /// A similar text.
    case near

    public var name: String { "\(self)" }
}

public struct OverlapOptions: Sendable {
    /// Also look for similar texts.
    public var isNear = false
    public var threshold = 0.8
    public var seed: UInt64 = 42
    /// How many examples to keep of each dataset, side and level.
    public var limit = 5
    /// Only these judgements of the evaluation sets; nil for all.
    public var split: String?
    /// Threads; the result does not depend on them.
    public var workers = processorCount

    public init() {}
}

/// What a training set shares with evaluation sets.
///
/// Compared are the training set's queries with positives (all, where it has none), and those positives, with each
/// evaluation set's judged queries and documents (positives, where it has no judgements; all queries, where it has neither).
public struct Overlap: Sendable {
    /// One side of one evaluation set.
    public struct Side: Sendable {
        /// Records of the evaluation set that were looked for.
        public var count = 0
        /// Of those, the ones judged above 0.
        public var relevantCount = 0
        /// By level, each record once under the strongest.
        public var shared: [Int] = [0, 0, 0]
        /// All levels together, of those judged above 0.
        public var sharedRelevantCount = 0
        /// Records of the training set that are shared.
        public var trainingCount = 0
        public var examples: [Example] = []

        public var sharedCount: Int { shared.reduce(0, +) }
    }

    public struct Example: Sendable {
        public let level: OverlapLevel
        public let evaluationID: [UInt8]
        public let trainingID: [UInt8]
        /// Of the shingles, at ``OverlapLevel/near``.
        public let similarity: Double?
    }

    public struct Evaluation: Sendable {
        public let dataset: Dataset
        public var queries = Side()
        public var documents = Side()
    }

    public let training: Dataset
    public private(set) var trainingQueryCount = 0
    public private(set) var trainingDocumentCount = 0
    public private(set) var evaluations: [Evaluation]

    /// Memory: 32 MiB for sorting each of contents, texts and band keys; 32 MiB of shingles a dataset; a few bits a record.
    /// Scratch space: 48 bytes a record that is compared, near 224 more.
    public init(
        training: Dataset, evaluations: [Dataset], options: OverlapOptions = OverlapOptions(), progress: Progress? = nil
    ) throws {
        guard options.threshold > 0, options.threshold <= 1 else {
            throw Failure(.usage, "a similarity threshold lies above 0 and is at most 1")
        }
        self.training = training
        self.evaluations = evaluations.map { Evaluation(dataset: $0) }
        let selections =
            try [SelectedRecords(trainingOf: training)]
            + evaluations.map { try SelectedRecords(evaluationOf: $0, split: options.split) }
        trainingQueryCount = selections[0].queries.count
        trainingDocumentCount = selections[0].documents.count
        for kind in [RecordKind.queries, .documents] {
            var search = SharedRecords(kind, selections, options)
            let sides = try search.run(progress)
            for number in self.evaluations.indices {
                if kind == .queries {
                    self.evaluations[number].queries = sides[number]
                } else {
                    self.evaluations[number].documents = sides[number]
                }
            }
        }
    }
}

/// Which records of a dataset are compared.
struct SelectedRecords {
    let dataset: Dataset
    var queries: OrdinalSet
    var documents: OrdinalSet
    /// Judged above 0 by any query.
    var relevant: OrdinalSet

    private init(_ dataset: Dataset) {
        self.dataset = dataset
        queries = OrdinalSet(capacity: dataset.queryCount)
        documents = OrdinalSet(capacity: dataset.documentCount)
        relevant = OrdinalSet(capacity: dataset.documentCount)
    }

    init(trainingOf dataset: Dataset) throws {
        self.init(dataset)
        if let positives = dataset.positives {
            try add(positives, "positives")
        } else {
            for (split, links) in dataset.judgements { try add(links, split, onlyRelevant: true) }
        }
        if queries.count == 0 { addAllQueries() }
    }

    /// - Throws: `Failure` with status 66 where there is no such split.
    init(evaluationOf dataset: Dataset, split: String?) throws {
        self.init(dataset)
        if let split {
            guard let links = dataset.judgements(split: split) else {
                let splits = dataset.judgements.map(\.split)
                throw Failure(
                    .missingInput, "\(dataset.reference) has no judgements \(escaped(split.utf8))",
                    advice: splits.isEmpty ? nil : "There are: \(splits.joined(separator: ", ")).")
            }
            try add(links, split)
            return
        }
        for (split, links) in dataset.judgements { try add(links, split) }
        if dataset.judgements.isEmpty, let positives = dataset.positives { try add(positives, "positives") }
        if queries.count == 0 { addAllQueries() }
    }

    private mutating func addAllQueries() { for query in 0..<dataset.queryCount { queries.insert(query) } }

    private mutating func add(_ links: Links, _ name: String, onlyRelevant: Bool = false) throws {
        for query in 0..<links.queryCount {
            if query % 65536 == 0 { try Interruption.check() }
            let scores = links.role == .judgement ? try links.scores(of: query) : nil
            for (position, target) in try links.targets(of: query).enumerated() {
                guard Int(target) < dataset.documentCount else { throw outOfRange(dataset, name, query) }
                let isRelevant = scores.map { $0[position] > 0 } ?? true
                if isRelevant { relevant.insert(Int(target)) }
                guard isRelevant || !onlyRelevant else { continue }
                queries.insert(query)
                documents.insert(Int(target))
            }
        }
    }

    func contains(_ kind: RecordKind, _ ordinal: Int) -> Bool {
        kind == .queries ? queries.contains(ordinal) : documents.contains(ordinal)
    }

    func count(_ kind: RecordKind) -> Int { kind == .queries ? queries.count : documents.count }
}

/// Finds records of one kind that the training set (source 0) and evaluation sets (1, 2, …) share.
struct SharedRecords {
    let kind: RecordKind
    let selections: [SelectedRecords]
    let options: OverlapOptions
    private var contents = ExternalSorter<HashEntry>()
    private var texts = ExternalSorter<HashEntry>()
    private var bands = ExternalSorter<BandEntry>()
    private var sides: [Overlap.Side]
    /// By evaluation set: its records that were found, and the training set's.
    private var found: [OrdinalSet]
    private var foundInTraining: [OrdinalSet]
    private var exampleCounts: [[Int]]

    init(_ kind: RecordKind, _ selections: [SelectedRecords], _ options: OverlapOptions) {
        self.kind = kind
        self.selections = selections
        self.options = options
        let evaluations = selections.dropFirst()
        sides = evaluations.map { selection in
            var side = Overlap.Side()
            side.count = selection.count(kind)
            side.relevantCount = kind == .queries ? 0 : selection.relevant.count
            return side
        }
        found = evaluations.map { OrdinalSet(capacity: $0.dataset.count(kind)) }
        foundInTraining = evaluations.map { _ in OrdinalSet(capacity: selections[0].dataset.count(kind)) }
        exampleCounts = evaluations.map { _ in [0, 0, 0] }
    }

    mutating func run(_ progress: Progress?) throws -> [Overlap.Side] {
        for source in selections.indices { try collect(source, progress) }
        // Taken out of self, whose other parts change meanwhile.
        var (contents, texts) = (contents, texts)
        (self.contents, self.texts) = (ExternalSorter(), ExternalSorter())
        try match(&contents, at: .contents)
        contents = ExternalSorter()
        try match(&texts, at: .text)
        texts = ExternalSorter()
        if options.isNear { try matchNear() }
        for number in sides.indices { sides[number].trainingCount = foundInTraining[number].count }
        return sides
    }

    private struct Fingerprinted: Sendable {
        var contents: [(Int, ContentHash)] = []
        var texts: [(Int, ContentHash)] = []
        var bandKeys: [UInt64] = []
        var seenCount = 0
    }

    private mutating func collect(_ source: Int, _ progress: Progress?) throws {
        let selection = selections[source]
        let (kind, dataset) = (kind, selection.dataset)
        let minHash = options.isNear ? MinHash(seed: options.seed) : nil
        var ranges = OrdinalRanges(count: dataset.count(kind), size: 1024)
        var (contents, texts, bands) = (contents, texts, bands)
        self.contents = ExternalSorter()
        self.texts = ExternalSorter()
        self.bands = ExternalSorter()
        try orderedPipeline(
            workers: options.workers, window: 4 * max(1, options.workers),
            read: {
                try Interruption.check()
                return ranges.nextRange().map { range in
                    (wanted: range.filter { selection.contains(kind, $0) }, count: range.count)
                }
            },
            transform: { item in
                var result = Fingerprinted()
                result.seenCount = item.count
                guard !item.wanted.isEmpty else { return result }
                let reader = try RecordReader(dataset)
                var fingerprints = TextFingerprints(dataset, kind, .text)
                for ordinal in item.wanted {
                    result.contents.append((ordinal, try dataset.contentHash(kind, ordinal)))
                    let fingerprint = try reader.withRecord(kind, ordinal) { line in
                        try fingerprints.fingerprint(
                            of: line, ordinal: ordinal, minHash: minHash, keys: &result.bandKeys)
                    }
                    if let hash = fingerprint?.normalized { result.texts.append((ordinal, hash)) }
                }
                return result
            },
            write: { batch in
                for (ordinal, hash) in batch.contents {
                    try contents.append(HashEntry(hash, source: source, ordinal: ordinal))
                }
                for (ordinal, hash) in batch.texts {
                    try texts.append(HashEntry(hash, source: source, ordinal: ordinal))
                }
                for (position, key) in batch.bandKeys.enumerated() {
                    let ordinal = batch.texts[position / MinHash.bandCount].0
                    try bands.append(BandEntry(key: key, source: UInt32(source), ordinal: UInt32(ordinal)))
                }
                progress?.advance(by: batch.seenCount)
            })
        (self.contents, self.texts, self.bands) = (contents, texts, bands)
    }

    /// Training records come first in a group of equal hashes.
    private mutating func match(_ sorter: inout ExternalSorter<HashEntry>, at level: OverlapLevel) throws {
        var training: [Int] = []
        var hash: SortedHash?
        var isMarked = [Bool](repeating: false, count: sides.count)
        try sorter.forEachSorted { entry in
            if entry.hash != hash {
                hash = entry.hash
                training.removeAll(keepingCapacity: true)
                for number in isMarked.indices { isMarked[number] = false }
            }
            guard entry.source > 0 else {
                training.append(Int(entry.ordinal))
                return
            }
            guard let first = training.first else { return }
            let number = Int(entry.source) - 1
            try add(number, Int(entry.ordinal), training: first, at: level, similarity: nil)
            guard !isMarked[number] else { return }
            isMarked[number] = true
            for ordinal in training { foundInTraining[number].insert(ordinal) }
        }
    }

    private mutating func matchNear() throws {
        var caches = try selections.map { try ShingleCache($0.dataset, kind, .text) }
        var training: [Int] = []
        var key: UInt64?
        var bands = bands
        self.bands = ExternalSorter()
        try bands.forEachSorted { entry in
            if entry.key != key {
                try Interruption.check()
                key = entry.key
                training.removeAll(keepingCapacity: true)
            }
            let ordinal = Int(entry.ordinal)
            guard entry.source > 0 else {
                training.append(ordinal)
                return
            }
            let number = Int(entry.source) - 1
            for candidate in training {
                // A pair whose sides are both known already tells nothing new.
                if found[number].contains(ordinal), foundInTraining[number].contains(candidate) { continue }
                let similarity = Shingles.jaccard(
                    try caches[0].shingles(of: candidate), try caches[number + 1].shingles(of: ordinal))
                guard similarity >= options.threshold else { continue }
                try add(number, ordinal, training: candidate, at: .near, similarity: similarity)
                foundInTraining[number].insert(candidate)
            }
        }
    }

    private mutating func add(
        _ number: Int, _ ordinal: Int, training: Int, at level: OverlapLevel, similarity: Double?
    ) throws {
        guard found[number].insert(ordinal) else { return }
        sides[number].shared[level.rawValue] += 1
        let selection = selections[number + 1]
        if kind == .documents, selection.relevant.contains(ordinal) { sides[number].sharedRelevantCount += 1 }
        guard exampleCounts[number][level.rawValue] < options.limit else { return }
        exampleCounts[number][level.rawValue] += 1
        sides[number].examples.append(
            Overlap.Example(
                level: level, evaluationID: try selection.dataset.id(kind, ordinal),
                trainingID: try selections[0].dataset.id(kind, training), similarity: similarity))
    }
}
