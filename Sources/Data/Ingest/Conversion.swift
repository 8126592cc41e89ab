internal import Archives
internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat
internal import SystemPackage

/// One conversion under way: what is known so far, what is counted, and where it goes.
///
/// Lines are parsed by workers; everything here happens on the calling thread, in the order of the input.
/// Not Sendable: it owns the tables.
final class Conversion {
    let options: IngestOptions
    let documents = KnownRecords()
    let queries = KnownRecords()
    let target: any ConversionTarget
    var report = IngestReport()
    /// What is known of records that were left out for a fault of their own.
    var leftOut = LeftOutRecords()
    let quarantine: Quarantine?
    /// References to files that were taken, and to what stays where it is.
    var mediaFileCount = 0
    var outsideCounts: [OutsideMedia: Int] = [:]
    private let start = Clock.seconds()
    /// Shown paths of the inputs, by their number.
    private(set) var inputPaths: [String] = []
    private let progress: Progress
    // Reused from row to row.
    var newDocuments: [NewDocument] = []
    var newPassages: [(source: ContentHash, ordinal: UInt32)] = []
    var positives: [UInt32] = []
    var negatives: [UInt32] = []
    var scoreRules = ScoreRules()
    var shared = SharedQueries()

    struct NewDocument {
        var record: ScannedBatch.Record
        /// Set where the document got an id of its own.
        var renamed: (id: [UInt8], line: [UInt8])?
    }

    /// - Parameters:
    ///   - command: recorded in the manifest.
    ///   - extraOptions: recorded in the manifest besides the common ones.
    ///   - byteCount: of all inputs, for the progress; nil where that is unknown.
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

    /// How a file is read whose records may bring items of media.
    ///
    /// - Parameter carried: nil where they bring none; then there are few lines in a batch, since each may name a file of many
    ///   bytes.
    func context(_ carried: CarriedMedia? = nil) -> ReadingContext {
        let mediaByteCount = carried == nil ? options.media?.batchByteCount : nil
        return ReadingContext(
            carried: carried ?? CarriedMedia(),
            batchByteCount: min(mediaByteCount ?? options.batchByteCount, options.batchByteCount),
            recordByteLimit: options.recordByteLimit)
    }

    /// Reads one file of records to its end and gives every row to `accept`; rows that throw are rejects.
    func read(
        _ file: RecordFile, _ carried: CarriedMedia, as scanner: BatchScanner,
        accept: (ScannedBatch, ScannedBatch.Row) throws -> Void
    ) throws {
        let source: any BatchSource
        do {
            source = try file.open(context(file.carriesMedia ? carried : nil))
        } catch {
            leftOut.noteUnreadRest()
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
            leftOut.noteUnreadRest()
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
                var faults = batch.lines.faults[...]
                for (number, row) in batch.rows.enumerated() {
                    while let fault = faults.first, fault.lineCountBefore <= number {
                        try reject(fault)
                        faults.removeFirst()
                    }
                    do {
                        if let failure = row.failure { throw failure }
                        try accept(batch, row)
                    } catch let fault as RecordFault {
                        try batch.withSource(of: row) { line in
                            let error = fault.error(at: batch.place(of: row), line: line)
                            if let media = fault.media, let quarantine {
                                try quarantine.add(media, error)
                            } else {
                                leftOut.add(line)
                                try target.reject(error, as: fault.kind, line: line)
                            }
                        }
                    }
                }
                for fault in faults { try reject(fault) }
                rowCount += batch.rows.count + batch.lines.faults.count
            })
        try note(source)
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

    /// Leaves a row out that its reader could not make a line of.
    private func reject(_ fault: LineBatch.Fault) throws {
        try fault.line.withUnsafeBytes { line in
            leftOut.add(line)
            try target.reject(fault.error, as: .record, line: line)
        }
    }

    /// Leaves out what an adapter found at fault before the conversion began.
    func reject(_ faults: [SourceFault]) throws {
        for fault in faults {
            try fault.line.withUnsafeBytes { try target.reject(fault.error, as: fault.kind, line: $0) }
        }
    }

    /// The fault of a reference to a record that is not there.
    ///
    /// - Parameter what: "document" or "query".
    func missingReference(
        to what: String, _ id: [UInt8], in place: String = "", field: String? = nil, advice: String
    ) -> RecordFault {
        let isConsequence = leftOut.mayHold(.of(id))
        return RecordFault(
            "there is no \(what) \(escaped(id))\(place)", field: field,
            advice: isConsequence ? "It may be one of the records that were left out before." : advice,
            kind: isConsequence ? .consequence : .reference)
    }

    /// Adds to the report what was read of an input.
    func note(_ source: some BatchSource) throws {
        report.parsedBytes += source.parsedByteCount
        if let file = try source.finish() {
            report.inputs.append(.init(path: source.path, size: file.size, sha256: file.sha256))
        }
        let columns = source.leftOutColumns.filter { $0.count > 0 }
        warn(.leftOutColumn, columns.map { "\(source.path), column \"\($0.name)\": \($0.count) binary values" })
    }

    /// Says something of the source that stops nothing.
    func warn(_ warning: SourceWarning, _ messages: [String]) {
        guard !messages.isEmpty else { return }
        report.warningCounts[warning, default: 0] += messages.count
        target.warn(warning, messages)
    }

    /// Says which files are not read, but for those that are about the data.
    func warn(unread files: [FilePath]) {
        warn(.unreadFile, files.map(\.string).filter { !DocumentationFile.isDocumentation($0) })
    }

    /// Says which parts of sets of files are missing.
    func checkParts(of paths: [FilePath]) { warn(.missingPart, FileParts.missing(among: paths)) }

    /// Throws what an input failed with, or goes on without the rest of it.
    func abandonInput(_ error: any Error) throws {
        if Interruption.isRequested { throw error }
        try target.abandonInput(error)
    }

    /// Reads an input, or goes on without the rest of it where that is what is wanted.
    func attempt(_ body: () throws -> Void) throws {
        do { try body() } catch { try abandonInput(error) }
    }

    /// Says which media stay outside of the store, and that `--assets` had nothing to do.
    private func warnOfOutsideMedia() {
        warn(
            .outsideMedia,
            OutsideMedia.allCases.compactMap { kind in outsideCounts[kind].map { kind.message($0) } })
        guard let folder = options.assets, mediaFileCount == 0, leftOut.isEmpty, quarantine?.count ?? 0 == 0 else {
            return
        }
        warn(.unusedAssets, ["\(folder): no record names a file in it"])
    }

    func addJudgement(split: String, query: Int, document: Int, grade: Float) throws {
        try target.addJudgement(split: split, query: query, document: document, grade: grade)
    }

    /// Whether a record was left out because of its media.
    func isInQuarantine(document id: ContentHash) -> Bool { quarantine?.holds(document: id) ?? false }
    func isInQuarantine(query id: ContentHash) -> Bool { quarantine?.holds(query: id) ?? false }

    var currentInput: Int { inputPaths.count - 1 }

    func describe(_ place: (input: Int, line: Int)) -> String { "\(inputPaths[place.input]):\(place.line)" }

    // MARK: - The end

    /// Commits the new version; only now anything of it can be seen.
    func commit() throws -> IngestReport {
        progress.finish()
        try Interruption.check()
        if let quarantine {
            report.quarantineCounts = [:]
            for (reason, count) in quarantine.counts { report.quarantineCounts?[reason.rawValue] = count }
            guard documents.count > 0 || quarantine.count == 0 else {
                // Nothing is converted, and why is still told.
                try quarantine.commit()
                throw Failure(
                    .badData, "no document is left: \(quarantine.count) records are in quarantine",
                    advice: "Does --assets name the right folder? The first reasons are above, all are in the list.")
            }
        }
        warnOfOutsideMedia()
        try target.finish(&report) { try quarantine?.commit() }
        report.seconds = Clock.seconds() - start
        return report
    }
}
