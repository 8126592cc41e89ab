internal import Archives
internal import Base
internal import JSON
internal import Records
internal import Store
internal import SystemPackage

/// One conversion under way: what is known so far, what is counted, and where it goes.
///
/// Lines are parsed by workers; everything here happens on the calling thread, in the order of the input.
/// Not Sendable: it owns the tables.
final class Conversion {
    let options: IngestOptions
    let documents = KnownRecords()
    let queries = KnownRecords()
    private let target: any ConversionTarget
    var report = IngestReport()
    private let quarantine: Quarantine?
    private let start = Clock.seconds()
    /// Shown paths of the inputs, by their number.
    private(set) var inputPaths: [String] = []
    private let progress: Progress
    // Reused from row to row.
    private var newDocuments: [NewDocument] = []
    private var newPassages: [(source: ContentHash, ordinal: UInt32)] = []
    private var positives: [UInt32] = []
    private var negatives: [UInt32] = []
    private var scoreRules = ScoreRules()

    private struct NewDocument {
        var record: ScannedBatch.Record
        /// Set where the document got an id of its own.
        var renamed: (id: [UInt8], line: [UInt8])?
    }

    /// - Parameters:
    ///   - command: recorded in the manifest.
    ///   - extraOptions: recorded in the manifest besides the common ones.
    ///   - sizes: bytes of all inputs, for the progress; nil where that is unknown.
    init(
        _ command: String, to destination: any ConversionDestination, reference: String, options: IngestOptions,
        extraOptions: JSONObject = [:], byteCount: Int?
    ) throws {
        var options = options
        options.media?.probe = options.probe
        self.options = options
        var recorded: JSONObject = ["command": .string(command)]
        for (key, value) in options.json { recorded[key] = value }
        for (key, value) in extraOptions { recorded[key] = value }
        target = try destination.target(
            reference: reference,
            provenance: Provenance(tool: options.tool, options: recorded, licence: options.licence), options: options)
        quarantine = try options.quarantine.map { try Quarantine($0) }
        report.reference = reference
        progress = Progress("convert", unit: "bytes", total: byteCount)
    }

    /// Bytes of all files; nil when one of them is stdin or a folder.
    static func byteCount(of paths: [FilePath]) -> Int? {
        var total = 0
        for path in paths {
            guard path != "-", !Files.isDirectory(path), let size = try? Files.size(path) else { return nil }
            total += size
        }
        return total
    }

    // MARK: - Reading

    /// Reads one stream of lines to its end and gives every row to `accept`; rows that throw are rejects.
    func read(
        _ stream: InputStream, as scanner: BatchScanner,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        let batchByteCount = options.media?.batchByteCount ?? options.batchByteCount
        let lines = LineBatches(stream, batchByteCount: min(batchByteCount, options.batchByteCount))
        try read(lines, as: scanner, accept: accept)
    }

    /// Reads one file of records to its end and gives every row to `accept`; rows that throw are rejects.
    func read(
        _ file: RecordFile, _ carried: CarriedMedia, as scanner: BatchScanner,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        // Few lines, where each may name a file of many bytes.
        let mediaByteCount = file.carriesMedia ? nil : options.media?.batchByteCount
        let batchByteCount = mediaByteCount ?? options.batchByteCount
        let source: any BatchSource
        do {
            source = try file.open(carried, min(batchByteCount, options.batchByteCount))
        } catch {
            return try abandonInput(error)
        }
        try read(source, as: scanner, mayBeEmpty: file.mayBeEmpty, accept: accept)
    }

    /// Reads one source to its end and gives every row to `accept`; rows that throw are rejects.
    func read(
        _ source: some BatchSource, as scanner: BatchScanner, mayBeEmpty: Bool = false,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        do {
            try readAll(of: source, as: scanner, mayBeEmpty: mayBeEmpty, accept: accept)
        } catch {
            try abandonInput(error)
        }
    }

    private func readAll(
        of source: some BatchSource, as scanner: BatchScanner, mayBeEmpty: Bool,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        inputPaths.append(source.path)
        target.begin(input: source.path)
        let intake = options.media
        var rowCount = 0
        var rawByteCount = 0
        try orderedPipeline(
            workers: options.workers, window: options.windowBatchCount,
            read: {
                try Interruption.check()
                let batch = try source.nextBatch()
                let now = source.readByteCount
                progress.advance(by: now - rawByteCount)
                rawByteCount = now
                return batch
            },
            transform: { scanner.scan($0, intake: intake) },
            write: { batch in
                for row in batch.rows {
                    do {
                        if let failure = row.failure { throw failure }
                        try accept(batch, row)
                    } catch let fault as RecordFault {
                        try batch.withSource(of: row) { line in
                            let error = fault.error(at: batch.place(of: row), line: line)
                            if let media = fault.media, let quarantine {
                                try quarantine.add(media, error)
                            } else {
                                try target.reject(error, as: fault.kind, line: line)
                            }
                        }
                    }
                }
                rowCount += batch.rows.count
            })
        report.parsedBytes += source.parsedByteCount
        if let file = try source.finish() {
            report.inputs.append(.init(path: source.path, size: file.size, sha256: file.sha256))
        }
        guard rowCount > 0 || mayBeEmpty else { throw Self.emptyInput(source.path) }
    }

    static func emptyInput(_ path: String) -> InputError {
        InputError(
            "there are no records", at: Place(path: path), advice: "The input is empty: was it written to its end?")
    }

    /// Leaves a line out that is no JSON record.
    func reject(_ error: InputError, as kind: RecordFault.Kind, line: UnsafeRawBufferPointer) throws {
        try target.reject(error, as: kind, line: line)
    }

    /// Throws what an input failed with, or goes on without the rest of it.
    func abandonInput(_ error: any Error) throws {
        if Interruption.isRequested { throw error }
        try target.abandonInput(error)
    }

    /// Reads an input, or goes on without the rest of it where that is what is wanted.
    func attempt(_ body: () throws -> Void) throws {
        do { try body() } catch { try abandonInput(error) }
    }

    func addJudgement(split: String, query: Int, document: Int, grade: Float) throws {
        try target.addJudgement(split: split, query: query, document: document, grade: grade)
    }

    /// Whether a record was left out because of its media.
    func isInQuarantine(document id: ContentHash) -> Bool { quarantine?.holds(document: id) ?? false }
    func isInQuarantine(query id: ContentHash) -> Bool { quarantine?.holds(query: id) ?? false }

    var currentInput: Int { inputPaths.count - 1 }

    private func describe(_ place: (input: Int, line: Int)) -> String { "\(inputPaths[place.input]):\(place.line)" }

    // MARK: - Accepting

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
        try appendNewDocuments(batch)
        try appendQuery(
            batch, row.links, Targets(positives: positives, negatives: negatives, scores: batch.scores(of: row.links)))
        for (source, ordinal) in newPassages { seen.note(source, ordinal: ordinal) }
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
        report.lostJudgementCount += lostJudgementCount
        for judgement in judgements {
            try target.addJudgement(
                split: judgement.split, query: judgement.query, document: judgement.document, grade: judgement.grade)
            report.countJudgement(in: judgement.split)
        }
        for (text, ordinal) in newPassages { seen.note(text, ordinal: ordinal) }
        for case .count(let what, let count) in batch.parts(of: row) { report.sourceCounts[what, default: 0] += count }
    }

    /// The rules about scores once a query is taken.
    private func agreed(_ rules: ScoreRules, _ targets: Targets, line: Int) throws(RecordFault) -> ScoreRules {
        try rules.agreed(
            with: targets.scores, targets.positives.count, targets.negatives.count, at: (currentInput, line),
            describe: describe)
    }

    /// Whether a query is known already, equal to this one.
    func knowsQuery(_ batch: ScannedBatch, _ record: ScannedBatch.Record) -> Bool {
        queries.ordinal(of: record.idHash).map { queries.content(of: $0) == record.contentHash } ?? false
    }

    /// The query and the document that a judgement in a row is about; nil where one of them is in quarantine.
    private func judged(_ batch: ScannedBatch, _ first: Int) throws(RecordFault) -> (query: Int, document: Int)? {
        func known(_ table: KnownRecords, _ record: Int, _ what: String, isLost: Bool) throws(RecordFault) -> Int? {
            let record = batch.records[record]
            if let ordinal = table.ordinal(of: record.idHash) { return ordinal }
            if isLost { return nil }
            throw RecordFault(
                "there is no \(what) \(escaped(batch.id(of: record)))",
                advice: "A judgement refers to a query and a document of the dataset.", kind: .reference)
        }
        let isQueryLost = isInQuarantine(query: batch.records[first].idHash)
        let isDocumentLost = isInQuarantine(document: batch.records[first + 1].idHash)
        guard let query = try known(queries, first, "query", isLost: isQueryLost),
            let document = try known(documents, first + 1, "document", isLost: isDocumentLost)
        else { return nil }
        return (query, document)
    }

    /// What a query refers to, as far as it is in the dataset, with the scores of that.
    private struct Targets {
        var positives: [UInt32]
        var negatives: [UInt32]
        var scores: (positives: ArraySlice<Float>?, negatives: ArraySlice<Float>?)
        /// Links to what is in quarantine.
        var lostCount = 0
    }

    /// What a query refers to.
    private func resolve(_ links: ScannedBatch.Links, of batch: ScannedBatch) throws(RecordFault) -> Targets {
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
                    throw RecordFault(
                        "there is no document \(escaped(batch.id(of: record))) in the corpus",
                        field: "\(field)[\(number - records.lowerBound)]",
                        advice: "Every id that a query refers to must be the docid of a document.", kind: .reference)
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

    private func addQuery(
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
    private func document(
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
    private func rename(
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
    private func appendMedia(_ batch: ScannedBatch, _ record: ScannedBatch.Record) throws {
        for media in batch.media(of: record) {
            report.mediaReferenceCount += 1
            if let item = media.item {
                let isNew = try target.add(item, as: media.kind)
                if let sourceByteCount = media.sourceByteCount, isNew {
                    report.encodedCount += 1
                    report.encodedSourceBytes += sourceByteCount
                    report.encodedBytes += item.byteCount
                }
            } else {
                report.externalMediaCount += 1
                target.noteExternalMedia(1)
            }
        }
    }

    private func appendNewDocuments(_ batch: ScannedBatch) throws {
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

    private func appendQuery(_ batch: ScannedBatch, _ links: ScannedBatch.Links, _ targets: Targets) throws {
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

    // MARK: - The end

    /// Commits the new version; only now anything of it can be seen.
    func commit() throws -> IngestReport {
        progress.finish()
        try Interruption.check()
        if let quarantine {
            report.quarantineCounts = [:]
            for (reason, count) in quarantine.counts { report.quarantineCounts?[reason.rawValue] = count }
            guard documents.count > 0 || quarantine.count == 0 else {
                throw Failure(
                    .badData, "no document is left: \(quarantine.count) records are in quarantine",
                    advice: "Does --assets name the right folder? The first reasons are above.")
            }
        }
        try target.finish(&report) { try quarantine?.commit() }
        report.seconds = Clock.seconds() - start
        return report
    }
}
