internal import Tensors

/// One BERT layer: self-attention and a feed-forward net, each followed by dropout, the residual and layer norm.
final class BertBlock: Block {
    private let index: Int
    private let headCount: Int
    private let activation: BertConfiguration.Activation
    private let query: Linear
    private let key: Linear
    private let value: Linear
    private let attentionOutput: Linear
    private let attentionNorm: LayerNorm
    private let intermediate: Linear
    private let output: Linear
    private let outputNorm: LayerNorm
    private var fused: Fused?

    /// The weights as encoding wants them.
    private struct Fused {
        let queryKeyValue: FusedLinear
        let attentionOutput: FusedLinear
        let intermediate: FusedLinear
        let output: FusedLinear
    }

    var linearLayers: [Linear] { [query, key, value, attentionOutput, intermediate, output] }

    var parameters: [Parameter] {
        [query, key, value, attentionOutput].flatMap(\.parameters) + attentionNorm.parameters
            + intermediate.parameters + output.parameters + outputNorm.parameters
    }

    init(_ index: Int, _ configuration: BertConfiguration, _ weights: WeightLoader) throws {
        self.index = index
        headCount = configuration.headCount
        activation = configuration.activation
        let size = configuration.hiddenSize
        let inner = configuration.intermediateSize
        let epsilon = configuration.normEpsilon
        let name = "encoder.layer.\(index)"
        query = try weights.linear("\(name).attention.self.query", size, size)
        key = try weights.linear("\(name).attention.self.key", size, size)
        value = try weights.linear("\(name).attention.self.value", size, size)
        attentionOutput = try weights.linear("\(name).attention.output.dense", size, size)
        attentionNorm = try LayerNorm("\(name).attention.output.LayerNorm", size, epsilon, weights)
        intermediate = try weights.linear("\(name).intermediate.dense", size, inner)
        output = try weights.linear("\(name).output.dense", inner, size)
        outputNorm = try LayerNorm("\(name).output.LayerNorm", size, epsilon, weights)
    }

    func prepareForEncoding() throws {
        try withoutGradients {
            fused = Fused(
                queryKeyValue: try FusedLinear([query, key, value]),
                attentionOutput: try FusedLinear([attentionOutput]),
                intermediate: try FusedLinear([intermediate]), output: try FusedLinear([output]))
        }
    }

    func forward(_ hidden_TD: Tensor, _ batch: DeviceBatch, _ dropout: Dropout) throws -> Tensor {
        if let fused { return try encode(hidden_TD, batch, fused) }
        let dropout = dropout.at(UInt64(index + 1))
        let context_TD = try PackedAttention.forward(
            query(hidden_TD, dropout, site: 0), key(hidden_TD, dropout, site: 1), value(hidden_TD, dropout, site: 2),
            headCount: headCount, batch, dropout, site: 0)
        let attended_TD = try dropout.hidden(attentionOutput(context_TD, dropout, site: 3), site: 0)
        let middle_TD = try attentionNorm(attended_TD.adding(hidden_TD))
        let inner_TI = try activated(intermediate(middle_TD, dropout, site: 4))
        let outer_TD = try dropout.hidden(output(inner_TI, dropout, site: 5), site: 1)
        return try outputNorm(outer_TD.adding(middle_TD))
    }

    /// The same without dropout and gradients, with fused weights, and adding in place what nobody else sees.
    private func encode(_ hidden_TD: Tensor, _ batch: DeviceBatch, _ fused: Fused) throws -> Tensor {
        let size = hidden_TD.size(1)
        let qkv_T3D = try fused.queryKeyValue(hidden_TD)
        let context_TD = try PackedAttention.forward(
            qkv_T3D.narrow(1, start: 0, length: size), qkv_T3D.narrow(1, start: size, length: size),
            qkv_T3D.narrow(1, start: 2 * size, length: size), headCount: headCount, batch, .none, site: 0)
        let attended_TD = try fused.attentionOutput(context_TD)
        try attended_TD.addInPlace(hidden_TD)
        let middle_TD = try attentionNorm(attended_TD)
        let inner_TI =
            activation == .gelu
            ? try fused.intermediate(middle_TD, gelu: true) : try activated(fused.intermediate(middle_TD))
        let outer_TD = try fused.output(inner_TI)
        try outer_TD.addInPlace(middle_TD)
        return try outputNorm(outer_TD)
    }

    private func activated(_ input: Tensor) throws -> Tensor {
        switch activation {
        case .gelu: try input.gelu()
        case .geluTanh: try input.geluTanh()
        case .relu: try input.relu()
        case .silu: try input.silu()
        }
    }
}
