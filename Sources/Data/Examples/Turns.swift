internal import Base

/// Which part each turn of an order goes to: a turn is one slot, or a run of slots of one part.
enum Turns: Sendable {
    /// Whole weights, exact in every `Σ weight` turns.
    case whole(WholeTurns)
    /// Shares of any size, exact to within one turn.
    case shares(ShareTurns)

    func block(of turn: UInt64, seed: UInt64) -> TurnBlock {
        switch self {
        case .whole(let turns): turns.block(turn / turns.blockSize, seed: seed)
        case .shares(let turns): turns.block(of: turn, seed: seed)
        }
    }

    /// The block that holds a part's turn of a number.
    func block(ofPart part: Int, number: UInt64, seed: UInt64) -> TurnBlock {
        switch self {
        case .whole(let turns): turns.block(number / turns.weight(ofPart: part), seed: seed)
        case .shares(let turns): turns.block(ofPart: part, number: number, seed: seed)
        }
    }

    /// Turns after which the parts have their shares again.
    var blockSize: UInt64 {
        switch self {
        case .whole(let turns): turns.blockSize
        case .shares(let turns): turns.stages[0].blockSize
        }
    }
}

/// Some turns in a row, of which each part has a fixed number, in a random order of its own.
struct TurnBlock: Sendable {
    let turns: Range<UInt64>
    /// A permutation of the places; part d has the places that it sends to `firstPlaces[d]..<firstPlaces[d + 1]`.
    let places: Permutation
    let firstPlaces: [UInt64]
    /// Turns of each part before the block.
    let before: [UInt64]

    /// - Precondition: the turn is one of the block.
    /// - Returns: whose turn it is, and how many that part had before, in block order.
    func draw(_ turn: UInt64) -> (part: Int, before: UInt64) {
        let drawn = places[turn - turns.lowerBound]
        var part = 0
        while drawn >= firstPlaces[part + 1] { part += 1 }
        return (part, before[part] + (drawn - firstPlaces[part]))
    }

    /// The turn of a part's number: ``draw(_:)`` turned round.
    func turn(ofPart part: Int, number: UInt64) -> UInt64 {
        turns.lowerBound + places.index(of: firstPlaces[part] + (number - before[part]))
    }
}

/// Turns by whole weights: every block of `Σ weight` turns is a permutation of its own.
struct WholeTurns: Sendable {
    /// `C`: where each part begins among the block's places; one more entry than there are parts.
    private let firstPlaces: [UInt64]

    init(weights: [UInt64]) {
        var firstPlaces: [UInt64] = [0]
        for weight in weights {
            let (sum, overflow) = firstPlaces[firstPlaces.count - 1].addingReportingOverflow(weight)
            precondition(!overflow, "the weights' sum does not fit 64 bits")
            firstPlaces.append(sum)
        }
        self.firstPlaces = firstPlaces
    }

    var blockSize: UInt64 { firstPlaces[firstPlaces.count - 1] }

    func weight(ofPart part: Int) -> UInt64 { firstPlaces[part + 1] - firstPlaces[part] }

    func block(_ number: UInt64, seed: UInt64) -> TurnBlock {
        let first = number * blockSize
        return TurnBlock(
            turns: first..<(first.addingReportingOverflow(blockSize).overflow ? UInt64.max : first + blockSize),
            places: Permutation(count: blockSize, seed: seed, Self.key, number), firstPlaces: firstPlaces,
            before: (1..<firstPlaces.count).map { number * weight(ofPart: $0 - 1) })
    }

    private static let key: UInt64 = 0x626c_6f63_6b00_0001
}
