/// Where to look for hashes of 64 bits that differ in at most so many.
///
/// The bits are dealt to `m` blocks. A pair that differs in `d` bits has `m − d` blocks without a difference, so that for
/// one of the `m` over `d` choices of `m − d` blocks it is equal in all of them: to look among the hashes that are equal
/// there, for each choice, finds every pair. More blocks mean fewer hashes at a place and more places.
///
/// Source: Manku, Jain and Das Sarma 2007, "Detecting near-duplicates for web crawling".
package struct HashBands {
    /// The bits of each choice.
    package let masks: [UInt64]

    /// The blocks that are the least work for so many hashes.
    ///
    /// - Parameter distance: 0 to 16.
    package init(distance: Int, hashCount: Int) {
        precondition((0...16).contains(distance), "blocks of a few bits")
        let counts = distance + 1...distance + 6
        let work = counts.map { Self.work(blockCount: $0, distance: distance, hashCount: Double(hashCount)) }
        let best = counts.lowerBound + work.indices.min { work[$0] < work[$1] }!
        masks = Self.masks(blockCount: best, distance: distance)
    }

    package init(blockCount: Int, distance: Int) { masks = Self.masks(blockCount: blockCount, distance: distance) }

    /// In nanoseconds, about: all are sorted by each key, and compared with those of the same key, which are more than if
    /// the bits of real hashes were independent.
    private static func work(blockCount: Int, distance: Int, hashCount: Double) -> Double {
        var choiceCount = 1.0
        for chosen in 0..<distance { choiceCount *= Double(blockCount - chosen) / Double(chosen + 1) }
        let keyBits = 64 * Double(blockCount - distance) / Double(blockCount)
        var sameKey = hashCount
        for _ in 0..<Int(0.75 * keyBits) { sameKey /= 2 }
        return choiceCount * hashCount * (100 + sameKey)
    }

    private static func masks(blockCount: Int, distance: Int) -> [UInt64] {
        var blocks = [UInt64](repeating: 0, count: blockCount)
        // Neighbours in different blocks: those of low frequencies say the least about each other.
        for bit in 0..<64 { blocks[bit % blockCount] |= 1 << UInt64(bit) }
        var masks: [UInt64] = []
        func choose(_ count: Int, from first: Int, _ mask: UInt64) {
            guard count > 0 else { return masks.append(mask) }
            for block in first..<blocks.count - count + 1 { choose(count - 1, from: block + 1, mask | blocks[block]) }
        }
        choose(blockCount - distance, from: 0, 0)
        return masks
    }
}
