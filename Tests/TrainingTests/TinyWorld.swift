import Base
import Examples
import JSON
import Models
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit
import Training

/// A store with a small dataset of syllables, and mixes for the golden tiny BERT.
struct TinyWorld {
    let folder: TemporaryFolder
    let store: Store

    /// What is odd about the dataset.
    struct Quirks {
        /// Queries that have no positive.
        var withoutPositives: Set<Int> = []
        /// Negatives of each query.
        var negativeCount = 5
        /// Documents with the content of the document of half their number.
        var repeatedDocuments: Set<Int> = []
        /// Documents with an image beside their text, and those with nothing else.
        var illustrated: Set<Int> = []
        var wordless: Set<Int> = []
        /// Whether links have the scores of ``TinyWorld/score(_:_:)``.
        var hasScores = false
        /// Judgements of this name for all queries: the first positive has grade 2, the second 1.
        var judgedSplit: String?
        var queryCount = 40
        var documentCount = 120
    }

    init(_ quirks: Quirks = Quirks()) throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
        try add("tiny", quirks)
    }

    /// Query `q` is made of syllables of its positives, documents 3q and 3q + 1 (mod their number).
    func add(_ reference: String, _ quirks: Quirks = Quirks()) throws {
        let writer = try store.writer(reference: reference, provenance: Provenance(tool: "TrainingTests"))
        func text(_ document: Int) -> String {
            let number = quirks.repeatedDocuments.contains(document) ? document / 2 : document
            return (0..<(3 + number % 7)).map { Self.syllable(UInt64(number * 31 + $0)) }.joined(separator: " ")
        }
        for document in 0..<quirks.documentCount {
            var record = Document(id: Array("d\(document)".utf8), text: Array(text(document).utf8))
            if document % 2 == 0 { record.title = Array(Self.syllable(UInt64(document)).utf8) }
            if quirks.repeatedDocuments.contains(document) { record.title = nil }
            if quirks.wordless.contains(document) { (record.title, record.text) = (nil, nil) }
            if quirks.illustrated.union(quirks.wordless).contains(document) {
                record.image = MediaReference(name: "cat.png")
            }
            try append(record.id, record.appendJSONLine) { id, line in
                _ = try writer.appendDocument(id: id, record: line)
            }
        }
        for query in 0..<quirks.queryCount {
            let positives = [3 * query, 3 * query + 1].map { UInt32($0 % quirks.documentCount) }
            let negatives = (0..<quirks.negativeCount).map { UInt32((3 * query + 2 + 3 * $0) % quirks.documentCount) }
            let words = text(Int(positives[0])).split(separator: " ").prefix(3).joined(separator: " ")
            let record = Query(id: Array("q\(query)".utf8), text: Array(words.utf8))
            try append(record.id, record.appendJSONLine) { id, line in
                func scores(_ documents: [UInt32]) -> ArraySlice<Float>? {
                    quirks.hasScores ? documents.map { Self.score(query, Int($0)) }[...] : nil
                }
                let kept = quirks.withoutPositives.contains(query) ? [] : positives
                _ = try writer.appendQuery(
                    id: id, record: line, positives: kept, positiveScores: scores(kept), negatives: negatives,
                    negativeScores: scores(negatives))
            }
            for (rank, document) in positives.enumerated() {
                guard let split = quirks.judgedSplit else { break }
                try writer.addJudgement(
                    split: split, query: query, document: Int(document), grade: Float(2 - rank))
            }
        }
        _ = try writer.commit()
    }

    /// What a teacher thinks of a document, from 0 to 4, more of positives.
    static func score(_ query: Int, _ document: Int) -> Float {
        let isPositive = document == 3 * query % 120 || document == (3 * query + 1) % 120
        return Float(SplitMix64.mix(5, UInt64(query), UInt64(document)) % 9) / 4 + (isPositive ? 2 : 0)
    }

    /// Takes away the end of a run of six steps and its last checkpoint, as if it had been killed before them.
    static func takeBackEnd(of run: FilePath) throws {
        try Files.remove(run.appending("model"))
        try Files.removeTree(run.appending("checkpoints/step-000006"))
    }

    private func append(
        _ id: [UInt8], _ record: (inout [UInt8]) -> Void,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var line: [UInt8] = []
        record(&line)
        try id.withUnsafeBytes { id in try line.withUnsafeBytes { line in try body(id, line) } }
    }

    private static func syllable(_ number: UInt64) -> String {
        let drawn = SplitMix64.mix(9, number)
        return "\(Array("bcdfghjklmnpqrstvwxyz")[Int(drawn % 21)])\(Array("aeiou")[Int(drawn / 21 % 5)])"
    }

    /// A training config over the dataset `tiny`; `overrides` as `--set` takes them.
    func config(_ overrides: [String] = []) throws -> TrainingConfig {
        try TrainingConfig(
            yaml: """
                model: \(Golden()("tiny-bert"))
                datasets: [{name: tiny}]
                queries_per_step: 8
                steps: 6
                optimizer: {learning_rate: 1e-3}
                """, path: "tiny.yaml", overrides: overrides)
    }

    func plan(_ overrides: [String] = [], _ residency: WeightResidency = .resident) throws -> TrainingPlan {
        try TrainingPlan(config(overrides), store: store, residency: residency)
    }

    func source(_ overrides: [String] = []) throws -> ExampleSource {
        try ExampleSource(config(overrides), store: store)
    }
}
