internal import Base

/// Which items are trained on, and which are held out.
struct Sides {
    enum Name: String, CaseIterable { case train, dev, test }

    /// Positions of items in order.
    private(set) var members: [Name: [Int]] = [:]

    /// Items that share a key, directly or through others, are one group, and groups are not divided. Their order is a
    /// function of the seed and of their items' ids; the test side takes groups as long as they fit, then the dev side.
    ///
    /// - Throws: `Failure` where there are not enough items.
    init(_ items: [CaptionedItem], seed: UInt64, test: Int, dev: Int) throws {
        let groups = Self.groups(items).map { group in
            let name = Array(items[group[0]].id.utf8)
            return (order: name.withUnsafeBytes { XXH3.hash64($0, seed: SplitMix64.mix(seed, 1)) }, group)
        }
        var side = [Name](repeating: .train, count: items.count)
        var room: [Name: Int] = [.test: test, .dev: dev]
        for (_, group) in groups.sorted(by: { $0.order < $1.order }) {
            guard let name = [Name.test, .dev].first(where: { room[$0]! >= group.count }) else { continue }
            room[name]! -= group.count
            for item in group { side[item] = name }
        }
        for name in Name.allCases { members[name] = items.indices.filter { side[$0] == name } }
        guard room.values.allSatisfy({ $0 == 0 }), !members[.train]!.isEmpty else {
            throw Failure(
                .usage, "of \(items.count) items in \(groups.count) groups \(test) and \(dev) cannot be held out")
        }
    }

    /// Positions by group, smallest ids first.
    static func groups(_ items: [CaptionedItem]) -> [[Int]] {
        var parents = Array(items.indices)
        func root(_ index: Int) -> Int {
            var index = index
            while parents[index] != index {
                parents[index] = parents[parents[index]]
                index = parents[index]
            }
            return index
        }
        var firstByKey: [String: Int] = [:]
        for (index, item) in items.enumerated() {
            for key in item.keys {
                if let first = firstByKey[key] {
                    parents[root(index)] = root(first)
                } else {
                    firstByKey[key] = index
                }
            }
        }
        let groups = Dictionary(grouping: items.indices) { root($0) }.values
        return groups.map { $0.sorted { items[$0].id < items[$1].id } }.sorted { items[$0[0]].id < items[$1[0]].id }
    }
}
