import Examples
import Testing

@Suite("Choice of passages")
struct PassageChoiceTests {
    @Test("windowed: each positive once in as many epochs as there are positives", arguments: [1, 2, 3, 10, 57])
    func positives(count: Int) {
        let choice = PassageChoice(policy: .windowed, seed: 42)
        for query in 0..<20 as Range<UInt64> {
            for window in 0..<3 {
                let chosen = (0..<count).map { place in
                    choice.choose(
                        part: 0, query: query, epoch: UInt64(window * count + place), positiveCount: count,
                        negativeCount: 0, wanted: 3
                    ).positives
                }
                #expect(chosen.allSatisfy { $0.count == 1 })
                #expect(Set(chosen.joined()) == Set(0..<count))
            }
        }
    }

    @Test(
        "several positives: none twice, in an example and until all had their turn",
        arguments: [(1, 3), (6, 2), (7, 3), (4, 4)])
    func severalPositives(count: Int, wanted: Int) {
        let taken = min(count, wanted)
        for query in 0..<20 as Range<UInt64> {
            let windowed = (0..<UInt64(count / taken)).map { epoch in
                PassageChoice(policy: .windowed, seed: 42).choose(
                    part: 0, query: query, epoch: epoch, positiveCount: count, negativeCount: 0,
                    wantedPositives: wanted, wanted: 3
                ).positives
            }
            #expect(windowed.allSatisfy { $0.count == taken && $0.allSatisfy((0..<count).contains) })
            #expect(Set(windowed.joined()).count == windowed.count * taken)
            let following = PassageChoice(policy: .tevatron, seed: 42).choose(
                part: 0, query: query, epoch: 1, positiveCount: count, negativeCount: 0, wantedPositives: wanted,
                wanted: 3
            ).positives
            #expect(following == (0..<taken).map { (Int(query) + 42 + 1 + $0) % count })
        }
    }

    @Test(
        "windowed: no negative twice within a window of epochs, nor in an example",
        arguments: [(15, 3), (16, 3), (7, 7), (3, 7), (100, 1), (1, 1)])
    func negatives(count: Int, wanted: Int) {
        let choice = PassageChoice(policy: .windowed, seed: 1)
        let taken = min(count, wanted)
        let epochsPerWindow = count / taken
        for query in 0..<20 as Range<UInt64> {
            for window in 0..<3 {
                var seen: Set<Int> = []
                for place in 0..<epochsPerWindow {
                    let chosen = choice.choose(
                        part: 2, query: query, epoch: UInt64(window * epochsPerWindow + place), positiveCount: 1,
                        negativeCount: count, wanted: wanted
                    ).negatives
                    #expect(chosen.count == taken)
                    #expect(chosen.allSatisfy { (0..<count).contains($0) })
                    for negative in chosen { #expect(seen.insert(negative).inserted) }
                }
            }
        }
    }

    @Test("windowed: queries, parts and seeds choose for themselves")
    func independence() {
        func first(seed: UInt64, part: Int, query: UInt64) -> [Int] {
            PassageChoice(policy: .windowed, seed: seed).choose(
                part: part, query: query, epoch: 0, positiveCount: 1, negativeCount: 1000, wanted: 5
            ).negatives
        }
        let all = [
            first(seed: 1, part: 0, query: 0), first(seed: 1, part: 0, query: 1), first(seed: 1, part: 1, query: 0),
            first(seed: 2, part: 0, query: 0),
        ]
        #expect(Set(all).count == 4)
    }

    /// `python3 Tests/ExamplesTests/Golden/tevatron_choice.py` prints these.
    @Test(
        "tevatron: the original's numbers",
        arguments: [
            (0, 0, 15, 3, [8, 13, 7]), (7, 1, 15, 3, [11, 2, 7]), (9080, 5, 15, 3, [8, 9, 6]),
            (4_294_967_296_123, 2, 40, 7, [7, 38, 13, 1, 18, 11, 4]), (3, 4, 8, 8, [5, 7, 1, 0, 2, 6, 3, 4]),
        ] as [(UInt64, UInt64, Int, Int, [Int])])
    func tevatron(item: UInt64, epoch: UInt64, count: Int, wanted: Int, expected: [Int]) {
        let choice = PassageChoice(policy: .tevatron, seed: 42)
        let chosen = choice.choose(
            part: 0, query: item, epoch: epoch, positiveCount: 4, negativeCount: count, wanted: wanted)
        #expect(chosen.positives == [Int((item + 42 + epoch) % 4)])
        #expect(chosen.negatives == expected)
    }

    @Test("tevatron: too few negatives are drawn with repetition, and the same each time")
    func tevatronShortage() {
        let choice = PassageChoice(policy: .tevatron, seed: 42)
        let chosen = choice.choose(part: 0, query: 5, epoch: 1, positiveCount: 1, negativeCount: 2, wanted: 7)
        #expect(chosen.negatives.count == 7)
        #expect(Set(chosen.negatives).isSubset(of: [0, 1]))
        #expect(choice.choose(part: 0, query: 5, epoch: 1, positiveCount: 1, negativeCount: 2, wanted: 7) == chosen)
        #expect(
            choice.choose(part: 0, query: 5, epoch: 1, positiveCount: 1, negativeCount: 0, wanted: 7).negatives == [])
    }
}
