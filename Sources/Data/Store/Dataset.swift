public import Base
public import Records
public import StoreFormat
internal import SystemPackage

/// One immutable version of queries, corpus, links and judgements.
///
/// Opening reads the manifest only. All reads check checksums; all may be made from any thread.
public final class Dataset: Sendable {
    /// SHA-256 of the manifest: names this version for ever.
    public let digest: SHA256Digest
    public let manifest: Manifest
    /// What it was opened by: a name or `sha256:…`.
    public let reference: String
    /// In the order of their ordinals.
    package let documents: RecordSet
    package let queries: RecordSet
    /// What the training sets are made of; nil where the version has none.
    public let positives: Links?
    public let negatives: Links?
    /// In the order of their names' bytes.
    public let judgements: [(split: String, links: Links)]
    /// Which documents are duplicates of which; nil where nobody looked for them.
    public let aliases: AliasMap?
    /// Nil where the manifest tells of none.
    package let media: MediaSet?

    package init(store: Store, digest: SHA256Digest, reference: String) throws {
        let manifest = try store.manifest(digest)
        self.digest = digest
        self.manifest = manifest
        self.reference = reference
        func records(_ kind: RecordKind, _ table: Manifest.RecordTable) -> RecordSet {
            RecordSet(
                kind: kind,
                shards: table.shards.map { (store.layout.blob($0.blob.digest), $0.recordCount) },
                shardSizes: table.shards.map(\.blob.size),
                indexPath: store.layout.blob(table.idIndex.digest), recordsDigest: table.logicalDigest,
                origin: store.origin)
        }
        documents = records(.documents, manifest.documents)
        queries = records(.queries, manifest.queries)
        func links(_ role: LinkRole, _ table: Manifest.LinkTable) throws -> Links {
            let path = store.layout.blob(table.blob.digest)
            let links = try store.origin.opening(path) { try Links(path, origin: store.origin) }
            guard links.fits(table, as: role, of: manifest) else {
                throw DamagedBlob(links.path, "it holds the links of other records")
            }
            return links
        }
        media = manifest.media.map { MediaSet($0, in: store.layout, origin: store.origin) }
        positives = try manifest.positives.map { try links(.positive, $0) }
        negatives = try manifest.negatives.map { try links(.negative, $0) }
        judgements = try manifest.judgements.map { ($0.split, try links(.judgement, $0.links)) }
        aliases = try manifest.aliases.map { blob in
            let path = store.layout.blob(blob.digest)
            let aliases = try store.origin.opening(path) { try AliasMap(path, origin: store.origin) }
            guard aliases.fits(manifest) else {
                throw DamagedBlob(aliases.path, "it holds the aliases of other documents")
            }
            return aliases
        }
    }

    public var documentCount: Int { documents.count }
    public var queryCount: Int { queries.count }

    /// The judgements of a split; nil where there is none of that name.
    public func judgements(split: String) -> Links? {
        judgements.first { $0.split.utf8.elementsEqual(split.utf8) }?.links
    }

    // MARK: One record

    /// - Complexity: one cache line of the id index and the frame that holds the record.
    public func documentOrdinal(id: [UInt8]) throws -> Int? {
        try naming("document", id: id) { try id.withUnsafeBytes { try documents.ordinal(id: $0) } }
    }

    public func queryOrdinal(id: [UInt8]) throws -> Int? {
        try naming("query", id: id) { try id.withUnsafeBytes { try queries.ordinal(id: $0) } }
    }

    /// Whether there is a document with the id, by the fingerprints of the id index alone: wrongly true once in about
    /// 10^8 ids that are not there, and never wrongly false.
    ///
    /// - Complexity: one cache line; no record is read.
    public func probablyHasDocument(id: UnsafeRawBufferPointer) throws -> Bool {
        try naming("document", id: Array(id)) { try documents.probablyHas(id: id) }
    }

    /// - Precondition: the ordinal is below ``documentCount``.
    public func document(_ ordinal: Int) throws -> Document {
        try naming("document", ordinal) {
            try documents.withRecord(ordinal) { try Document(jsonLine: $0, at: place("document", ordinal)) }
        }
    }

    public func query(_ ordinal: Int) throws -> Query {
        try naming("query", ordinal) {
            try queries.withRecord(ordinal) { try Query(jsonLine: $0, at: place("query", ordinal)) }
        }
    }

    /// The stored line, without its newline: JSON in the v2 form with fixed key order.
    public func documentRecord(_ ordinal: Int) throws -> [UInt8] {
        try naming("document", ordinal) { try documents.withRecord(ordinal) { Array($0) } }
    }

    public func queryRecord(_ ordinal: Int) throws -> [UInt8] {
        try naming("query", ordinal) { try queries.withRecord(ordinal) { Array($0) } }
    }

    public func documentID(_ ordinal: Int) throws -> [UInt8] {
        try naming("document", ordinal) { try documents.id(of: ordinal) }
    }

    public func queryID(_ ordinal: Int) throws -> [UInt8] {
        try naming("query", ordinal) { try queries.id(of: ordinal) }
    }

    /// Hash of all that a document holds besides its id: equal content has equal hashes.
    public func documentContentHash(_ ordinal: Int) throws -> ContentHash {
        try naming("document", ordinal) { try documents.contentHash(of: ordinal) }
    }

    public func queryContentHash(_ ordinal: Int) throws -> ContentHash {
        try naming("query", ordinal) { try queries.contentHash(of: ordinal) }
    }

    // MARK: Many records

    /// Calls `body` with each ordinal and stored line of a range, in order; the bytes are valid within it only.
    ///
    /// Memory: one frame. Ranges may be read on several threads at once.
    public func forEachDocumentRecord(
        in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try naming("document", nil) { try documents.forEachRecord(in: range, body) }
    }

    public func forEachQueryRecord(
        in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try naming("query", nil) { try queries.forEachRecord(in: range, body) }
    }

    /// Calls `body` with each ordinal and id of a range, in order; the bytes are valid within it only.
    public func forEachDocumentID(in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        try naming("document", nil) { try Self.forEachID(of: documents, in: range, body) }
    }

    public func forEachQueryID(in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws {
        try naming("query", nil) { try Self.forEachID(of: queries, in: range, body) }
    }

    private static func forEachID(
        of records: RecordSet, in range: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try records.forEachRecord(in: range) { ordinal, bytes in
            let line = try records.parsed(bytes, ordinal: ordinal)
            if line.idHasEscapes {
                try line.id.withUnsafeBytes { try body(ordinal, $0) }
            } else {
                try body(ordinal, bytes.slice(line.quotedID))
            }
        }
    }

    // MARK: Errors

    private func place(_ kind: String, _ ordinal: Int) -> Place { Place(path: "\(reference), \(kind) \(ordinal)") }

    /// Adds to a damaged blob's error what was being read.
    private func naming<Result>(_ kind: String, _ ordinal: Int?, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as DamagedBlob {
            throw error.reading("\(kind)\(ordinal.map { " \($0)" } ?? "s") of \(reference)")
        }
    }

    private func naming<Result>(_ kind: String, id: [UInt8], _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as DamagedBlob {
            throw error.reading("\(kind) \(escaped(id)) of \(reference)")
        }
    }
}
