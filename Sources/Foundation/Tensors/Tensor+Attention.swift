internal import CTorch

// Attention. Shapes: B sequences, H heads of queries, G of keys and values (G divides H, and head h reads the keys and
// values of head h / (H / G)), L positions, D elements of a head, T tokens of all sequences.
extension Tensor {
    /// `softmax(Q·Kᵀ·scale + mask)·V`, the softmax in float32.
    ///
    /// Without gradients for the mask, libtorch's fused kernels compute it: no `[L, L]` matrix is made, and keys that
    /// heads share are not repeated on the CPU.
    ///
    /// - Parameters:
    ///   - query_BHLD: `[B, H, L, D]`.
    ///   - key_BGLD, value_BGLD: `[B, G, L, D]`.
    ///   - mask: added to the scores, so −∞ hides a key; floating-point, broadcasts to `[B, H, L, L]`. Gradients flow
    ///     into it if it requires them, at the cost of matrices of that shape.
    ///   - causal: position i sees no later one; together with a mask, both hold.
    ///   - scale: 1/√D if nil.
    /// - Returns: `[B, H, L, D]`.
    public static func attention(
        query_BHLD: Tensor, key_BGLD: Tensor, value_BGLD: Tensor, mask: Tensor? = nil, causal: Bool = false,
        scale: Double? = nil
    ) throws -> Tensor {
        try withExtendedLifetime(mask) {
            try made("attention", query_BHLD, key_BGLD, value_BGLD) {
                ctorch_attention($0, $1, $2, mask?.handle, causal, scale ?? 0, $3, $4)
            }
        }
    }

    /// ``attention(query_BHLD:key_BGLD:value_BGLD:mask:causal:scale:)`` where position i sees i − before … i + after.
    ///
    /// Equal to a mask of that band up to rounding. Blocks of queries are taken with the keys that any of them sees.
    ///
    /// - Parameters:
    ///   - before, after: how many positions on each side are seen, besides the own one; 0 or more.
    ///   - blockLength: queries of a block; for tests.
    /// - Complexity: O(L · (before + after + block)) time, a mask of one block.
    public static func windowedAttention(
        query_BHLD: Tensor, key_BGLD: Tensor, value_BGLD: Tensor, before: Int, after: Int, scale: Double? = nil,
        blockLength: Int? = nil
    ) throws -> Tensor {
        try made("windowedAttention", query_BHLD, key_BGLD, value_BGLD) {
            ctorch_windowed_attention(
                $0, $1, $2, Int64(before), Int64(after), scale ?? 0, Int64(blockLength ?? 0), $3, $4)
        }
    }

    /// FlashAttention within each sequence of packed tensors: CUDA, float16 or bfloat16. Records gradients.
    ///
    /// - Parameters:
    ///   - query_THD: `[T, H, D]`.
    ///   - key_TGD, value_TGD: `[T, G, D]`.
    ///   - cumulativeLengths: int32 `[S + 1]` on the same device, from 0 to T.
    ///   - longest: the length of the longest sequence.
    ///   - before, after: how many positions on each side are seen, besides the own one; all if nil.
    /// - Returns: `[T, H, D]`.
    public static func packedAttention(
        query_THD: Tensor, key_TGD: Tensor, value_TGD: Tensor, cumulativeLengths: Tensor, longest: Int,
        causal: Bool = false, before: Int? = nil, after: Int? = nil, scale: Double? = nil
    ) throws -> Tensor {
        try withExtendedLifetime(cumulativeLengths) {
            try made("packedAttention", query_THD, key_TGD, value_TGD) {
                ctorch_packed_attention(
                    $0, $1, $2, cumulativeLengths.handle, Int64(longest), causal, Int64(before ?? -1),
                    Int64(after ?? -1), scale ?? 0, $3, $4)
            }
        }
    }
}
