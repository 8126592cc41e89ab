public import Base
public import JSON
public import Records

/// What a dataset version consists of: the canonical JSON blob that its digest names.
public struct Manifest: Sendable, Equatable {
    public static let schemaVersion = 1
    public static let mediaType = "application/vnd.tvt.dataset.v1+json"

    /// The reference under which the version was first committed.
    public var name: String
    public var documents: RecordTable
    public var queries: RecordTable
    public var positives: LinkTable?
    public var negatives: LinkTable?
    /// In the order of their names' bytes.
    public var judgements: [JudgementTable]
    /// Which documents are duplicates of which, where a tool looked for them: an ``AliasMap``. No part of the logical
    /// digest, since the links say already what follows from it.
    public var aliases: BlobDescriptor?
    /// The items that records name by digest, and how many they name that are elsewhere; nil where nobody looked for
    /// any. No part of the logical digest, since the records name their items by what these are.
    public var media: MediaTable?
    public var provenance: Provenance

    package init(
        name: String, documents: RecordTable, queries: RecordTable, positives: LinkTable?, negatives: LinkTable?,
        judgements: [JudgementTable], aliases: BlobDescriptor? = nil, media: MediaTable? = nil, provenance: Provenance
    ) {
        self.name = name
        self.documents = documents
        self.queries = queries
        self.positives = positives
        self.negatives = negatives
        self.judgements = judgements
        self.aliases = aliases
        self.media = media
        self.provenance = provenance
    }

    /// The records of one kind.
    public struct RecordTable: Sendable, Hashable {
        public var recordCount: Int
        /// Bytes of all lines with their newlines.
        public var rawBytes: Int
        /// Equal whenever the same records stand in the same order, however they are stored.
        public var logicalDigest: SHA256Digest
        /// The dictionaries that the shards' headers name, each once; none where the frames need none.
        public var dictionaries: [BlobDescriptor]
        public var idIndex: BlobDescriptor
        public var shards: [Shard]
        /// Record sizes in bytes.
        public var lengths: LengthStatistics

        public var storedBytes: Int { shards.reduce(0) { $0 + $1.blob.size } }
    }

    /// Images, videos and sounds; each item once.
    public struct MediaTable: Sendable, Equatable {
        public var itemCount: Int
        /// Bytes of all items.
        public var rawBytes: Int
        /// Items by the first field that names them. Not all, where salvage lost records.
        public var countByKind: [MediaKind: Int]
        /// References of records to items that are not here. An upper bound, where a version has fewer records than
        /// the one that it descends from.
        public var externalCount: Int
        /// Of the items' digests in their order.
        public var itemsDigest: SHA256Digest
        public var index: BlobDescriptor
        public var shards: [Shard]

        public var storedBytes: Int { shards.reduce(0) { $0 + $1.blob.size } }
        public var imageCount: Int { countByKind[.image] ?? 0 }
        public var videoCount: Int { countByKind[.video] ?? 0 }
        public var audioCount: Int { countByKind[.audio] ?? 0 }
    }

    public struct Shard: Sendable, Hashable {
        public var blob: BlobDescriptor
        public var recordCount: Int
        public var frameCount: Int
        public var rawBytes: Int
    }

    public struct LinkTable: Sendable, Hashable {
        public var blob: BlobDescriptor
        public var linkCount: Int
        public var logicalDigest: SHA256Digest
        public var hasScores: Bool
    }

    public struct JudgementTable: Sendable, Equatable {
        public var split: String
        public var links: LinkTable

        package init(split: String, links: LinkTable) {
            self.split = split
            self.links = links
        }
    }

    /// Equal whenever two versions hold the same records, links and judgements, in the same order.
    ///
    /// SHA-256 over the logical digests of the parts; see `docs/formats.md`.
    public var logicalDigest: SHA256Digest {
        var bytes = Array("tvt-dataset-1\0".utf8)
        bytes += documents.logicalDigest.bytes + queries.logicalDigest.bytes
        func add(_ name: String, _ table: LinkTable?) {
            guard let table else { return }
            bytes.append(littleEndian: UInt32(name.utf8.count))
            bytes += Array(name.utf8) + table.logicalDigest.bytes
        }
        add("positives", positives)
        add("negatives", negatives)
        for table in judgements { add("judgements/" + table.split, table.links) }
        return SHA256Digest.of(bytes)
    }
}

/// Counts of sizes by power of two, with their extremes.
public struct LengthStatistics: Sendable, Hashable {
    public private(set) var count = 0
    public private(set) var total = 0
    public private(set) var smallest = 0
    public private(set) var largest = 0
    /// `histogram[k]` counts sizes from `2^k` to `2^(k+1) − 1`; size 0 counts with 1. No trailing zeros.
    public private(set) var histogram: [Int] = []

    public init() {}

    init(count: Int, total: Int, smallest: Int, largest: Int, histogram: [Int]) {
        self.count = count
        self.total = total
        self.smallest = smallest
        self.largest = largest
        self.histogram = histogram
    }

    public var mean: Double { count == 0 ? 0 : Double(total) / Double(count) }

    mutating func add(_ size: Int) {
        smallest = count == 0 ? size : min(smallest, size)
        largest = max(largest, size)
        count += 1
        total += size
        let bin = Int.bitWidth - 1 - max(1, size).leadingZeroBitCount
        while histogram.count <= bin { histogram.append(0) }
        histogram[bin] += 1
    }
}

/// Where a version comes from: enough to make it again.
public struct Provenance: Sendable, Equatable {
    /// A file or address that was read.
    public struct Input: Sendable, Equatable {
        public var uri: String
        /// In bytes.
        public var size: Int
        public var sha256: SHA256Digest

        public init(uri: String, size: Int, sha256: SHA256Digest) {
            self.uri = uri
            self.size = size
            self.sha256 = sha256
        }
    }

    /// Name and version of the tool, such as `tvt-convert 0.1.0`.
    public var tool: String
    public var options: JSONObject
    public var inputs: [Input]
    /// Digests of the versions that this one was made from.
    public var parents: [SHA256Digest]
    /// What the tool counted: duplicates merged, conflicts, rejects, records kept and dropped.
    public var statistics: JSONObject
    public var licence: String?

    public init(
        tool: String, options: JSONObject = [:], inputs: [Input] = [], parents: [SHA256Digest] = [],
        statistics: JSONObject = [:], licence: String? = nil
    ) {
        self.tool = tool
        self.options = options
        self.inputs = inputs
        self.parents = parents
        self.statistics = statistics
        self.licence = licence
    }
}
