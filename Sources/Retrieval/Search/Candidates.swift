/// For each query of a group, the rows that may still be among its best.
///
/// Scores from the matrix product are rounded float32 sums. A row is dropped only where its score is below the
/// `depth`-th best by more than both errors together, so that no row of the exact result is ever lost.
final class Candidates {
    /// Rows to keep per query.
    let depth: Int
    /// Room per query.
    let capacity: Int
    let queryCount: Int
    let rows: UnsafeMutablePointer<UInt32>
    let scores: UnsafeMutablePointer<Float>
    let counts: UnsafeMutablePointer<Int>
    /// Scores below it cannot be among the best.
    let thresholds: UnsafeMutablePointer<Float>
    private let selection: UnsafeMutablePointer<Float>
    private let selectionCapacity: Int

    static func capacity(depth: Int) -> Int { 2 * depth + 128 }

    /// Of the rows and scores of one query.
    static func byteCount(depth: Int) -> Int {
        (MemoryLayout<UInt32>.size + MemoryLayout<Float>.size) * capacity(depth: depth)
    }

    /// - Parameter blockCount: scores of a query in one block, at most.
    init(queryCount: Int, depth: Int, blockCount: Int) {
        self.depth = depth
        self.queryCount = queryCount
        capacity = Candidates.capacity(depth: depth)
        rows = .allocate(capacity: queryCount * capacity)
        scores = .allocate(capacity: queryCount * capacity)
        counts = .allocate(capacity: queryCount)
        thresholds = .allocate(capacity: queryCount)
        selectionCapacity = max(capacity, blockCount)
        selection = .allocate(capacity: selectionCapacity)
        counts.initialize(repeating: 0, count: queryCount)
        thresholds.initialize(repeating: -.infinity, count: queryCount)
    }

    deinit {
        rows.deallocate()
        scores.deallocate()
        counts.deallocate()
        thresholds.deallocate()
        selection.deallocate()
    }

    /// Sets a query's threshold from its first block, so that not all of the block need be taken in.
    func begin(_ query: Int, block: UnsafePointer<Float>, count: Int, margin: Double) {
        guard count > depth, count <= selectionCapacity else { return }
        let least = Double(Selection.largest(depth, of: block, count: count, scratch: selection))
        thresholds[query] = max(thresholds[query], Float(least - margin).nextDown)
    }

    /// Takes in one query's scores of a block.
    ///
    /// Most blocks hold nothing of interest: 64 scores at a time are compared with the threshold.
    ///
    /// - Parameters:
    ///   - firstRow: the row of `block[0]`.
    ///   - makeRoom: called when a query's room is full; lowers its count and may raise its threshold.
    @inline(__always)
    func scan(
        query: Int, block: UnsafePointer<Float>, count: Int, firstRow: Int, makeRoom: (Int) -> Void
    ) {
        let bytes = UnsafeRawPointer(block)
        var threshold = thresholds[query]
        var index = 0
        while index + 64 <= count {
            let limit = SIMD16<Float>(repeating: threshold)
            let first = bytes.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self) .>= limit
            let second = bytes.loadUnaligned(fromByteOffset: index * 4 + 64, as: SIMD16<Float>.self) .>= limit
            let third = bytes.loadUnaligned(fromByteOffset: index * 4 + 128, as: SIMD16<Float>.self) .>= limit
            let fourth = bytes.loadUnaligned(fromByteOffset: index * 4 + 192, as: SIMD16<Float>.self) .>= limit
            if any((first .| second) .| (third .| fourth)) {
                for start in stride(from: index, to: index + 64, by: 16) {
                    let scores = bytes.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
                    guard any(scores .>= SIMD16<Float>(repeating: threshold)) else { continue }
                    for offset in start..<start + 16 where block[offset] >= threshold {
                        add(query, row: firstRow + offset, score: block[offset], threshold: &threshold, makeRoom)
                    }
                }
            }
            index += 64
        }
        while index < count {
            if block[index] >= threshold {
                add(query, row: firstRow + index, score: block[index], threshold: &threshold, makeRoom)
            }
            index += 1
        }
    }

    @inline(__always)
    private func add(_ query: Int, row: Int, score: Float, threshold: inout Float, _ makeRoom: (Int) -> Void) {
        let slot = query * capacity + counts[query]
        rows[slot] = UInt32(truncatingIfNeeded: row)
        scores[slot] = score
        counts[query] += 1
        if counts[query] == capacity {
            makeRoom(query)
            threshold = thresholds[query]
        }
    }

    /// Drops the rows of a query that cannot be among its best.
    ///
    /// - Parameter margin: twice the largest error of a score.
    func prune(_ query: Int, margin: Double) {
        let count = counts[query]
        guard count > depth else { return }
        let scores = scores + query * capacity
        let rows = rows + query * capacity
        let least = Double(Selection.largest(depth, of: scores, count: count, scratch: selection))
        let threshold = Float(least - margin).nextDown
        var kept = 0
        for index in 0..<count where scores[index] >= threshold {
            scores[kept] = scores[index]
            rows[kept] = rows[index]
            kept += 1
        }
        counts[query] = kept
        thresholds[query] = threshold
    }

    /// Whether pruning left so many rows that room would soon run out again: long rows of ties.
    func isCrowded(_ query: Int) -> Bool { counts[query] > depth + (capacity - depth) / 2 }

    /// Puts exact results, best first, in the place of a query's rows.
    func replace(_ query: Int, with best: [SearchEntry], margin: Double) {
        let start = query * capacity
        for (index, entry) in best.enumerated() {
            rows[start + index] = entry.row
            scores[start + index] = entry.score
        }
        counts[query] = best.count
        if best.count >= depth { thresholds[query] = Float(Double(best[depth - 1].score) - margin).nextDown }
    }
}

enum Selection {
    /// The `rank`-th largest of `count` numbers (quickselect, median of three).
    static func largest(
        _ rank: Int, of values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>
    ) -> Float {
        scratch.update(from: values, count: count)
        var low = 0
        var high = count - 1
        let target = rank - 1
        while low < high {
            let middle = (low + high) / 2
            let pivot = median(scratch[low], scratch[middle], scratch[high])
            var left = low
            var right = high
            while left <= right {
                while scratch[left] > pivot { left += 1 }
                while scratch[right] < pivot { right -= 1 }
                if left <= right {
                    let value = scratch[left]
                    scratch[left] = scratch[right]
                    scratch[right] = value
                    left += 1
                    right -= 1
                }
            }
            if target <= right {
                high = right
            } else if target >= left {
                low = left
            } else {
                return scratch[target]
            }
        }
        return scratch[target]
    }

    @inline(__always)
    private static func median(_ a: Float, _ b: Float, _ c: Float) -> Float {
        max(min(a, b), min(max(a, b), c))
    }
}
