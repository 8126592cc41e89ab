public import Tensors

// Shape letters: B queries, P passages, U different texts of a batch, D dimensions of a vector.

/// InfoNCE: each query against every passage of the batch, its own hard negatives and the others' passages alike.
public struct ContrastiveLoss: Sendable {
    /// τ > 0, dimensionless.
    public var temperature: Double

    public init(temperature: Double) {
        precondition(temperature > 0, "temperature must be positive")
        self.temperature = temperature
    }

    /// The mean contrastive loss of a batch.
    ///
    /// `loss = mean_i −log( exp(q_i·p_pos(i) / τ) / Σ_j∉excluded(i) exp(q_i·p_j / τ) )`
    ///
    /// - Parameters:
    ///   - queries_BD: float32 `[B, D]`, unit length if the card says so; not normalised here.
    ///   - passages_PD: float32 `[P, D]`, all passages of all queries.
    ///   - positives: for each query the row of its positive in `passages_PD`.
    ///   - excluded: rows that a query's denominator leaves out, `[B][…]`; never its own positive.
    /// - Returns: float32 scalar, in nats.
    /// - Throws: `TensorError` where the shapes do not fit.
    /// - Complexity: O(B·P·D) time; one `[B, P]` matrix.
    ///
    /// Source: Karpukhin et al. 2020, eq. 2; van den Oord et al. 2018.
    public func callAsFunction(
        queries_BD: Tensor, passages_PD: Tensor, positives: [Int], excluded: [[Int]] = []
    ) throws -> Tensor {
        let queryCount = queries_BD.size(0)
        let passageCount = passages_PD.size(0)
        guard positives.count == queryCount, positives.allSatisfy({ (0..<passageCount).contains($0) }) else {
            throw TensorError("contrastive loss", "\(queryCount) queries need as many positives below \(passageCount)")
        }
        var logits_BP = try queries_BD.matmul(passages_PD.transpose(0, 1)).multiplied(by: 1 / temperature)
        if let mask_BP = try mask(excluded, positives: positives, passageCount: passageCount) {
            logits_BP = try logits_BP.maskedFill(mask_BP.to(logits_BP.device), -.infinity)
        }
        let targets_B = try Tensor(positives.map(Int64.init), shape: [queryCount])
        return try logits_BP.crossEntropy(targets_B.to(logits_BP.device))
    }

    private func mask(_ excluded: [[Int]], positives: [Int], passageCount: Int) throws -> Tensor? {
        guard excluded.contains(where: { !$0.isEmpty }) else { return nil }
        guard excluded.count == positives.count else {
            throw TensorError(
                "contrastive loss", "\(positives.count) queries but \(excluded.count) lists of exclusions")
        }
        var flags = [UInt8](repeating: 0, count: positives.count * passageCount)
        for (query, rows) in excluded.enumerated() {
            for row in rows {
                precondition(row != positives[query], "a query's own positive cannot be excluded")
                flags[query * passageCount + row] = 1
            }
        }
        return try Tensor(flags, shape: [positives.count, passageCount]).notEqual(0)
    }
}
