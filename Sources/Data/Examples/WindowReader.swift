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
    private let queryContents: ContentReader
    /// Nil where an example may come twice in a batch.
    private var unique: UniqueBatches?
    private let readsAhead: Bool
    private var coldness = Coldness()

    /// - Parameter readsAhead: whether to ask the system for what it has not in memory; worth it for long runs.
    init(_ source: ExampleSource, readsAhead: Bool = false) {
        self.source = source
        self.readsAhead = readsAhead
        readers = source.parts.map { _ in nil }
        contents = ContentReader(.document, readsMedia: source.options.readsMedia)
        queryContents = ContentReader(.query, readsMedia: source.options.readsMedia)
        unique = source.options.isUniqueInBatch ? UniqueBatches(source) : nil
    }

    func read(_ slots: [UInt64]) throws -> Window {
        try read(slots.map { ($0, source.order.entry(at: $0)) })
    }

    func read(_ entries: [(slot: UInt64, entry: ExampleOrder.Entry)]) throws -> Window {
        var window = Window()
        var chosen: [ExampleSource.Chosen] = []
        var replacements: Set<UInt64> = []
        chosen.reserveCapacity(entries.count)
        for (slot, entry) in entries {
            do {
                if chosen.count % 1024 == 1023 { try Interruption.check() }
                let taken = try unique?.entry(at: slot) { try self.contents(of: $0) } ?? .init(entry: entry)
                if taken.isReplacement { replacements.insert(slot) }
                chosen.append(try source.choose(taken.entry, slot: slot))
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
                var assembled = try assemble(example, queries, queryRecords, documents, documentRecords)
                assembled.isReplacement = replacements.contains(example.slot)
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

    /// What tells the examples of a batch apart.
    private func contents(of entries: [ExampleOrder.Entry]) throws -> [UniqueBatches.Content] {
        let chosen = try entries.map { try source.choose($0, slot: 0) }
        var (queries, documents) = (RecordKeys(), RecordKeys())
        for example in chosen {
            queries.insert(part: example.entry.part, ordinal: example.query)
            documents.insert(part: example.entry.part, ordinal: example.documents[0])
        }
        queries.sort()
        documents.sort()
        let queryHashes = try read(queries) { reader, dataset, ordinal in
            try reader.withQueryRecord(ordinal) { try self.queryContents.hash(of: $0, ordinal, in: dataset) }
        } naming: {
            "query \($1) of \($0)"
        }
        let documentHashes = try read(documents) { reader, dataset, ordinal in
            try reader.withDocumentRecord(ordinal) { try self.contents.hash(of: $0, ordinal, in: dataset) }
        } naming: {
            "document \($1) of \($0)"
        }
        return try chosen.map { example in
            let part = example.entry.part
            return UniqueBatches.Content(
                query: try queryHashes[queries.index(part: part, ordinal: example.query)].get(),
                positive: try documentHashes[documents.index(part: part, ordinal: example.documents[0])].get())
        }
    }

    private struct Record {
        let line: [UInt8]
        let content: ContentHash
    }

    /// What each key's record holds, or why it cannot be read.
    private func read<Value>(
        _ keys: RecordKeys, _ body: (RecordReader, Dataset, Int) throws -> Value, naming: (String, Int) -> String
    ) throws -> [Result<Value, any Error>] {
        var records: [Result<Value, any Error>] = []
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
            positiveCount: example.positiveCount, knownPositives: known)
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
