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

    /// Examples of each part.
    public let counts: [UInt64]
    public let seed: UInt64
    /// Slots that a part gets in a row: 1, or the size of batches that are of one part.
    public let run: UInt64
    let turns: Turns

    public init(parts: [Part], seed: UInt64) {
        precondition(!parts.isEmpty, "a training config needs at least one part")
        counts = parts.map(\.count)
        self.seed = seed
        run = 1
        turns = .whole(WholeTurns(weights: parts.map(\.weight)))
    }

    /// One part of an order by shares.
    public struct SharedPart: Sendable, Hashable {
        public let count: UInt64
        /// Above 0; its share is that of the sum over the parts that are drawn from at the time.
        public let weight: Double
        /// When it is drawn from; `UInt64.max` for no end.
        public let slots: Range<UInt64>

        public init(count: UInt64, weight: Double, slots: Range<UInt64> = 0..<UInt64.max) {
            precondition(count > 0 && weight > 0 && weight.isFinite, "a part needs examples and a positive weight")
            self.count = count
            self.weight = weight
            self.slots = slots
        }
    }

    /// The order in which parts share the slots as their weights say, to within one run of slots: `ShareTurns` has the
    /// formula that stands in the place of p, s and u above. The examples of a part come in the same order as there,
    /// whatever the weights and whoever else is there.
    ///
    /// - Parameter run: as many slots in a row are of one part. The parts' slots begin and end at multiples of it.
    /// - Precondition: there is a part for every slot, up to the last one that has any.
    public init(sharing parts: [SharedPart], run: UInt64 = 1, seed: UInt64) {
        precondition(!parts.isEmpty && run > 0, "a training config needs at least one part")
        counts = parts.map(\.count)
        self.seed = seed
        self.run = run
        turns = .shares(
            ShareTurns(
                parts.map { part in
                    let (first, end) = (part.slots.lowerBound, part.slots.upperBound)
                    precondition(first % run == 0 && (end == .max || end % run == 0), "parts change between runs")
                    return (part.weight, (first / run)..<(end == .max ? .max : end / run))
                }))
    }

    /// Every run of so many slots, from a multiple of it, has exactly the weights' proportions; by shares, those to within
    /// one run of a part, up to the first slot at which parts change.
    public var blockSize: UInt64 { turns.blockSize * run }

    /// The example of slot `slot`.
    ///
    /// - Complexity: O(number of parts); three permutation set-ups of a few rounds each.
    public func entry(at slot: UInt64) -> Entry {
        let (part, number) = place(of: slot)
        return entry(ofPart: part, number: number)
    }

    /// Whose slot it is, and how many that part had before, in block order.
    func place(of slot: UInt64) -> (part: Int, number: UInt64) {
        let (turn, place) = slot.quotientAndRemainder(dividingBy: run)
        let (part, before) = turns.block(of: turn, seed: seed).draw(turn)
        return (part, before * run + place)
    }

    func entry(ofPart part: Int, number: UInt64) -> Entry {
        let (epoch, index) = number.quotientAndRemainder(dividingBy: counts[part])
        return Entry(part: part, epoch: epoch, example: examples(ofPart: part, epoch: epoch)[index])
    }

    /// The one slot that holds an entry: ``entry(at:)`` turned round.
    ///
    /// - Precondition: the part is drawn from until then.
    /// - Complexity: that of ``entry(at:)``; by shares also logarithmic in the slot.
    public func slot(of entry: Entry) -> UInt64 {
        let index = examples(ofPart: entry.part, epoch: entry.epoch).index(of: entry.example)
        let (number, place) = (entry.epoch * counts[entry.part] + index).quotientAndRemainder(dividingBy: run)
        let block = turns.block(ofPart: entry.part, number: number, seed: seed)
        return block.turn(ofPart: entry.part, number: number) * run + place
    }

    /// π(n[d]; seed, d, e).
    func examples(ofPart part: Int, epoch: UInt64) -> Permutation {
        Permutation(count: counts[part], seed: seed, Self.partKey, UInt64(part), epoch)
    }

    /// The slot before which every part has left; nil where one stays.
    public var end: UInt64? {
        guard case .shares(let turns) = turns, let last = turns.stages.last?.turns.upperBound, last != .max else {
            return nil
        }
        return last * run
    }

    /// The slots around one in which the same parts are drawn from; `UInt64.max` for no end.
    func stage(of slot: UInt64) -> Range<UInt64> {
        switch turns {
        case .whole: return 0..<UInt64.max
        case .shares(let turns):
            let stage = turns.stage(of: slot / run).turns
            return (stage.lowerBound * run)..<(stage.upperBound == .max ? .max : stage.upperBound * run)
        }
    }

    /// The slots of one rank in one step: `rank`, `rank + rankCount`, … within the step's `slotsPerStep`.
    public static func slots(step: UInt64, slotsPerStep: Int, rank: Int = 0, rankCount: Int = 1) -> [UInt64] {
        precondition(rankCount > 0 && (0..<rankCount).contains(rank))
        let first = step * UInt64(slotsPerStep)
        return stride(from: rank, to: slotsPerStep, by: rankCount).map { first + UInt64($0) }
    }

    // The permutations of blocks have keys of another length already; a name keeps them apart whatever the mixer does.
    private static let partKey: UInt64 = 0x7061_7274_0000_0002
}
