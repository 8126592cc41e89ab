public import Base
internal import StoreFormat

/// What a listing shows of a dataset.
public struct DatasetSummary: Sendable, Equatable {
    public let reference: String
    public let digest: SHA256Digest
    /// RFC 3339; nil where it is not recorded.
    public let createdAt: String?
    public let tool: String
    public let documentCount: Int
    public let queryCount: Int
    public let positiveCount: Int
    public let negativeCount: Int
    public let judgementCount: Int
    public let rawBytes: Int
    /// Shards, indexes, dictionaries and links.
    public let storedBytes: Int
}

extension DatasetSummary {
    init(reference: String, digest: SHA256Digest, createdAt: String?, manifest: Manifest) {
        self.init(
            reference: reference, digest: digest, createdAt: createdAt, tool: manifest.provenance.tool,
            documentCount: manifest.documents.recordCount, queryCount: manifest.queries.recordCount,
            positiveCount: manifest.positives?.linkCount ?? 0, negativeCount: manifest.negatives?.linkCount ?? 0,
            judgementCount: manifest.judgements.reduce(0) { $0 + $1.links.linkCount },
            rawBytes: manifest.documents.rawBytes + manifest.queries.rawBytes,
            storedBytes: manifest.blobs.reduce(0) { $0 + $1.size })
    }
}

extension Store {
    /// All datasets in the order of their references' bytes, from the catalog where it can be used.
    public func list() throws -> [DatasetSummary] {
        if server != nil { return try summaries() }
        do {
            let catalog = try Catalog(store: self)
            try catalog.refresh(note: true)
            return try catalog.list()
        } catch let error as CatalogError {
            // A read-only disk, say. The manifests know the same.
            log.notice("\(layout.catalog): \(error.message); reading the manifests instead")
            return try summaries()
        }
    }

    /// From the manifests.
    private func summaries() throws -> [DatasetSummary] {
        try readIndex().references.map { reference in
            DatasetSummary(
                reference: reference.name, digest: reference.dataset, createdAt: try createdAt(reference),
                manifest: try manifest(reference.dataset))
        }
    }

    /// Brings the catalog up to date after a change; it can be rebuilt at any time, so a failure is only noted.
    package func updateCatalog() {
        do {
            try Catalog(store: self).refresh(note: false)
        } catch {
            log.notice(
                "\(layout.catalog): \((error as? CatalogError)?.message ?? "\(error)"); it will be rebuilt later")
        }
    }
}
