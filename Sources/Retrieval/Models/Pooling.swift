public import Tensors

/// How the hidden states of a text become one vector.
public enum Pooling: String, Sendable, CaseIterable {
    /// The average over all tokens, special ones included.
    case mean
    /// The first token's.
    case cls
    /// The last token's.
    case last

    /// One row for each sequence, in the caller's order, float32.
    ///
    /// - Returns: `[S, D]`
    public func callAsFunction(_ hidden_TD: Tensor, _ batch: DeviceBatch) throws -> Tensor {
        let hiddenSize = hidden_TD.size(1)
        var rows: [Tensor] = []
        for run in batch.packed.runs {
            let run_NLD = try hidden_TD.narrow(0, start: run.firstToken, length: run.tokenCount)
                .reshape([run.sequenceCount, run.length, hiddenSize])
            switch self {
            case .mean: rows.append(try run_NLD.to(.float32).mean(1))
            case .cls: rows.append(try run_NLD.select(1, 0).to(.float32))
            case .last: rows.append(try run_NLD.select(1, run.length - 1).to(.float32))
            }
        }
        let packed_SD = rows.count == 1 ? rows[0] : try Tensor.cat(rows)
        guard let restoring_S = batch.restoring_S else { return packed_SD }
        return try packed_SD.indexSelect(0, restoring_S)
    }
}
