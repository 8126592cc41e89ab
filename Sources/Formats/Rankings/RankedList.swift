public import Base

/// The documents ranked for one query, in columns; `documents` and `scores` have one entry for each.
///
/// The order is that of the file. ``order()`` gives trec_eval's.
public struct RankedList: Sendable, Equatable {
    public var query: [UInt8]
    public var documents: ByteColumn
    public var scores: [Float]

    public init(query: [UInt8] = [], documents: ByteColumn = ByteColumn(), scores: [Float] = []) {
        self.query = query
        self.documents = documents
        self.scores = scores
    }

    public var count: Int { scores.count }

    public mutating func append(_ document: UnsafeRawBufferPointer, _ score: Float) {
        documents.append(document)
        scores.append(score)
    }

    /// Makes the list empty, for another query, keeping its memory.
    public mutating func restart(query: UnsafeRawBufferPointer) {
        self.query.removeAll(keepingCapacity: true)
        self.query.append(contentsOf: query)
        documents.removeAll()
        scores.removeAll(keepingCapacity: true)
    }

    /// Positions in trec_eval's order: score descending (as float32), then docid descending bytewise.
    public func order() -> [Int] {
        RankingOrder.order(of: 0..<count, scores: scores, documents: documents)
    }
}

/// trec_eval's order of a ranking. The rank column of a run plays no part in it.
public enum RankingOrder {
    /// Bytewise comparison, a shorter string first where it begins the other: negative, zero or positive.
    @inline(__always)
    public static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let shared = min(left.count, right.count)
        var index = 0
        while index < shared {
            if left[index] != right[index] { return left[index] < right[index] ? -1 : 1 }
            index += 1
        }
        return left.count - right.count
    }

    /// The entries of `range` in order. Runs are mostly written in order, which is seen in one pass.
    package static func order(of range: Range<Int>, scores: [Float], documents: ByteColumn) -> [Int] {
        var entries = Array(range)
        scores.withUnsafeBufferPointer { scores in
            documents.offsets.withUnsafeBufferPointer { offsets in
                documents.bytes.withUnsafeBytes { bytes in
                    func precedes(_ left: Int, _ right: Int) -> Bool {
                        guard scores[left] == scores[right] else { return scores[left] > scores[right] }
                        return compare(
                            UnsafeRawBufferPointer(rebasing: bytes[offsets[left]..<offsets[left + 1]]),
                            UnsafeRawBufferPointer(rebasing: bytes[offsets[right]..<offsets[right + 1]])) > 0
                    }
                    var isOrdered = true
                    for index in range.dropFirst() where !precedes(index - 1, index) {
                        isOrdered = false
                        break
                    }
                    if !isOrdered { entries.sort(by: precedes) }
                }
            }
        }
        return entries
    }
}
