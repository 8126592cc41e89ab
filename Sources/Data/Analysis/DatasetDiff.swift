public import Base
public import Store
internal import StoreFormat

/// How two versions differ: records and links by id.
public struct DatasetDiff: Sendable {
    /// Records of one kind that are on one side only, or on both with different contents.
    public struct Records: Sendable {
        public var oldCount = 0
        public var newCount = 0
        public var addedCount = 0
        public var removedCount = 0
        public var changedCount = 0
        /// Whether the records that both sides have stand in another order.
        public var isReordered = false
        /// The first ids of each, in the order of their ordinals.
        public var added: [[UInt8]] = []
        public var removed: [[UInt8]] = []
        public var changed: [[UInt8]] = []

        public var isEqual: Bool { addedCount + removedCount + changedCount == 0 }
    }

    /// Links of one role.
    public struct LinkTable: Sendable {
        /// `positives`, `negatives` or `judgements/<split>`.
        public let name: String
        public var oldCount = 0
        public var newCount = 0
        public var addedCount = 0
        public var removedCount = 0
        /// Links that both sides have with another score or grade.
        public var rescoredCount = 0
        /// Queries with any of these.
        public var changedQueryCount = 0
        /// Queries whose links are the same in another order.
        public var reorderedQueryCount = 0
        /// The first queries that changed.
        public var changed: [Query] = []

        public struct Query: Sendable {
            public let id: [UInt8]
            public var added: [[UInt8]] = []
            public var removed: [[UInt8]] = []
            public var rescored: [[UInt8]] = []
        }

        public var isEqual: Bool { addedCount + removedCount + rescoredCount == 0 }
    }

    public let old: Dataset
    public let new: Dataset
    public var documents = Records()
    public var queries = Records()
    /// Every table that either side has.
    public var links: [LinkTable] = []

    /// Whether the two hold the same data in the same order.
    public var isEqual: Bool { old.manifest.logicalDigest == new.manifest.logicalDigest }

    /// Compares two versions, which may be of different stores.
    ///
    /// Equal logical digests answer at once; shards that both sides have are never read. Of every other record of the old
    /// side, the id is looked up in the new one, and content hashes are compared; texts are not.
    ///
    /// Memory: a bit a record of the new side, a frame a worker, the links of one query. Scratch space: 4 bytes a record
    /// of the old side, where its records differ.
    ///
    /// - Parameters:
    ///   - limit: how many examples of each kind to keep.
    ///   - workers: threads; the result does not depend on them.
    public init(
        from old: Dataset, to new: Dataset, limit: Int = 10, workers: Int = processorCount,
        progress: Progress? = nil
    ) throws {
        self.old = old
        self.new = new
        guard !isEqual else {
            documents.oldCount = old.documentCount
            documents.newCount = new.documentCount
            queries.oldCount = old.queryCount
            queries.newCount = new.queryCount
            links = old.linkTables.map { name, table in
                var links = LinkTable(name: name)
                links.oldCount = table.linkCount
                links.newCount = table.linkCount
                return links
            }
            return
        }
        let comparison = RecordComparison(old: old, new: new, limit: limit, workers: workers, progress: progress)
        let (documents, documentMap) = try comparison.compare(.documents)
        let (queries, queryMap) = try comparison.compare(.queries)
        self.documents = documents
        self.queries = queries
        links = try LinkComparison(
            old: old, new: new, documents: documentMap, queries: queryMap, limit: limit
        ).compareAll()
    }
}

/// Where the old side's records are on the new side.
struct RecordMatch {
    /// Nil where ordinals are the same on both sides.
    let map: OrdinalMap?
    /// New ordinals that the old side has as well; nil for all.
    let matched: OrdinalSet?

    func new(of old: Int) -> Int? {
        guard let map else { return old }
        return map[old] == OrdinalMap.none ? nil : Int(map[old])
    }

    func isMatched(_ new: Int) -> Bool { matched?.contains(new) ?? true }
}

/// Finds the records of one version in another.
struct RecordComparison {
    let old: Dataset
    let new: Dataset
    let limit: Int
    let workers: Int
    let progress: Progress?

    private struct Found: Sendable {
        var new: [UInt32] = []
        /// Positions in `new` whose contents differ.
        var changed: [Int] = []
    }

    func compare(_ kind: RecordKind) throws -> (DatasetDiff.Records, RecordMatch) {
        var result = DatasetDiff.Records()
        result.oldCount = old.count(kind)
        result.newCount = new.count(kind)
        if old.table(kind).logicalDigest == new.table(kind).logicalDigest {
            return (result, RecordMatch(map: nil, matched: nil))
        }
        let map = try OrdinalMap(count: old.count(kind))
        var matched = OrdinalSet(capacity: new.count(kind))
        var changedOrdinals: [Int] = []
        var removedOrdinals: [Int] = []
        let newShards = Self.firstOrdinals(of: new.table(kind))
        var first = 0
        var last = -1
        for shard in old.table(kind).shards {
            let range = first..<first + shard.recordCount
            first = range.upperBound
            try Interruption.check()
            if let start = newShards[shard.blob] {
                // The same bytes: the same records, in the same order.
                for offset in 0..<shard.recordCount {
                    map[range.lowerBound + offset] = UInt32(start + offset)
                    matched.insert(start + offset)
                }
                if start <= last { result.isReordered = true }
                last = max(last, start + shard.recordCount - 1)
                progress?.advance(by: shard.recordCount)
                continue
            }
            var ranges = OrdinalRanges(count: range.count)
            var position = range.lowerBound
            try orderedPipeline(
                workers: workers, window: 4 * max(1, workers),
                read: {
                    try Interruption.check()
                    return ranges.nextRange().map {
                        $0.lowerBound + range.lowerBound..<$0.upperBound + range.lowerBound
                    }
                },
                transform: { [old, new] in try Self.find($0, of: old, in: new, kind) },
                write: { found in
                    for (offset, target) in found.new.enumerated() {
                        map[position + offset] = target
                        guard target != OrdinalMap.none else {
                            result.removedCount += 1
                            if removedOrdinals.count < limit { removedOrdinals.append(position + offset) }
                            continue
                        }
                        matched.insert(Int(target))
                        if Int(target) < last { result.isReordered = true }
                        last = max(last, Int(target))
                    }
                    result.changedCount += found.changed.count
                    for offset in found.changed where changedOrdinals.count < limit {
                        changedOrdinals.append(position + offset)
                    }
                    position += found.new.count
                    progress?.advance(by: found.new.count)
                })
        }
        result.addedCount = result.newCount - matched.count
        var addedOrdinals: [Int] = []
        if result.addedCount > 0 {
            for ordinal in 0..<result.newCount where addedOrdinals.count < limit && !matched.contains(ordinal) {
                addedOrdinals.append(ordinal)
            }
        }
        result.added = try addedOrdinals.map { try new.id(kind, $0) }
        result.removed = try removedOrdinals.map { try old.id(kind, $0) }
        result.changed = try changedOrdinals.map { try old.id(kind, $0) }
        return (result, RecordMatch(map: map, matched: matched))
    }

    private static func firstOrdinals(of table: Manifest.RecordTable) -> [BlobDescriptor: Int] {
        var ordinals: [BlobDescriptor: Int] = [:]
        var first = 0
        for shard in table.shards {
            if shard.recordCount > 0 { ordinals[shard.blob] = first }
            first += shard.recordCount
        }
        return ordinals
    }

    private static func find(
        _ range: Range<Int>, of old: Dataset, in new: Dataset, _ kind: RecordKind
    ) throws -> Found {
        var found = Found()
        found.new.reserveCapacity(range.count)
        let reader = try RecordReader(new)
        // Most versions keep the order, so the next record is looked at before the index is asked.
        var guess = range.lowerBound
        try old.forEachID(kind, in: range) { ordinal, id in
            var target: Int?
            if guess < new.count(kind), try reader.hasID(kind, guess, id) {
                target = guess
            } else {
                target = try reader.ordinal(kind, id: id)
            }
            if let target {
                if try old.contentHash(kind, ordinal) != new.contentHash(kind, target) {
                    found.changed.append(ordinal - range.lowerBound)
                }
                guess = target + 1
            }
            found.new.append(target.map { UInt32($0) } ?? OrdinalMap.none)
        }
        return found
    }
}
