internal import Base

/// Turns by shares that need not be whole, of parts that may join and leave.
///
/// A stage is a run of turns with the same parts. For shares `s[d]` with the running sums `S[d]`, of the first `t` turns of
/// a stage part d has
///
///     N[d](t) = round(t·S[d+1]) − round(t·S[d])
///
/// which is less than one away from `t·s[d]`, for all parts at once, and sums to t. A stage is cut into blocks of
/// `B = ⌈1 / least share⌉` turns: so many that no part has fewer at a block's end than at its beginning. A stage's last block
/// also takes the turns that are left. In a block the turns are in a random order of its own, so that neither ranks nor
/// steps see a pattern.
///
/// Nothing is counted from the start of a run: any turn is found from the formula.
struct ShareTurns: Sendable {
    struct Stage: Sendable {
        let turns: Range<UInt64>
        /// `S`, in units of 2^-64.
        let edges: [UInt128]
        /// Turns of each part before the stage.
        let before: [UInt64]
        let blockSize: UInt64

        /// How many of the stage's first turns are of a part.
        func count(_ part: Int, ofFirst turns: UInt64) -> UInt64 {
            Self.rounded(turns, edges[part + 1]) - Self.rounded(turns, edges[part])
        }

        private static func rounded(_ turns: UInt64, _ edge: UInt128) -> UInt64 {
            UInt64(truncatingIfNeeded: (UInt128(turns) * edge + (1 << 63)) >> 64)
        }

        /// Nil: there is no last one.
        var blockCount: UInt64? {
            turns.upperBound == .max ? nil : max(1, (turns.upperBound - turns.lowerBound) / blockSize)
        }

        func block(_ number: UInt64, _ seed: UInt64) -> TurnBlock {
            let isLast = blockCount.map { number + 1 >= $0 } ?? false
            let first = number * blockSize
            let end = isLast ? turns.upperBound - turns.lowerBound : first + blockSize
            var firstPlaces: [UInt64] = [0]
            var before = self.before
            for part in before.indices {
                let had = count(part, ofFirst: first)
                firstPlaces.append(firstPlaces[part] + (count(part, ofFirst: end) - had))
                before[part] += had
            }
            let start = turns.lowerBound + first
            return TurnBlock(
                turns: start..<(turns.lowerBound + end),
                places: Permutation(count: end - first, seed: seed, ShareTurns.key, start), firstPlaces: firstPlaces,
                before: before)
        }
    }

    let stages: [Stage]

    /// - Parameter parts: weight of each part, and the turns in which it is drawn from; `UInt64.max` for no end.
    /// - Precondition: weights are above 0, and at every turn up to the last there is a part.
    init(_ parts: [(weight: Double, turns: Range<UInt64>)]) {
        let bounds = Set(parts.flatMap { [$0.turns.lowerBound, $0.turns.upperBound] } + [0]).sorted()
        var before = [UInt64](repeating: 0, count: parts.count)
        var stages: [Stage] = []
        for (start, end) in zip(bounds, bounds.dropFirst()) {
            let weights = parts.map { $0.turns.contains(start) ? $0.weight : 0 }
            let stage = Stage(turns: start..<end, weights: weights, before: before)
            stages.append(stage)
            guard end != .max else { break }
            for part in before.indices { before[part] += stage.count(part, ofFirst: end - start) }
        }
        self.stages = stages
    }

    /// - Precondition: there is a turn like that.
    func block(of turn: UInt64, seed: UInt64) -> TurnBlock {
        let stage = stage(of: turn)
        let number = (turn - stage.turns.lowerBound) / stage.blockSize
        return stage.block(min(number, stage.blockCount.map { $0 - 1 } ?? number), seed)
    }

    func stage(of turn: UInt64) -> Stage {
        guard let stage = stages.first(where: { $0.turns.contains(turn) }) else {
            preconditionFailure("no part is drawn from at turn \(turn)")
        }
        return stage
    }

    /// - Precondition: the part is drawn from that often.
    func block(ofPart part: Int, number: UInt64, seed: UInt64) -> TurnBlock {
        // The last stage that has not more of the part before it, and any of it.
        guard
            let stage = stages.last(where: {
                $0.before[part] <= number && $0.edges[part] < $0.edges[part + 1]
            })
        else { preconditionFailure("part \(part) is never drawn from") }
        let wanted = number - stage.before[part]
        func isReached(_ block: UInt64) -> Bool { stage.count(part, ofFirst: block * stage.blockSize) <= wanted }
        var (low, high) = (0 as UInt64, 1 as UInt64)
        while high < stage.blockCount ?? .max, isReached(high) { (low, high) = (high, 2 * high) }
        high = min(high, stage.blockCount ?? high)
        while low + 1 < high {
            let middle = low + (high - low) / 2
            if isReached(middle) { low = middle } else { high = middle }
        }
        return stage.block(low, seed)
    }

    // Apart from that of whole weights, and from those of the examples of a part.
    private static let key: UInt64 = 0x7368_6172_6500_0003
}

extension ShareTurns.Stage {
    /// - Parameter weights: 0 for parts that are not drawn from.
    fileprivate init(turns: Range<UInt64>, weights: [Double], before: [UInt64]) {
        precondition(weights.contains { $0 > 0 }, "no part is drawn from at turn \(turns.lowerBound)")
        let one = 1 << 64 as UInt128
        let total = weights.reduce(0, +)
        let last = weights.lastIndex { $0 > 0 }!
        var edges: [UInt128] = [0]
        var (sum, least) = (0.0, one)
        for (part, weight) in weights.enumerated() {
            var edge = edges[part]
            if weight > 0 {
                sum += weight
                // 53 bits, all that a weight has; however small, it is a share.
                let exact = UInt128(UInt64((sum / total * 0x1p53).rounded())) << 11
                let room = UInt128(weights[(part + 1)...].count { $0 > 0 }) << 11
                edge = part == last ? one : min(max(exact, edge + (1 << 11)), one - room)
                least = min(least, edge - edges[part])
            }
            edges.append(edge)
        }
        self.init(
            turns: turns, edges: edges, before: before, blockSize: UInt64((one + least - 1) / least))
    }
}
