internal import Base
internal import CommandLineKit
internal import Rankings
internal import Remotes
internal import Store
internal import SystemPackage

/// What runs are measured against, and what knows the ids that they may name.
struct Judgements {
    /// The file or the dataset, as it was asked for.
    let name: String
    let qrels: Qrels
    /// Nil for a file of judgements, which knows no other ids than those that are judged.
    let dataset: Dataset?
    /// Looking ids up on a server would fetch its index.
    private let isLocal: Bool

    /// - Parameters:
    ///   - name: a file, or a dataset of the store.
    ///   - isDataset: whether it can only be a dataset.
    ///   - split: nil for `test` where there is one, else the only one.
    /// - Throws: `Failure` where there is no such file, dataset or split, or none of it is judged; `InputError` for
    ///   judgements that are malformed.
    init(_ name: String, isDataset: Bool, split: String?, store: StoreOption) throws {
        self.name = name
        let file = FilePath(name)
        let isFile = !isDataset && Files.exists(file) && !Files.isDirectory(file)
        isLocal = !store.location.contains("://")
        if split == nil, isFile {
            dataset = nil
            qrels = try Qrels(reading: file)
            if store.store != nil { log.warning("--store: the judgements are those of the file \(name)") }
        } else {
            guard !isLocal || Files.exists(FilePath(store.location)) else {
                throw isFile
                    ? Self.splitOfFile(name)
                    : Failure(
                        .missingInput,
                        "there is neither a file \(name) nor a store \(store.location) with such a dataset",
                        advice: "name the store with --store or $TVT_STORE")
            }
            let dataset: Dataset
            do {
                dataset = try openStore(store.location).dataset(name)
            } catch let failure as Failure where failure.exitStatus == .missingInput && isFile {
                throw Self.splitOfFile(name)
            }
            self.dataset = dataset
            qrels = try StoredQrels.read(dataset, split: split)
        }
        guard qrels.judgementCount > 0 else {
            throw Failure(
                .badData, "\(name)\(split.map { ", split \($0)" } ?? "") holds no judgements",
                advice: "a line is: qid iteration docid grade; or, with a header, query-id, corpus-id, score")
        }
        if !qrels.grades.contains(where: { $0 > 0 }) {
            log.warning("\(name): no judgement has a grade above 0, so nothing is relevant and every measure is 0")
        }
    }

    private static func splitOfFile(_ name: String) -> Failure {
        Failure(
            .usage, "--split names judgements of a dataset, and \(name) is a file", advice: "leave --split out")
    }

    /// What a run names that neither the judgements know nor their dataset; logged.
    ///
    /// - Throws: `Failure` (65) where that is more than the tolerance allows.
    func unknownIDs(of run: Run, _ file: RunFile, _ tolerance: UnknownTolerance) throws -> UnknownIDs {
        var unknown = UnknownIDs()
        let judged = ByteTable(of: qrels.queries)
        func isJudged(_ id: [UInt8]) -> Bool { id.withUnsafeBytes { judged.find($0, in: qrels.queries) } != nil }
        func isKnown(_ id: [UInt8]) throws -> Bool { try isJudged(id) || dataset?.queryOrdinal(id: id) != nil }
        var judgedCount = 0
        for query in 0..<run.queryCount {
            let id = run.queries[query]
            if isJudged(id) { judgedCount += 1 }
            if try !isKnown(id) { try unknown.addQuery(id, of: file, isKnown: isKnown) }
        }
        if let dataset, isLocal {
            for result in 0..<run.resultCount {
                if result % 65536 == 0 { try Interruption.check() }
                guard try !run.documents.withBytes(at: result, dataset.probablyHasDocument) else { continue }
                try unknown.addDocument(run.documents[result], of: file) { try dataset.documentOrdinal(id: $0) != nil }
            }
        }
        let coverage = UnknownIDs.Coverage(
            knownQueryCount: run.queryCount - unknown.queryCount, missingQueryCount: qrels.queryCount - judgedCount,
            resultCount: run.resultCount)
        try unknown.check(
            coverage, against: tolerance, path: file.path.string, source: name,
            hint: judgedCount == 0 ? swapHint(run) : nil)
        return unknown
    }

    /// Judgements whose queries are documents, and the other way round.
    private func swapHint(_ run: Run) -> String? {
        let documents = Set((0..<qrels.documents.count).map { qrels.documents[$0] })
        guard (0..<run.queryCount).contains(where: { documents.contains(run.queries[$0]) }) else { return nil }
        return "\(name) judges the run's queries as documents: are its columns of queries and documents swapped?"
    }
}
