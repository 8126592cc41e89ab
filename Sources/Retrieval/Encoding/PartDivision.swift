internal import Base
internal import Vectors

/// The parts of a folder, divided among processes.
///
/// Each part goes to the process with the least cost so far. So the shares of any first parts are even, and those of what is
/// left when a run is stopped and goes on with another number of processes.
package struct PartDivision {
    package typealias Part = (index: Int, ordinals: Range<Int>)

    /// Of each process, its parts, ascending.
    package let shares: [[Part]]

    /// - Parameter cost: of a part's records, in any unit.
    package init(_ parts: [Part], among processCount: Int, cost: (Range<Int>) throws -> Int) rethrows {
        var shares = [[Part]](repeating: [], count: processCount)
        var loads = [Int](repeating: 0, count: processCount)
        for part in parts {
            let least = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) }!
            shares[least].append(part)
            if processCount > 1 { loads[least] += try max(1, cost(part.ordinals)) }
        }
        self.shares = shares
    }
}

extension DatasetEncoder {
    /// The parts of this shard, as so many processes divide them: a function of the dataset and the options.
    func division(among processCount: Int) throws -> PartDivision {
        let shard = options.shard.range(of: source.count)
        let parts = stride(from: shard.lowerBound, to: shard.upperBound, by: options.recordsPerPart).enumerated().map {
            (index: $0, ordinals: $1..<min($1 + options.recordsPerPart, shard.upperBound))
        }
        return try PartDivision(parts, among: processCount) { try source.cost(of: $0) }
    }

    /// Parts that processes may share: more processes than that have nothing to do.
    public var partCount: Int {
        (options.shard.range(of: source.count).count + options.recordsPerPart - 1) / options.recordsPerPart
    }

    /// What processes that encode one folder together must have in common.
    func identity(_ description: VectorsDescription) -> SHA256Digest {
        let choices = "\(options.recordsPerPart) \(source.leavesOutFaults)"
        return SHA256Digest.of(description.digest.bytes + Array(choices.utf8))
    }
}
