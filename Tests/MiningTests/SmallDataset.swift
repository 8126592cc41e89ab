import Base
import Mining
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit

/// A store with one dataset in a folder of its own, described by hand.
struct SmallDataset {
    let folder: TemporaryFolder
    let store: Store
    let dataset: Dataset

    struct Query {
        var id: String
        var positives: [String] = []
        var negatives: [String] = []
        /// The JSON of the field `answer`.
        var answer: String?
        /// Docid and grade, in the split `test`.
        var judged: [(String, Float)] = []
    }

    /// - Parameter documents: docid and text; documents with equal texts have equal content.
    init(documents: [(id: String, text: String)], queries: [Query]) throws {
        folder = try TemporaryFolder()
        store = try Store.create(at: folder("store"))
        let writer = try store.writer(reference: "small", provenance: Provenance(tool: "test"))
        var ordinals: [String: UInt32] = [:]
        for (id, text) in documents {
            var line: [UInt8] = []
            Document(id: Array(id.utf8), text: Array(text.utf8)).appendJSONLine(to: &line)
            ordinals[id] = UInt32(ordinals.count)
            _ = try Array(id.utf8).withUnsafeBytes { id in
                try line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        for (index, query) in queries.enumerated() {
            var line: [UInt8] = []
            let extras = query.answer.map { [Extra(key: Array("answer".utf8), json: Array($0.utf8))] } ?? []
            Records.Query(id: Array(query.id.utf8), text: Array("query".utf8), extras: extras).appendJSONLine(to: &line)
            _ = try Array(query.id.utf8).withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    try writer.appendQuery(
                        id: id, record: $0, positives: query.positives.map { ordinals[$0]! },
                        negatives: query.negatives.map { ordinals[$0]! })
                }
            }
            for (document, grade) in query.judged {
                try writer.addJudgement(split: "test", query: index, document: Int(ordinals[document]!), grade: grade)
            }
        }
        dataset = try writer.commit()
    }

    /// Writes a run of `qid docid score` triples, in the order given.
    func run(_ results: [(String, String, Double)], name: String = "run.tsv") throws -> MiningRun {
        let text = results.map { "\($0)\t\($1)\t\($2)\n" }.joined()
        return try MiningRun(folder.write(text, to: name))
    }

    /// The docids that mining chooses for each query of the dataset; nil for one that is left out.
    func negatives(_ options: NegativeOptions, _ run: MiningRun) throws -> ([[String]?], NegativesReport) {
        var mining = NegativeMining(options)
        mining.workers = 2
        let (choice, report) = try mining.choose(for: dataset, run: run, progress: Progress("", unit: ""))
        let chosen = try choice.ranges.map { range in
            try range.map { try $0.map { try id(Int(choice.documents[$0])) } }
        }
        return (chosen, report)
    }

    func id(_ document: Int) throws -> String { String(decoding: try dataset.documentID(document), as: UTF8.self) }
}
