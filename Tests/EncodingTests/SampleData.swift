import Base
import Models
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit

/// A store with a dataset of made-up texts, and the tiny model of ModelsTests.
struct SampleData {
    static let modelFolder = sourceRoot.appending("Tests/ModelsTests/Golden/tiny-bert")

    let temporary: TemporaryFolder
    let store: Store
    var documents: [Document] = []
    var queries: [Query] = []
    var judgements: [(split: String, query: Int, document: Int)] = []
    /// Documents by query.
    var positives: [Int: [UInt32]] = [:]

    /// Every 9th document has no title, every 31st no title and an empty text, every 17th is longer than the model takes.
    init(documentCount: Int, queryCount: Int = 3, seed: UInt64 = 1) throws {
        temporary = try TemporaryFolder()
        store = try Store.create(at: temporary("store"))
        var random = SplitMix64(seed: seed)
        let words = ["god", "light", "earth", "heaven", "water", "day", "night", "was", "good", "zebra", "saw", "é"]
        func text(_ count: Int) -> String {
            (0..<count).map { _ in words[Int(random.next(below: UInt64(words.count)))] }.joined(separator: " ")
        }
        for index in 0..<documentCount {
            let length = index % 17 == 16 ? 40 : 1 + Int(random.next(below: 15))
            let body = index % 31 == 30 ? "" : text(length)
            let hasTitle = index % 9 != 8 && index % 31 != 30
            documents.append(
                Document(
                    id: Array("doc \(index)#é".utf8), title: hasTitle ? Array("the \(text(1))".utf8) : nil,
                    text: Array(body.utf8)))
        }
        for index in 0..<queryCount {
            queries.append(Query(id: Array("q\(index)".utf8), text: Array(text(3 + index % 3).utf8)))
        }
    }

    func commit(as name: String = "sample") throws -> Dataset {
        let writer = try store.writer(reference: name, provenance: Provenance(tool: "EncodingTests"))
        for document in documents {
            var record: [UInt8] = []
            document.appendJSONLine(to: &record)
            _ = try document.id.withUnsafeBytes { id in
                try record.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        for (number, query) in queries.enumerated() {
            var record: [UInt8] = []
            query.appendJSONLine(to: &record)
            _ = try query.id.withUnsafeBytes { id in
                try record.withUnsafeBytes {
                    try writer.appendQuery(
                        id: id, record: $0, positives: positives[number] ?? [], negatives: [UInt32]())
                }
            }
        }
        for (split, query, document) in judgements {
            try writer.addJudgement(split: split, query: query, document: document, grade: 1)
        }
        return try writer.commit()
    }

    /// The card that the tiny model's folder does not have.
    static var overrides: ModelCard.Overrides {
        ModelCard.Overrides(
            pooling: .mean, normalize: true, query: .init(prompt: "a ", maxLength: 8),
            document: .init(prompt: "", maxLength: 24))
    }

    /// The same on the command line.
    static let flags = [
        "--pooling", "mean", "--normalize", "--query-prompt", "a ", "--document-prompt", "", "--query-max-length", "8",
        "--document-max-length", "24",
    ]

    static func model() throws -> EmbeddingModel {
        try EmbeddingModel(loading: modelFolder, .encoding, overrides: overrides)
    }
}
