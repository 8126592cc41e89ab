internal import Tensors

/// Self-attention of towers: all rows of a segment see each other.
final class TowerAttention {
    private let spec: AttentionSpec
    private let rotary: Rotary?
    private let queryKeyValue: Projection
    private let output: Projection
    /// Whether one layer makes queries, keys and values, in this order.
    private let isFused: Bool

    var projections: [Projection] { [queryKeyValue, output] }
    var parameters: [Parameter] { queryKeyValue.parameters + output.parameters }

    /// - Parameters:
    ///   - queryKeyValue: one layer of three times the size, or three.
    ///   - rotary: nil where rows are told apart by what was added to them.
    init(headCount: Int, headSize: Int, _ rotary: Rotary?, queryKeyValue: Projection, output: Linear) {
        spec = AttentionSpec(headCount: headCount, headSize: headSize)
        self.rotary = rotary
        self.queryKeyValue = queryKeyValue
        self.output = Projection(output)
        isFused = queryKeyValue.layers.count == 1
    }

    func callAsFunction(_ hidden_TD: Tensor, _ layout: DeviceLayout, _ dropout: Dropout) throws -> Tensor {
        let size = spec.querySize
        let qkv: [Tensor]
        if isFused {
            let joined = try queryKeyValue(hidden_TD, dropout, site: 0)
            qkv = try (0..<3).map { try joined.narrow(1, start: $0 * size, length: size) }
        } else {
            qkv = try queryKeyValue.each(hidden_TD, dropout, site: 0)
        }
        func turned(_ x_TD: Tensor) throws -> Tensor {
            guard let rotary else { return x_TD }
            let table = try layout.table(rotary)
            return try x_TD.reshape([-1, spec.headCount, spec.headSize]).rotary(cos: table.cos_TE, sin: table.sin_TE)
                .reshape([-1, size])
        }
        let context_TD = try PackedAttention.forward(
            turned(qkv[0]), turned(qkv[1]), qkv[2], spec, layout, dropout, site: 0)
        return try output(context_TD, dropout, site: 3)
    }

    /// `output + residual`, in place where nobody else sees the output.
    func adding(_ residual: Tensor, to output: Tensor) throws -> Tensor {
        try self.output.adding(residual, to: output)
    }
}
