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
    /// Source of the modes: sentence-transformers' `Pooling`.
    ///
    /// - Returns: `[S, D]`
    public func callAsFunction(_ hidden_TD: Tensor, _ batch: DeviceBatch) throws -> Tensor {
        let hiddenSize = hidden_TD.size(1)
        var rows: [Tensor] = []
        for run in batch.packed.layout.runs {
            let run_NLD = try hidden_TD.narrow(0, start: run.firstRow, length: run.rowCount)
                .reshape([run.sequenceCount, run.length, hiddenSize])
            rows.append(try pooled(run_NLD, length: run.length))
        }
        let packed_SD = rows.count == 1 ? rows[0] : try Tensor.cat(rows)
        guard let restoring_S = batch.restoring_S else { return packed_SD }
        return try packed_SD.indexSelect(0, restoring_S)
    }

    private func pooled(_ run_NLD: Tensor, length: Int) throws -> Tensor {
        switch self {
        case .mean: return try run_NLD.to(.float32).mean(1)
        case .cls: return try run_NLD.select(1, 0).to(.float32)
        case .last: return try run_NLD.select(1, length - 1).to(.float32)
        case .max: return try run_NLD.to(.float32).max(1)
        case .meanSqrtLength: return try run_NLD.to(.float32).sum(1).multiplied(by: 1 / Double(length).squareRoot())
        case .weightedMean:
            let total = Float(length * (length + 1) / 2)
            let weights_L1 = try Tensor((1...length).map { Float($0) / total }, shape: [length, 1])
            return try run_NLD.to(.float32).multiplied(by: weights_L1.to(run_NLD.device)).sum(1)
        }
    }
}
