internal import Archives
internal import Base
internal import JSON
internal import Records

/// Scans v1 rows: the query of each, and its passages where their bytes were not seen before.
///
/// Not Sendable: it holds the tapes of the row at hand. Made for each batch, on the worker's thread.
final class RowScanner {
    private let seen: SeenPassages
    private let parser = JSONParser()
    /// The row's tape must outlast its passages' parses.
    private let passageParser = JSONParser()
    private let rowScanner = RecordScanner(.row)
    private let passageScanner = RecordScanner(.passage)
    private var outline = RowOutline()
    private var hashes: [ContentHash] = []

    init(_ seen: SeenPassages) { self.seen = seen }

    func scan(_ lines: LineBatch, intake: MediaIntake?) -> ScannedBatch {
        var batch = ScannedBatch(lines, intake: intake)
        batch.scan { line, batch, row in
            let start = batch.end
            do {
                if outline.read(line.bytes, parser: parser) {
                    return try scanOutlined(line.bytes, into: &batch, &row)
                }
            } catch is RecordFault {
                // The whole row, parsed, tells what is wrong and where.
                batch.cut(to: start)
                row.forgetRecords()
            }
            try scanWhole(line.bytes, into: &batch, &row)
        }
        return batch
    }

    private func scanOutlined(
        _ line: UnsafeRawBufferPointer, into batch: inout ScannedBatch, _ row: inout ScannedBatch.Row
    ) throws {
        let scanner = rowScanner
        let root = outline.withSkeleton { [parser] skeleton in
            Result { () throws(RecordFault) in try RecordScanner.root(of: skeleton, padded: true, parser: parser) }
        }
        try scanner.scan(root.get())
        try batch.append(scanner)
        row.links.positiveCount = try passages(
            .positives, "positive_passages", outline.positives, of: line, &row, &batch)
        row.links.negativeCount = try passages(
            .negatives, "negative_passages", outline.negatives, of: line, &row, &batch)
    }

    /// Passages that were cut out of the row, or else those that its tape has.
    private func passages(
        _ role: FieldRole, _ name: StaticString, _ ranges: [Range<Int>], of line: UnsafeRawBufferPointer,
        _ row: inout ScannedBatch.Row, _ batch: inout ScannedBatch
    ) throws -> Int {
        guard !ranges.isEmpty else { return try passages(role, name, &row, &batch) }
        // All hashes first: the look-ups then wait for memory together.
        hashes.removeAll(keepingCapacity: true)
        for range in ranges { hashes.append(.of(UnsafeRawBufferPointer(rebasing: line[range]))) }
        for (range, hash) in zip(ranges, hashes) {
            if let ordinal = seen.ordinal(of: hash) {
                batch.append(known: ordinal)
            } else {
                let bytes = UnsafeRawBufferPointer(rebasing: line[range])
                try passageScanner.scan(RecordScanner.root(of: bytes, padded: true, parser: passageParser))
                if try batch.append(passage: passageScanner, source: hash) { row.madeIDCount += 1 }
            }
        }
        return ranges.count
    }

    private func scanWhole(
        _ line: UnsafeRawBufferPointer, into batch: inout ScannedBatch, _ row: inout ScannedBatch.Row
    ) throws {
        try rowScanner.scan(RecordScanner.root(of: line, padded: true, parser: parser))
        try batch.append(rowScanner)
        row.links.positiveCount = try passages(.positives, "positive_passages", &row, &batch)
        row.links.negativeCount = try passages(.negatives, "negative_passages", &row, &batch)
    }

    /// Passages on the row's tape.
    private func passages(
        _ role: FieldRole, _ name: StaticString, _ row: inout ScannedBatch.Row, _ batch: inout ScannedBatch
    ) throws -> Int {
        guard let list = rowScanner.node(role) else { return 0 }
        var count = 0
        for element in list.elements {
            do {
                try passageScanner.scan(element)
                if try batch.append(passage: passageScanner, source: nil) { row.madeIDCount += 1 }
            } catch let fault as RecordFault {
                throw fault.inside("\(name)[\(count)]")
            }
            count += 1
        }
        return count
    }
}
