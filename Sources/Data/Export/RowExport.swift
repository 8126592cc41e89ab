internal import Archives
public import Base
public import Ingest
internal import JSON
internal import Records
public import Store
internal import StoreFormat
public import SystemPackage

/// What an export of v1 rows wrote.
public struct RowExportReport: Sendable {
    public var rowCount = 0
    public var passageCount = 0
    /// Bytes of the rows before compression.
    public var rawBytes = 0
    /// Bytes of the file.
    public var writtenBytes = 0
    /// Judgements of the dataset, for which v1 has no place.
    public var droppedJudgementCount = 0
    /// Scores of links, for which it has none either.
    public var droppedScoreCount = 0
    public var seconds = 0.0
}

extension Conversions {
    /// Writes a dataset as v1 rows, one for each query, with its passages in full.
    ///
    /// - Parameters:
    ///   - output: packed by its extension; "-" is stdout.
    ///   - queriesPerBatch: what a worker does at once.
    public static func export(
        _ dataset: Dataset, to output: FilePath, workers: Int = processorCount, queriesPerBatch: Int = 512
    ) throws -> RowExportReport {
        let start = Clock.seconds()
        var report = RowExportReport()
        let target = try CompressedOutput(output)
        let progress = Progress("export", unit: "queries", total: dataset.queryCount)
        var next = 0
        try orderedPipeline(
            workers: workers, window: 2 * workers + 2,
            read: {
                guard next < dataset.queryCount else { return nil }
                defer { next += queriesPerBatch }
                return next..<min(next + queriesPerBatch, dataset.queryCount)
            },
            transform: { try rows(of: $0, dataset) },
            write: { (rows: RowBytes) in
                try Interruption.check()
                try target.write(rows.bytes)
                report.rowCount += rows.rowCount
                report.passageCount += rows.passageCount
                report.rawBytes += rows.bytes.count
                progress.advance(by: rows.rowCount)
            })
        progress.finish()
        report.writtenBytes = try target.commit()
        report.droppedJudgementCount = dataset.judgements.reduce(0) { $0 + $1.links.linkCount }
        report.droppedScoreCount = [dataset.positives, dataset.negatives].reduce(0) { sum, links in
            sum + (links.map { $0.hasScores ? $0.linkCount : 0 } ?? 0)
        }
        report.seconds = Clock.seconds() - start
        return report
    }

    private struct RowBytes: Sendable {
        var bytes: [UInt8] = []
        var rowCount = 0
        var passageCount = 0
    }

    private static func rows(of range: Range<Int>, _ dataset: Dataset) throws -> RowBytes {
        let reader = try RecordReader(dataset)
        let parser = JSONParser()
        let queryScanner = RecordScanner(.query)
        let passages = PassageCache(reader: reader)
        defer { withExtendedLifetime((parser, queryScanner)) {} }
        var rows = RowBytes()
        for query in range {
            let positives = try list(dataset.positives, query, passages, &rows)
            let negatives = try list(dataset.negatives, query, passages, &rows)
            try reader.withQueryRecord(query) { line in
                do throws(RecordFault) {
                    try queryScanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
                    try queryScanner.appendRow(positives: positives, negatives: negatives, to: &rows.bytes)
                } catch {
                    throw error.error(at: Place(path: "\(dataset.reference), query \(query)"), line: line)
                }
            }
            rows.bytes.append(0x0A)
            rows.rowCount += 1
        }
        return rows
    }

    private static func list(
        _ links: Links?, _ query: Int, _ passages: PassageCache, _ rows: inout RowBytes
    ) throws -> [UInt8] {
        var list: [UInt8] = []
        for target in try links?.targets(of: query) ?? UnsafeBufferPointer(start: nil, count: 0) {
            if !list.isEmpty { list.append(0x2C) }
            try passages.append(Int(target), to: &list)
            rows.passageCount += 1
        }
        return list
    }
}

/// Documents in the words of v1; those of one batch of queries are kept, because its queries share many.
private final class PassageCache {
    private let reader: RecordReader
    private let parser = JSONParser()
    private let scanner = RecordScanner(.document)
    private var bytes: [UInt8] = []
    private var ranges: [Int: Range<Int>] = [:]
    private static let limit = 64 << 20

    init(reader: RecordReader) { self.reader = reader }

    func append(_ ordinal: Int, to output: inout [UInt8]) throws {
        if bytes.count > Self.limit {
            bytes.removeAll(keepingCapacity: true)
            ranges.removeAll(keepingCapacity: true)
        }
        let range: Range<Int>
        if let known = ranges[ordinal] {
            range = known
        } else {
            let start = bytes.count
            try reader.withDocumentRecord(ordinal) { line in
                do throws(RecordFault) {
                    try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
                } catch {
                    throw error.error(at: Place(path: "document \(ordinal)"), line: line)
                }
                scanner.appendPassage(to: &bytes)
            }
            range = start..<bytes.count
            ranges[ordinal] = range
        }
        output.append(contentsOf: bytes[range])
    }
}
