public import Tensors

/// How the hidden states of a text become one vector.
public enum Pooling: String, Sendable, CaseIterable {
    /// The average over all tokens, special ones included.
    case mean
    /// The first token's.
    case cls
    /// The last token's.
    case last
    /// The largest of each component.
    case max
    /// The sum over the square root of the number of tokens.
    case meanSqrtLength = "mean_sqrt_len"
    /// The average in which token i, counted from 1, has weight i.
    case weightedMean = "weighted_mean"

    /// One row for each sequence, in the caller's order, float32.
    ///
    /// Tokens that the batch leaves out of pooling (``PackedBatch/unpooled``) count as if they were not there, but that
    /// those behind them keep their weights. A sequence of such tokens alone has zeros, or for `cls` its first token's.
    ///
    /// Source of the modes: sentence-transformers' `Pooling`.
    ///
    /// - Returns: `[S, D]`
    public func callAsFunction(_ hidden_TD: Tensor, _ batch: DeviceBatch) throws -> Tensor {
        let hiddenSize = hidden_TD.size(1)
        var rows: [Tensor] = []
        for (run, unpooled) in batch.packed.pooledRuns {
            let run_NLD = try hidden_TD.narrow(0, start: run.firstRow, length: run.rowCount)
                .reshape([run.sequenceCount, run.length, hiddenSize])
            rows.append(try pooled(run_NLD, from: unpooled, length: run.length))
        }
        let packed_SD = rows.count == 1 ? rows[0] : try Tensor.cat(rows)
        guard let restoring_S = batch.restoring_S else { return packed_SD }
        return try packed_SD.indexSelect(0, restoring_S)
    }

    /// - Parameter start: tokens before it are left out.
    private func pooled(_ run_NLD: Tensor, from start: Int, length: Int) throws -> Tensor {
        let count = length - start
        guard count > 0 else {
            let first_ND = try run_NLD.select(1, 0).to(.float32)
            // A product, not new zeros: gradients are asked for of whatever comes out.
            return self == .cls ? first_ND : try first_ND.multiplied(by: 0)
        }
        func kept_NLD() throws -> Tensor {
            try (start == 0 ? run_NLD : run_NLD.narrow(1, start: start, length: count)).to(.float32)
        }
        switch self {
        case .mean: return try kept_NLD().mean(1)
        case .cls: return try run_NLD.select(1, start).to(.float32)
        case .last: return try run_NLD.select(1, length - 1).to(.float32)
        case .max: return try kept_NLD().max(1)
        case .meanSqrtLength: return try kept_NLD().sum(1).multiplied(by: 1 / Double(count).squareRoot())
        case .weightedMean:
            let positions = (start + 1)...length
            let total = Float(positions.reduce(0, +))
            let weights_L1 = try Tensor(positions.map { Float($0) / total }, shape: [count, 1])
            return try kept_NLD().multiplied(by: weights_L1.to(run_NLD.device)).sum(1)
        }
    }
}
