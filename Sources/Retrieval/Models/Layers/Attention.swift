internal import Tensors

/// How the rows of a sequence attend to each other.
struct AttentionSpec: Sendable {
    /// Which keys a query sees.
    enum Sight: Sendable, Hashable {
        /// All of its sequence.
        case all
        /// Those up to itself.
        case causal
        /// Itself, so many before and so many after.
        case window(before: Int, after: Int)

        /// The rows that a row of a sequence of this length sees.
        func keys(of row: Int, length: Int) -> Range<Int> {
            switch self {
            case .all: 0..<length
            case .causal: 0..<(row + 1)
            case .window(let before, let after): max(0, row - before)..<min(length, row + after + 1)
            }
        }

        /// The simplest that is the same for sequences of this length.
        func simplified(length: Int) -> Sight {
            guard case .window(let before, let after) = self, before >= length - 1 else { return self }
            return after >= length - 1 ? .all : after == 0 ? .causal : self
        }
    }

    /// H
    let headCount: Int
    /// G: each serves H / G neighbouring heads.
    let keyValueHeadCount: Int
    /// E
    let headSize: Int
    /// What products of queries and keys are multiplied by.
    let scale: Double
    let sight: Sight

    init(headCount: Int, keyValueHeadCount: Int? = nil, headSize: Int, scale: Double? = nil, sight: Sight = .all) {
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount ?? headCount
        self.headSize = headSize
        self.scale = scale ?? 1 / Double(headSize).squareRoot()
        self.sight = sight
    }

    /// Size of all queries of a row.
    var querySize: Int { headCount * headSize }
    /// Size of all keys of a row.
    var keyValueSize: Int { keyValueHeadCount * headSize }
}

/// Attention within each sequence of a layout: no padding, nothing computed that is not used.
enum PackedAttention {
    /// `softmax(Q·Kᵀ·scale + bias)·V` of each sequence and head.
    ///
    /// On CUDA in 16 bits, one FlashAttention call with cumulative lengths; elsewhere one call for each run of
    /// sequences of equal length.
    ///
    /// - Parameters:
    ///   - q_TD: `[T, H·E]`; k_TK, v_TK: `[T, G·E]`; may be views of one tensor.
    ///   - bias: for sequences of a length, added to the scaled products: `[H, L, L]`.
    ///   - site: tells the dropouts of one stage apart.
    static func forward(
        _ q_TD: Tensor, _ k_TK: Tensor, _ v_TK: Tensor, _ spec: AttentionSpec, _ layout: DeviceLayout,
        _ dropout: Dropout, site: UInt64, bias: ((_ length: Int) throws -> Tensor)? = nil
    ) throws -> Tensor {
        let is16Bit = q_TD.elementType == .float16 || q_TD.elementType == .bfloat16
        let fits = spec.headSize % 8 == 0 && spec.headSize <= 256
        if layout.device != .cpu && is16Bit && fits && dropout.attention == 0 && bias == nil {
            return try flash(q_TD, k_TK, v_TK, spec, layout)
        }
        var outputs: [Tensor] = []
        for (index, run) in layout.layout.runs.enumerated() {
            func heads(_ x: Tensor, _ count: Int) throws -> Tensor {
                try x.narrow(0, start: run.firstRow, length: run.rowCount)
                    .reshape([run.sequenceCount, run.length, count, spec.headSize]).transpose(1, 2)
            }
            let q_NHLE = try heads(q_TD, spec.headCount)
            let k_NGLE = try heads(k_TK, spec.keyValueHeadCount)
            let v_NGLE = try heads(v_TK, spec.keyValueHeadCount)
            let sight = spec.sight.simplified(length: run.length)
            let bias_HLL = try bias?(run.length)
            let output_NHLE =
                if dropout.attention > 0 {
                    try attentionWithDropout(
                        q_NHLE, k_NGLE, v_NGLE, spec, bias_HLL,
                        sight == .all ? nil : layout.mask(sight, length: run.length), dropout,
                        site: site &* 65_536 &+ UInt64(index))
                } else if case .window(let before, let after) = sight {
                    try Tensor.windowedAttention(
                        query_BHLD: q_NHLE, key_BGLD: k_NGLE, value_BGLD: v_NGLE, before: before, after: after,
                        scale: spec.scale)
                } else {
                    try Tensor.attention(
                        query_BHLD: q_NHLE, key_BGLD: k_NGLE, value_BGLD: v_NGLE, mask: bias_HLL,
                        causal: sight == .causal, scale: spec.scale)
                }
            outputs.append(try output_NHLE.transpose(1, 2).reshape([run.rowCount, spec.querySize]))
        }
        return outputs.count == 1 ? outputs[0] : try Tensor.cat(outputs)
    }

    private static func flash(
        _ q_TD: Tensor, _ k_TK: Tensor, _ v_TK: Tensor, _ spec: AttentionSpec, _ layout: DeviceLayout
    ) throws -> Tensor {
        let window: (before: Int?, after: Int?) =
            if case .window(let before, let after) = spec.sight { (before, after) } else { (nil, nil) }
        return try Tensor.packedAttention(
            query_THD: q_TD.reshape([-1, spec.headCount, spec.headSize]),
            key_TGD: k_TK.reshape([-1, spec.keyValueHeadCount, spec.headSize]),
            value_TGD: v_TK.reshape([-1, spec.keyValueHeadCount, spec.headSize]),
            cumulativeLengths: layout.cumulativeLengths, longest: layout.layout.longest,
            causal: spec.sight == .causal, before: window.before, after: window.after, scale: spec.scale
        ).reshape([-1, spec.querySize])
    }

    private static func attentionWithDropout(
        _ q_NHLE: Tensor, _ k_NGLE: Tensor, _ v_NGLE: Tensor, _ spec: AttentionSpec, _ bias_HLL: Tensor?,
        _ mask_LL: Tensor?, _ dropout: Dropout, site: UInt64
    ) throws -> Tensor {
        var scores_NHLL = try q_NHLE.matmul(repeated(k_NGLE, spec).transpose(-1, -2)).multiplied(by: spec.scale)
        if let bias_HLL { scores_NHLL = try scores_NHLL.adding(bias_HLL) }
        if let mask_LL { scores_NHLL = try scores_NHLL.adding(mask_LL.to(scores_NHLL.elementType)) }
        return try dropout.attention(scores_NHLL.softmax(), site: site).matmul(repeated(v_NGLE, spec))
    }

    /// Each head of keys or values as often as it is used, as neighbours: `[N, G, L, E]` to `[N, H, L, E]`.
    private static func repeated(_ x_NGLE: Tensor, _ spec: AttentionSpec) throws -> Tensor {
        let group = spec.headCount / spec.keyValueHeadCount
        guard group > 1 else { return x_NGLE }
        let (count, length) = (x_NGLE.size(0), x_NGLE.size(2))
        return try x_NGLE.unsqueeze(2)
            .expand([count, spec.keyValueHeadCount, group, length, spec.headSize])
            .reshape([count, spec.headCount, length, spec.headSize])
    }
}
