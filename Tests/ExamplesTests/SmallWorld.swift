import Base
import Examples
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit

/// A store with small datasets of seeded words.
struct SmallWorld {
    let folder: TemporaryFolder
    let store: Store

    /// What is odd about a dataset.
    struct Quirks {
        /// Queries that have no positive.
        var withoutPositives: Set<Int> = []
        /// Negatives of each query.
        var negativeCount = 5
        var queryCount = 40
        var documentCount = 120
        /// Words of the longest text.
        var mostWords: UInt64 = 9
        /// Documents without title and text, of an image alone.
        var withoutText: Set<Int> = []
        /// Documents and queries of these texts.
        var documentTexts: [Int: String] = [:]
        /// Images of documents, beside their texts.
        var images: [Int: String] = [:]
        var queryTexts: [Int: String] = [:]
        var options = WriterOptions()
    }

    init(_ quirks: Quirks = Quirks()) throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
        try add("small", quirks)
    }

    /// Query `q` has the positives 3q and 3q + 1 (mod the number of documents).
    func add(_ reference: String, _ quirks: Quirks = Quirks()) throws {
        let writer = try store.writer(
            reference: reference, provenance: Provenance(tool: "ExamplesTests"), options: quirks.options)
        var random = SplitMix64(seed: UInt64(quirks.documentCount))
        func text() -> [UInt8] {
            let words = (0...random.next(below: quirks.mostWords)).map { _ in "word\(random.next(below: 500))" }
            return Array(words.joined(separator: " ").utf8)
        }
        for document in 0..<quirks.documentCount {
            var record = Document(id: Array("d\(document)".utf8), text: text())
            if document % 2 == 0 { record.title = Array("title \(document)".utf8) }
            if quirks.withoutText.contains(document) {
                (record.title, record.text, record.image) = (nil, nil, MediaReference(name: "cat.png"))
            }
            if let text = quirks.documentTexts[document] { (record.title, record.text) = (nil, Array(text.utf8)) }
            if let image = quirks.images[document] { record.image = MediaReference(name: image) }
            try append(record.id, record.appendJSONLine) { _ = try writer.appendDocument(id: $0, record: $1) }
        }
        for query in 0..<quirks.queryCount {
            let positives = [3 * query, 3 * query + 1].map { UInt32($0 % quirks.documentCount) }
            let negatives = (0..<quirks.negativeCount).map { UInt32((3 * query + 2 + 3 * $0) % quirks.documentCount) }
            var record = Query(id: Array("q\(query)".utf8), text: text())
            if let text = quirks.queryTexts[query] { record.text = Array(text.utf8) }
            try append(record.id, record.appendJSONLine) { id, line in
                _ = try writer.appendQuery(
                    id: id, record: line, positives: quirks.withoutPositives.contains(query) ? [] : positives,
                    negatives: negatives)
            }
        }
        _ = try writer.commit()
    }

    private func append(
        _ id: [UInt8], _ record: (inout [UInt8]) -> Void,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var line: [UInt8] = []
        record(&line)
        try id.withUnsafeBytes { id in try line.withUnsafeBytes { line in try body(id, line) } }
    }

    /// The examples of some datasets, by default of the one that is always there.
    func source(
        _ parts: [ExampleOptions.Part] = [.init("small")], _ change: (inout ExampleOptions) -> Void = { _ in }
    ) throws -> ExampleSource {
        var options = ExampleOptions(parts)
        change(&options)
        return try ExampleSource(options, store: store)
    }

    /// Where a blob of the store lies.
    func path(of blob: BlobDescriptor) -> FilePath {
        store.root.appending("blobs").appending("sha256").appending(String(blob.digest.description.dropFirst(7)))
    }
}

/// A source's examples, one slot after the other.
func oneByOne(_ source: ExampleSource, _ slots: some Sequence<UInt64>) throws -> [Example] {
    try slots.map { try source.example(at: $0) }
}
