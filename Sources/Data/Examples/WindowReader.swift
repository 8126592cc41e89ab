internal import Base
internal import Glibc
internal import Store
internal import StoreFormat

/// Reads the examples of many slots at once: each record of the window once, in the order in which they are stored.
///
/// What it gives, errors included, is what reading one slot after the other would give. Not Sendable: it holds
/// decompression contexts; make one for each thread.
///
/// Memory: the lines of the window's records, and of its queries' known positives while it is read.
final class WindowReader {
    struct Window: Sendable {
        /// Up to the first that cannot be read.
        var examples: [Example] = []
        /// Why that one cannot be read.
        var failure: (any Error)?
        var byteCount = 0
    }

    private let source: ExampleSource
    private var readers: [RecordReader?]
    private let contents: ContentReader
    private let readsAhead: Bool
    private var coldness = Coldness()

    /// - Parameter readsAhead: whether to ask the system for what it has not in memory; worth it for long runs.
    init(_ source: ExampleSource, readsAhead: Bool = false) {
        self.source = source
        self.readsAhead = readsAhead
        readers = source.parts.map { _ in nil }
        contents = ContentReader(readsMedia: source.options.readsMedia)
    }

    func read(_ slots: [UInt64]) throws -> Window {
        try read(slots.map { ($0, source.order.entry(at: $0)) })
    }

    func read(_ entries: [(slot: UInt64, entry: ExampleOrder.Entry)]) throws -> Window {
        var window = Window()
        var chosen: [ExampleSource.Chosen] = []
        chosen.reserveCapacity(entries.count)
        for (slot, entry) in entries {
            do {
                if chosen.count % 1024 == 1023 { try Interruption.check() }
                chosen.append(try source.choose(entry, slot: slot))
            } catch {
                window.failure = error
                break
            }
        }
        var queries = RecordKeys()
        var documents = RecordKeys()
        for example in chosen {
            queries.insert(part: example.entry.part, ordinal: example.query)
            for document in example.documents { documents.insert(part: example.entry.part, ordinal: document) }
            for document in example.knownPositives where !isLeftOut(document, example) {
                documents.insert(part: example.entry.part, ordinal: Int(document))
            }
        }
        queries.sort()
        documents.sort()
        if readsAhead, coldness.isExpected { readAhead(queries, documents) }
        let queryRecords = try read(queries) { reader, _, ordinal in
            try reader.withQueryRecord(ordinal) { Record(line: Array($0), content: ContentHash(high: 0, low: 0)) }
        } naming: {
            "query \($1) of \($0)"
        }
        let documentRecords = try read(documents) { reader, dataset, ordinal in
            try reader.withDocumentRecord(ordinal) { line in
                Record(line: Array(line), content: try self.contents.hash(of: line, ordinal, in: dataset))
            }
        } naming: {
            "document \($1) of \($0)"
        }
        for example in chosen {
            do {
                let assembled = try assemble(example, queries, queryRecords, documents, documentRecords)
                window.byteCount += assembled.byteCount
                window.examples.append(assembled)
            } catch {
                window.failure = error
                break
            }
        }
        if readsAhead { coldness.update() }
        return window
    }

    private struct Record {
        let line: [UInt8]
        let content: ContentHash
    }

    /// What each key's record holds, or why it cannot be read.
    private func read(
        _ keys: RecordKeys, _ body: (RecordReader, Dataset, Int) throws -> Record, naming: (String, Int) -> String
    ) throws -> [Result<Record, any Error>] {
        var records: [Result<Record, any Error>] = []
        records.reserveCapacity(keys.sorted.count)
        for (part, ordinal) in keys.all {
            if records.count % 64 == 63 { try Interruption.check() }
            let dataset = source.parts[part].dataset
            do {
                let reader = try readers[part] ?? RecordReader(dataset)
                readers[part] = reader
                records.append(.success(try body(reader, dataset, ordinal)))
            } catch var error as DamagedBlob {
                error.context = error.context ?? naming(dataset.reference, ordinal)
                records.append(.failure(error))
            } catch {
                records.append(.failure(error))
            }
        }
        return records
    }

    private func assemble(
        _ example: ExampleSource.Chosen, _ queries: RecordKeys, _ queryRecords: [Result<Record, any Error>],
        _ documents: RecordKeys, _ documentRecords: [Result<Record, any Error>]
    ) throws -> Example {
        let part = example.entry.part
        func record(of document: Int) throws -> Record {
            try documentRecords[documents.index(part: part, ordinal: document)].get()
        }
        var known: Set<ContentHash> = []
        for document in example.knownPositives where !isLeftOut(document, example) {
            known.insert(try record(of: Int(document)).content)
        }
        return Example(
            slot: example.slot, entry: example.entry, query: example.query,
            queryRecord: try queryRecords[queries.index(part: part, ordinal: example.query)].get().line,
            passages: try example.documents.map { document in
                let record = try record(of: document)
                return Example.Passage(document: document, record: record.line, content: record.content)
            },
            knownPositives: known)
    }

    private func isLeftOut(_ document: UInt32, _ example: ExampleSource.Chosen) -> Bool {
        source.parts[example.entry.part].readable.leftOutDocuments.contains(Int(document))
    }

    private func readAhead(_ queries: RecordKeys, _ documents: RecordKeys) {
        for (part, opened) in source.parts.enumerated() {
            opened.dataset.willReadQueries(queries.ordinals(ofPart: part))
            opened.dataset.willReadDocuments(documents.ordinals(ofPart: part))
        }
    }
}

/// Records of several datasets, each once, in the order of datasets and ordinals.
private struct RecordKeys {
    private(set) var sorted: [UInt64] = []

    mutating func insert(part: Int, ordinal: Int) { sorted.append(Self.key(part, ordinal)) }

    mutating func sort() {
        sorted.sort()
        var kept = 0
        for index in sorted.indices where kept == 0 || sorted[kept - 1] != sorted[index] {
            sorted[kept] = sorted[index]
            kept += 1
        }
        sorted.removeSubrange(kept...)
    }

    // Ordinals are below 2^32.
    private static func key(_ part: Int, _ ordinal: Int) -> UInt64 { UInt64(part) << 32 | UInt64(ordinal) }

    /// Where a record stands among the sorted.
    func index(part: Int, ordinal: Int) -> Int { firstIndex(notBelow: Self.key(part, ordinal)) }

    private func firstIndex(notBelow key: UInt64) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func ordinals(ofPart part: Int) -> some Sequence<Int> {
        sorted[firstIndex(notBelow: Self.key(part, 0))..<firstIndex(notBelow: Self.key(part + 1, 0))].lazy.map {
            Int($0 & 0xFFFF_FFFF)
        }
    }

    var all: some Sequence<(part: Int, ordinal: Int)> {
        sorted.lazy.map { (part: Int($0 >> 32), ordinal: Int($0 & 0xFFFF_FFFF)) }
    }
}

/// Whether a thread's reads have to wait for the disk.
private struct Coldness {
    private var faults = Self.majorFaults()
    private var windowsLeft = 0

    /// For how many windows after one that waited.
    private static let patience = 32

    var isExpected: Bool { windowsLeft > 0 }

    mutating func update() {
        let now = Self.majorFaults()
        // Pages that were asked for ahead are waited for less often, so one wait counts for many windows.
        windowsLeft = now > faults ? Self.patience : max(0, windowsLeft - 1)
        faults = now
    }

    /// `RUSAGE_THREAD`, which glibc's headers show to GNU sources only.
    private static let callingThread: __rusage_who_t = 1

    /// Pages that the calling thread waited for the disk to read.
    private static func majorFaults() -> Int {
        var usage = rusage()
        getrusage(callingThread, &usage)
        return usage.ru_majflt
    }
}
