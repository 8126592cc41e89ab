internal import Foundation
internal import Tensors

// The layers of EmbeddingGemma 2's audio tower.
//
// Source: Gulati et al. 2020, Dai et al. 2019 (relative positions); names and order of operations as in transformers'
// `Gemma4AudioModel`.

/// ε of most norms, whatever the configuration says.
private let fixedEpsilon = 1e-6

/// What stands for how far back a row lies, and which rows of a block's are seen: the same in all layers.
final class BlockPositions {
    private let configuration: EmbeddingGemma2AudioConfiguration
    private let computeType: ElementType
    private var made: (table_ND: Tensor, unseen: Tensor)?

    init(_ configuration: EmbeddingGemma2AudioConfiguration, _ computeType: ElementType) {
        self.configuration = configuration
        self.computeType = computeType
    }

    /// - Returns: `[n, D]`, the farthest of the n rows first; and `[1, 1, C, C + n - 1]`, where a row of a block does not
    ///   see one of the rows that the block may attend to, however long the sound is.
    func tensors(on device: Device) throws -> (table_ND: Tensor, unseen: Tensor) {
        if let made { return made }
        let made = try withoutGradients { (try table().to(device), try unseen().to(device)) }
        self.made = made
        return made
    }

    /// `[sin(δ·ω) ‖ cos(δ·ω)]`, `ω_j = 10000^(-j / (D/2 - 1))`, each step in the type that is computed with, as in the
    /// reference.
    private func table() throws -> Tensor {
        let (count, half) = (configuration.sightCount, configuration.size / 2)
        func rounded(_ values: [Float]) throws -> [Float] { try Tensor(values).to(computeType).floats() }
        let increment = log(10_000) / Double(max(half - 1, 1))
        let speeds = try rounded((0..<half).map { Float(exp(Double(Float($0) * Float(-increment)))) })
        let angles = try rounded((0..<count).flatMap { row in speeds.map { Float(count - 1 - row) * $0 } })
        let values = (0..<count).flatMap { row in
            let own = angles[(row * half)..<((row + 1) * half)].map(Double.init)
            return own.map { Float(sin($0)) } + own.map { Float(cos($0)) }
        }
        return try Tensor(values, shape: [count, 2 * half]).to(computeType)
    }

    private func unseen() throws -> Tensor {
        let (block, count) = (configuration.blockSize, configuration.sightCount)
        let width = block + count - 1
        let values = (0..<block).flatMap { row in
            (0..<width).map { (row..<(row + count)).contains($0) ? Float(0) : 1 }
        }
        return try Tensor(values, shape: [1, 1, block, width]).greater(0.5)
    }
}

/// Attention of each row to itself and to some rows before it, which are told apart by how far back they lie.
private final class RelativeAttention {
    private let configuration: EmbeddingGemma2AudioConfiguration
    private let positions: BlockPositions
    private let queryKeyValue: ClippedProjection
    private let relativeKey: Projection
    private let scale: Parameter
    private let output: ClippedProjection

    var projections: [Projection] { queryKeyValue.projections + [relativeKey] + output.projections }
    var parameters: [Parameter] {
        queryKeyValue.parameters + relativeKey.parameters + [scale] + output.parameters
    }
    var buffers: [Parameter] { queryKeyValue.limitParameters + output.limitParameters }

    init(
        _ name: String, _ configuration: EmbeddingGemma2AudioConfiguration, _ positions: BlockPositions,
        _ files: WeightFiles
    ) throws {
        let (size, isClipped) = (configuration.size, configuration.isClipped)
        self.configuration = configuration
        self.positions = positions
        queryKeyValue = try ClippedProjection(
            ["q", "k", "v"].map { ("\(name).\($0)_proj", size) }, size, isClipped: isClipped, files)
        relativeKey = Projection(try files.linear("\(name).relative_k_proj", size, size, bias: false))
        scale = try files.parameter("\(name).per_dim_scale", [configuration.headSize], initial: .constant(0))
        output = try ClippedProjection("\(name).post", size, size, isClipped: isClipped, files)
    }

    /// In float32 between its linear layers.
    func callAsFunction(_ normed_TD: Tensor, _ context: Context, _ dropout: Dropout) throws -> Tensor {
        let (heads, size) = (configuration.headCount, configuration.headSize)
        let qkv = try queryKeyValue.each(normed_TD, dropout, site: 4).map { try $0.to(.float32) }
        let (table_ND, unseen) = try positions.tensors(on: normed_TD.device)
        let perRow_THE = try qkv[0].multiplied(by: 1 / (Double(size).squareRoot() * log(2)))
            .reshape([-1, heads, size]).multiplied(by: softplus(scale.tensor))
        let keys_TD = try qkv[1].multiplied(by: log(1 + M_E) / log(2))
        let queryRows = context.rows(.queries)
        let keyRows = context.rows(.keys)
        let (block, width) = (configuration.blockSize, configuration.blockSize + configuration.sightCount - 1)
        let q_BHCE = try blocks(perRow_THE.reshape([-1, heads * size]), queryRows, block)
        let k_BHKE = try blocks(keys_TD, keyRows, width)
        let v_BHKE = try blocks(qkv[2], keyRows, width)
        let relative_HEN = try relativeKey(table_ND, dropout, site: 7).to(.float32)
            .reshape([-1, heads, size]).transpose(0, 1).transpose(1, 2)
        let products_BHCK = try q_BHCE.matmul(k_BHKE.transpose(2, 3)).adding(shifted(q_BHCE.matmul(relative_HEN)))
        let cap = configuration.logitCap
        let absent = try keyRows.equal(Double(normed_TD.size(0))).reshape([-1, 1, 1, width])
        let weights_BHCK = try products_BHCK.divided(by: cap).tanh().multiplied(by: cap)
            .maskedFill(absent.logicalOr(unseen), configuration.hiddenLogit).softmax()
        let attended_TD = try weights_BHCK.matmul(v_BHKE).transpose(1, 2).reshape([-1, heads * size])
            .indexSelect(0, context.rows(.answers))
        return try output(attended_TD.to(normed_TD.elementType), dropout, site: 8)
    }

    /// Rows by blocks and heads, zero where there is none: `[B, H, length, E]`.
    private func blocks(_ x_TD: Tensor, _ rows: Tensor, _ length: Int) throws -> Tensor {
        try withZeroRow(x_TD).indexSelect(0, rows)
            .reshape([-1, length, configuration.headCount, configuration.headSize]).transpose(1, 2)
    }

    /// Products by how far back, `[B, H, C, n]`, as products with rows of the block's, `[B, H, C, C + n - 1]`: row c has
    /// them from column c on. What lies outside is of no account.
    private func shifted(_ x_BHCN: Tensor) throws -> Tensor {
        let (batch, heads) = (x_BHCN.size(0), x_BHCN.size(1))
        let (block, count) = (x_BHCN.size(2), x_BHCN.size(3))
        let width = block + count - 1
        let zeros = try Tensor.zeros(
            [batch, heads, block, width + 1 - count], type: x_BHCN.elementType, device: x_BHCN.device)
        return try Tensor.cat([x_BHCN, zeros], 3).reshape([batch, heads, block * (width + 1)])
            .narrow(2, start: 0, length: block * width).reshape([batch, heads, block, width])
    }

    /// `ln(1 + eˣ)`, float32.
    private func softplus(_ x: Tensor) throws -> Tensor {
        let wide = try x.to(.float64)
        return try Tensor.stack([wide.zerosLike(), wide]).logSumExp(0).to(.float32)
    }
}

/// The rows, and behind them one of zeros.
private func withZeroRow(_ x_TD: Tensor) throws -> Tensor {
    try Tensor.cat([x_TD, Tensor.zeros([1, x_TD.size(1)], type: x_TD.elementType, device: x_TD.device)])
}

/// A feed-forward net whose output is added in part.
private final class HalfStep {
    private let preNorm: RMSNorm
    private let up: ClippedProjection
    private let down: ClippedProjection
    private let postNorm: RMSNorm
    private let activation: Activation
    private let clipping: ClosedRange<Double>
    private let weight: Double

    var projections: [Projection] { up.projections + down.projections }
    var parameters: [Parameter] { preNorm.parameters + up.parameters + down.parameters + postNorm.parameters }
    var buffers: [Parameter] { up.limitParameters + down.limitParameters }

    init(_ name: String, _ configuration: EmbeddingGemma2AudioConfiguration, _ files: WeightFiles) throws {
        let (size, isClipped) = (configuration.size, configuration.isClipped)
        preNorm = try RMSNorm("\(name).pre_layer_norm", size, fixedEpsilon, files)
        up = try ClippedProjection("\(name).ffw_layer_1", size, 4 * size, isClipped: isClipped, files)
        down = try ClippedProjection("\(name).ffw_layer_2", 4 * size, size, isClipped: isClipped, files)
        postNorm = try RMSNorm("\(name).post_layer_norm", size, fixedEpsilon, files)
        activation = configuration.activation
        clipping = -configuration.clipping...configuration.clipping
        weight = configuration.residualWeight
    }

    func callAsFunction(_ hidden_TD: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        let inner = try activation(up(preNorm(hidden_TD.clipped(to: clipping)), dropout, site: site))
        let outer_TD = try postNorm(down(inner, dropout, site: site + 1).clipped(to: clipping))
        return try down.adding(hidden_TD, to: outer_TD.multiplied(by: weight))
    }
}

/// A convolution along time that sees what was, one filter a channel, between two linear layers.
private final class LightConvolution {
    private let preNorm: RMSNorm
    private let start: ClippedProjection
    private let filter: Parameter
    private let norm: RMSNorm
    private let end: ClippedProjection
    private let configuration: EmbeddingGemma2AudioConfiguration

    var projections: [Projection] { start.projections + end.projections }
    var parameters: [Parameter] {
        preNorm.parameters + start.parameters + [filter] + norm.parameters + end.parameters
    }
    var buffers: [Parameter] { start.limitParameters + end.limitParameters }

    init(_ name: String, _ configuration: EmbeddingGemma2AudioConfiguration, _ files: WeightFiles) throws {
        let (size, isClipped) = (configuration.size, configuration.isClipped)
        self.configuration = configuration
        preNorm = try RMSNorm("\(name).pre_layer_norm", size, configuration.normEpsilon, files)
        start = try ClippedProjection("\(name).linear_start", size, 2 * size, isClipped: isClipped, files)
        filter = try files.parameter(
            "\(name).depthwise_conv1d.weight", [size, 1, configuration.convolutionSize])
        norm = try RMSNorm("\(name).conv_norm", size, configuration.normEpsilon, files)
        end = try ClippedProjection("\(name).linear_end", size, size, isClipped: isClipped, files)
    }

    func callAsFunction(_ hidden_TD: Tensor, _ context: Context, _ dropout: Dropout) throws -> Tensor {
        let size = configuration.size
        let both = try start(preNorm(hidden_TD), dropout, site: 9)
        let gated_TD = try both.narrow(1, start: 0, length: size)
            .multiplied(by: both.narrow(1, start: size, length: size).sigmoid())
        let clipping = -configuration.clipping...configuration.clipping
        let normed_TD = try norm(convolved(gated_TD, context).clipped(to: clipping))
        return try end.adding(hidden_TD, to: end(configuration.activation(normed_TD), dropout, site: 10))
    }

    /// In float32, rounded once.
    private func convolved(_ x_TD: Tensor, _ context: Context) throws -> Tensor {
        let spaced = try withZeroRow(x_TD).indexSelect(0, context.rows(.spaced)).to(.float32)
        let taps = configuration.convolutionSize
        let length = spaced.size(0) - taps + 1
        let byTap = try filter.tensor.to(.float32).squeeze(1).transpose(0, 1)
        var sum = try spaced.narrow(0, start: 0, length: length).multiplied(by: byTap.select(0, 0))
        for tap in 1..<taps {
            sum = try sum.adding(spaced.narrow(0, start: tap, length: length).multiplied(by: byTap.select(0, tap)))
        }
        return try sum.indexSelect(0, context.rows(.unspaced)).to(x_TD.elementType)
    }
}

/// One layer: half a feed-forward net, attention, a convolution, and the other half.
final class Conformer: Stage {
    private let index: Int
    private let first: HalfStep
    private let attentionNorm: RMSNorm
    private let attention: RelativeAttention
    private let attendedNorm: RMSNorm
    private let convolution: LightConvolution
    private let second: HalfStep
    private let outputNorm: RMSNorm
    private let clipping: ClosedRange<Double>

    var projections: [Projection] {
        first.projections + attention.projections + convolution.projections + second.projections
    }
    var parameters: [Parameter] {
        first.parameters + attentionNorm.parameters + attention.parameters + attendedNorm.parameters
            + convolution.parameters + second.parameters + outputNorm.parameters
    }
    /// Not trained: buffers in the reference.
    var buffers: [Parameter] { first.buffers + attention.buffers + convolution.buffers + second.buffers }

    init(
        _ index: Int, _ configuration: EmbeddingGemma2AudioConfiguration, _ positions: BlockPositions,
        _ files: WeightFiles
    ) throws {
        self.index = index
        let name = "layers.\(index)"
        func norm(_ part: String) throws -> RMSNorm {
            try RMSNorm("\(name).\(part)", configuration.size, fixedEpsilon, files)
        }
        first = try HalfStep("\(name).feed_forward1", configuration, files)
        attentionNorm = try norm("norm_pre_attn")
        attention = try RelativeAttention("\(name).self_attn", configuration, positions, files)
        attendedNorm = try norm("norm_post_attn")
        convolution = try LightConvolution("\(name).lconv1d", configuration, files)
        second = try HalfStep("\(name).feed_forward2", configuration, files)
        outputNorm = try norm("norm_out")
        clipping = -configuration.clipping...configuration.clipping
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 2) << 48)
        let begun_TD = try first(hidden_TD, dropout, site: 0)
        let heard_TD = try attention(attentionNorm(begun_TD.clipped(to: clipping)), context, dropout)
        let attended_TD = try attendedNorm(heard_TD.clipped(to: clipping)).adding(begun_TD)
        let ended_TD = try second(convolution(attended_TD, context, dropout), dropout, site: 2)
        return try outputNorm(ended_TD.clipped(to: clipping))
    }
}
