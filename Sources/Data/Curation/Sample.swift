internal import Base
public import JSON
public import Store
public import StoreFormat

/// A smaller version of a dataset: some queries, all documents that they are linked to, and some others.
///
/// What is drawn is a function of the seed and the ids; the records keep their order. A larger sample of the same seed
/// contains a smaller one.
public struct Sample: Sendable {
    public struct Report: Sendable, Equatable {
        public var queryCount = 0
        public var documentCount = 0
        /// Documents that a query of the sample is linked to, by positives, negatives or judgements.
        public var linkedCount = 0
        public var positiveCount = 0
        public var negativeCount = 0
        public var judgementCount = 0

        public var json: JSONObject {
            [
                "queries": JSONValue(queryCount), "documents": JSONValue(documentCount),
                "linkedDocuments": JSONValue(linkedCount), "positives": JSONValue(positiveCount),
                "negatives": JSONValue(negativeCount), "judgements": JSONValue(judgementCount),
            ]
        }
    }

    /// Nil keeps all.
    public var queries: Amount?
    /// Linked ones and others together; nil keeps the linked ones only.
    public var documents: Amount?
    public var seed: UInt64

    public init(queries: Amount?, documents: Amount?, seed: UInt64) {
        self.queries = queries
        self.documents = documents
        self.seed = seed
    }

    /// - Throws: `Failure` with status 65 where there are fewer queries or documents than asked for, or more documents are
    ///   linked than may be kept.
    public func derive(
        from dataset: Dataset, as reference: String, in store: Store, tool: String,
        options: WriterOptions = WriterOptions()
    ) throws -> (dataset: Dataset, report: Report) {
        var report = Report()
        let kept = try keptQueries(dataset)
        report.queryCount = kept.count
        // Their new ordinals, once it is known which are kept.
        var ordinals = [UInt32](repeating: UInt32.max, count: dataset.documentCount)
        for query in kept {
            try Interruption.check()
            try forEachLinks(dataset) { links in
                for target in try links.targets(of: query) where ordinals[Int(target)] == .max {
                    ordinals[Int(target)] = 0
                    report.linkedCount += 1
                }
            }
        }
        try addOthers(dataset, &ordinals, linkedCount: report.linkedCount)

        var settings: JSONObject = ["seed": JSONValue(Int(seed))]
        settings["queries"] = queries.map(\.json)
        settings["documents"] = documents.map(\.json)
        let writer = try store.writer(
            reference: reference,
            provenance: Provenance(
                tool: tool, options: settings, parents: [dataset.digest],
                licence: dataset.manifest.provenance.licence), options: options)
        let copier = RecordCopier(into: writer)
        let reader = try RecordReader(dataset)
        for document in ordinals.indices where ordinals[document] != .max {
            try Interruption.check()
            ordinals[document] = UInt32(report.documentCount)
            report.documentCount += 1
            try copier.copyDocument(document, of: dataset, reader)
        }
        func moved(_ links: Links?, _ query: Int, _ count: inout Int) throws -> CopiedLinks.List {
            guard let links else { return CopiedLinks.List() }
            let targets = try links.targets(of: query).map { ordinals[Int($0)] }
            count += targets.count
            return CopiedLinks.List(targets: targets, scores: try links.scores(of: query).map { Array($0) })
        }
        for query in kept {
            try Interruption.check()
            let links = CopiedLinks(
                positives: try moved(dataset.positives, query, &report.positiveCount),
                negatives: try moved(dataset.negatives, query, &report.negativeCount))
            let ordinal = try copier.copyQuery(query, of: dataset, reader, links)
            for (split, judged) in dataset.judgements {
                let grades = try judged.scores(of: query)
                for (position, document) in try judged.targets(of: query).enumerated() {
                    try writer.addJudgement(
                        split: split, query: ordinal, document: Int(ordinals[Int(document)]),
                        grade: grades.map { $0[position] } ?? 1)
                    report.judgementCount += 1
                }
            }
        }
        writer.provenance.statistics = report.json
        return (try writer.commit(), report)
    }

    /// In their order.
    private func keptQueries(_ dataset: Dataset) throws -> [Int] {
        guard let queries else { return Array(0..<dataset.queryCount) }
        let order = try Drawing.queries(of: dataset, seed: seed) { _ in true }
        return try order.prefix(queries.resolved(of: order.count, "queries")).sorted()
    }

    private func forEachLinks(_ dataset: Dataset, _ body: (Links) throws -> Void) rethrows {
        if let positives = dataset.positives { try body(positives) }
        if let negatives = dataset.negatives { try body(negatives) }
        for (_, links) in dataset.judgements { try body(links) }
    }

    private func addOthers(_ dataset: Dataset, _ ordinals: inout [UInt32], linkedCount: Int) throws {
        guard let documents else { return }
        let wanted = try documents.resolved(of: dataset.documentCount, "documents")
        guard wanted >= linkedCount else {
            throw Failure(
                .badData,
                "\(linkedCount) documents are linked to the queries of the sample, and \(wanted) are asked for",
                advice: "Take fewer queries, or more documents.")
        }
        let linked = ordinals
        let others = try Drawing.documents(of: dataset, seed: seed) { linked[$0] == .max }
        for document in others.prefix(wanted - linkedCount) { ordinals[document] = 0 }
    }
}

extension Amount {
    var json: JSONValue {
        switch self {
        case .count(let count): JSONValue(count)
        case .share(let share): .number(share)
        }
    }
}
