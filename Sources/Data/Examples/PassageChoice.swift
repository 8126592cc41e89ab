internal import Base

/// How positives and negatives are chosen for an example.
public enum SamplingPolicy: String, Sendable, CaseIterable {
    /// By hash of (seed, dataset, query, epoch): each positive comes once in as many epochs as there are positives,
    /// and no negative comes twice in a window of `negatives / wanted` epochs.
    case windowed
    /// The original's choice, number for number: the positive `(item + seed + epoch) mod n`; the negatives shuffled by
    /// Python's generator seeded with `item + seed`, then a window that moves on by the group each epoch and wraps.
    case tevatron
}

/// Which of a query's linked passages an example takes, as a pure function of (seed, dataset, query, epoch).
public struct PassageChoice: Sendable {
    /// Numbers of the chosen positives and negatives in the query's lists.
    public struct Chosen: Sendable, Hashable {
        /// At least one, each once.
        public var positives: [Int]
        /// As many as asked for, or all there are if there are fewer.
        public var negatives: [Int]
    }

    public let policy: SamplingPolicy
    public let seed: UInt64

    public init(policy: SamplingPolicy, seed: UInt64) {
        self.policy = policy
        self.seed = seed
    }

    /// Chooses at most `wantedPositives` of `positiveCount` positives and `wanted` of `negativeCount` negatives.
    ///
    /// Of several positives, too, none comes twice in a window of `positives / wantedPositives` epochs under `windowed`;
    /// `tevatron`, which knows one alone, goes on with those that follow it.
    ///
    /// No negative is chosen twice for one example under `windowed`. With fewer than `wanted` negatives `windowed`
    /// takes them all (what then fills the group is the config's shortage policy), and `tevatron` draws `wanted` with
    /// repetition as the original does, but by hash where the original uses an unseeded generator.
    ///
    /// - Precondition: `positiveCount > 0`.
    public func choose(
        part: Int, query: UInt64, epoch: UInt64, positiveCount: Int, negativeCount: Int, wantedPositives: Int = 1,
        wanted: Int
    ) -> Chosen {
        precondition(positiveCount > 0 && wantedPositives > 0 && negativeCount >= 0 && wanted >= 0)
        switch policy {
        case .windowed:
            return Chosen(
                positives: windowed(
                    Self.positiveKey, part, query, epoch, count: positiveCount, wanted: wantedPositives),
                negatives: windowed(Self.negativeKey, part, query, epoch, count: negativeCount, wanted: wanted))
        case .tevatron:
            return Chosen(
                positives: (0..<min(wantedPositives, positiveCount)).map {
                    Int((query &+ seed &+ epoch &+ UInt64($0)) % UInt64(positiveCount))
                },
                negatives: tevatronNegatives(part, query, epoch, count: negativeCount, wanted: wanted))
        }
    }

    private func windowed(
        _ key: UInt64, _ part: Int, _ query: UInt64, _ epoch: UInt64, count: Int, wanted: Int
    ) -> [Int] {
        guard count > 0, wanted > 0 else { return [] }
        let taken = min(wanted, count)
        // Whole groups only: a group across two permutations could hold one passage twice.
        let epochsPerWindow = UInt64(count / taken)
        let (window, place) = epoch.quotientAndRemainder(dividingBy: epochsPerWindow)
        let order = Permutation(count: UInt64(count), seed: seed, key, UInt64(part), query, window)
        return (0..<taken).map { Int(order[place * UInt64(taken) + UInt64($0)]) }
    }

    private func tevatronNegatives(
        _ part: Int, _ query: UInt64, _ epoch: UInt64, count: Int, wanted: Int
    ) -> [Int] {
        guard count > 0, wanted > 0 else { return [] }
        if count < wanted {
            var generator = SplitMix64(seed: seed, Self.negativeKey, UInt64(part), query, epoch)
            return (0..<wanted).map { _ in Int(generator.next(below: UInt64(count))) }
        }
        var order = Array(0..<count)
        var generator = MersenneTwister(seed: query &+ seed)
        generator.shuffle(&order)
        let offset = Int((epoch * UInt64(wanted)) % UInt64(count))
        return (0..<wanted).map { order[(offset + $0) % count] }
    }

    private static let positiveKey: UInt64 = 0x706f_7369_7469_7665
    private static let negativeKey: UInt64 = 0x6e65_6761_7469_7665
}
