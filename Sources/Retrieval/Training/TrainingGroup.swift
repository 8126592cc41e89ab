internal import Base
internal import Models
public import Tensors

// Shape letters: U inputs of a micro-batch, N those of one process, D dimensions of a vector.

/// Processes that train one model together.
///
/// Each computes some inputs of a micro-batch, and has all weights and all of the optimizer's state. Vectors are gathered, so
/// that each compares all with all and knows the gradient of its own; gradients of the weights are summed, and come out with
/// the same bits in each process. On processors of one kind all weights stay the same, bit for bit, and a step does what one
/// process does, but for the order of sums.
public final class TrainingGroup {
    let group: ProcessGroup
    /// How many of the processes share this machine's memory.
    let localSize: Int
    var rank: Int { group.rank }
    var size: Int { group.size }
    /// Whether this process writes the run's files.
    var isFirst: Bool { rank == 0 }

    /// Numbers that are summed at once, at most, unless one tensor has more.
    private static let bucketSize = 16 << 20

    public init(_ group: ProcessGroup, localSize: Int? = nil) {
        self.group = group
        self.localSize = localSize ?? 1
    }

    /// What all processes want at the beginning of a step.
    struct Agreement {
        /// Whether the first process has no step to take any more.
        var isDone: Bool
        var isInterrupted: Bool
    }

    /// Hears all processes, and what the step before has done in each.
    ///
    /// - Parameter gradientNorm: of the step before.
    /// - Throws: `Failure` where another process ended, or where weights are not the same any more.
    func agree(isDone: Bool, isInterrupted: Bool, gradientNorm: Double) throws -> Agreement {
        let own = try Tensor([isDone ? 1 : 0, isInterrupted ? 1 : 0, Float(gradientNorm)] as [Float], shape: [1, 3])
        let all = try group.gather(own).floats()
        let norms = (0..<size).map { all[3 * $0 + 2] }
        guard norms.allSatisfy({ abs($0 - norms[0]) <= 1e-4 * abs(norms[0]) }) else {
            throw Failure(
                .bug, "the processes' weights have drifted apart: gradients of length \(norms)",
                advice: "Are all of one version, on processors of one kind?")
        }
        return Agreement(
            isDone: all[0] != 0, isInterrupted: (0..<size).contains { all[3 * $0 + 1] != 0 })
    }

    /// The vectors of all inputs, `[U, D]`, in their order: a leaf that records gradients.
    ///
    /// - Parameter own_ND: of this process's inputs.
    func vectors(_ own_ND: Tensor, _ division: WorkDivision) throws -> Tensor {
        try withoutGradients {
            let own = try own_ND.detached()
            let missing = division.longest - own.size(0)
            let padded =
                missing == 0
                ? own : try Tensor.cat([own, Tensor.zeros([missing, own.size(1)], type: own.elementType)])
            let all = try group.gather(padded)
            return try all.indexSelect(0, Tensor(division.rows.map(Int64.init))).requireGradient()
        }
    }

    /// Sums of the gradients of all processes; nil for what nothing in any of them depended on.
    func sum(_ gradients: [Tensor?], of parameters: [Parameter]) throws -> [Tensor?] {
        try withoutGradients {
            let counts = try Tensor(gradients.map { $0 == nil ? 0 : 1 } as [Float])
            try group.sum(counts)
            let present = try counts.floats().map { $0 > 0 }
            var sums: [Tensor?] = try gradients.indices.map { index in
                guard present[index] else { return nil }
                return try gradients[index] ?? parameters[index].tensor.zerosLike()
            }
            var bucket: [Int] = []
            func flush() throws {
                guard !bucket.isEmpty else { return }
                let flat = try Tensor.cat(bucket.map { try sums[$0]!.reshape([-1]) })
                try group.sum(flat)
                var start = 0
                for index in bucket {
                    let (shape, length) = (sums[index]!.shape, sums[index]!.elementCount)
                    sums[index] = try flat.narrow(0, start: start, length: length).reshape(shape)
                    start += length
                }
                bucket = []
            }
            var filled = 0
            for index in sums.indices where present[index] {
                let (sum, count) = (sums[index]!, sums[index]!.elementCount)
                if let first = bucket.first,
                    filled + count > Self.bucketSize || sums[first]!.elementType != sum.elementType
                {
                    try flush()
                    filled = 0
                }
                bucket.append(index)
                filled += count
            }
            try flush()
            return sums
        }
    }
}
