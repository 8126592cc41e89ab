internal import Base
internal import Store
internal import StoreFormat

/// Compares the links of two versions whose records were matched before.
struct LinkComparison {
    let old: Dataset
    let new: Dataset
    let documents: RecordMatch
    let queries: RecordMatch
    let limit: Int

    /// A link to a document that both sides have goes by its new ordinal; one that has no counterpart by its own side's.
    private struct Link: Comparable {
        /// 0 for documents of both sides, 1 for those of the old side only, 2 for those of the new side only.
        var side: UInt8
        var document: UInt32
        /// Nil where the table has no scores. Compared by bits, so that it cannot be equal to nothing.
        var score: UInt32?

        static func < (left: Link, right: Link) -> Bool {
            (left.side, left.document, left.score ?? 0) < (right.side, right.document, right.score ?? 0)
        }

        func isOfSameDocument(as other: Link) -> Bool { side == other.side && document == other.document }
    }

    func compareAll() throws -> [DatasetDiff.LinkTable] {
        let oldTables = old.linkTables
        let newTables = new.linkTables
        var names = oldTables.map(\.name)
        names += newTables.map(\.name).filter { name in !names.contains { $0.utf8.elementsEqual(name.utf8) } }
        return try names.map { name in
            let oldLinks = oldTables.first { $0.name.utf8.elementsEqual(name.utf8) }?.links
            let newLinks = newTables.first { $0.name.utf8.elementsEqual(name.utf8) }?.links
            return try compare(name, oldLinks, newLinks)
        }
    }

    private func compare(_ name: String, _ oldLinks: Links?, _ newLinks: Links?) throws -> DatasetDiff.LinkTable {
        var table = DatasetDiff.LinkTable(name: name)
        table.oldCount = oldLinks?.linkCount ?? 0
        table.newCount = newLinks?.linkCount ?? 0
        if documents.map == nil, queries.map == nil, Self.digest(name, in: old) == Self.digest(name, in: new) {
            return table
        }
        for query in 0..<old.queryCount {
            if query % 4096 == 0 { try Interruption.check() }
            let counterpart = queries.new(of: query)
            let before = try links(of: query, in: oldLinks, isOld: true)
            let after = try counterpart.map { try links(of: $0, in: newLinks, isOld: false) } ?? []
            if before != after { try add(before, after, old: query, new: counterpart, to: &table) }
        }
        guard queries.matched != nil else { return table }
        for query in 0..<new.queryCount where !queries.isMatched(query) {
            let after = try links(of: query, in: newLinks, isOld: false)
            if !after.isEmpty { try add([], after, old: nil, new: query, to: &table) }
        }
        return table
    }

    private static func digest(_ name: String, in dataset: Dataset) -> SHA256Digest? {
        switch name {
        case "positives": dataset.manifest.positives?.logicalDigest
        case "negatives": dataset.manifest.negatives?.logicalDigest
        default:
            dataset.manifest.judgements.first { "judgements/\($0.split)".utf8.elementsEqual(name.utf8) }?
                .links.logicalDigest
        }
    }

    private func links(of query: Int, in links: Links?, isOld: Bool) throws -> [Link] {
        guard let links else { return [] }
        let scores = try links.scores(of: query)
        return try links.targets(of: query).enumerated().map { position, target in
            let dataset = isOld ? old : new
            guard Int(target) < dataset.documentCount else { throw outOfRange(dataset, "\(links.role) links", query) }
            let score = scores.map { $0[position].bitPattern }
            guard isOld else {
                return Link(side: documents.isMatched(Int(target)) ? 0 : 2, document: target, score: score)
            }
            guard let counterpart = documents.new(of: Int(target)) else {
                return Link(side: 1, document: target, score: score)
            }
            return Link(side: 0, document: UInt32(counterpart), score: score)
        }
    }

    /// Merges both sides as multisets: repeats count.
    private func add(
        _ before: [Link], _ after: [Link], old oldQuery: Int?, new newQuery: Int?, to table: inout DatasetDiff.LinkTable
    ) throws {
        var removed: [Link] = []
        var added: [Link] = []
        var rescored: [Link] = []
        let left = before.sorted()
        let right = after.sorted()
        var i = 0
        var j = 0
        while i < left.count || j < right.count {
            if i < left.count, j < right.count, left[i].isOfSameDocument(as: right[j]) {
                if left[i].score != right[j].score { rescored.append(right[j]) }
                i += 1
                j += 1
            } else if j == right.count || i < left.count && left[i] < right[j] {
                removed.append(left[i])
                i += 1
            } else {
                added.append(right[j])
                j += 1
            }
        }
        guard !removed.isEmpty || !added.isEmpty || !rescored.isEmpty else {
            table.reorderedQueryCount += 1
            return
        }
        table.removedCount += removed.count
        table.addedCount += added.count
        table.rescoredCount += rescored.count
        table.changedQueryCount += 1
        guard table.changed.count < limit else { return }
        let id = try newQuery.map { try new.queryID($0) } ?? oldQuery.map { try old.queryID($0) } ?? []
        var query = DatasetDiff.LinkTable.Query(id: id)
        func ids(_ links: [Link]) throws -> [[UInt8]] {
            try links.prefix(limit).map { link in
                try link.side == 1 ? old.documentID(Int(link.document)) : new.documentID(Int(link.document))
            }
        }
        query.added = try ids(added)
        query.removed = try ids(removed)
        query.rescored = try ids(rescored)
        table.changed.append(query)
    }
}
