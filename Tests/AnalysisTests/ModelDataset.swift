import Base
import Records
import Store
import StoreFormat
import TestKit

/// A dataset as plain values, to be edited, committed, and compared naively.
struct ModelDataset {
    struct Passage: Equatable {
        var title: String?
        var text: String?
        var image: String?
    }

    struct Question: Equatable {
        var text: String
        var positives: [String] = []
        var negatives: [String] = []
        /// Split, then docid and grade.
        var judged: [String: [String: Float]] = [:]
    }

    var documents: [(id: String, passage: Passage)] = []
    var queries: [(id: String, question: Question)] = []

    static let words = ["grace", "mountain", "river", "king", "people", "covenant", "stone", "água", "灯", "light"]

    /// Seeded words.
    static func text(_ random: inout SplitMix64, words count: Int, vocabulary: UInt64 = 5000) -> String {
        (0..<count).map { _ in "w\(random.next(below: vocabulary))" }.joined(separator: " ")
    }

    static func random(documents documentCount: Int, queries queryCount: Int, seed: UInt64) -> ModelDataset {
        var random = SplitMix64(seed: seed)
        var model = ModelDataset()
        for number in 0..<documentCount {
            let text = (0..<random.next(below: 12)).map { _ in words[Int(random.next(below: 10))] }
            model.documents.append(
                (
                    "d\(number)\"\\é",
                    Passage(
                        title: random.next(below: 2) == 0 ? words[Int(random.next(below: 10))] : nil,
                        text: text.joined(separator: " "))
                ))
        }
        for number in 0..<queryCount {
            var question = Question(text: words[Int(random.next(below: 10))] + " \(number)")
            func ids(_ most: UInt64) -> [String] {
                (0..<random.next(below: most)).map { _ in
                    model.documents[Int(random.next(below: UInt64(documentCount)))].id
                }
            }
            if documentCount > 0 {
                question.positives = ids(3)
                question.negatives = ids(5)
                for split in ["dev", "test"] {
                    for id in ids(4) { question.judged[split, default: [:]][id] = Float(random.next(below: 3)) }
                }
            }
            model.queries.append(("q\(number)", question))
        }
        return model
    }

    @discardableResult
    func commit(
        to store: Store, as reference: String, options: WriterOptions = WriterOptions()
    ) throws -> Dataset {
        let writer = try store.writer(reference: reference, provenance: Provenance(tool: "test 1"), options: options)
        var ordinals: [String: UInt32] = [:]
        for (number, (id, passage)) in documents.enumerated() {
            var line: [UInt8] = []
            Document(
                id: Array(id.utf8), title: passage.title.map { Array($0.utf8) },
                text: passage.text.map { Array($0.utf8) },
                image: passage.image.map { MediaReference(name: $0) }
            ).appendJSONLine(to: &line)
            ordinals[id] = UInt32(number)
            _ = try Array(id.utf8).withUnsafeBytes { id in
                try line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        for (number, (id, question)) in queries.enumerated() {
            var line: [UInt8] = []
            Query(id: Array(id.utf8), text: Array(question.text.utf8)).appendJSONLine(to: &line)
            _ = try Array(id.utf8).withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    try writer.appendQuery(
                        id: id, record: $0, positives: question.positives.map { ordinals[$0]! },
                        negatives: question.negatives.map { ordinals[$0]! })
                }
            }
            for (split, grades) in question.judged {
                for (document, grade) in grades {
                    try writer.addJudgement(
                        split: split, query: number, document: Int(ordinals[document]!), grade: grade)
                }
            }
        }
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
}

func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
