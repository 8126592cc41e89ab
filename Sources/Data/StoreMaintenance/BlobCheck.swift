internal import Base
internal import Store
internal import StoreFormat
internal import SystemPackage

/// What a manifest says of a blob: versions that share the blob may differ in it.
struct BlobClaim: Hashable {
    let blob: BlobDescriptor
    private let shard: Manifest.Shard?
    private let links: Manifest.LinkTable?
    private let counts: [Int]
    private let digests: [SHA256Digest]

    init(_ manifest: Manifest, _ role: BlobRole, _ blob: BlobDescriptor) {
        self.blob = blob
        var shard: Manifest.Shard?
        var links: Manifest.LinkTable?
        var counts: [Int] = []
        var digests: [SHA256Digest] = []
        switch role {
        case .shard(let kind, let number):
            shard = manifest.table(kind).shards[number]
            digests = manifest.table(kind).dictionaries.map(\.digest)
        case .mediaShard(let number): shard = manifest.media?.shards[number]
        case .dictionary: break
        case .idIndex(let kind):
            counts = [manifest.table(kind).recordCount]
            digests = [manifest.table(kind).logicalDigest]
        case .mediaIndex:
            counts = [manifest.media?.itemCount ?? 0]
            digests = manifest.media.map { [$0.itemsDigest] } ?? []
        case .positives, .negatives, .judgements, .aliases:
            links = manifest.links(role)
            counts = [manifest.queries.recordCount, manifest.documents.recordCount]
            digests = [manifest.queries.logicalDigest, manifest.documents.logicalDigest]
        }
        self.shard = shard
        self.links = links
        self.counts = counts
        self.digests = digests
    }
}

/// Looks at one blob of a version, as deep as the level asks for.
struct BlobCheck: Sendable {
    let store: Store
    let level: VerifyLevel
    let manifest: Manifest
    let role: BlobRole

    private var origin: any BlobOrigin { store.origin }

    /// Compares the blob with what the manifest says of it.
    ///
    /// - Throws: `DamagedBlob` for the first fault.
    func checkClaim(_ path: FilePath) throws {
        switch role {
        case .shard(let kind, let number):
            let table = manifest.table(kind)
            let reader = try ShardReader(path, kind: ShardKind(kind), origin: origin)
            try check(reader, table.shards[number])
            guard reader.header.dictionary.map({ table.dictionaries.map(\.digest).contains($0) }) ?? true else {
                throw DamagedBlob(path, "it needs a dictionary that the manifest does not name")
            }
        case .mediaShard(let number):
            guard let shard = manifest.media?.shards[number] else { return }
            try check(ShardReader(path, kind: .media, origin: origin), shard)
        case .dictionary: break
        case .idIndex(let kind):
            let index = try IdIndex(path, kind: ShardKind(kind), origin: origin)
            let table = manifest.table(kind)
            guard index.keyCount == table.recordCount, index.recordsDigest == table.logicalDigest else {
                throw DamagedBlob(path, "it is the id index of other records")
            }
        case .mediaIndex:
            let index = try IdIndex(path, kind: .media, origin: origin)
            guard let table = manifest.media, index.keyCount == table.itemCount,
                index.recordsDigest == table.itemsDigest
            else { throw DamagedBlob(path, "it is the index of other media") }
        case .positives, .negatives, .judgements:
            guard let table = manifest.links(role), let linkRole = role.links else { return }
            let links = try Links(path, origin: origin)
            guard links.fits(table, as: linkRole, of: manifest) else {
                throw DamagedBlob(path, "it holds the links of other records")
            }
            guard try !(level >= .data) || links.computedDigest() == table.logicalDigest else {
                throw DamagedBlob(path, "the links do not match their logical digest")
            }
        case .aliases:
            guard try AliasMap(path, origin: origin).fits(manifest) else {
                throw DamagedBlob(path, "it holds the aliases of other documents")
            }
        }
    }

    private func check(_ reader: ShardReader, _ shard: Manifest.Shard) throws {
        func check(_ stored: Int, _ said: Int, _ what: String) throws {
            guard stored == said else {
                throw DamagedBlob(reader.path, "it has \(stored) \(what), but the manifest says \(said)")
            }
        }
        try check(reader.recordCount, shard.recordCount, "records")
        try check(reader.trailer.frameCount, shard.frameCount, "frames")
        try check(reader.trailer.rawBytes, shard.rawBytes, "raw bytes")
    }

    /// Checks what the blob holds, whoever names it.
    ///
    /// - Throws: `DamagedBlob` for the first fault.
    func checkContents(_ path: FilePath) throws {
        switch role {
        case .shard(let kind, _): try checkShard(path, ShardKind(kind))
        case .mediaShard: try checkShard(path, .media)
        case .dictionary:
            // Small, and its name is the only checksum that it has.
            guard try level == .quick || store.digest(of: path).hex == path.lastComponent?.string else {
                throw DamagedBlob(path, "its bytes do not match its name")
            }
        case .idIndex(let kind):
            if level >= .meta { try IdIndex(path, kind: ShardKind(kind), origin: origin).checkAll() }
        case .mediaIndex:
            if level >= .meta { try IdIndex(path, kind: .media, origin: origin).checkAll() }
        case .positives, .negatives, .judgements:
            if level >= .meta { try Links(path, origin: origin).checkAll() }
        case .aliases:
            if level >= .meta { try AliasMap(path, origin: origin).checkAll() }
        }
    }

    private func checkShard(_ path: FilePath, _ kind: ShardKind) throws {
        guard level >= .meta else { return }
        let reader = try ShardReader(path, kind: kind, origin: origin)
        try reader.checkPages()
        if level >= .data { try reader.checkData() }
    }
}
