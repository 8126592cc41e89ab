internal import Glibc

/// Byte strings by their prefixes: nodes in breadth-first order, the children of each in one run, sorted by byte.
///
/// Nine bytes a node, so that a vocabulary of 250,000 tokens takes about 10 MB.
///
/// `@unchecked Sendable`: the memory is written in `init` only.
final class ByteTrie: @unchecked Sendable {
    /// First child of each node, and one more entry behind the last; node 0 is the root.
    private let firstChild: [UInt32]
    /// The byte that leads to each node from its parent.
    private let labels: [UInt8]
    /// The value of the string that ends at each node, or -1.
    private let values: [Int32]
    /// The child of the root for each byte, or 0.
    private let roots: [UInt32]

    let isEmpty: Bool

    /// - Parameter strings: their ids (from 0) are the values; of equal strings the last counts, empty ones do not.
    init(_ strings: TokenList) {
        var firstChild: [UInt32] = []
        var labels: [UInt8] = [0]
        var values: [Int32] = [-1]
        let order = Self.sorted(strings)
        strings.column.bytes.withUnsafeBufferPointer { bytes in
            strings.column.offsets.withUnsafeBufferPointer { offsets in
                func length(_ rank: Int) -> Int { offsets[order[rank] + 1] - offsets[order[rank]] }
                // Ranks of the strings that share the prefix of a node, in breadth-first order of the nodes.
                var level: [Range<Int>] = [0..<order.count]
                var depth = 0
                while !level.isEmpty {
                    var next: [Range<Int>] = []
                    for range in level {
                        firstChild.append(UInt32(labels.count))
                        var start = range.lowerBound
                        // Those that end here come first; their value was set when the node was made.
                        while start < range.upperBound && length(start) == depth { start += 1 }
                        while start < range.upperBound {
                            let byte = bytes[offsets[order[start]] + depth]
                            var end = start
                            var value: Int32 = -1
                            while end < range.upperBound && bytes[offsets[order[end]] + depth] == byte {
                                if length(end) == depth + 1 { value = strings.ids[order[end]] }
                                end += 1
                            }
                            labels.append(byte)
                            values.append(value)
                            next.append(start..<end)
                            start = end
                        }
                    }
                    level = next
                    depth += 1
                }
            }
        }
        firstChild.append(UInt32(labels.count))
        var roots = [UInt32](repeating: 0, count: 256)
        for node in Int(firstChild[0])..<Int(firstChild[1]) { roots[Int(labels[node])] = UInt32(node) }
        self.firstChild = firstChild
        self.labels = labels
        self.values = values
        self.roots = roots
        isEmpty = labels.count == 1
    }

    /// Positions of strings in bytewise order, equal ones in their own; compared by eight bytes at first.
    private static func sorted(_ strings: TokenList) -> [Int] {
        var keys: [(prefix: UInt64, index: Int)] = []
        keys.reserveCapacity(strings.count)
        strings.forEach { string, _ in
            var prefix: UInt64 = 0
            for index in 0..<min(8, string.count) { prefix |= UInt64(string[index]) << (56 - 8 * index) }
            keys.append((prefix, keys.count))
        }
        strings.column.bytes.withUnsafeBufferPointer { bytes in
            strings.column.offsets.withUnsafeBufferPointer { offsets in
                keys.sort { left, right in
                    if left.prefix != right.prefix { return left.prefix < right.prefix }
                    let leftCount = offsets[left.index + 1] - offsets[left.index]
                    let rightCount = offsets[right.index + 1] - offsets[right.index]
                    guard let base = bytes.baseAddress else { return left.index < right.index }
                    let order = memcmp(
                        base + offsets[left.index], base + offsets[right.index], min(leftCount, rightCount))
                    return order != 0 ? order < 0 : (leftCount, left.index) < (rightCount, right.index)
                }
            }
        }
        return keys.map(\.index)
    }

    /// Calls `body` with the length and the value of every string that `text` starts with, the shortest first.
    @inline(__always)
    func forEachPrefix(of text: UnsafePointer<UInt8>, _ count: Int, _ body: (_ length: Int, _ value: Int32) -> Void) {
        guard count > 0 else { return }
        firstChild.withUnsafeBufferPointer { firstChild in
            labels.withUnsafeBufferPointer { labels in
                values.withUnsafeBufferPointer { values in
                    var node = Int(roots[Int(text[0])])
                    var length = 1
                    while node != 0 {
                        if values[node] >= 0 { body(length, values[node]) }
                        guard length < count else { return }
                        let byte = text[length]
                        var child = Int(firstChild[node])
                        let end = Int(firstChild[node + 1])
                        while child < end && labels[child] < byte { child += 1 }
                        node = child < end && labels[child] == byte ? child : 0
                        length += 1
                    }
                }
            }
        }
    }

    /// The value of a whole string, or -1.
    func find(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        var found: Int32 = -1
        forEachPrefix(of: text, count) { length, value in
            if length == count { found = value }
        }
        return found
    }

    /// The longest string that `text` starts with; nil if there is none.
    @inline(__always)
    func longestPrefix(of text: UnsafePointer<UInt8>, _ count: Int) -> (length: Int, value: Int32)? {
        guard count > 0, roots[Int(text[0])] != 0 else { return nil }
        var found: (length: Int, value: Int32)?
        forEachPrefix(of: text, count) { found = ($0, $1) }
        return found
    }
}
