package import Base

/// Gives each distinct byte string its position in a column, in the order of first appearance.
package struct ByteTable {
    private var slots: [Int32] = Array(repeating: -1, count: 64)
    private var hashes: [UInt64] = []

    package init() {}

    /// The table of the strings that a column holds already; they are distinct.
    package init(of column: ByteColumn) {
        var other = ByteColumn()
        for position in 0..<column.count { _ = column.withBytes(at: position) { index(of: $0, in: &other) } }
    }

    /// The position of `string` in `column`; nil where it is not there.
    package func find(_ string: UnsafeRawBufferPointer, in column: ByteColumn) -> Int? {
        let hash = XXH3.hash64(string)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let candidate = Int(slots[slot])
            if hashes[candidate] == hash, column.withBytes(at: candidate, { $0.elementsEqual(string) }) {
                return candidate
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The position of `string` in `column`, to which it is added where it is new.
    package mutating func index(of string: UnsafeRawBufferPointer, in column: inout ByteColumn) -> Int {
        let hash = XXH3.hash64(string)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let candidate = Int(slots[slot])
            if hashes[candidate] == hash, column.withBytes(at: candidate, { $0.elementsEqual(string) }) {
                return candidate
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = Int32(hashes.count)
        hashes.append(hash)
        column.append(string)
        if hashes.count * 2 > slots.count { grow() }
        return hashes.count - 1
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for (index, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(index)
        }
    }
}

/// Finds an id that stands twice in a range of a column.
struct DuplicateFinder {
    private var slots: [Int32] = []

    /// A position in `range` whose id stands before it in the range as well; nil where all differ.
    mutating func duplicate(in column: ByteColumn, _ range: Range<Int>) -> Int? {
        guard range.count > 1 else { return nil }
        let capacity = 1 << (Int.bitWidth - (range.count * 2 - 1).leadingZeroBitCount)
        slots.removeAll(keepingCapacity: true)
        slots.append(contentsOf: repeatElement(-1, count: capacity))
        return slots.withUnsafeMutableBufferPointer { slots in
            column.offsets.withUnsafeBufferPointer { offsets in
                column.bytes.withUnsafeBytes { bytes in
                    for index in range {
                        let id = UnsafeRawBufferPointer(rebasing: bytes[offsets[index]..<offsets[index + 1]])
                        var slot = Int(truncatingIfNeeded: XXH3.hash64(id)) & (capacity - 1)
                        while slots[slot] >= 0 {
                            let other = range.lowerBound + Int(slots[slot])
                            let otherID = UnsafeRawBufferPointer(rebasing: bytes[offsets[other]..<offsets[other + 1]])
                            if RankingOrder.compare(id, otherID) == 0 { return index }
                            slot = (slot + 1) & (capacity - 1)
                        }
                        slots[slot] = Int32(index - range.lowerBound)
                    }
                    return nil
                }
            }
        }
    }
}
