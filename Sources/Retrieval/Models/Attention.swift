internal import Tensors

/// Attention within each sequence of a packed batch: no masks, no padding, nothing computed that is not used.
enum PackedAttention {
    /// `softmax(Q·Kᵀ/√E)·V` of each sequence and head.
    ///
    /// On CUDA in 16 bits, one FlashAttention call with cumulative lengths; elsewhere one call for each run of
    /// sequences of equal length.
    ///
    /// - Parameters:
    ///   - q_TD, k_TD, v_TD: `[T, D]`, D = heads × E; may be views of one `[T, 3D]`.
    ///   - site: tells the dropouts of one block apart.
    static func forward(
        _ q_TD: Tensor, _ k_TD: Tensor, _ v_TD: Tensor, headCount: Int, _ batch: DeviceBatch, _ dropout: Dropout,
        site: UInt64
    ) throws -> Tensor {
        let hiddenSize = q_TD.size(1)
        let headSize = hiddenSize / headCount
        let is16Bit = q_TD.elementType == .float16 || q_TD.elementType == .bfloat16
        if batch.device != .cpu && is16Bit && dropout.attention == 0 {
            let shape = [-1, headCount, headSize]
            return try Tensor.packedAttention(
                query_THD: q_TD.reshape(shape), key_TGD: k_TD.reshape(shape), value_TGD: v_TD.reshape(shape),
                cumulativeLengths: batch.cumulativeLengths, longest: batch.packed.longest
            ).reshape([-1, hiddenSize])
        }
        var outputs: [Tensor] = []
        for (index, run) in batch.packed.runs.enumerated() {
            let parts_NHLE = try [q_TD, k_TD, v_TD].map { x_TD in
                try x_TD.narrow(0, start: run.firstToken, length: run.tokenCount)
                    .reshape([run.sequenceCount, run.length, headCount, headSize]).transpose(1, 2)
            }
            let output_NHLE =
                if dropout.attention == 0 {
                    try Tensor.attention(
                        query_BHLD: parts_NHLE[0], key_BGLD: parts_NHLE[1], value_BGLD: parts_NHLE[2])
                } else {
                    try attentionWithDropout(parts_NHLE, dropout, site: site &* 65_536 &+ UInt64(index))
                }
            outputs.append(try output_NHLE.transpose(1, 2).reshape([run.tokenCount, hiddenSize]))
        }
        return outputs.count == 1 ? outputs[0] : try Tensor.cat(outputs)
    }

    private static func attentionWithDropout(_ parts_NHLE: [Tensor], _ dropout: Dropout, site: UInt64) throws -> Tensor
    {
        let scale = 1 / Double(parts_NHLE[0].size(3)).squareRoot()
        let scores_NHLL = try parts_NHLE[0].matmul(parts_NHLE[1].transpose(-1, -2)).multiplied(by: scale)
        return try dropout.attention(scores_NHLL.softmax(), site: site).matmul(parts_NHLE[2])
    }
}
