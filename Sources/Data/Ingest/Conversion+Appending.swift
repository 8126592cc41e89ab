internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat

/// From accepted records to the destination: references become ordinals, new documents and queries are known and written.
extension Conversion {
    /// The rules about scores once a query is taken.
    func agreed(_ rules: ScoreRules, _ targets: Targets, line: Int) throws(RecordFault) -> ScoreRules {
        try rules.agreed(
            with: targets.scores, targets.positives.count, targets.negatives.count, at: (currentInput, line),
            describe: describe)
    }

    /// Whether a query is known already, equal to this one.
    func knowsQuery(_ batch: ScannedBatch, _ record: ScannedBatch.Record) -> Bool {
        queries.ordinal(of: record.idHash).map { queries.content(of: $0) == record.contentHash } ?? false
    }

    /// The query and the document that a judgement in a row is about; nil where one of them is in quarantine.
    func judged(_ batch: ScannedBatch, _ first: Int) throws(RecordFault) -> (query: Int, document: Int)? {
        func known(_ table: KnownRecords, _ record: Int, _ what: String, isLost: Bool) throws(RecordFault) -> Int? {
            let record = batch.records[record]
            if let ordinal = table.ordinal(of: record.idHash) { return ordinal }
            if isLost { return nil }
            throw missingReference(to: what, batch.id(of: record), advice: Self.judgementAdvice)
        }
        let isQueryLost = isInQuarantine(query: batch.records[first].idHash)
        let isDocumentLost = isInQuarantine(document: batch.records[first + 1].idHash)
        guard let query = try known(queries, first, "query", isLost: isQueryLost),
            let document = try known(documents, first + 1, "document", isLost: isDocumentLost)
        else { return nil }
        return (query, document)
    }

    /// What a query refers to, as far as it is in the dataset, with the scores of that.
    struct Targets {
        var positives: [UInt32]
        var negatives: [UInt32]
        var scores: (positives: ArraySlice<Float>?, negatives: ArraySlice<Float>?)
        /// Links to what is in quarantine.
        var lostCount = 0
    }

    /// What a query refers to.
    func resolve(_ links: ScannedBatch.Links, of batch: ScannedBatch) throws(RecordFault) -> Targets {
        var targets = Targets(positives: [], negatives: [], scores: batch.scores(of: links))
        func ordinals(
            _ records: Range<Int>, _ scores: inout ArraySlice<Float>?, _ field: StaticString
        ) throws(RecordFault) -> [UInt32] {
            var ordinals: [UInt32] = []
            ordinals.reserveCapacity(records.count)
            for number in records {
                let record = batch.records[number]
                guard let ordinal = documents.ordinal(of: record.idHash) else {
                    if isInQuarantine(document: record.idHash) {
                        // Where there are scores, there is one for each link.
                        if let position = scores?.startIndex { scores?.remove(at: position + ordinals.count) }
                        targets.lostCount += 1
                        continue
                    }
                    throw missingReference(
                        to: "document", batch.id(of: record), in: " in the corpus",
                        field: "\(field)[\(number - records.lowerBound)]",
                        advice: "Every id that a query refers to must be the docid of a document.")
                }
                ordinals.append(UInt32(ordinal))
            }
            return ordinals
        }
        let middle = links.first + 1 + links.positiveCount
        var scores = targets.scores
        targets.positives = try ordinals(links.first + 1..<middle, &scores.positives, "positive_document_ids")
        targets.negatives = try ordinals(
            middle..<middle + links.negativeCount, &scores.negatives, "negative_document_ids")
        targets.scores = scores
        guard targets.positives.isEmpty, links.positiveCount > 0 else { return targets }
        var fault = RecordFault(
            .lostPositives, "all \(links.positiveCount) positives of the query are in quarantine")
        fault.field = "positive_document_ids"
        fault.media?.recordID = batch.id(of: batch.records[links.first])
        fault.media?.isOfQuery = true
        throw fault
    }

    func addQuery(
        _ batch: ScannedBatch, _ links: ScannedBatch.Links, line: Int
    ) throws(RecordFault) {
        let record = batch.records[links.first]
        switch queries.add(record.idHash, content: record.contentHash, input: currentInput, line: line) {
        case .added: return
        case .same(let ordinal), .different(let ordinal):
            throw RecordFault(
                "the query id \(escaped(batch.id(of: record))) occurs twice, first at "
                    + describe(queries.place(of: ordinal)),
                advice: "Each query has one row: join the two, or give one another id.", kind: .duplicate)
        }
    }

    /// The ordinal of a passage, which becomes a new document if its id is not known.
    func document(
        _ batch: ScannedBatch, _ record: ScannedBatch.Record, line: Int, merged: inout Int, conflicts: inout Int,
        field: () -> String?
    ) throws(RecordFault) -> UInt32 {
        let input = currentInput
        switch documents.add(record.idHash, content: record.contentHash, input: input, line: line) {
        case .added(let ordinal):
            newDocuments.append(NewDocument(record: record, renamed: nil))
            return UInt32(ordinal)
        case .same(let ordinal):
            merged += 1
            return UInt32(ordinal)
        case .different(let ordinal):
            conflicts += 1
            switch options.conflictPolicy {
            case .first: return UInt32(ordinal)
            case .rename:
                let renamed = rename(batch, record)
                switch documents.add(.of(renamed.id), content: .of(renamed.line), input: input, line: line) {
                case .added(let ordinal):
                    newDocuments.append(NewDocument(record: record, renamed: renamed))
                    return UInt32(ordinal)
                case .same(let ordinal): return UInt32(ordinal)
                case .different(let ordinal):
                    throw RecordFault(
                        "the document \(escaped(batch.id(of: record))) cannot be renamed: \(escaped(renamed.id)) "
                            + "exists at \(describe(documents.place(of: ordinal)))", field: field())
                }
            case .error:
                throw RecordFault(
                    "the document \(escaped(batch.id(of: record))) differs from the one at "
                        + describe(documents.place(of: ordinal)), field: field(),
                    advice: "One docid is one document. --on-conflict first keeps the first, rename gives this one an "
                        + "id of its own; a field that varies by query (a score) must be removed.", kind: .duplicate)
            }
        }
    }

    /// An id and a record for content that differs from what its docid stands for.
    func rename(
        _ batch: ScannedBatch, _ record: ScannedBatch.Record
    ) -> (id: [UInt8], line: [UInt8]) {
        let oldID = batch.id(of: record)
        let newID = oldID + Array("~".utf8) + Array(record.contentHash.hex.utf8.prefix(16))
        var line = Array("{\"docid\":".utf8)
        var quotedID: [UInt8] = []
        JSONText.appendString(oldID, to: &quotedID)
        let rest = line.count + quotedID.count
        JSONText.appendString(newID, to: &line)
        batch.withLine(of: record) { line.append(contentsOf: $0[rest...]) }
        return (newID, line)
    }

    /// Takes the media that an accepted record names.
    func appendMedia(_ batch: ScannedBatch, _ record: ScannedBatch.Record) throws {
        for media in batch.media(of: record) {
            report.mediaReferenceCount += 1
            if let item = media.item {
                let isNew = try target.add(item, as: media.kind)
                if media.isFile { mediaFileCount += 1 }
                if let sourceByteCount = media.sourceByteCount, isNew {
                    report.encodedCount += 1
                    report.encodedSourceBytes += sourceByteCount
                    report.encodedBytes += item.byteCount
                }
            } else {
                report.externalMediaCount += 1
                if let outside = media.outside { outsideCounts[outside, default: 0] += 1 }
                target.noteExternalMedia(1)
            }
        }
    }

    func appendNewDocuments(_ batch: ScannedBatch) throws {
        for document in newDocuments {
            try appendMedia(batch, document.record)
            if let renamed = document.renamed {
                try renamed.id.withUnsafeBytes { id in
                    try renamed.line.withUnsafeBytes { try target.appendDocument(id: id, record: $0) }
                }
            } else {
                try batch.withID(of: document.record) { id in
                    try batch.withLine(of: document.record) { try target.appendDocument(id: id, record: $0) }
                }
            }
        }
    }

    func appendQuery(_ batch: ScannedBatch, _ links: ScannedBatch.Links, _ targets: Targets) throws {
        let record = batch.records[links.first]
        try appendMedia(batch, record)
        try batch.withID(of: record) { id in
            try batch.withLine(of: record) {
                try target.appendQuery(
                    id: id, record: $0, positives: targets.positives, positiveScores: targets.scores.positives,
                    negatives: targets.negatives, negativeScores: targets.scores.negatives)
            }
        }
        report.positiveCount += targets.positives.count
        report.negativeCount += targets.negatives.count
        report.lostLinkCount += targets.lostCount
    }
}
