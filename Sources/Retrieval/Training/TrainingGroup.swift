internal import Base
public import Tensors

// Shape letters: U inputs of a micro-batch, N those of one process, D dimensions of a vector.

/// Processes that train one model together.
///
/// Each computes some inputs of a micro-batch. Vectors are gathered, so that each compares all with all and knows the gradient
/// of its own; gradients of the weights are summed. A step does what one process does, but for the order of sums. What else
/// each has, all or a share of, is its ``sharding``. Where each has all, sums come out with the same bits in each process, so
/// that on processors of one kind all weights stay the same, bit for bit.
public final class TrainingGroup {
    let group: ProcessGroup
    /// How many of the processes share this machine's memory.
    let localSize: Int
    /// What each of them has a share of alone.
    let sharding: Sharding
    var rank: Int { group.rank }
    var size: Int { group.size }
    /// Whether this process writes the run's files.
    var isFirst: Bool { rank == 0 }

    public init(_ group: ProcessGroup, localSize: Int? = nil, sharding: Sharding = .none) {
        self.group = group
        self.sharding = sharding
        self.localSize = localSize ?? 1
    }

    /// What all processes want at the beginning of a step.
    struct Agreement {
        /// Whether the first process has no step to take any more.
        var isDone: Bool
        var isInterrupted: Bool
        /// Whether the first process wants a checkpoint.
        var isCheckpointDue: Bool
    }

    /// Hears all processes, and what the step before has done in each.
    ///
    /// - Parameter gradientNorm: of the step before.
    /// - Throws: `Failure` where another process ended, or where weights are not the same any more.
    func agree(
        isDone: Bool, isInterrupted: Bool, isCheckpointDue: Bool, gradientNorm: Double
    ) throws -> Agreement {
        let own = [isDone ? 1 : 0, isInterrupted ? 1 : 0, isCheckpointDue ? 1 : 0, Float(gradientNorm)]
        let all = try group.gather(Tensor(own, shape: [1, own.count])).floats()
        let norms = (0..<size).map { all[own.count * $0 + 3] }
        guard norms.allSatisfy({ abs($0 - norms[0]) <= 1e-4 * abs(norms[0]) }) else {
            throw Failure(
                .bug, "the processes' weights have drifted apart: gradients of length \(norms)",
                advice: "Are all of one version, on processors of one kind?")
        }
        return Agreement(
            isDone: all[0] != 0, isInterrupted: (0..<size).contains { all[own.count * $0 + 1] != 0 },
            isCheckpointDue: all[2] != 0)
    }

    /// The vectors of all inputs, `[U, D]`, in their order: a leaf that records gradients.
    ///
    /// - Parameter own_ND: of this process's inputs.
    func vectors(_ own_ND: Tensor, _ division: WorkDivision) throws -> Tensor {
        try withoutGradients {
            // Exchanges go from one CPU's memory to another's.
            let own = try own_ND.detached().to(.cpu)
            let missing = division.longest - own.size(0)
            let padded =
                missing == 0
                ? own : try Tensor.cat([own, Tensor.zeros([missing, own.size(1)], type: own.elementType)])
            let all = try group.gather(padded)
            let rows = try all.indexSelect(0, Tensor(division.rows.map(Int64.init)))
            return try rows.to(own_ND.device).requireGradient()
        }
    }

    /// Whether it is so in the first process, which the others do not know of themselves.
    func agree(onFirst isSo: Bool) throws -> Bool { try sum(isFirst && isSo ? 1 : 0) > 0 }

    /// - Throws: `Failure` with status 130, in all processes, once one of them has been interrupted.
    func checkInterruption() throws {
        guard try sum(Interruption.isRequested ? 1 : 0) == 0 else { throw Failure(.interrupted, "interrupted") }
    }

    /// The sum of a number over all processes.
    func sum(_ number: Double) throws -> Double {
        let sum = try Tensor([number])
        try group.sum(sum)
        return try sum.item()
    }
}
