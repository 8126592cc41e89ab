internal import Base
internal import Rankings
internal import Store
internal import StoreFormat

/// The judgements of a dataset in the store.
enum StoredQrels {
    /// - Parameter split: nil for `test` where there is one, else the only one.
    /// - Throws: `Failure` where there is no such split, or several and none is named; `InputError` for a grade that
    ///   is not a whole number.
    static func read(_ dataset: Dataset, split: String?) throws -> Qrels {
        let links = try links(of: dataset, split: split)
        var judgedQueries: [Int] = []
        var judgedDocuments = Set<UInt32>()
        for query in 0..<dataset.queryCount {
            let targets = try links.targets(of: query)
            if !targets.isEmpty { judgedQueries.append(query) }
            judgedDocuments.formUnion(targets)
        }
        let documentIDs = try ids(judgedDocuments, of: dataset.documentCount, one: dataset.documentID) {
            try dataset.forEachDocumentID(in: 0..<dataset.documentCount, $0)
        }
        let queryIDs = try ids(Set(judgedQueries.map(UInt32.init)), of: dataset.queryCount, one: dataset.queryID) {
            try dataset.forEachQueryID(in: 0..<dataset.queryCount, $0)
        }
        var qrels = Qrels()
        for query in judgedQueries {
            let id = queryIDs[UInt32(query)]!
            let grades = try links.scores(of: query)
            let judgements = try links.targets(of: query).enumerated().map { index, document in
                let document = documentIDs[document]!
                guard let grade = Int32(exactly: grades?[index] ?? 1) else {
                    throw Failure(
                        .badData,
                        "\(dataset.reference): the grade of \(escaped(document)) for the query \(escaped(id)) is "
                            + "\(grades![index]), and measures take whole numbers")
                }
                return (document: document, grade: grade)
            }
            qrels.append(query: id, judgements)
        }
        return qrels
    }

    /// The name of the split that is meant.
    static func split(of dataset: Dataset, _ split: String?) throws -> String {
        let splits = dataset.judgements.map(\.split)
        let known = splits.isEmpty ? "it has none" : "it has \(splits.joined(separator: ", "))"
        if let split {
            guard splits.contains(split) else {
                throw Failure(.missingInput, "\(dataset.reference) has no judgements \(split); \(known)")
            }
            return split
        }
        if splits.contains("test") { return "test" }
        guard !splits.isEmpty else {
            throw Failure(
                .missingInput, "\(dataset.reference) has no judgements named test; \(known)",
                advice: "tvt-store judgements adds those of a file, tvt-store hold-out makes some of its own links")
        }
        guard splits.count == 1 else {
            throw Failure(
                .usage, "\(dataset.reference) has no judgements named test; \(known)", advice: "name one with --split")
        }
        return splits[0]
    }

    private static func links(of dataset: Dataset, split: String?) throws -> Links {
        dataset.judgements(split: try self.split(of: dataset, split))!
    }

    /// Ids by ordinal: one by one where few are wanted, in one pass where many are.
    private static func ids(
        _ wanted: Set<UInt32>, of count: Int, one: (Int) throws -> [UInt8],
        all: (_ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws -> [UInt32: [UInt8]] {
        var ids: [UInt32: [UInt8]] = [:]
        ids.reserveCapacity(wanted.count)
        if wanted.count < count / 32 {
            for ordinal in wanted.sorted() { ids[ordinal] = try one(Int(ordinal)) }
        } else {
            try all { ordinal, id in
                if wanted.contains(UInt32(ordinal)) { ids[UInt32(ordinal)] = Array(id) }
            }
        }
        return ids
    }
}
