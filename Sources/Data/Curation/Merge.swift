internal import Base
public import JSON
public import Store
public import StoreFormat

/// One dataset of several: the documents and queries of all, each once.
///
/// Records of one id and equal content are one; links and judgements of a query are united. The order is that of the
/// datasets, then of their records.
public struct Merge: Sendable {
    /// What becomes of a record whose id an earlier dataset has for another content.
    public enum Conflicts: String, Sendable, CaseIterable {
        /// Nothing is merged.
        case error
        /// It gets the id `NAME/id`, with the name of its dataset.
        case prefix
        /// It is left out; its links go to the earlier one.
        case first
    }

    public struct Report: Sendable, Equatable {
        public var documentCount = 0
        public var queryCount = 0
        /// Records that an earlier dataset has just so.
        public var equalDocuments = 0
        public var equalQueries = 0
        public var conflictingDocuments = 0
        public var conflictingQueries = 0
        /// Negatives of a query that another dataset has among its positives; they are left out.
        public var droppedNegatives = 0
        /// Whether scores of links are left out, because not all datasets with such links have them.
        public var dropsScores = false
        /// Judgements that repeat one of an earlier dataset.
        public var repeatedJudgements = 0
        /// Judgements with another grade than an earlier dataset has; the earlier one stays.
        public var conflictingJudgements = 0

        public var json: JSONObject {
            [
                "documents": JSONValue(documentCount), "queries": JSONValue(queryCount),
                "equalDocuments": JSONValue(equalDocuments), "equalQueries": JSONValue(equalQueries),
                "conflictingDocuments": JSONValue(conflictingDocuments),
                "conflictingQueries": JSONValue(conflictingQueries), "droppedNegatives": JSONValue(droppedNegatives),
                "dropsScores": .bool(dropsScores), "repeatedJudgements": JSONValue(repeatedJudgements),
                "conflictingJudgements": JSONValue(conflictingJudgements),
            ]
        }
    }

    public var conflicts: Conflicts

    public init(conflicts: Conflicts = .error) { self.conflicts = conflicts }

    /// - Parameter datasets: at least two, of the store.
    /// - Throws: `Failure` with status 65 for conflicts that are errors, with the first ten; 78 for one dataset named twice.
    public func derive(
        from datasets: [Dataset], as reference: String, in store: Store, tool: String,
        options: WriterOptions = WriterOptions()
    ) throws -> (dataset: Dataset, report: Report) {
        for (number, dataset) in datasets.enumerated()
        where datasets[..<number].contains(where: { $0.digest == dataset.digest }) {
            throw Failure(.badConfiguration, "\(dataset.reference) is merged with itself")
        }
        var report = Report()
        let documents = try MergedIDs(datasets, .documents, conflicts)
        let queries = try MergedIDs(datasets, .queries, conflicts)
        if conflicts == .error { try MergedIDs.check([documents, queries]) }
        (report.equalDocuments, report.conflictingDocuments) = (documents.equalCount, documents.conflictCount)
        (report.equalQueries, report.conflictingQueries) = (queries.equalCount, queries.conflictCount)

        let writer = try store.writer(
            reference: reference,
            provenance: Provenance(
                tool: tool, options: ["conflicts": .string(conflicts.rawValue)], parents: datasets.map(\.digest),
                licence: licence(of: datasets)), options: options)
        let copier = RecordCopier(into: writer)
        let readers = try datasets.map { try RecordReader($0) }
        for (number, dataset) in datasets.enumerated() {
            for document in 0..<dataset.documentCount where documents.isNew(document, in: number) {
                try Interruption.check()
                try copier.copyDocument(
                    document, of: dataset, readers[number], id: documents.newID(of: document, in: number))
            }
        }
        let links = MergedLinks(datasets, documents)
        for (number, dataset) in datasets.enumerated() {
            for query in 0..<dataset.queryCount where queries.isNew(query, in: number) {
                try Interruption.check()
                let united = try links.united(queries.occurrences(of: query, in: number), conflicts, &report)
                let ordinal = try copier.copyQuery(
                    query, of: dataset, readers[number], id: queries.newID(of: query, in: number), united.links)
                for judgement in united.judgements {
                    try writer.addJudgement(
                        split: judgement.split, query: ordinal, document: Int(judgement.document),
                        grade: judgement.grade)
                }
            }
        }
        report.dropsScores = links.dropsScores
        (report.documentCount, report.queryCount) = (writer.documentCount, writer.queryCount)
        writer.provenance.statistics = report.json
        return (try writer.commit(), report)
    }

    private func licence(of datasets: [Dataset]) -> String? {
        var licences: [String] = []
        for licence in datasets.compactMap(\.manifest.provenance.licence) where !licences.contains(licence) {
            licences.append(licence)
        }
        return licences.isEmpty ? nil : licences.joined(separator: "; ")
    }
}
