package import Models
package import Tensors

/// Processes that encode the same records together, of whose batches each computes every n-th.
///
/// Batches are those of one process, and so are the vectors. All processes read and tokenise all records, since batches
/// depend on all lengths of a window, and decode the media of their own batches. Each runs the model equally often, as those
/// must that bring its weights together. Not Sendable: one thread of each process uses it.
package struct JointBatches {
    private let group: ProcessGroup
    private let compute: (PackedBatch?) throws -> Tensor?

    /// - Parameter compute: what the model's head makes of a batch; called equally often in all processes, with nil where there
    ///   is no batch for this one any more.
    package init(_ group: ProcessGroup, compute: @escaping (PackedBatch?) throws -> Tensor?) {
        (self.group, self.compute) = (group, compute)
    }

    /// Numbers of the batches that this process computes, one in each round.
    func own(of batchCount: Int) -> [Int] { Array(stride(from: group.rank, to: batchCount, by: group.size)) }

    /// How often all processes run the model.
    func roundCount(of batchCount: Int) -> Int { (batchCount + group.size - 1) / group.size }

    /// Computes this process's batch of a round, and brings the vectors of all of its batches together.
    ///
    /// - Parameters:
    ///   - sizes: records of each batch of the window.
    ///   - finish: makes the output, `[S, dims]` on the CPU, of what the head has made.
    ///   - take: a batch's number, and its vectors.
    func run(
        round: Int, _ own: PackedBatch?, sizes: [Int], dims: Int, finish: (Tensor) throws -> Tensor,
        take: (_ batch: Int, Tensor) throws -> Void
    ) throws {
        let first = round * group.size
        let batches = first..<min(first + group.size, sizes.count)
        let longest = batches.map { sizes[$0] }.max() ?? 0
        try withoutGradients {
            let vectors = try compute(own).map(finish)
            let missing = longest - (vectors?.size(0) ?? 0)
            let padding = missing == 0 ? nil : try Tensor.zeros([missing, dims])
            let parts = [vectors, padding].compactMap { $0 }
            let all = try group.gather(parts.count == 1 ? parts[0] : Tensor.cat(parts))
            for batch in batches {
                try take(batch, all.narrow(0, start: (batch - first) * longest, length: sizes[batch]).contiguous())
            }
        }
    }
}
