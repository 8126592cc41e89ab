/// Records of several datasets, each once, in the order of datasets and ordinals.
struct RecordKeys {
    private(set) var sorted: [UInt64] = []

    mutating func insert(part: Int, ordinal: Int) { sorted.append(Self.key(part, ordinal)) }

    mutating func sort() {
        sorted.sort()
        var kept = 0
        for index in sorted.indices where kept == 0 || sorted[kept - 1] != sorted[index] {
            sorted[kept] = sorted[index]
            kept += 1
        }
        sorted.removeSubrange(kept...)
    }

    // Ordinals are below 2^32.
    private static func key(_ part: Int, _ ordinal: Int) -> UInt64 { UInt64(part) << 32 | UInt64(ordinal) }

    /// Where a record stands among the sorted.
    func index(part: Int, ordinal: Int) -> Int { firstIndex(notBelow: Self.key(part, ordinal)) }

    private func firstIndex(notBelow key: UInt64) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func ordinals(ofPart part: Int) -> some Sequence<Int> {
        sorted[firstIndex(notBelow: Self.key(part, 0))..<firstIndex(notBelow: Self.key(part + 1, 0))].lazy.map {
            Int($0 & 0xFFFF_FFFF)
        }
    }

    var all: some Sequence<(part: Int, ordinal: Int)> {
        sorted.lazy.map { (part: Int($0 >> 32), ordinal: Int($0 & 0xFFFF_FFFF)) }
    }
}
