internal import Archives
internal import Base
internal import JSON
internal import Records
internal import Store
internal import SystemPackage

/// One conversion under way: what is known so far, what is counted, and the writer of the new version.
///
/// Lines are parsed by workers; everything here happens on the calling thread, in the order of the input.
/// Not Sendable: it owns the tables.
final class Conversion {
    let options: IngestOptions
    let documents = KnownRecords()
    let queries = KnownRecords()
    let writer: DatasetWriter
    var report = IngestReport()
    private let rejects: Rejects
    private let start = Clock.seconds()
    /// Shown paths of the inputs, by their number.
    private(set) var inputPaths: [String] = []
    private let progress: Progress
    // Reused from row to row.
    private var newDocuments: [NewDocument] = []
    private var newPassages: [(source: ContentHash, ordinal: UInt32)] = []
    private var positives: [UInt32] = []
    private var negatives: [UInt32] = []
    /// Whether links have scores; nil until a query has some.
    private var positivesHaveScores: Bool?
    private var negativesHaveScores: Bool?

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
        _ command: String, store: Store, reference: String, options: IngestOptions, extraOptions: JSONObject = [:],
        byteCount: Int?
    ) throws {
        self.options = options
        var recorded: JSONObject = ["command": .string(command)]
        for (key, value) in options.json { recorded[key] = value }
        for (key, value) in extraOptions { recorded[key] = value }
        writer = try store.writer(
            reference: reference,
            provenance: Provenance(tool: options.tool, options: recorded, licence: options.licence),
            options: options.writing)
        rejects = try Rejects(limit: options.badRecordLimit, path: options.rejects)
        report.reference = reference
        progress = Progress("convert", unit: "bytes", total: byteCount)
    }

    /// Bytes of all files; nil when one of them is stdin.
    static func byteCount(of paths: [FilePath]) -> Int? {
        var total = 0
        for path in paths {
            guard path != "-", let size = try? Files.size(path) else { return nil }
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
        let batchByteCount = options.media == nil ? options.batchByteCount : MediaIntake.batchByteCount
        let lines = LineBatches(stream, batchByteCount: min(batchByteCount, options.batchByteCount))
        try read(lines, as: scanner, accept: accept)
    }

    /// Reads one file of records to its end and gives every row to `accept`; rows that throw are rejects.
    func read(
        _ file: RecordFile, _ carried: CarriedMedia, as scanner: BatchScanner,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        // Few lines, where each may name a file of many bytes.
        let isSmall = options.media != nil && !file.carriesMedia
        let batchByteCount = isSmall ? MediaIntake.batchByteCount : options.batchByteCount
        try read(file.open(carried, min(batchByteCount, options.batchByteCount)), as: scanner, accept: accept)
    }

    /// Reads one source to its end and gives every row to `accept`; rows that throw are rejects.
    func read(
        _ source: some BatchSource, as scanner: BatchScanner,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        inputPaths.append(source.path)
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
                        if let fault = row.fault { throw fault }
                        try accept(batch, row)
                    } catch let fault as RecordFault {
                        try batch.withSource(of: row) { line in
                            try rejects.add(fault.error(at: batch.place(of: row), line: line), line: line)
                        }
                    }
                }
                rowCount += batch.rows.count
            })
        report.parsedBytes += source.parsedByteCount
        if let file = try source.finish() {
            report.inputs.append(.init(path: source.path, size: file.size, sha256: file.sha256))
        }
        guard rowCount > 0 else { throw Self.emptyInput(source.path) }
    }

    static func emptyInput(_ path: String) -> InputError {
        InputError(
            "there are no records", at: Place(path: path), advice: "The input is empty: was it written to its end?")
    }

    /// Leaves a line out that is no JSON record.
    func reject(_ error: InputError, line: UnsafeRawBufferPointer) throws { try rejects.add(error, line: line) }

    var currentInput: Int { inputPaths.count - 1 }

    private func describe(_ place: (input: Int, line: Int)) -> String { "\(inputPaths[place.input]):\(place.line)" }

    // MARK: - Accepting

    /// Takes a v1 row: its passages become documents, its query a query.
    ///
    /// - Parameter seen: learns which documents the bytes of the row's passages stand for.
    func acceptRow(_ batch: ScannedBatch, _ row: ScannedBatch.Row, noting seen: SeenPassages) throws {
        try addQuery(batch, row)
        newDocuments.removeAll(keepingCapacity: true)
        newPassages.removeAll(keepingCapacity: true)
        positives.removeAll(keepingCapacity: true)
        negatives.removeAll(keepingCapacity: true)
        var merged = 0
        var conflicts = 0
        do throws(RecordFault) {
            for offset in 0..<row.positiveCount + row.negativeCount {
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
                        offset < row.positiveCount
                            ? "positive_passages[\(offset)]" : "negative_passages[\(offset - row.positiveCount)]"
                    }
                    // What must be counted each time that it comes is looked at each time.
                    if let source, conflicts == conflictsBefore, row.madeIDCount == 0 {
                        newPassages.append((source, ordinal))
                    }
                }
                if offset < row.positiveCount { positives.append(ordinal) } else { negatives.append(ordinal) }
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
        try appendQuery(batch, row)
        for (source, ordinal) in newPassages { seen.note(source, ordinal: ordinal) }
    }

    /// Takes a line of a corpus.
    func acceptDocument(_ batch: ScannedBatch, _ row: ScannedBatch.Row) throws {
        newDocuments.removeAll(keepingCapacity: true)
        var merged = 0
        var conflicts = 0
        _ = try document(
            batch, batch.records[row.first], line: row.lineNumber, merged: &merged, conflicts: &conflicts,
            field: { nil })
        report.duplicatesMerged += merged
        report.conflictCount += conflicts
        try appendNewDocuments(batch)
    }

    /// Takes a line of queries whose links name documents that are known by now.
    ///
    /// - Parameter positives: ordinals of further positives.
    func acceptQuery(_ batch: ScannedBatch, _ row: ScannedBatch.Row, morePositives: [UInt32] = []) throws {
        positives.removeAll(keepingCapacity: true)
        negatives.removeAll(keepingCapacity: true)
        for offset in 0..<row.positiveCount + row.negativeCount {
            let record = batch.records[row.first + 1 + offset]
            let isPositive = offset < row.positiveCount
            guard let ordinal = documents.ordinal(of: record.idHash) else {
                let field =
                    isPositive
                    ? "positive_document_ids[\(offset)]" : "negative_document_ids[\(offset - row.positiveCount)]"
                throw RecordFault(
                    "there is no document \(escaped(batch.id(of: record))) in the corpus", field: field,
                    advice: "Every id that a query refers to must be the docid of a document.")
            }
            if isPositive { positives.append(UInt32(ordinal)) } else { negatives.append(UInt32(ordinal)) }
        }
        positives += morePositives
        let scores = batch.scores(of: row)
        let positivesKnown = try Self.agree(
            positivesHaveScores, scores.positives, of: positives.count, field: "positive_document_scores")
        let negativesKnown = try Self.agree(
            negativesHaveScores, scores.negatives, of: negatives.count, field: "negative_document_scores")
        try addQuery(batch, row)
        (positivesHaveScores, negativesHaveScores) = (positivesKnown, negativesKnown)
        try appendQuery(batch, row, scores)
    }

    /// Whether links have scores, as the queries before tell, or else the scores of this one.
    private static func agree(
        _ known: Bool?, _ scores: ArraySlice<Float>?, of linkCount: Int, field: String
    ) throws(RecordFault) -> Bool? {
        guard linkCount > 0 else { return known }
        let isGiven = scores != nil
        guard let known, known != isGiven else { return isGiven }
        throw RecordFault(
            isGiven ? "there are scores here and none before" : "there are no scores here, and there are before",
            field: field, advice: "Either all queries that have such links have scores for them, or none has.")
    }

    private func addQuery(_ batch: ScannedBatch, _ row: ScannedBatch.Row) throws(RecordFault) {
        let record = batch.records[row.first]
        switch queries.add(
            record.idHash, content: record.contentHash, input: currentInput, line: row.lineNumber)
        {
        case .added: return
        case .same(let ordinal), .different(let ordinal):
            throw RecordFault(
                "the query id \(escaped(batch.id(of: record))) occurs twice, first at "
                    + describe(queries.place(of: ordinal)),
                field: nil, advice: "Each query has one row: join the two, or give one another id.")
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
                        + "id of its own; a field that varies by query (a score) must be removed.")
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
                try writer.add(item, as: media.kind)
            } else {
                report.externalMediaCount += 1
                writer.noteExternalMedia(1)
            }
        }
    }

    private func appendNewDocuments(_ batch: ScannedBatch) throws {
        for document in newDocuments {
            try appendMedia(batch, document.record)
            if let renamed = document.renamed {
                try renamed.id.withUnsafeBytes { id in
                    _ = try renamed.line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
                }
            } else {
                try batch.withID(of: document.record) { id in
                    _ = try batch.withLine(of: document.record) { try writer.appendDocument(id: id, record: $0) }
                }
            }
        }
    }

    private func appendQuery(
        _ batch: ScannedBatch, _ row: ScannedBatch.Row,
        _ scores: (positives: ArraySlice<Float>?, negatives: ArraySlice<Float>?) = (nil, nil)
    ) throws {
        let record = batch.records[row.first]
        try appendMedia(batch, record)
        try batch.withID(of: record) { id in
            _ = try batch.withLine(of: record) {
                try writer.appendQuery(
                    id: id, record: $0, positives: positives, positiveScores: scores.positives, negatives: negatives,
                    negativeScores: scores.negatives)
            }
        }
        report.positiveCount += positives.count
        report.negativeCount += negatives.count
    }

    // MARK: - The end

    /// Commits the new version; only now anything of it can be seen.
    func commit() throws -> IngestReport {
        progress.finish()
        try Interruption.check()
        report.queryCount = writer.queryCount
        report.documentCount = writer.documentCount
        report.rejectCount = rejects.count
        report.mediaItemCount = writer.mediaCount
        writer.provenance.inputs = report.inputs.map { .init(uri: $0.path, size: $0.size, sha256: $0.sha256) }
        writer.provenance.statistics = report.statistics
        // Rejects without a dataset are harmless, a dataset without its rejects would have lost them.
        try rejects.commit()
        let dataset = try writer.commit()
        report.dataset = dataset.digest
        report.logicalDigest = dataset.manifest.logicalDigest
        report.mediaBytes = dataset.manifest.media?.rawBytes ?? 0
        report.storedBytes = dataset.manifest.blobs.reduce(0) { $0 + $1.size }
        report.seconds = Clock.seconds() - start
        return report
    }
}
