internal import Base
internal import Store

/// The documents that are right for a query: its positive links and those judged with a grade above zero, in any split.
struct Positives: Sendable {
    let dataset: Dataset

    /// Sorted, each once.
    func documents(of query: Int) throws -> [UInt32] {
        var found = try dataset.positives.map { Array(try $0.targets(of: query)) } ?? []
        for (_, links) in dataset.judgements {
            let targets = try links.targets(of: query)
            let grades = try links.scores(of: query)
            for (index, target) in targets.enumerated() where (grades?[index] ?? 1) > 0 { found.append(target) }
        }
        found.sort()
        var count = 0
        for target in found where count == 0 || found[count - 1] != target {
            found[count] = target
            count += 1
        }
        found.removeLast(found.count - count)
        return found
    }
}

extension [UInt32] {
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
