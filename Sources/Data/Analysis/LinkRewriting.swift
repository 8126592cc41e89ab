internal import Base
public import Store
internal import StoreFormat

extension Deduplication {
    /// Commits the version whose links point at representatives.
    ///
    /// Links of a query that point at the same document now are merged: the first place and the highest score stay. A
    /// negative that is a positive of the same query is dropped. Judgements keep the highest grade.
    ///
    /// Memory: the links of one query.
    @discardableResult
    public func derive(as reference: String, in store: Store, tool: String) throws -> Dataset {
        report.links = []
        let positives = try dataset.positives.map { try rewrite("positives", $0, in: store) }
        let negatives = try dataset.negatives.map { try rewrite("negatives", $0, in: store) }
        let judgements = try dataset.judgements.map {
            ($0.split, try rewrite("judgements/" + $0.split, $0.links, in: store))
        }
        let aliases = try store.aliasMapWriter()
        try forEachAlias { try aliases.append(alias: $0, representative: $1) }
        let provenance = Provenance(
            tool: tool, options: options.json, parents: [dataset.digest], statistics: report.json,
            licence: dataset.manifest.provenance.licence)
        return try store.derive(
            from: dataset, reference: reference, positives: positives, negatives: negatives, judgements: judgements,
            aliases: aliases, provenance: provenance)
    }

    /// Counts what ``derive(as:in:tool:)`` would do to the links, and writes nothing.
    public func countRewriting() throws {
        report.links = []
        for (name, links) in dataset.linkTables { try rewrite(name, links) { _, _ in } }
    }

    private func rewrite(_ name: String, _ links: Links, in store: Store) throws -> LinksWriter {
        let writer = try store.linksWriter(hasScores: links.hasScores)
        try rewrite(name, links) { targets, scores in try writer.append(targets: targets, scores: scores) }
        return writer
    }

    private func rewrite(
        _ name: String, _ links: Links, _ append: ([UInt32], [Float]?) throws -> Void
    ) throws {
        var counts = DeduplicationReport.Rewriting(name: name)
        counts.before = links.linkCount
        var positions: [UInt32: Int] = [:]
        for query in 0..<links.queryCount {
            if query % 65536 == 0 { try Interruption.check() }
            positions.removeAll(keepingCapacity: true)
            var targets: [UInt32] = []
            var scores: [Float] = []
            let oldScores = try links.scores(of: query)
            let positives = links.role == .negative ? try representatives(of: query, in: dataset.positives) : []
            for (position, target) in try links.targets(of: query).enumerated() {
                guard Int(target) < dataset.documentCount else { throw outOfRange(dataset, name, query) }
                let representative = UInt32(clusters.representative(of: Int(target)))
                if representative != target { counts.redirectedCount += 1 }
                if positives.contains(representative) {
                    counts.droppedCount += 1
                } else if let known = positions[representative] {
                    counts.mergedCount += 1
                    if let score = oldScores?[position], score != scores[known] {
                        counts.regradedCount += 1
                        scores[known] = max(scores[known], score)
                    }
                } else {
                    positions[representative] = targets.count
                    targets.append(representative)
                    if let oldScores { scores.append(oldScores[position]) }
                }
            }
            if links.role == .judgement {
                // Judgements are stored in the order of documents.
                let order = targets.indices.sorted { targets[$0] < targets[$1] }
                targets = order.map { targets[$0] }
                if oldScores != nil { scores = order.map { scores[$0] } }
            }
            counts.after += targets.count
            try append(targets, oldScores == nil ? nil : scores)
        }
        report.links.append(counts)
    }

    private func representatives(of query: Int, in links: Links?) throws -> Set<UInt32> {
        guard let links else { return [] }
        return Set(try links.targets(of: query).map { UInt32(clusters.representative(of: Int($0))) })
    }
}
