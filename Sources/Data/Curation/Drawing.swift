internal import Base
internal import Store

/// How much is drawn.
public enum Amount: Sendable, Equatable {
    case count(Int)
    /// Of all, above 0 and below 1.
    case share(Double)

    /// - Throws: `Failure` with status 65 where there are not as many.
    func resolved(of total: Int, _ what: String) throws -> Int {
        switch self {
        case .count(let count):
            guard count <= total else {
                throw Failure(.badData, "\(count) \(what) are asked for, and there are \(total)")
            }
            return count
        case .share(let share):
            let count = Int((share * Double(total)).rounded())
            guard count > 0 else {
                throw Failure(.badData, "a share of \(share) of \(total) \(what) is none")
            }
            return count
        }
    }
}

/// An order of records by seed and id: what is drawn from the front of it does not depend on the order of the records, and
/// of two draws the smaller one is part of the larger one.
struct Drawing {
    private var keys: [(key: UInt64, ordinal: Int)] = []
    private let seed: UInt64

    private mutating func add(_ ordinal: Int, _ id: UnsafeRawBufferPointer) {
        keys.append((XXH3.hash64(id, seed: seed), ordinal))
    }

    private consuming func order() -> [Int] {
        keys.sort { $0 < $1 }
        return keys.map(\.ordinal)
    }

    /// The ordinals of the candidates, in the order in which they are drawn.
    static func queries(of dataset: Dataset, seed: UInt64, where isCandidate: (Int) -> Bool) throws -> [Int] {
        var drawing = Drawing(seed: seed)
        try dataset.forEachQueryID(in: 0..<dataset.queryCount) { ordinal, id in
            if isCandidate(ordinal) { drawing.add(ordinal, id) }
        }
        return drawing.order()
    }

    static func documents(of dataset: Dataset, seed: UInt64, where isCandidate: (Int) -> Bool) throws -> [Int] {
        var drawing = Drawing(seed: seed)
        try dataset.forEachDocumentID(in: 0..<dataset.documentCount) { ordinal, id in
            if isCandidate(ordinal) { drawing.add(ordinal, id) }
        }
        return drawing.order()
    }
}
