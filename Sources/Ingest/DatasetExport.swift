internal import Archives
internal import Base
internal import JSON
internal import Records
public import Store
public import SystemPackage

extension Conversions {
    /// Writes a whole dataset into a folder, which appears when it is complete.
    ///
    /// Memory: for each worker two batches of about `batchByteCount` (more where one record is larger).
    ///
    /// - Parameter output: does not exist yet or is empty, unless `options.replaces`.
    /// - Throws: `Failure` or `InputError` for what the format cannot say and that must not be left out.
    public static func export(
        _ dataset: Dataset, as format: ExportFormat, to output: FilePath, options: ExportOptions = ExportOptions()
    ) throws -> ExportReport {
        let start = Clock.seconds()
        let folder = try ExportFolder(output, replaces: options.replaces)
        let export = DatasetExport(dataset, as: format, to: folder, options: options)
        try export.write()
        var report = export.report
        try Files.replace(folder.path(ExportFolder.summaryName), with: report.summaryFile.pretty())
        report.fileCount += 1
        report.writtenBytes += try Files.size(folder.path(ExportFolder.summaryName))
        try Interruption.check()
        try folder.commit()
        report.seconds = Clock.seconds() - start
        return report
    }
}

/// One export under way. Workers read ranges of records and lay them out; files are written in order, on one thread.
final class DatasetExport {
    let dataset: Dataset
    let format: ExportFormat
    let folder: ExportFolder
    let options: ExportOptions
    var report: ExportReport
    private let progress: Progress

    init(_ dataset: Dataset, as format: ExportFormat, to folder: ExportFolder, options: ExportOptions) {
        self.dataset = dataset
        self.format = format
        self.folder = folder
        self.options = options
        let manifest = dataset.manifest
        report = ExportReport(
            format: format, reference: dataset.reference, dataset: dataset.digest,
            logicalDigest: manifest.logicalDigest, licence: manifest.provenance.licence, tool: options.tool)
        report.documentCount = dataset.documentCount
        report.queryCount = dataset.queryCount
        progress = Progress(
            "export", unit: "bytes", total: manifest.documents.rawBytes + manifest.queries.rawBytes)
    }

    func write() throws {
        try countLinks()
        for (split, links) in dataset.judgements {
            try writeJudgements(links, split: split)
            report.judgementCounts.append((split, links.linkCount))
        }
        switch format {
        case .v2, .beir:
            try writeLines(.documents)
            // Without queries there is no file of them: an empty one would look like one that was cut off.
            if dataset.queryCount > 0 { try writeLines(.queries) }
        case .webdataset:
            try writeSamples(.documents)
            if dataset.queryCount > 0 { try writeSamples(.queries) }
        }
        progress.finish()
    }

    private func countLinks() throws {
        let (positives, negatives) = (dataset.positives, dataset.negatives)
        omit("aliases", dataset.aliases?.count ?? 0)
        if format == .beir {
            omit("positives", positives?.linkCount ?? 0)
            omit("negatives", negatives?.linkCount ?? 0)
        } else {
            report.positiveCount = positives?.linkCount ?? 0
            report.negativeCount = negatives?.linkCount ?? 0
        }
    }

    private func omit(_ name: String, _ count: Int) {
        guard count > 0 else { return }
        if let known = report.omissions.firstIndex(where: { $0.name == name }) {
            report.omissions[known].count += count
        } else {
            report.omissions.append((name, count))
        }
    }

    // MARK: - Records

    /// Records laid out by a worker, one behind the other.
    struct Laid: Sendable {
        var bytes: [UInt8] = []
        /// Where each record ends.
        var ends: [Int] = []
        var withoutTextCount = 0
    }

    /// Gives all records of a kind as the format has them, in order.
    func forEachBatch(_ kind: RecordKind, _ body: (Laid) throws -> Void) throws {
        let table = kind == .documents ? dataset.manifest.documents : dataset.manifest.queries
        let average = max(1, table.rawBytes / max(1, table.recordCount))
        let step = max(1, min(8192, options.batchByteCount / average))
        let (dataset, format) = (dataset, format)
        try forEachRange(of: table.recordCount, step: step) { range in
            try Self.lay(range, of: kind, dataset, format)
        } write: { laid in
            omit("texts", laid.withoutTextCount)
            try body(laid)
            progress.advance(by: laid.bytes.count)
        }
    }

    private func forEachRange<Output: Sendable>(
        of count: Int, step: Int, transform: @escaping @Sendable (Range<Int>) throws -> Output,
        write: (Output) throws -> Void
    ) throws {
        var next = 0
        try orderedPipeline(
            workers: options.workers, window: 2 * options.workers,
            read: {
                try Interruption.check()
                guard next < count else { return nil }
                defer { next += step }
                return next..<min(next + step, count)
            }, transform: transform, write: write)
    }

    private static func lay(
        _ range: Range<Int>, of kind: RecordKind, _ dataset: Dataset, _ format: ExportFormat
    ) throws -> Laid {
        var laid = Laid()
        if format == .beir {
            try layBEIR(range, of: kind, dataset, &laid)
        } else if kind == .documents {
            try dataset.forEachDocumentRecord(in: range) { _, record in
                laid.bytes.append(contentsOf: record)
                laid.ends.append(laid.bytes.count)
            }
        } else {
            let reader = try RecordReader(dataset)
            try dataset.forEachQueryRecord(in: range) { ordinal, record in
                try dataset.appendQueryLine(ordinal, record, with: reader, to: &laid.bytes)
                laid.ends.append(laid.bytes.count)
            }
        }
        return laid
    }

    private static func layBEIR(
        _ range: Range<Int>, of kind: RecordKind, _ dataset: Dataset, _ laid: inout Laid
    ) throws {
        let isQuery = kind == .queries
        let parser = JSONParser()
        let scanner = RecordScanner(isQuery ? .query : .document)
        defer { withExtendedLifetime((parser, scanner)) {} }
        func lay(_ ordinal: Int, _ record: UnsafeRawBufferPointer) throws {
            do throws(RecordFault) {
                try scanner.scan(RecordScanner.root(of: record, padded: false, parser: parser))
                if try !scanner.appendBEIRRecord(isQuery: isQuery, to: &laid.bytes) { laid.withoutTextCount += 1 }
            } catch {
                let place = Place(path: "\(dataset.reference), \(isQuery ? "query" : "document") \(ordinal)")
                throw error.error(at: place, line: record)
            }
            laid.ends.append(laid.bytes.count)
        }
        if isQuery {
            try dataset.forEachQueryRecord(in: range, lay)
        } else {
            try dataset.forEachDocumentRecord(in: range, lay)
        }
    }

    private func writeLines(_ kind: RecordKind) throws {
        let name = (kind == .documents ? "corpus.jsonl" : "queries.jsonl") + options.packing.ending
        let output = try CompressedOutput(folder.path(name))
        try forEachBatch(kind) { laid in
            var start = 0
            try laid.bytes.withUnsafeBytes { bytes in
                for end in laid.ends {
                    try output.write(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                    try output.write([0x0A])
                    start = end
                }
            }
        }
        report.writtenBytes += try output.commit()
        report.fileCount += 1
    }

    // MARK: - Judgements

    /// An id that a column of a table cannot hold.
    private struct UnfitID: Error {
        let id: [UInt8]
    }

    private func writeJudgements(_ links: Links, split: String) throws {
        let name = "qrels/\(split).tsv"
        guard !split.isEmpty, !split.hasPrefix("."), !split.utf8.contains(0x2F), !split.utf8.contains(0),
            split.utf8.count < 200, Conversions.splitName(name).utf8.elementsEqual(split.utf8)
        else {
            throw Failure(
                .badData, "the split \(escaped(split.utf8)) of \(dataset.reference) cannot be the name of a file",
                advice: "Export a version whose splits have names without slashes and without the endings of files.")
        }
        do {
            try writeJudgements(links, to: name, asTable: true)
        } catch let unfit as UnfitID {
            guard format != .beir else {
                throw Failure(
                    .badData,
                    "the judgements \(split) of \(dataset.reference) have the id \(escaped(unfit.id)), which a line of "
                        + "\(name) cannot hold",
                    advice: "--format v2 and webdataset write such judgements as JSON Lines.")
            }
            try writeJudgements(links, to: "qrels/\(split).jsonl", asTable: false)
        }
    }

    private func writeJudgements(_ links: Links, to name: String, asTable: Bool) throws {
        let output = try CompressedOutput(folder.path(name))
        if asTable { try output.write(Array("query-id\tcorpus-id\tscore\n".utf8)) }
        let dataset = dataset
        try forEachRange(of: dataset.queryCount, step: 1024) { range in
            try Self.judgements(of: range, links, dataset, asTable: asTable)
        } write: {
            try output.write($0)
        }
        report.writtenBytes += try output.commit()
        report.fileCount += 1
    }

    private static func judgements(
        of range: Range<Int>, _ links: Links, _ dataset: Dataset, asTable: Bool
    ) throws -> [UInt8] {
        var lines: [UInt8] = []
        let reader = try RecordReader(dataset)
        try dataset.forEachQueryID(in: range) { query, queryID in
            guard let grades = try links.scores(of: query), !grades.isEmpty else { return }
            for (document, grade) in zip(try links.targets(of: query), grades) {
                let documentID = try reader.documentID(Int(document))
                guard grade.isFinite else {
                    throw Failure(
                        .badData, "\(dataset.reference), query \(query), document \(document): the grade is \(grade)")
                }
                if asTable {
                    for id in [Array(queryID), documentID] where !fitsColumn(id) { throw UnfitID(id: id) }
                    lines.append(contentsOf: queryID)
                    lines.append(0x09)
                    lines += documentID
                    lines.append(0x09)
                    lines += Array(text(of: grade).utf8)
                } else {
                    JSONText.appendLiteral("{\"query_id\":", to: &lines)
                    JSONText.appendString(queryID, to: &lines)
                    JSONText.appendLiteral(",\"docid\":", to: &lines)
                    JSONText.appendString(documentID, to: &lines)
                    JSONText.appendLiteral(",\"score\":", to: &lines)
                    JSONText.appendFloat(grade, to: &lines)
                    lines.append(0x7D)
                }
                lines.append(0x0A)
            }
        }
        return lines
    }

    /// No tab and no line feed; and no carriage return, at which some readers end a line.
    private static func fitsColumn(_ id: [UInt8]) -> Bool { !id.contains { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D } }

    /// Whole grades without a point, as trec_eval wants them; all others so that they read back as the same float32.
    private static func text(of grade: Float) -> String {
        guard let whole = Int(exactly: grade), grade != 0 || grade.sign == .plus else { return "\(grade)" }
        return "\(whole)"
    }

    // MARK: - Samples

    private func writeSamples(_ kind: RecordKind) throws {
        let stem = kind == .documents ? "corpus" : "queries"
        let count = kind == .documents ? dataset.documentCount : dataset.queryCount
        let width = max(9, "\(max(0, count - 1))".count)
        var shardNumber = 0
        var shard: TarWriter?
        var ordinal = 0
        func close() throws {
            guard let full = shard.take() else { return }
            report.writtenBytes += try full.commit()
            report.fileCount += 1
            shardNumber += 1
        }
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = "\(number)"
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        try forEachBatch(kind) { laid in
            var start = 0
            for end in laid.ends {
                let size = TarWriter.memberBytes(end - start)
                if let open = shard, open.byteCount + size > options.shardBytes { try close() }
                let tar = try shard ?? TarWriter(folder.path("\(stem)-\(padded(shardNumber, 6)).tar"))
                shard = tar
                try laid.bytes.withUnsafeBytes {
                    try tar.append("\(padded(ordinal, width)).json", UnsafeRawBufferPointer(rebasing: $0[start..<end]))
                }
                start = end
                ordinal += 1
            }
        }
        try close()
    }
}
