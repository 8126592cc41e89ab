import Base
import Examples
import Testing

@Suite("Order of examples")
struct ExampleOrderTests {
    static let mixes: [[ExampleOrder.Part]] = [
        [.init(count: 1, weight: 1)],
        [.init(count: 97, weight: 1)],
        [.init(count: 10, weight: 3), .init(count: 33, weight: 1), .init(count: 7, weight: 5)],
        [.init(count: 100, weight: 100), .init(count: 41, weight: 41)],
        [.init(count: 5, weight: 1), .init(count: 5, weight: 1)],
    ]

    @Test("every block of W slots has exactly the weights' proportions", arguments: mixes, [0, 7, 42] as [UInt64])
    func proportions(parts: [ExampleOrder.Part], seed: UInt64) {
        let order = ExampleOrder(parts: parts, seed: seed)
        for block in 0..<20 as Range<UInt64> {
            var counts = [UInt64](repeating: 0, count: parts.count)
            for place in 0..<order.blockSize { counts[order.entry(at: block * order.blockSize + place).part] += 1 }
            #expect(counts == parts.map(\.weight))
        }
    }

    @Test("every epoch of every part is a full permutation", arguments: mixes, [1, 42] as [UInt64])
    func epochs(parts: [ExampleOrder.Part], seed: UInt64) {
        let order = ExampleOrder(parts: parts, seed: seed)
        var seen: [[UInt64: Set<UInt64>]] = Array(repeating: [:], count: parts.count)
        var drawn = [UInt64](repeating: 0, count: parts.count)
        for slot in 0..<(order.blockSize * 120) {
            let entry = order.entry(at: slot)
            #expect(seen[entry.part][entry.epoch, default: []].insert(entry.example).inserted)
            drawn[entry.part] += 1
        }
        for (part, epochs) in seen.enumerated() {
            let complete = drawn[part] / parts[part].count
            for epoch in 0..<complete { #expect(epochs[epoch] == Set(0..<parts[part].count)) }
            // Nothing of a later epoch before the earlier ones are done, up to the block that straddles the two.
            #expect(UInt64(epochs.count) <= complete + 1)
        }
    }

    @Test("any number of ranks sees the same examples in each step", arguments: [1, 2, 4, 8])
    func ranks(rankCount: Int) {
        let order = ExampleOrder(parts: Self.mixes[2], seed: 5)
        for step in 0..<30 as Range<UInt64> {
            let alone = ExampleOrder.slots(step: step, slotsPerStep: 32).map(order.entry)
            var together = [ExampleOrder.Entry?](repeating: nil, count: 32)
            for rank in 0..<rankCount {
                let slots = ExampleOrder.slots(step: step, slotsPerStep: 32, rank: rank, rankCount: rankCount)
                #expect(slots.count == 32 / rankCount)
                for slot in slots { together[Int(slot - step * 32)] = order.entry(at: slot) }
            }
            #expect(together == alone.map(Optional.some))
        }
    }

    @Test("a slot's example does not depend on where the run began, nor on the size of the data")
    func resume() {
        let huge = [ExampleOrder.Part(count: 3_000_000_000, weight: 3), .init(count: 10_000_000_000, weight: 7)]
        let order = ExampleOrder(parts: huge, seed: 9)
        let again = ExampleOrder(parts: huge, seed: 9)
        let later = (500_000_000_000..<500_000_000_050).map { order.entry(at: $0) }
        #expect(later == (500_000_000_000..<500_000_000_050).map { again.entry(at: $0) })
        #expect(later.allSatisfy { $0.example < huge[$0.part].count })
        #expect(MemoryLayout<ExampleOrder>.size < 100)
    }

    @Test("another seed is another order")
    func seeds() {
        let parts = Self.mixes[1]
        let orders = (0..<8 as Range<UInt64>).map { seed in
            (0..<97 as Range<UInt64>).map { ExampleOrder(parts: parts, seed: seed).entry(at: $0).example }
        }
        #expect(Set(orders).count == 8)
        let epochs = (0..<8 as Range<UInt64>).map { epoch in
            (0..<97 as Range<UInt64>).map { ExampleOrder(parts: parts, seed: 1).entry(at: epoch * 97 + $0).example }
        }
        #expect(Set(epochs).count == 8)
    }
}
