extension ExampleOrder {
    /// How many of the first slots are of each part.
    public struct PartCounts: Sendable, Equatable {
        public var counts: [UInt64]
        /// Whether they were counted to the last slot; else the slots of the last block are shared out evenly.
        public var isExact: Bool
    }

    /// Turns of one block that are looked at one by one.
    static let mostCountedTurns: UInt64 = 1 << 22

    /// How many of the first `slotCount` slots each part gets.
    ///
    /// - Parameter slotCount: a multiple of ``run``.
    /// - Complexity: that of the turns since the last block began, 2^22 at most.
    public func partCounts(ofFirst slotCount: UInt64) -> PartCounts {
        let turnCount = slotCount / run
        guard turnCount > 0 else { return PartCounts(counts: counts.map { _ in 0 }, isExact: true) }
        let block = turns.block(of: turnCount - 1, seed: seed)
        var found = block.before
        let begun = turnCount - block.turns.lowerBound
        let whole = block.firstPlaces[found.count]
        var isExact = true
        if begun == whole {
            for part in found.indices { found[part] += block.firstPlaces[part + 1] - block.firstPlaces[part] }
        } else if begun <= Self.mostCountedTurns {
            for turn in block.turns.lowerBound..<turnCount { found[block.draw(turn).part] += 1 }
        } else {
            isExact = false
            let share = Double(begun) / Double(whole)
            // Rounded running sums, so that they add up.
            func reached(_ part: Int) -> UInt64 { UInt64((Double(block.firstPlaces[part]) * share).rounded()) }
            for part in found.indices { found[part] += reached(part + 1) - reached(part) }
        }
        return PartCounts(counts: found.map { $0 * run }, isExact: isExact)
    }
}
