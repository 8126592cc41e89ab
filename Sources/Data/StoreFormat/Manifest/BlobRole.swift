/// What a blob is for in a version.
package enum BlobRole: Sendable, Equatable {
    case shard(RecordKind, number: Int)
    case dictionary(RecordKind)
    case idIndex(RecordKind)
    case positives
    case negatives
    case judgements(split: String)
    case aliases
    case mediaShard(number: Int)
    case mediaIndex
}

extension BlobRole {
    /// Nil for what holds no links.
    package var links: LinkRole? {
        switch self {
        case .positives: .positive
        case .negatives: .negative
        case .judgements: .judgement
        default: nil
        }
    }
}

extension BlobRole: CustomStringConvertible {
    /// For messages, such as `documents shard 3`.
    package var description: String {
        switch self {
        case .shard(let kind, let number): "\(kind) shard \(number)"
        case .dictionary(let kind): "\(kind) dictionary"
        case .idIndex(let kind): "\(kind) id index"
        case .positives: "positives"
        case .negatives: "negatives"
        case .judgements(let split): "judgements \(split)"
        case .aliases: "aliases"
        case .mediaShard(let number): "media shard \(number)"
        case .mediaIndex: "media index"
        }
    }
}

extension Manifest {
    /// Calls `body` with every blob that the version consists of, besides the manifest itself, in a fixed order. A blob of
    /// two roles comes twice.
    package func forEachBlob(_ body: (BlobRole, BlobDescriptor) throws -> Void) rethrows {
        for (kind, table) in [(RecordKind.documents, documents), (.queries, queries)] {
            for (number, shard) in table.shards.enumerated() { try body(.shard(kind, number: number), shard.blob) }
            for dictionary in table.dictionaries { try body(.dictionary(kind), dictionary) }
            try body(.idIndex(kind), table.idIndex)
        }
        if let positives { try body(.positives, positives.blob) }
        if let negatives { try body(.negatives, negatives.blob) }
        for table in judgements { try body(.judgements(split: table.split), table.links.blob) }
        if let aliases { try body(.aliases, aliases) }
        if let media {
            for (number, shard) in media.shards.enumerated() { try body(.mediaShard(number: number), shard.blob) }
            try body(.mediaIndex, media.index)
        }
    }

    /// Every blob that the version needs, besides the manifest itself; each once.
    public var blobs: [BlobDescriptor] {
        var all: [BlobDescriptor] = []
        var seen: Set<BlobDescriptor> = []
        forEachBlob { _, blob in if seen.insert(blob).inserted { all.append(blob) } }
        return all
    }

    /// What is said of the links of a role; nil where there are none.
    package func links(_ role: BlobRole) -> LinkTable? {
        switch role {
        case .positives: positives
        case .negatives: negatives
        case .judgements(let split): judgements.first { $0.split.utf8.elementsEqual(split.utf8) }?.links
        default: nil
        }
    }

    package func table(_ kind: RecordKind) -> RecordTable {
        switch kind {
        case .documents: documents
        case .queries: queries
        }
    }
}
