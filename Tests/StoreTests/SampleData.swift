import Base
import JSON
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit

/// Seeded records that exercise escapes, every byte in ids, and sizes from nothing to several frames.
struct SampleData {
    var documents: [Document] = []
    var queries: [Query] = []
    var positives: [[UInt32]] = []
    var negatives: [[UInt32]] = []
    /// Split, query, document, grade.
    var judgements: [(String, Int, Int, Float)] = []

    init(documents documentCount: Int, queries queryCount: Int, seed: UInt64, longestText: Int = 900) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("abcdefghij klmnop \"\\/\n\t\u{1}é漢🙂".unicodeScalars)
        func text(_ longest: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            let words = ["grace", "mountain", "river of", "the king", "and the", "people", " ", "covenant"]
            let length = Int(random.next(below: UInt64(longest + 1)))
            while bytes.count < length {
                if random.next(below: 5) == 0 {
                    bytes += Array(String(alphabet[Int(random.next(below: UInt64(alphabet.count)))]).utf8)
                } else {
                    bytes += Array(words[Int(random.next(below: UInt64(words.count)))].utf8)
                }
            }
            return bytes
        }
        func id(_ prefix: String, _ number: Int) -> [UInt8] {
            // Unique by its number, odd by what follows it.
            Array("\(prefix)\(number)".utf8) + text(12)
        }
        for number in 0..<documentCount {
            documents.append(
                Document(
                    id: id("d", number), title: random.next(below: 2) == 0 ? text(30) : nil,
                    text: random.next(below: 10) == 0 ? text(longestText * 10) : text(longestText)))
        }
        for number in 0..<queryCount {
            queries.append(Query(id: id("q", number), text: text(60)))
            func targets(_ most: UInt64) -> [UInt32] {
                guard documentCount > 0 else { return [] }
                return (0..<random.next(below: most)).map { _ in UInt32(random.next(below: UInt64(documentCount))) }
            }
            positives.append(targets(4))
            negatives.append(targets(9))
            if documentCount > 0 {
                for document in Set(targets(5)).sorted() {
                    judgements.append(
                        (
                            random.next(below: 2) == 0 ? "test" : "dev", number, Int(document),
                            Float(random.next(below: 4))
                        ))
                }
            }
        }
    }

    static func line(_ document: Document) -> [UInt8] {
        var line: [UInt8] = []
        document.appendJSONLine(to: &line)
        return line
    }

    static func line(_ query: Query) -> [UInt8] {
        var line: [UInt8] = []
        query.appendJSONLine(to: &line)
        return line
    }

    func append(to writer: DatasetWriter) throws {
        for document in documents {
            try document.id.withUnsafeBytes { id in
                try Self.line(document).withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        for (number, query) in queries.enumerated() {
            try query.id.withUnsafeBytes { id in
                try Self.line(query).withUnsafeBytes {
                    _ = try writer.appendQuery(
                        id: id, record: $0, positives: positives[number], negatives: negatives[number])
                }
            }
        }
        for (split, query, document, grade) in judgements {
            try writer.addJudgement(split: split, query: query, document: document, grade: grade)
        }
    }

    @discardableResult
    func commit(
        to store: Store, as reference: String = "sample", options: WriterOptions = WriterOptions()
    ) throws -> Dataset {
        let writer = try store.writer(
            reference: reference, provenance: Provenance(tool: "test 1"), options: options)
        try append(to: writer)
        return try writer.commit()
    }
}

/// A store in a temporary folder.
final class TemporaryStore {
    let folder: TemporaryFolder
    let store: Store

    init() throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
    }

    /// Names of all blobs.
    func blobs() throws -> [String] { try Files.list(store.root.appending("blobs").appending("sha256")) }

    /// Whether no writer left anything in `tmp/`, apart from the lock that all share.
    func tmpIsEmpty() throws -> Bool { try Files.list(store.root.appending("tmp")).allSatisfy { $0 == "gate" } }
}
