import Base
import Examples
import TestKit
import Testing

@Suite("Order by shares")
struct ShareOrderTests {
    typealias Part = ExampleOrder.SharedPart

    /// The mixes of `Golden/share_order.py`, in slots.
    static let goldenMixes: [(run: UInt64, parts: [Part])] = [
        (1, [Part(count: 97, weight: 1)]),
        (1, [Part(count: 10, weight: 0.3), Part(count: 33, weight: 0.1), Part(count: 7, weight: 0.6)]),
        (
            16,
            [
                Part(count: 31102, weight: 2.5), Part(count: 500, weight: 0.25),
                Part(count: 1 << 40, weight: 1000),
            ]
        ),
        (
            1,
            [
                Part(count: 100, weight: 1, slots: 0..<64), Part(count: 41, weight: 0.75, slots: 32..<UInt64.max),
                Part(count: 9, weight: 2, slots: 96..<128),
            ]
        ),
        (
            4,
            [
                Part(count: 100, weight: 1e9, slots: 0..<200), Part(count: 41, weight: 1e-9),
                Part(count: 9, weight: 1e-9, slots: 28..<360),
            ]
        ),
    ]

    static func order(_ mix: Int, seed: UInt64) -> ExampleOrder {
        ExampleOrder(sharing: goldenMixes[mix].parts, run: goldenMixes[mix].run, seed: seed)
    }

    @Test("another program, from the formulas alone, has the same order: it never changes")
    func golden() throws {
        let text = String(decoding: try Golden().bytes("shares.txt"), as: UTF8.self)
        var lineCount = 0
        for line in text.split(separator: "\n") {
            let numbers = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
            try #require(numbers.count == 6)
            let expected = ExampleOrder.Entry(part: Int(numbers[3]), epoch: numbers[4], example: numbers[5])
            #expect(Self.order(Int(numbers[0]), seed: numbers[1]).entry(at: numbers[2]) == expected, "\(line)")
            lineCount += 1
        }
        #expect(lineCount == 5 * 3 * 16)
    }

    /// Weights of several sizes, drawn by a seed.
    static func weights(_ seed: UInt64, count: Int) -> [Double] {
        var random = SplitMix64(seed: seed, 1)
        return (0..<count).map { _ in 0.02 + random.nextUnit() * Double(1 + random.next(below: 9)) }
    }

    @Test("at the end of every block each part is within one of its share, for real weights", arguments: 0..<12)
    func shares(number: Int) {
        let seed = UInt64(number)
        let weights = Self.weights(seed, count: 1 + number % 7)
        let total = weights.reduce(0, +)
        let order = ExampleOrder(sharing: weights.map { Part(count: 50, weight: $0) }, seed: seed)
        let least = weights.min()! / total
        // So many slots that every part has one of them, and no more than one beyond.
        #expect(abs(Double(order.blockSize) - (1 / least).rounded(.up)) <= 1)
        var counts = [Int](repeating: 0, count: weights.count)
        var walk = ExampleOrder.Walk(order)
        for slot in 1...(100 * Int(order.blockSize)) {
            counts[walk.next().part] += 1
            guard slot % Int(order.blockSize) == 0 else { continue }
            for (count, weight) in zip(counts, weights) {
                #expect(abs(Double(count) - Double(slot) * weight / total) < 1, "slot \(slot) of \(weights)")
            }
            let found = order.partCounts(ofFirst: UInt64(slot))
            #expect(found.isExact && found.counts == counts.map(UInt64.init))
        }
    }

    @Test("far out too: at slot 2^50 the counts are those of the shares, to within one and what a weight's 53 bits say")
    func far() {
        let weights = [0.3, 0.1, 0.6]
        let order = ExampleOrder(sharing: weights.map { Part(count: 1 << 30, weight: $0) }, seed: 1)
        let slots = (UInt64(1) << 50) / order.blockSize * order.blockSize
        for (count, weight) in zip(order.partCounts(ofFirst: slots).counts, weights) {
            #expect(abs(Double(count) - Double(slots) * weight) <= 2)
        }
    }

    @Test("every entry has one slot and every slot one entry; walking gives the same, for any rank and start")
    func bijection() {
        for mix in Self.goldenMixes.indices {
            for seed in [3, 44] as [UInt64] {
                let order = Self.order(mix, seed: seed)
                var seen: Set<ExampleOrder.Entry> = []
                for slot in 0..<1200 as Range<UInt64> {
                    let entry = order.entry(at: slot)
                    #expect(seen.insert(entry).inserted && order.slot(of: entry) == slot)
                }
                for slot in [1 << 20, 1 << 40] as [UInt64] {
                    #expect(order.slot(of: order.entry(at: slot + 3)) == slot + 3)
                }
                for (rank, rankCount, start) in [(0, 1, 0), (1, 2, 5), (2, 3, 77)] {
                    var walk = ExampleOrder.Walk(order, from: UInt64(start), rank: rank, rankCount: rankCount)
                    for _ in 0..<300 {
                        let slot = walk.slot
                        #expect(slot % UInt64(rankCount) == UInt64(rank))
                        #expect(walk.next() == order.entry(at: slot))
                    }
                }
            }
        }
    }

    @Test("every epoch of every part is a full permutation, with runs and without", arguments: [1, 4, 16] as [UInt64])
    func epochs(run: UInt64) {
        let order = ExampleOrder(
            sharing: [Part(count: 30, weight: 0.7), Part(count: 11, weight: 1.9), Part(count: 1, weight: 0.2)],
            run: run,
            seed: 8)
        var seen: [[UInt64: Set<UInt64>]] = [[:], [:], [:]]
        for slot in 0..<(70 * order.blockSize) {
            let entry = order.entry(at: slot)
            #expect(seen[entry.part][entry.epoch, default: []].insert(entry.example).inserted)
        }
        for (part, epochs) in seen.enumerated() {
            let full = epochs.count { $0.value.count == Int(order.counts[part]) }
            // At the end of a block only the last pass is under way.
            #expect(full >= epochs.count - 1 && full > 3)
        }
    }

    @Test("runs of slots are of one part, and parts share the runs", arguments: [2, 8, 32] as [UInt64])
    func runs(run: UInt64) {
        let order = ExampleOrder(
            sharing: [Part(count: 300, weight: 0.5), Part(count: 100, weight: 0.25), Part(count: 7, weight: 0.25)],
            run: run, seed: 5)
        var counts = [0, 0, 0]
        for turn in 0..<400 as Range<UInt64> {
            let parts = Set((0..<run).map { order.entry(at: turn * run + $0).part })
            #expect(parts.count == 1)
            counts[parts.first!] += 1
        }
        #expect(counts == [200, 100, 100])
        #expect(order.partCounts(ofFirst: 400 * run).counts == counts.map { UInt64($0) * run })
    }

    @Test("parts join and leave at their slots, share as their weights say in between, and go on where they were")
    func stages() {
        let parts = [
            Part(count: 40, weight: 1, slots: 0..<600), Part(count: 70, weight: 3, slots: 200..<UInt64.max),
            Part(count: 9, weight: 0.5, slots: 200..<1000),
        ]
        for seed in 0..<6 as Range<UInt64> {
            let order = ExampleOrder(sharing: parts, seed: seed)
            let drawn = (0..<1600 as Range<UInt64>).map { order.entry(at: $0) }
            for (slots, weights) in [
                (0..<200, [1, 0, 0]), (200..<600, [1, 3, 0.5]), (600..<1000, [0, 3, 0.5]), (1000..<1600, [0, 3, 0]),
            ] as [(Range<Int>, [Double])] {
                let total = weights.reduce(0, +)
                for (part, weight) in weights.enumerated() {
                    let count = drawn[slots].count { $0.part == part }
                    #expect(abs(Double(count) - Double(slots.count) * weight / total) < 1)
                }
            }
            // What a part gives does not depend on who else is there: one of each by turns has the same.
            let other = ExampleOrder(parts: parts.map { .init(count: $0.count, weight: 1) }, seed: seed)
            for part in parts.indices {
                let entries = drawn.filter { $0.part == part }
                let expected = (0..<(3 * UInt64(entries.count))).map { other.entry(at: $0) }.filter { $0.part == part }
                #expect(Set(entries) == Set(expected) && entries.count == expected.count)
            }
            #expect(
                order.partCounts(ofFirst: 1600).counts
                    == (0..<3).map { part in
                        UInt64(drawn.count { $0.part == part })
                    })
        }
    }
}
