/// The tokens of one word while they are merged: a linked list in arrays, and a heap of the merges that are possible.
///
/// Source: `Word::merge_all` in `tokenizers/src/models/bpe/word.rs` of huggingface/tokenizers 0.23.3. Its order is kept:
/// lowest rank first, then leftmost; an entry of the heap that was overtaken by other merges still counts if the pair
/// that stands there now makes the same token.
struct SymbolList {
    private struct Symbol {
        var id: Int32
        var previous: Int32
        /// -1 behind the last symbol.
        var next: Int32
    }

    private static let removed: Int32 = -2

    private var symbols: [Symbol] = []
    /// A binary heap of rank above, position below.
    private var heap: [UInt64] = []

    mutating func removeAll() {
        symbols.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    mutating func append(_ id: Int32) {
        let position = Int32(symbols.count)
        if position > 0 { symbols[symbols.count - 1].next = position }
        symbols.append(Symbol(id: id, previous: position - 1, next: -1))
    }

    /// Merges pairs until none is left that merges, and appends the tokens to `ids`.
    mutating func merge(_ pairs: PairTable, into ids: inout [Int32]) {
        for position in 0..<max(0, symbols.count - 1) { offer(position, pairs) }
        while let (rank, position) = pop() {
            let left = symbols[position]
            guard left.next >= 0, left.previous != Self.removed else { continue }
            let right = symbols[Int(left.next)]
            guard let current = pairs.find(left.id, right.id), current.merged == pairs.merged(rank) else { continue }
            symbols[position].id = current.merged
            symbols[position].next = right.next
            symbols[Int(left.next)].previous = Self.removed
            if right.next >= 0 {
                symbols[Int(right.next)].previous = Int32(position)
                offer(position, pairs)
            }
            if left.previous >= 0 { offer(Int(left.previous), pairs) }
        }
        var position = symbols.isEmpty ? -1 : 0
        while position >= 0 {
            ids.append(symbols[position].id)
            position = Int(symbols[position].next)
        }
    }

    /// Puts the merge of the symbol at `position` with the next one on the heap, if there is one.
    @inline(__always)
    private mutating func offer(_ position: Int, _ pairs: PairTable) {
        let left = symbols[position]
        guard let merge = pairs.find(left.id, symbols[Int(left.next)].id) else { return }
        push(UInt64(merge.rank) << 32 | UInt64(position))
    }

    private mutating func push(_ entry: UInt64) {
        var child = heap.count
        heap.append(entry)
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent] > entry else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = entry
    }

    private mutating func pop() -> (rank: UInt32, position: Int)? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        let count = heap.count
        if count > 0 {
            var parent = 0
            while true {
                var child = 2 * parent + 1
                guard child < count else { break }
                if child + 1 < count && heap[child + 1] < heap[child] { child += 1 }
                guard heap[child] < last else { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = last
        }
        return (UInt32(top >> 32), Int(top & 0xFFFF_FFFF))
    }
}
