public import Base
internal import JSON
internal import Records
public import Store

/// The records of one side of a dataset that give a text model nothing to read: blank ones, and those without a text.
public struct BlankRecords: Sendable {
    public enum Side: String, Sendable { case documents, queries }

    /// Of all of them, ascending; 4 bytes each.
    public private(set) var ordinals: [UInt32] = []
    /// Of those that have no text at all, only media.
    public private(set) var withoutText: [UInt32] = []

    /// None.
    public init() {}

    /// Reads all records of a side.
    ///
    /// - Parameter readsMedia: whether the model reads media; then no record that has some is blank.
    /// - Throws: `Failure` with status 130 after an interruption; `DamagedBlob`.
    /// - Complexity: one pass over the records, on `workers` threads; memory: a frame each.
    public init(
        _ side: Side, of dataset: Dataset, readsMedia: Bool = false, workers: Int = min(8, processorCount)
    ) throws {
        let count = side == .documents ? dataset.documentCount : dataset.queryCount
        var next = 0
        try orderedPipeline(
            workers: workers, window: 4 * workers,
            read: {
                guard next < count else { return nil }
                defer { next += Self.recordsOfTask }
                return next..<min(next + Self.recordsOfTask, count)
            },
            transform: { try BlankRecords(side, of: dataset, in: $0, readsMedia) },
            write: { found in
                try Interruption.check()
                ordinals += found.ordinals
                withoutText += found.withoutText
            })
    }

    private static let recordsOfTask = 4096

    private init(_ side: Side, of dataset: Dataset, in range: Range<Int>, _ readsMedia: Bool) throws {
        let scanner = RecordScanner(side == .documents ? .document : .query)
        let parser = JSONParser()
        func look(at line: UnsafeRawBufferPointer, _ ordinal: Int) throws {
            do throws(RecordFault) {
                try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            } catch {
                throw error.error(at: Place(path: "\(dataset.reference), \(side.rawValue) \(ordinal)"), line: line)
            }
            guard !readsMedia || !scanner.hasMedia else { return }
            let text = scanner.node(.text)?.string
            let title = side == .documents ? scanner.node(.title)?.string : nil
            guard BlankTexts.isBlank(title: title, text: text) else { return }
            ordinals.append(UInt32(ordinal))
            if text == nil, title?.isEmpty ?? true { withoutText.append(UInt32(ordinal)) }
        }
        try withExtendedLifetime(parser) {
            switch side {
            case .documents: try dataset.forEachDocumentRecord(in: range) { try look(at: $1, $0) }
            case .queries: try dataset.forEachQueryRecord(in: range) { try look(at: $1, $0) }
            }
        }
    }

    public var isEmpty: Bool { ordinals.isEmpty }

    /// Only the records without a text.
    func onlyWithoutText() -> BlankRecords {
        var records = self
        records.ordinals = withoutText
        return records
    }

    public func contains(_ ordinal: Int) -> Bool { Self.contains(UInt32(ordinal), in: ordinals) }

    func isWithoutText(_ ordinal: UInt32) -> Bool { Self.contains(ordinal, in: withoutText) }

    private static func contains(_ ordinal: UInt32, in ordinals: [UInt32]) -> Bool {
        var low = 0
        var high = ordinals.count
        while low < high {
            let middle = (low + high) / 2
            if ordinals[middle] < ordinal { low = middle + 1 } else { high = middle }
        }
        return low < ordinals.count && ordinals[low] == ordinal
    }
}
