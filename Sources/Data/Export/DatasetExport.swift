internal import Archives
internal import Base
public import Ingest
internal import JSON
internal import Records
public import Store
internal import StoreFormat
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
        try Files.replace(folder.path(FolderFiles.summaryName), with: report.summaryFile.pretty())
        report.fileCount += 1
        report.writtenBytes += try Files.size(folder.path(FolderFiles.summaryName))
        try Interruption.check()
        // Items of media in v2 are files of their own.
        try folder.commit(syncsAll: report.mediaItemCount > 0)
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
    let progress: Progress
    /// Whether items of media are written.
    let takesMedia: Bool

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
        takesMedia = options.includesMedia && format != .beir && dataset.mediaCount > 0
        let mediaBytes = takesMedia ? manifest.media?.rawBytes ?? 0 : 0
        progress = Progress(
            "export", unit: "bytes", total: manifest.documents.rawBytes + manifest.queries.rawBytes + mediaBytes)
    }

    func write() throws {
        try countLinks()
        for (split, links) in dataset.judgements {
            try writeJudgements(links, split: split)
            report.judgementCounts.append((split, links.linkCount))
        }
        if format == .beir, let split = options.positivesSplit { try writePositives(split) }
        switch format {
        case .v2, .beir:
            if takesMedia { try writeMedia() }
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
        report.externalMediaCount = dataset.manifest.media?.externalCount
        if !takesMedia { omit("media", dataset.mediaCount) }
        if format == .beir {
            if options.positivesSplit == nil { omit("positives", positives?.linkCount ?? 0) }
            omit("negatives", negatives?.linkCount ?? 0)
        } else {
            report.positiveCount = positives?.linkCount ?? 0
            report.negativeCount = negatives?.linkCount ?? 0
        }
    }

    func omit(_ name: String, _ count: Int) {
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
        /// The items that the records name and the dataset has, record by record, where they are asked for.
        var media: [(record: Int, kind: MediaKind, number: Int)] = []
    }

    /// Gives all records of a kind as the format has them, in order.
    func forEachBatch(_ kind: RecordKind, _ body: (Laid) throws -> Void) throws {
        let table = kind == .documents ? dataset.manifest.documents : dataset.manifest.queries
        let average = max(1, table.rawBytes / max(1, table.recordCount))
        let step = max(1, min(8192, options.batchByteCount / average))
        let (dataset, format) = (dataset, format)
        let findsMedia = takesMedia && format == .webdataset
        try forEachRange(of: table.recordCount, step: step) { range in
            var laid = try Self.lay(range, of: kind, dataset, format)
            if findsMedia { try Self.findMedia(of: range, of: kind, dataset, &laid) }
            return laid
        } write: { laid in
            omit("texts", laid.withoutTextCount)
            try body(laid)
            progress.advance(by: laid.bytes.count)
        }
    }

    func forEachRange<Output: Sendable>(
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
                throw error.error(at: place(of: ordinal, kind, dataset), line: record)
            }
            laid.ends.append(laid.bytes.count)
        }
        if isQuery {
            try dataset.forEachQueryRecord(in: range, lay)
        } else {
            try dataset.forEachDocumentRecord(in: range, lay)
        }
    }

    static func place(of ordinal: Int, _ kind: RecordKind, _ dataset: Dataset) -> Place {
        Place(path: "\(dataset.reference), \(kind == .queries ? "query" : "document") \(ordinal)")
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
}
