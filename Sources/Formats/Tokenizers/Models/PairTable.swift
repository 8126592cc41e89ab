/// Which pairs of tokens merge, in what order, and into what: an open-addressing table.
///
/// `@unchecked Sendable`: the memory is written in `init` only.
final class PairTable: @unchecked Sendable {
    private struct Slot {
        /// The left token above, the right token below; ids are never negative, so no pair is all ones.
        var pair: UInt64
        var rank: UInt32
        var merged: Int32
    }

    private static let empty = UInt64.max

    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    /// What the merge of a rank makes.
    private let mergedByRank: [Int32]

    /// - Parameter merges: in order of preference. Of equal pairs the last one counts, as in the reference.
    init(_ merges: [(left: Int32, right: Int32, merged: Int32)]) {
        var slotCount = 16
        while slotCount < 2 * merges.count { slotCount *= 2 }
        slots = .allocate(capacity: slotCount)
        slots.initialize(repeating: Slot(pair: Self.empty, rank: 0, merged: 0), count: slotCount)
        mask = slotCount - 1
        mergedByRank = merges.map(\.merged)
        for (rank, merge) in merges.enumerated() {
            let pair = Self.pair(merge.left, merge.right)
            var slot = Self.home(pair) & mask
            while slots[slot].pair != Self.empty && slots[slot].pair != pair { slot = (slot + 1) & mask }
            slots[slot] = Slot(pair: pair, rank: UInt32(rank), merged: merge.merged)
        }
    }

    deinit { slots.deallocate() }

    /// The rank of the merge of two tokens that follow each other, and what it makes; nil if they do not merge.
    @inline(__always)
    func find(_ left: Int32, _ right: Int32) -> (rank: UInt32, merged: Int32)? {
        let pair = Self.pair(left, right)
        var slot = Self.home(pair) & mask
        while true {
            let entry = slots[slot]
            if entry.pair == pair { return (entry.rank, entry.merged) }
            if entry.pair == Self.empty { return nil }
            slot = (slot + 1) & mask
        }
    }

    /// What the merge of this rank makes.
    func merged(_ rank: UInt32) -> Int32 { mergedByRank[Int(rank)] }

    @inline(__always)
    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private static func home(_ pair: UInt64) -> Int {
        let hash = pair &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: (hash ^ (hash >> 32)) & 0x7FFF_FFFF)
    }
}
