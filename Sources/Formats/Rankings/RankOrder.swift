internal import Base

/// Whether the scores of a TREC run rise with its ranks, which they do where ranks or distances stand in their place.
///
/// trec_eval looks at scores alone, so that such a run is read upside down. Looked at are neighbouring lines of one query, until
/// one of them shows that scores are scores: mostly the first two of a run.
struct RankOrder {
    private var isOpen: Bool
    private var query: [UInt8] = []
    private var last: (rank: Int, score: Float) = (0, 0)
    private var lineCount = 0
    private var hasRise = false
    private var risingCount = 0

    init(_ format: RunFormat) { isOpen = format == .trec }

    @inline(__always)
    mutating func take(_ query: UnsafeRawBufferPointer, rank: UnsafeRawBufferPointer, score: Float) {
        guard isOpen else { return }
        examine(query, rank, score)
    }

    private mutating func examine(_ query: UnsafeRawBufferPointer, _ field: UnsafeRawBufferPointer, _ score: Float) {
        guard let rank = DecimalScanner.integer(field) else {
            isOpen = false
            return
        }
        if lineCount == 0 || !self.query.elementsEqual(query) {
            finishQuery()
            self.query.removeAll(keepingCapacity: true)
            self.query.append(contentsOf: query)
            (lineCount, hasRise) = (0, false)
        } else if rank != last.rank, score != last.score {
            if (rank > last.rank) == (score > last.score) { hasRise = true } else { isOpen = false }
        }
        last = (rank, score)
        lineCount += 1
    }

    private mutating func finishQuery() {
        guard lineCount > 1 else { return }
        if hasRise { risingCount += 1 } else { isOpen = false }
    }

    /// To be asked at the end of the run: whether every query with two documents or more has rising scores.
    var isRising: Bool {
        var order = self
        order.finishQuery()
        return order.isOpen && order.risingCount > 0
    }
}
