internal import Base

extension ExampleOrder {
    /// The slots of a rank one after the other: the entries of ``entry(at:)``, with the set-up of a permutation shared
    /// by all slots of its block or epoch.
    ///
    /// Memory: one permutation a part.
    public struct Walk: Sendable {
        public let order: ExampleOrder
        /// The slot that ``next()`` gives.
        public private(set) var slot: UInt64
        private let stride: UInt64
        /// Nil before the first slot: there may be none.
        private var block: TurnBlock?
        private var epochs: [UInt64]
        private var examples: [Permutation]

        /// - Parameters:
        ///   - slot: no slot before this one is given.
        ///   - rank: takes the slots that leave this remainder when divided by `rankCount`.
        public init(_ order: ExampleOrder, from slot: UInt64 = 0, rank: Int = 0, rankCount: Int = 1) {
            self.order = order
            self.slot = ExampleOrder.firstSlot(from: slot, rank: rank, rankCount: rankCount)
            stride = UInt64(rankCount)
            epochs = order.counts.map { _ in 0 }
            examples = order.counts.indices.map { order.examples(ofPart: $0, epoch: 0) }
        }

        public mutating func next() -> Entry {
            let (turn, place) = slot.quotientAndRemainder(dividingBy: order.run)
            let (part, turnsBefore) = draw(turn)
            let number = turnsBefore * order.run + place
            let (epoch, index) = number.quotientAndRemainder(dividingBy: order.counts[part])
            if epochs[part] != epoch {
                epochs[part] = epoch
                examples[part] = order.examples(ofPart: part, epoch: epoch)
            }
            slot += stride
            return Entry(part: part, epoch: epoch, example: examples[part][index])
        }

        private mutating func draw(_ turn: UInt64) -> (part: Int, before: UInt64) {
            if block?.turns.contains(turn) != true { block = order.turns.block(of: turn, seed: order.seed) }
            return block!.draw(turn)
        }
    }

    /// The first slot of a rank that is not before `slot`.
    public static func firstSlot(from slot: UInt64, rank: Int, rankCount: Int) -> UInt64 {
        precondition(rankCount > 0 && (0..<rankCount).contains(rank), "rank \(rank) of \(rankCount)")
        let ranks = UInt64(rankCount)
        return slot + (UInt64(rank) + ranks - slot % ranks) % ranks
    }
}
