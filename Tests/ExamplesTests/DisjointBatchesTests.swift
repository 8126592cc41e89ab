import Base
import Examples
import Testing

@Suite("Batches without a query or positive twice")
struct DisjointBatchesTests {
    /// Examples whose queries and positives come at most `batchCount` times each.
    static func examples(seed: UInt64, batchCount: Int, batchSize: Int, keyCount: Int) -> ([Int], [Int]) {
        var random = SplitMix64(seed: seed, UInt64(batchCount), UInt64(batchSize))
        var (queries, positives): ([Int], [Int]) = ([], [])
        var counts = (queries: [Int](repeating: 0, count: keyCount), positives: [Int](repeating: 0, count: keyCount))
        while queries.count < batchCount * batchSize {
            let query = Int(random.next(below: UInt64(keyCount)))
            let positive = Int(random.next(below: UInt64(keyCount)))
            guard counts.queries[query] < batchCount, counts.positives[positive] < batchCount else { continue }
            counts.queries[query] += 1
            counts.positives[positive] += 1
            queries.append(query)
            positives.append(positive)
        }
        return (queries, positives)
    }

    @Test("every batch is full and has nothing twice, from many keys to as few as there can be", arguments: 1...8)
    func full(batchCount: Int) {
        for batchSize in [1, 2, 5, 16, 64] {
            for keyCount in [batchSize, batchSize + 1, 2 * batchSize, 20 * batchSize] {
                for seed in 0..<12 as Range<UInt64> {
                    // With as many keys as a batch has examples every batch has every key: the tightest case.
                    let (queries, positives) =
                        keyCount == batchSize
                        ? Self.everyKey(seed, batchCount, batchSize)
                        : Self.examples(seed: seed, batchCount: batchCount, batchSize: batchSize, keyCount: keyCount)
                    let batches = DisjointBatches.batches(
                        queries: queries, positives: positives, batchCount: batchCount)
                    for batch in 0..<batchCount {
                        let members = batches.indices.filter { batches[$0] == batch }
                        #expect(members.count == batchSize)
                        #expect(Set(members.map { queries[$0] }).count == batchSize)
                        #expect(Set(members.map { positives[$0] }).count == batchSize)
                    }
                }
            }
        }
    }

    /// Every query and every positive once for each batch.
    private static func everyKey(_ seed: UInt64, _ batchCount: Int, _ batchSize: Int) -> ([Int], [Int]) {
        var random = SplitMix64(seed: seed, 2)
        let keys = (0..<batchCount).flatMap { _ in 0..<batchSize }
        return (keys.shuffled(using: &random), keys.shuffled(using: &random))
    }

    @Test("without a conflict nothing moves; one conflict moves two examples")
    func calm() {
        let keys = Array(0..<32)
        let own = keys.map { $0 / 8 }
        #expect(DisjointBatches.batches(queries: keys, positives: keys, batchCount: 4) == own)
        var queries = keys
        queries[5] = 2
        let batches = DisjointBatches.batches(queries: queries, positives: keys, batchCount: 4)
        #expect(zip(batches, own).count { $0 != $1 } == 2 && batches[5] != 0)
    }
}
