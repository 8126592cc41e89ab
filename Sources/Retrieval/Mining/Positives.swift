internal import Base
internal import Store
internal import StoreFormat

/// The documents that are right for the queries of a dataset: their positive links and those judged with a grade above
/// zero, in any split.
struct Positives: Sendable {
    let dataset: Dataset

    /// - Returns: what is right for one query.
    func positives(of query: Int) throws -> QueryPositives {
        var found = try dataset.positives.map { Array(try $0.targets(of: query)) } ?? []
        for (_, links) in dataset.judgements {
            let targets = try links.targets(of: query)
            let grades = try links.scores(of: query)
            for (index, target) in targets.enumerated() where (grades?[index] ?? 1) > 0 { found.append(target) }
        }
        return try QueryPositives(found, aliases: dataset.aliases)
    }
}

/// What is right for one query, with the duplicates of it that the dataset's alias map knows.
struct QueryPositives {
    /// Sorted, each once.
    let documents: [UInt32]
    /// The documents that stand for theirs, sorted, each once; empty without an alias map.
    private let representatives: [UInt32]
    private let aliases: AliasMap?

    init(_ documents: [UInt32], aliases: AliasMap?) throws {
        self.documents = documents.sortedUnique()
        self.aliases = aliases
        representatives =
            try aliases.map { aliases in
                try documents.map { UInt32(try aliases.representative(of: Int($0))) }.sortedUnique()
            } ?? []
    }

    func contains(_ document: UInt32) -> Bool { documents.containsSorted(document) }

    /// Whether a document that is no positive itself is a duplicate of one.
    func hasDuplicate(_ document: UInt32) throws -> Bool {
        guard let aliases, !representatives.isEmpty, document != ResolvedRanking.unknown, !contains(document) else {
            return false
        }
        return representatives.containsSorted(UInt32(try aliases.representative(of: Int(document))))
    }
}

extension [UInt32] {
    fileprivate func sortedUnique() -> [UInt32] {
        var sorted = sorted()
        var count = 0
        for value in sorted where count == 0 || sorted[count - 1] != value {
            sorted[count] = value
            count += 1
        }
        sorted.removeLast(sorted.count - count)
        return sorted
    }

    /// Whether a sorted array contains a value.
    func containsSorted(_ value: UInt32) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low] == value
    }
}
