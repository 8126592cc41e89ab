import Base
import Examples
import TestKit
import Testing

@Suite("Laws of the order")
struct OrderLawTests {
    /// The mixes of `Golden/example_order.py`.
    static let goldenMixes: [[ExampleOrder.Part]] = [
        [.init(count: 1, weight: 1)],
        [.init(count: 97, weight: 1)],
        [.init(count: 10, weight: 3), .init(count: 33, weight: 1), .init(count: 7, weight: 5)],
        [.init(count: 31102, weight: 31102)],
        [.init(count: 100_000_000, weight: 3), .init(count: 12_345_678, weight: 1)],
        [.init(count: 1 << 40, weight: 9), .init(count: 3, weight: 1), .init(count: 5_000_000_000, weight: 90)],
    ]

    @Test("another program, from the formulas alone, has the same order and choices: neither ever changes")
    func golden() throws {
        let text = String(decoding: try Golden().bytes("order.txt"), as: UTF8.self)
        var lineCount = 0
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            let numbers = words.dropFirst().compactMap { UInt64($0) }
            try #require(numbers.count == words.count - 1)
            if words[0] == "order" {
                let order = ExampleOrder(parts: Self.goldenMixes[Int(numbers[0])], seed: numbers[1])
                let expected = ExampleOrder.Entry(part: Int(numbers[3]), epoch: numbers[4], example: numbers[5])
                #expect(order.entry(at: numbers[2]) == expected, "\(line)")
            } else {
                let chosen = PassageChoice(policy: .windowed, seed: numbers[0]).choose(
                    part: Int(numbers[1]), query: numbers[2], epoch: numbers[3], positiveCount: Int(numbers[4]),
                    negativeCount: Int(numbers[5]), wanted: Int(numbers[6]))
                #expect(chosen.positives + chosen.negatives == numbers[7...].map(Int.init), "\(line)")
            }
            lineCount += 1
        }
        #expect(lineCount == 6 * 3 * 16 + 6)
    }

    @Test("an epoch is a permutation: every count from 1 to 300 and some up to 5,000, eight seeds")
    func permutations() {
        let counts = Array(1...300) + [511, 512, 513, 1023, 1024, 1025, 2047, 2049, 4095, 4096, 4097, 5000]
        for count in counts.map(UInt64.init) {
            for seed in 0..<8 as Range<UInt64> {
                let order = ExampleOrder(parts: [.init(count: count, weight: 1 + seed % 3)], seed: seed)
                let epoch = seed % 2
                var seen = [Bool](repeating: false, count: Int(count))
                var isFull = true
                for index in 0..<count {
                    let entry = ExampleOrder.Entry(part: 0, epoch: epoch, example: index)
                    let slot = order.slot(of: entry)
                    isFull = isFull && order.entry(at: slot) == entry
                    let place = Int(slot) - Int(epoch * count)
                    // Slots of one part come block by block: an epoch straddles at most one block at each end.
                    guard place > -3, place < Int(count) + 3 else {
                        isFull = false
                        continue
                    }
                    if seen.indices.contains(place) { seen[place] = true }
                }
                #expect(isFull && seen.count { !$0 } < 6, "\(count), seed \(seed)")
            }
        }
    }

    @Test("every entry has one slot and every slot one entry, at 10^8 and 2^40 too", arguments: [0, 42] as [UInt64])
    func bijection(seed: UInt64) {
        let mixes: [[ExampleOrder.Part]] =
            Self.goldenMixes + [[.init(count: 100_000_000, weight: 1)], [.init(count: 1 << 40, weight: 1 << 40)]]
        for parts in mixes {
            let order = ExampleOrder(parts: parts, seed: seed)
            var random = SplitMix64(seed: seed, 3)
            for _ in 0..<500 {
                let slot = random.next(below: 1 << 50)
                #expect(order.slot(of: order.entry(at: slot)) == slot)
                let part = Int(random.next(below: UInt64(parts.count)))
                let entry = ExampleOrder.Entry(
                    part: part, epoch: random.next(below: 5), example: random.next(below: parts[part].count))
                #expect(order.entry(at: order.slot(of: entry)) == entry)
            }
        }
    }

    @Test("walking gives what asking for each slot gives, from any slot, for any rank", arguments: [1, 2, 4, 8])
    func walk(rankCount: Int) {
        for parts in Self.goldenMixes {
            let order = ExampleOrder(parts: parts, seed: 11)
            for (rank, start) in [(0, 0), (rankCount - 1, 5), (rankCount / 2, 1_000_003)] {
                var walk = ExampleOrder.Walk(order, from: UInt64(start), rank: rank, rankCount: rankCount)
                var slot = UInt64(start)
                while slot % UInt64(rankCount) != UInt64(rank) { slot += 1 }
                for _ in 0..<300 {
                    #expect(walk.slot == slot)
                    #expect(walk.next() == order.entry(at: slot))
                    slot += UInt64(rankCount)
                }
            }
        }
    }

    @Test(
        "records spread as in a uniform shuffle, at every size",
        arguments: [10_000, 31_102, 65_536, 1_000_000, 100_000_000, 1 << 40] as [UInt64], [1, 42, 1234] as [UInt64])
    func spread(count: UInt64, seed: UInt64) {
        let order = ExampleOrder(parts: [.init(count: count, weight: 1)], seed: seed)
        let drawn = min(count / 2, 200_000)
        var walk = ExampleOrder.Walk(order, from: count * 3)
        let spread = OrderSpread(of: (0..<drawn).lazy.map { _ in walk.next().example }, count: count)
        let deviations = 5 / Double(drawn).squareRoot()
        // The distances' own deviation is √(1/18), about 0.24; neighbours' correlation has about 1/√drawn.
        #expect(abs(spread.meanDistance - 1 / 3.0) < 0.24 * deviations)
        #expect(abs(spread.closeShare - 0.0199) < 0.14 * deviations)
        #expect(abs(spread.serialCorrelation) < deviations)
        #expect(abs(spread.distanceZ) < 5)
        #expect(abs(spread.coverageZ) < 5)
        #expect(Double(spread.adjacentCount) < 10 + 10 * Double(drawn) / Double(count))
    }

    @Test("the measure finds orders that are not shuffled well")
    func spreadFindsFaults() {
        let count: UInt64 = 1 << 20
        // In stored order; in blocks of 1,000 that are shuffled; an affine map.
        let straight = OrderSpread(of: 0..<50_000 as Range<UInt64>, count: count)
        #expect(straight.serialCorrelation > 0.9 && straight.coverageZ > 100)
        let block = Permutation(count: 1000, seed: 1)
        let blocks = OrderSpread(
            of: (0..<50_000 as Range<UInt64>).lazy.map { $0 / 1000 * 1000 + block[$0 % 1000] }, count: count)
        #expect(blocks.closeShare > 0.9 && blocks.coverageZ > 100)
        let affine = OrderSpread(
            of: (0..<50_000 as Range<UInt64>).lazy.map { ($0 * 12345 + 7) % count }, count: count)
        #expect(abs(affine.distanceZ) > 100)
    }

    @Test("the two epochs of a dataset, and the same dataset under two seeds, have nothing in common")
    func independence() {
        let count: UInt64 = 20_000
        func places(_ seed: UInt64, _ epoch: UInt64) -> [UInt64] {
            let order = ExampleOrder(parts: [.init(count: count, weight: 1)], seed: seed)
            return (0..<count).map { order.slot(of: .init(part: 0, epoch: epoch, example: $0)) - epoch * count }
        }
        let orders = [places(1, 0), places(1, 1), places(2, 0), places(1, 2)]
        for (left, right) in [(0, 1), (0, 2), (1, 3), (2, 3)] {
            let both = zip(orders[left], orders[right])
            // Expected 1 in common, of a Poisson distribution; and no correlation.
            #expect(both.count { $0 == $1 } < 10)
            let mean = Double(count - 1) / 2
            let covariance = both.reduce(0.0) { $0 + (Double($1.0) - mean) * (Double($1.1) - mean) } / Double(count)
            #expect(abs(covariance / (Double(count) * Double(count) / 12)) < 5 / Double(count).squareRoot())
        }
    }
}
