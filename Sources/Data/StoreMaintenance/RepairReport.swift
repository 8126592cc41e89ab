public import Base

/// What a repair found and did.
public struct RepairReport: Sendable {
    public enum Outcome: Sendable, Equatable {
        /// The same bytes came from another store.
        case fetched(from: String)
        /// The same bytes were made again from other blobs, or from what was good of the blob.
        case rebuilt
        /// Another OCI manifest carries the same dataset now.
        case replaced
        /// A dry run: another store has it.
        case wouldFetch(from: String)
        /// A dry run: it may be possible to make it again.
        case wouldTryToRebuild
        /// Nobody has it.
        case unrepaired
    }

    /// A blob that was missing or not what its name says.
    public struct Item: Sendable {
        public let dataset: String
        public let blob: SHA256Digest
        /// `documents shard 3`, `positives`.
        public let role: String
        public let fault: String
        public internal(set) var outcome: Outcome
    }

    public internal(set) var datasetCount = 0
    public internal(set) var blobCount = 0
    public internal(set) var blobBytes = 0
    public internal(set) var items: [Item] = []
    public internal(set) var salvage: SalvageReport?

    /// Blobs that are still bad or missing.
    public var stillBad: Int {
        items.count { item in
            switch item.outcome {
            case .fetched, .rebuilt, .replaced: false
            case .wouldFetch, .wouldTryToRebuild, .unrepaired: true
            }
        }
    }
}

/// What was saved of a dataset whose blobs could not all be repaired.
public struct SalvageReport: Sendable {
    public let reference: String
    public internal(set) var digest: SHA256Digest?
    public internal(set) var documents = 0
    public internal(set) var queries = 0
    public internal(set) var lostDocuments = 0
    public internal(set) var lostQueries = 0
    /// Links and judgements of kept queries that are gone: their documents are lost, or their own bytes.
    public internal(set) var lostLinks = 0
    /// Images, videos and sounds; references to them stay, and count as external.
    public internal(set) var lostMedia = 0
    /// JSON Lines: one for each loss.
    public internal(set) var lostList = ""

    init(reference: String) { self.reference = reference }
}
