import Base
import Testing

@Suite struct RandomnessTests {
    @Test(arguments: [0, 1, 2, 3, 4, 5, 16, 17, 1000, 4097] as [UInt64], [0, 1, 99] as [UInt64])
    func aPermutationHitsEveryIndexOnce(count: UInt64, seed: UInt64) {
        let permutation = Permutation(count: count, seed: seed, 7)
        var seen = Set<UInt64>()
        for index in 0..<count {
            let target = permutation[index]
            #expect(target < count)
            seen.insert(target)
        }
        #expect(seen.count == Int(count))
    }

    @Test func permutationsOfDifferentKeysDiffer() {
        let orders = [
            Permutation(count: 100, seed: 1), Permutation(count: 100, seed: 2), Permutation(count: 100, seed: 1, 0),
            Permutation(count: 100, seed: 1, 1), Permutation(count: 100, seed: 1, 1, 0),
        ].map { permutation in (0..<100).map { permutation[$0] } }
        #expect(Set(orders).count == orders.count)
    }

    /// A shuffle that left neighbours together, or everything near its place, would fail here.
    @Test func aPermutationSpreads() {
        let count: UInt64 = 100_000
        let permutation = Permutation(count: count, seed: 3)
        var displacement = 0.0
        var neighbours = 0
        for index in 0..<count {
            let target = permutation[index]
            displacement += abs(Double(target) - Double(index))
            if index > 0, permutation[index - 1] + 1 == target { neighbours += 1 }
        }
        // A uniform shuffle has mean displacement n/3 and about one pair of neighbours.
        #expect(abs(displacement / Double(count) / Double(count) - 1.0 / 3) < 0.01)
        #expect(neighbours < 10)
    }

    @Test func permutationsOfHugeCountsStayInside() {
        let permutation = Permutation(count: 10_000_000_000, seed: 5)
        for index: UInt64 in [0, 1, 9_999_999_999, 5_000_000_000] { #expect(permutation[index] < 10_000_000_000) }
    }

    @Test func streamsAreNamedByTheOrderOfTheirKeys() {
        #expect(SplitMix64.mix(1, 2) != SplitMix64.mix(2, 1))
        #expect(SplitMix64.mix(0, 0) != SplitMix64.mix(0))
        var left = SplitMix64(seed: 1, 2, 3)
        var right = SplitMix64(seed: 1, 2, 3)
        for _ in 0..<10 { #expect(left.next() == right.next()) }
    }

    @Test func boundedValuesAreUniform() {
        var generator = SplitMix64(seed: 11)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[Int(generator.next(below: 7))] += 1 }
        for count in counts { #expect(abs(count - 10_000) < 500) }
        for _ in 0..<1000 { #expect((0..<1).contains(generator.nextUnit())) }
    }
}
