internal import Base
internal import Records
internal import StoreFormat

/// What a conversion does with the rows that workers have scanned, in the order of the input.
extension Conversion {
    /// Takes a v1 row: its passages become documents, its query a query.
    ///
    /// - Parameter seen: learns which documents the bytes of the row's passages stand for.
    func acceptRow(_ batch: ScannedBatch, _ row: ScannedBatch.Row, noting seen: SeenPassages) throws {
        try addQuery(batch, row.links, line: row.lineNumber)
        newDocuments.removeAll(keepingCapacity: true)
        newPassages.removeAll(keepingCapacity: true)
        positives.removeAll(keepingCapacity: true)
        negatives.removeAll(keepingCapacity: true)
        var merged = 0
        var conflicts = 0
        do throws(RecordFault) {
            for offset in 0..<row.links.positiveCount + row.links.negativeCount {
                let ordinal: UInt32
                switch batch.passages[row.firstPassage + offset] {
                case .known(let known):
                    ordinal = known
                    merged += 1
                case .scanned(let record, let source):
                    let conflictsBefore = conflicts
                    ordinal = try document(
                        batch, batch.records[record], line: row.lineNumber, merged: &merged, conflicts: &conflicts
                    ) {
                        offset < row.links.positiveCount
                            ? "positive_passages[\(offset)]"
                            : "negative_passages[\(offset - row.links.positiveCount)]"
                    }
                    // What must be counted each time that it comes is looked at each time.
                    if let source, conflicts == conflictsBefore, row.madeIDCount == 0 {
                        newPassages.append((source, ordinal))
                    }
                }
                if offset < row.links.positiveCount { positives.append(ordinal) } else { negatives.append(ordinal) }
            }
        } catch {
            // The row leaves no trace.
            for _ in newDocuments { documents.removeLast() }
            queries.removeLast()
            throw error
        }
        report.duplicatesMerged += merged
        report.conflictCount += conflicts
        report.madeIDCount += row.madeIDCount
        if hasPositiveAmongNegatives {
            report.sourceCounts["rows with a positive among their negatives", default: 0] += 1
        }
        try appendNewDocuments(batch)
        try appendQuery(
            batch, row.links, Targets(positives: positives, negatives: negatives, scores: batch.scores(of: row.links)))
        for (source, ordinal) in newPassages { seen.note(source, ordinal: ordinal) }
    }

    /// Whether a document of the present row is linked as both.
    private var hasPositiveAmongNegatives: Bool {
        if positives.count <= 16 { return negatives.contains { positives.contains($0) } }
        let relevant = Set(positives)
        return negatives.contains { relevant.contains($0) }
    }

    /// Takes a line of a corpus.
    func acceptDocument(_ batch: ScannedBatch, _ row: ScannedBatch.Row) throws {
        newDocuments.removeAll(keepingCapacity: true)
        var merged = 0
        var conflicts = 0
        _ = try document(
            batch, batch.records[row.links.first], line: row.lineNumber, merged: &merged, conflicts: &conflicts,
            field: { nil })
        report.duplicatesMerged += merged
        report.conflictCount += conflicts
        try appendNewDocuments(batch)
    }

    /// Takes a line of queries whose links name documents that are known by now.
    ///
    /// - Parameters:
    ///   - positives: ordinals of further positives.
    ///   - negatives: ordinals of further negatives.
    func acceptQuery(
        _ batch: ScannedBatch, _ row: ScannedBatch.Row, morePositives: [UInt32] = [], moreNegatives: [UInt32] = []
    ) throws {
        var targets = try resolve(row.links, of: batch)
        targets.positives += morePositives
        targets.negatives += moreNegatives
        let known = try agreed(scoreRules, targets, line: row.lineNumber)
        try addQuery(batch, row.links, line: row.lineNumber)
        scoreRules = known
        try appendQuery(batch, row.links, targets)
    }

    /// Takes the row of a source: all that it stands for, or nothing.
    ///
    /// - Parameter seen: learns which documents the texts of the row stand for.
    func acceptParts(_ batch: ScannedBatch, _ row: ScannedBatch.Row, noting seen: SeenPassages) throws {
        newDocuments.removeAll(keepingCapacity: true)
        newPassages.removeAll(keepingCapacity: true)
        var (merged, conflicts, addedQueryCount, sameQueryCount) = (0, 0, 0, 0)
        var lostJudgementCount = 0
        var accepted: [(links: ScannedBatch.Links, targets: Targets)] = []
        var sharing: [(links: ScannedBatch.Links, targets: Targets, query: Int, isSame: Bool)] = []
        var judgements: [(split: String, query: Int, document: Int, grade: Float)] = []
        var rules = scoreRules
        do throws(RecordFault) {
            for part in batch.parts(of: row) {
                switch part {
                case .document(let record, let text):
                    let conflictsBefore = conflicts
                    let ordinal = try document(
                        batch, batch.records[record], line: row.lineNumber, merged: &merged, conflicts: &conflicts,
                        field: { nil })
                    if let text, conflicts == conflictsBefore { newPassages.append((text, ordinal)) }
                case .known: merged += 1
                case .query(let links):
                    let targets = try resolve(links, of: batch)
                    rules = try agreed(rules, targets, line: row.lineNumber)
                    if links.isShared {
                        let (query, isNew, isSame) = try addSharedQuery(batch, links, line: row.lineNumber)
                        addedQueryCount += isNew ? 1 : 0
                        sharing.append((links, targets, query, isSame))
                        continue
                    }
                    // A made id stands for all that is known of a query: the same once more is no news.
                    if links.hasMadeID, queries.ordinal(of: batch.records[links.first].idHash) != nil {
                        sameQueryCount += 1
                        continue
                    }
                    try addQuery(batch, links, line: row.lineNumber)
                    addedQueryCount += 1
                    accepted.append((links, targets))
                case .judgement(let split, let first, let grade):
                    if let (query, document) = try judged(batch, first) {
                        judgements.append((split, query, document, grade))
                    } else {
                        lostJudgementCount += 1
                    }
                case .count: break
                }
            }
        } catch {
            // The row leaves no trace.
            for _ in newDocuments { documents.removeLast() }
            for _ in 0..<addedQueryCount { queries.removeLast() }
            throw error
        }
        scoreRules = rules
        report.duplicatesMerged += merged
        report.conflictCount += conflicts
        report.madeIDCount += row.madeIDCount
        report.sameQueryCount += sameQueryCount
        try appendNewDocuments(batch)
        for query in accepted { try appendQuery(batch, query.links, query.targets) }
        for query in sharing {
            try share(batch, query.links, query.targets, as: query.query, isSame: query.isSame)
        }
        report.lostJudgementCount += lostJudgementCount
        for judgement in judgements {
            if !sharing.isEmpty {
                // The query is written when all rows are read, and its judgements after it.
                shared.judgements.append(
                    .init(
                        split: judgement.split, query: judgement.query, document: judgement.document,
                        grade: judgement.grade))
                continue
            }
            try target.addJudgement(
                split: judgement.split, query: judgement.query, document: judgement.document, grade: judgement.grade)
            report.countJudgements(in: judgement.split)
        }
        for (text, ordinal) in newPassages { seen.note(text, ordinal: ordinal) }
        for case .count(let what, let count) in batch.parts(of: row) { report.sourceCounts[what, default: 0] += count }
    }
}
