/// A set of ordinals: one bit for each that there could be.
struct OrdinalSet {
    private var words: [UInt64]
    /// Ordinals in the set.
    private(set) var count = 0

    /// - Parameter capacity: one more than the largest ordinal.
    init(capacity: Int) { words = Array(repeating: 0, count: (capacity + 63) / 64) }

    func contains(_ ordinal: Int) -> Bool { words[ordinal / 64] >> UInt64(ordinal % 64) & 1 != 0 }

    /// - Returns: whether the ordinal was not in the set before.
    @discardableResult
    mutating func insert(_ ordinal: Int) -> Bool {
        let bit: UInt64 = 1 << UInt64(ordinal % 64)
        guard words[ordinal / 64] & bit == 0 else { return false }
        words[ordinal / 64] |= bit
        count += 1
        return true
    }
}
