internal import Tensors

/// Self-attention of decoder-like models: separate projections, optional norms of each head, rotary embedding.
final class SelfAttention {
    private let spec: AttentionSpec
    private let rotary: Rotary
    private let queryKeyValue: Projection
    private let output: Projection
    private let queryNorm: RMSNorm?
    private let keyNorm: RMSNorm?

    /// E
    var headSize: Int { spec.headSize }
    var projections: [Projection] { [queryKeyValue, output] }

    var parameters: [Parameter] {
        queryKeyValue.parameters + output.parameters + (queryNorm?.parameters ?? []) + (keyNorm?.parameters ?? [])
    }

    /// What differs between families.
    struct Options {
        var inputBias = false
        var outputBias = false
        /// ε of the norms of each head of queries and keys; nil where there are none.
        var headNormEpsilon: Double?
        /// Whether these norms are stored less one, as in Gemma.
        var headNormAddsOne = false
    }

    init(
        _ name: String, _ size: Int, _ spec: AttentionSpec, _ rotary: Rotary, _ options: Options, _ files: WeightFiles
    ) throws {
        self.spec = spec
        self.rotary = rotary
        queryKeyValue = Projection(
            try files.linear(name + ".q_proj", size, spec.querySize, bias: options.inputBias),
            try files.linear(name + ".k_proj", size, spec.keyValueSize, bias: options.inputBias),
            try files.linear(name + ".v_proj", size, spec.keyValueSize, bias: options.inputBias))
        output = Projection(try files.linear(name + ".o_proj", spec.querySize, size, bias: options.outputBias))
        func norm(_ part: String) throws -> RMSNorm? {
            try options.headNormEpsilon.map {
                try RMSNorm("\(name).\(part)", spec.headSize, $0, files, addsOne: options.headNormAddsOne)
            }
        }
        queryNorm = try norm("q_norm")
        keyNorm = try norm("k_norm")
    }

    /// - Parameter valueNorm: what values go through, `[T, G, E]`, where they do.
    func callAsFunction(
        _ hidden_TD: Tensor, _ context: Context, _ dropout: Dropout, valueNorm: ((Tensor) throws -> Tensor)? = nil
    ) throws -> Tensor {
        let qkv = try queryKeyValue.each(hidden_TD, dropout, site: 0)
        let layout = context.layout()
        let table = try layout.table(rotary)
        func turned(_ x_TD: Tensor, _ norm: RMSNorm?, _ headCount: Int) throws -> Tensor {
            let x_THE = try x_TD.reshape([-1, headCount, spec.headSize])
            return try (norm?(x_THE) ?? x_THE).rotary(cos: table.cos_TE, sin: table.sin_TE)
                .reshape([-1, headCount * spec.headSize])
        }
        let values =
            try valueNorm?(qkv[2].reshape([-1, spec.keyValueHeadCount, spec.headSize]))
            .reshape([-1, spec.keyValueSize]) ?? qkv[2]
        let context_TD = try PackedAttention.forward(
            turned(qkv[0], queryNorm, spec.headCount), turned(qkv[1], keyNorm, spec.keyValueHeadCount), values, spec,
            layout, dropout, site: 0)
        return try output(context_TD, dropout, site: 3)
    }

    /// `output + residual`, in place where nobody else sees the output.
    func adding(_ residual: Tensor, to output: Tensor) throws -> Tensor {
        try self.output.adding(residual, to: output)
    }
}
