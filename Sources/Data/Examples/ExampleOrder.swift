internal import Base

/// The order of training examples: a pure function of the lock and the step slot.
///
/// For slot `t`, integer weights `w`, `W = Σ w` and `C` their running sums:
///
///     p, s = divmod(t, W)              the block of W slots, and the place in it
///     u = π(W; seed, p)(s)             each block is a fresh permutation, so proportions are exact
///     d with C[d] ≤ u < C[d+1]         the dataset
///     k = p·w[d] + (u − C[d])          how many examples of d come before this one, in block order
///     e, i = divmod(k, n[d])           the epoch of d, and the place in it
///     record = π(n[d]; seed, d, e)(i)  each epoch of d is a full permutation
///
/// Nothing is stored per example: memory does not grow with `n`, and a run resumes at any slot by computing on.
/// Of R ranks, rank r takes the slots r, r+R, r+2R, …, so the order does not depend on how many ranks there are.
public struct ExampleOrder: Sendable {
    /// One part of a training config: how many examples it has, and how many of every `Σ weight` slots it gets.
    public struct Part: Sendable, Hashable {
        public let count: UInt64
        public let weight: UInt64

        public init(count: UInt64, weight: UInt64) {
            precondition(count > 0 && weight > 0, "a part of a training config needs examples and a positive weight")
            self.count = count
            self.weight = weight
        }
    }

    /// What one slot holds.
    public struct Entry: Sendable, Hashable {
        /// Which part of the config, in the config's order.
        public let part: Int
        /// How many full passes over the part lie before this one.
        public let epoch: UInt64
        /// The example's number in its part, below the part's count.
        public let example: UInt64

        public init(part: Int, epoch: UInt64, example: UInt64) {
            self.part = part
            self.epoch = epoch
            self.example = example
        }
    }

    public let parts: [Part]
    public let seed: UInt64
    /// `Σ weight`: every run of that many slots, from a multiple of it, has exactly these proportions.
    public let blockSize: UInt64
    /// `C`: where each part begins among the block's places; one more entry than there are parts.
    private let firstPlaces: [UInt64]

    public init(parts: [Part], seed: UInt64) {
        precondition(!parts.isEmpty, "a training config needs at least one part")
        self.parts = parts
        self.seed = seed
        var firstPlaces: [UInt64] = [0]
        for part in parts {
            let (sum, overflow) = firstPlaces[firstPlaces.count - 1].addingReportingOverflow(part.weight)
            precondition(!overflow, "the weights' sum does not fit 64 bits")
            firstPlaces.append(sum)
        }
        self.firstPlaces = firstPlaces
        self.blockSize = firstPlaces[firstPlaces.count - 1]
    }

    /// The example of slot `slot`.
    ///
    /// - Complexity: O(number of parts); three permutation set-ups of a few rounds each.
    public func entry(at slot: UInt64) -> Entry {
        let (block, place) = slot.quotientAndRemainder(dividingBy: blockSize)
        let (part, before) = part(drawn: places(inBlock: block)[place], block: block)
        let (epoch, index) = before.quotientAndRemainder(dividingBy: parts[part].count)
        return Entry(part: part, epoch: epoch, example: examples(ofPart: part, epoch: epoch)[index])
    }

    /// The one slot that holds an entry: ``entry(at:)`` turned round.
    ///
    /// - Complexity: that of ``entry(at:)``.
    public func slot(of entry: Entry) -> UInt64 {
        let part = parts[entry.part]
        let index = examples(ofPart: entry.part, epoch: entry.epoch).index(of: entry.example)
        let (block, place) = (entry.epoch * part.count + index).quotientAndRemainder(dividingBy: part.weight)
        return block * blockSize + places(inBlock: block).index(of: firstPlaces[entry.part] + place)
    }

    /// π(W; seed, p).
    func places(inBlock block: UInt64) -> Permutation {
        Permutation(count: blockSize, seed: seed, Self.blockKey, block)
    }

    /// π(n[d]; seed, d, e).
    func examples(ofPart part: Int, epoch: UInt64) -> Permutation {
        Permutation(count: parts[part].count, seed: seed, Self.partKey, UInt64(part), epoch)
    }

    /// d and k for a place u that a block's permutation gave.
    func part(drawn: UInt64, block: UInt64) -> (part: Int, before: UInt64) {
        var part = 0
        while drawn >= firstPlaces[part + 1] { part += 1 }
        return (part, block * parts[part].weight + (drawn - firstPlaces[part]))
    }

    /// The slots of one rank in one step: `rank`, `rank + rankCount`, … within the step's `slotsPerStep`.
    public static func slots(step: UInt64, slotsPerStep: Int, rank: Int = 0, rankCount: Int = 1) -> [UInt64] {
        precondition(rankCount > 0 && (0..<rankCount).contains(rank))
        let first = step * UInt64(slotsPerStep)
        return stride(from: rank, to: slotsPerStep, by: rankCount).map { first + UInt64($0) }
    }

    // The two permutations have keys of different lengths already; a name keeps them apart whatever the mixer does.
    private static let blockKey: UInt64 = 0x626c_6f63_6b00_0001
    private static let partKey: UInt64 = 0x7061_7274_0000_0002
}
