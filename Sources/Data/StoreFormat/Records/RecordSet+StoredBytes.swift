extension RecordSet {
    /// How many bytes the frames take that a range of records lies in, compressed: what is read for it, and a measure of its
    /// text that takes two looks into the index of each shard.
    package func storedBytes(of range: Range<Int>) throws -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "ordinals \(range) of \(count)")
        var byteCount = 0
        var ordinal = range.lowerBound
        while ordinal < range.upperBound {
            let part = part(of: ordinal)
            let shard = try shard(part)
            let first = parts[part].firstOrdinal
            let end = min(range.upperBound, first + parts[part].recordCount)
            let start = try shard.range(ofFrame: shard.location(of: ordinal - first).frame)
            let last = try shard.range(ofFrame: shard.location(of: end - 1 - first).frame)
            byteCount += last.upperBound - start.lowerBound
            ordinal = end
        }
        return byteCount
    }
}
