extension RecordSet {
    package func willRead(_ ordinals: some Sequence<Int>) {
        var pending: (shard: ShardReader, range: Range<Int>)?
        var last: (part: Int, frame: Int)?
        for ordinal in ordinals {
            let part = part(of: ordinal)
            guard let shard = try? shard(part),
                let frame = try? shard.location(of: ordinal - parts[part].firstOrdinal).frame,
                last.map({ $0 != (part, frame) }) ?? true, let range = try? shard.range(ofFrame: frame)
            else { continue }
            last = (part, frame)
            if let (other, asked) = pending {
                if other === shard, range.lowerBound >= asked.lowerBound,
                    range.lowerBound - asked.upperBound <= Self.farthestJoined
                {
                    pending = (shard, asked.lowerBound..<max(asked.upperBound, range.upperBound))
                    continue
                }
                other.adviseSoon(asked)
            }
            pending = (shard, range)
        }
        if let (shard, range) = pending { shard.adviseSoon(range) }
    }

    /// Frames with at most so many bytes between them are read with what lies between: about a page.
    private static let farthestJoined = 4096
}
