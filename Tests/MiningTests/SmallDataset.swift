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
        var text = "query"
        /// The JSON of the field `answer`, and of others.
        var answer: String?
        var fields: [String: String] = [:]
        /// Docid and grade, in the split `test`.
        var judged: [(String, Float)] = []
    }

    /// - Parameters:
    ///   - documents: docid and text; documents with equal texts have equal content.
    ///   - duplicates: docids of documents and of those that stand for them, as `tvt-store dedup` would find; in the
    ///     order of the documents.
    init(
        documents: [(id: String, text: String)], queries: [Query], duplicates: [(alias: String, of: String)] = []
    ) throws {
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
            var fields = query.fields
            if let answer = query.answer { fields["answer"] = answer }
            let extras = fields.map { Extra(key: Array($0.key.utf8), json: Array($0.value.utf8)) }
            Records.Query(id: Array(query.id.utf8), text: Array(query.text.utf8), extras: extras)
                .appendJSONLine(to: &line)
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
        let written = try writer.commit()
        guard !duplicates.isEmpty else {
            dataset = written
            return
        }
        let aliases = try store.aliasMapWriter()
        for (alias, original) in duplicates {
            try aliases.append(alias: Int(ordinals[alias]!), representative: Int(ordinals[original]!))
        }
        dataset = try store.derive(
            from: written, reference: "small", aliases: aliases, provenance: Provenance(tool: "test"))
    }

    /// Writes a run of `qid docid score` triples, in the order given.
    func run(_ results: [(String, String, Double)], name: String = "run.tsv") throws -> MiningRun {
        let text = results.map { "\($0)\t\($1)\t\($2)\n" }.joined()
        return try MiningRun(folder.write(text, to: name), format: .tevatron)
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
