internal import Base
public import StoreFormat

extension Store {
    /// Commits a version that shares its parent's documents: fewer queries, other links, or both.
    ///
    /// What is not replaced is kept: links and judgements of the kept queries are carried over with their new ordinals.
    ///
    /// - Parameters:
    ///   - parent: a dataset of this store; becomes the first parent in the provenance.
    ///   - keepingQueries: ordinals in the parent, in the order that the new version shall have; nil keeps all.
    ///   - positives: new links, one entry for each query of the new version; nil keeps the parent's. Comes from
    ///     ``linksWriter(hasScores:)``. The same holds for `negatives`.
    ///   - judgements: all splits of the new version, in the order of their names' bytes, documents ascending within each
    ///     query; nil keeps the parent's. A split without judgements is none.
    ///   - aliases: which documents are duplicates; nil keeps what the parent says.
    /// - Throws: `Failure` with status 65 for links that do not fit, 75 where another writer holds the lock;
    ///   `DuplicateIDs` where a query is kept twice.
    @discardableResult
    public func derive(
        from parent: Dataset, reference: String, keepingQueries: [Int]? = nil, positives: LinksWriter? = nil,
        negatives: LinksWriter? = nil, judgements: [(split: String, links: LinksWriter)]? = nil,
        aliases: AliasMapWriter? = nil,
        provenance: Provenance, options: WriterOptions = WriterOptions()
    ) throws -> Dataset {
        try checkNewName(reference)
        let scratch = try scratchFolder(for: "deriving \(reference)")
        var manifest = parent.manifest
        manifest.name = reference
        manifest.provenance = provenance
        if !provenance.parents.contains(parent.digest) { manifest.provenance.parents.insert(parent.digest, at: 0) }
        for table in [manifest.documents, manifest.queries] {
            for shard in table.shards where !Files.exists(located(shard.blob.digest)) {
                throw Failure(.badData, "\(parent.reference) is not in the store \(root)")
            }
        }
        // The parent may have no reference any more.
        try keep(manifest.blobs)
        var blobs: [StagedBlob] = []
        if let keepingQueries {
            let staged = try writeQueries(of: parent, keepingQueries, scratch: scratch, options: options)
            let index = try staged.buildIndex(scratch: scratch, reference: reference, options: options)
            manifest.queries = staged.table(idIndex: index)
            blobs += staged.blobs + [index]
        }
        func finish(_ writer: LinksWriter, _ role: LinkRole) throws -> Manifest.LinkTable {
            guard writer.queryCount == manifest.queries.recordCount else {
                throw Failure(
                    .bug,
                    "\(role) links for \(writer.queryCount) queries do not fit \(manifest.queries.recordCount) queries")
            }
            let staged = try writer.finish(
                role: role, documentCount: manifest.documents.recordCount,
                queriesDigest: manifest.queries.logicalDigest, documentsDigest: manifest.documents.logicalDigest)
            blobs.append(staged.blob)
            return staged.links
        }
        func table(_ role: LinkRole, new: LinksWriter?, old: Links?, oldTable: Manifest.LinkTable?, name: String) throws
            -> Manifest.LinkTable?
        {
            if let new { return new.linkCount == 0 ? nil : try finish(new, role) }
            guard let old, let oldTable else { return nil }
            guard let keepingQueries else { return oldTable }
            let kept = try LinksWriter(scratch: scratch, name: name, hasScores: old.hasScores)
            for query in keepingQueries {
                try kept.append(targets: old.targets(of: query), scores: old.scores(of: query))
            }
            return kept.linkCount == 0 ? nil : try finish(kept, role)
        }
        let old = parent.manifest
        manifest.positives = try table(
            .positive, new: positives, old: parent.positives, oldTable: old.positives, name: "positives")
        manifest.negatives = try table(
            .negative, new: negatives, old: parent.negatives, oldTable: old.negatives, name: "negatives")
        manifest.judgements = []
        if let judgements {
            for (split, links) in judgements where links.linkCount > 0 {
                manifest.judgements.append(Manifest.JudgementTable(split: split, links: try finish(links, .judgement)))
            }
        } else {
            for (number, (split, links)) in parent.judgements.enumerated() {
                let kept = try table(
                    .judgement, new: nil, old: links, oldTable: old.judgements[number].links,
                    name: "judgements-\(number)")
                if let kept { manifest.judgements.append(Manifest.JudgementTable(split: split, links: kept)) }
            }
        }
        if let aliases {
            let staged = try aliases.finish(
                documentCount: manifest.documents.recordCount, documentsDigest: manifest.documents.logicalDigest)
            blobs.append(staged)
            manifest.aliases = staged.descriptor
        }
        defer { withExtendedLifetime((scratch, positives, negatives, judgements, aliases)) {} }
        return try commit(manifest, blobs: blobs, scratch: scratch, lockTimeoutSeconds: options.lockTimeoutSeconds)
    }

    private func writeQueries(
        of parent: Dataset, _ kept: [Int], scratch: ScratchFolder, options: WriterOptions
    ) throws -> StagedRecords {
        let writer = try RecordSetWriter(kind: .queries, options: options, scratch: scratch)
        let cursor = try FrameCursor()
        for query in kept {
            guard query >= 0, query < parent.queryCount else {
                throw Failure(.bug, "query \(query) cannot be kept: there are \(parent.queryCount)")
            }
            try parent.queries.withRecord(query, cursor: cursor) { record in
                let line = try parent.queries.parsed(record, ordinal: query)
                _ = try line.id.withUnsafeBytes { try writer.append(id: $0, record: record) }
            }
        }
        return try writer.finish()
    }
}
