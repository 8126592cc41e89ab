internal import Foundation
internal import Tensors

// The audio tower of EmbeddingGemma 2, which is that of Gemma 4: a conformer.
//
// Source: Zhang et al. 2023 (USM), Gulati et al. 2020, Dai et al. 2019 (relative positions); names and order of operations
// as in transformers' `Gemma4AudioModel`.

/// What `audio_config` says.
struct EmbeddingGemma2AudioConfiguration {
    /// D of the tower.
    let size: Int
    let layerCount: Int
    let headCount: Int
    let activation: Activation
    /// Of the two convolutions that shorten a sound.
    let channelCounts: (first: Int, second: Int)
    /// Taps of the convolution along time in each layer.
    let convolutionSize: Int
    let residualWeight: Double
    /// Rows of a block that is computed at once; no vector depends on it.
    let blockSize: Int
    /// Rows that a row attends to: itself and those before.
    let sightCount: Int
    /// Products of queries and keys are bent to stay below.
    let logitCap: Double
    /// In place of products of what is not seen.
    let hiddenLogit: Double
    let normEpsilon: Double
    let isClipped: Bool
    let clipping: Double
    /// Size of a feature before it is as wide as the text model.
    let featureSize: Int

    var headSize: Int { size / headCount }
    /// Bands of a frame of the spectrogram.
    var bandCount: Int { channelCounts.first }

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        try reader.require("model_type", "gemma4_audio")
        size = try reader.count("hidden_size", in: Range.size, default: 1024)
        layerCount = try reader.count("num_hidden_layers", in: Range.blocks, default: 12)
        headCount = try reader.count("num_attention_heads", in: Range.heads, default: 8)
        guard size % headCount == 0, size % 2 == 0 else {
            throw reader.error("num_attention_heads", "\(headCount) heads do not divide \(size), or that is odd")
        }
        activation = try Activation(reader, "hidden_act", default: "silu")
        channelCounts = try Self.channels(reader)
        convolutionSize = try reader.count("conv_kernel_size", in: 1...1024, default: 5)
        residualWeight = try reader.number("residual_weight", in: -1e3...1e3, default: 0.5)
        let chunk = try reader.count("attention_chunk_size", in: 1...4096, default: 12)
        let left = try reader.count("attention_context_left", in: 1...4097, default: 13)
        try reader.require("attention_context_right", 0)
        // The reference's table of relative positions has no other length.
        guard left == chunk + 1 else {
            throw reader.error(
                "attention_context_left", "\(chunk + 1), one more than attention_chunk_size, is expected")
        }
        (blockSize, sightCount) = (chunk, left - 1)
        logitCap = try reader.positiveNumber("attention_logit_cap", to: 1e9, default: 50)
        hiddenLogit = try reader.number("attention_invalid_logits_value", in: -1e38 ... -1e4, default: -1e9)
        normEpsilon = try reader.number("rms_norm_eps", in: Range.epsilon, default: 1e-6)
        isClipped = try reader.bool("use_clipped_linears", default: true)
        clipping = try reader.positiveNumber("gradient_clipping", to: 1e38, default: 1e10)
        featureSize = try reader.count("output_proj_dims", in: Range.size, default: 1536)
        try reader.finishModel()
    }

    private static func channels(_ reader: ConfigurationReader) throws -> (Int, Int) {
        guard let value = reader["subsampling_conv_channels"] else { return (128, 32) }
        let counts = value.array?.compactMap(\.integer) ?? []
        guard counts.count == 2, counts.allSatisfy((1...4096).contains), counts[0] % 4 == 0 else {
            throw reader.error(
                "subsampling_conv_channels", "two numbers of channels are expected, the first a multiple of 4")
        }
        return (counts[0], counts[1])
    }
}

enum EmbeddingGemma2Audio {
    /// ε of most norms, whatever the configuration says.
    fileprivate static let fixedEpsilon = 1e-6

    /// Features of a sound of so many frames: two convolutions halve their number, rounded up.
    static func featureCount(frameCount: Int) -> Int { ((frameCount + 1) / 2 + 1) / 2 }

    /// - Parameters:
    ///   - outputSize: D of the text model.
    ///   - files: of the whole model.
    /// - Returns: the tower, and what of it is in the checkpoint and not trained.
    static func tower(
        _ configuration: EmbeddingGemma2AudioConfiguration, outputSize: Int, _ files: WeightFiles
    ) throws -> (tower: Tower, buffers: [Parameter]) {
        let own = files.part("audio_tower.")
        let positions = RelativePositions(configuration, own.precision.compute)
        let blocks = try (0..<configuration.layerCount).map { try Conformer($0, configuration, positions, own) }
        let embedding = try FeatureEmbedding(
            "embed_audio", configuration.featureSize, outputSize, epsilon: configuration.normEpsilon, files)
        let tower = Tower(
            .audio, entrance: MediaRowsEntrance(),
            stages: [try Subsampling(configuration, own)] + blocks
                + [try EmbeddingGemma2AudioExit(configuration, own, embedding)],
            projectorNames: ["embed_audio."], arrange: { try arrangement(of: $0, configuration) })
        return (tower, blocks.flatMap(\.buffers))
    }

    /// Sounds by their frames (``Context/LayoutName/chunks``) and by their features, and what their rows attend to.
    static func arrangement(
        of items: [MediaItem], _ configuration: EmbeddingGemma2AudioConfiguration
    ) throws -> TowerArrangement {
        let frameCounts = try items.map { item in
            guard case .frames(let count) = item.shape, count > 0 else {
                throw TensorError("audio tower", "a picture, or nothing, where a sound should be")
            }
            return count
        }
        let lengths = frameCounts.map { featureCount(frameCount: $0) }
        let total = Int32(lengths.reduce(0, +))
        let (block, before) = (configuration.blockSize, configuration.sightCount - 1)
        let gap = configuration.convolutionSize - 1
        var (queries, keys, answers): ([Int32], [Int32], [Int32]) = ([], [], [])
        var (spaced, unspaced): ([Int32], [Int32]) = ([], [])
        var first: Int32 = 0
        for length in lengths {
            func row(_ place: Int) -> Int32 { (0..<length).contains(place) ? first + Int32(place) : total }
            for place in 0..<length {
                answers.append(Int32(queries.count + place))
                unspaced.append(Int32(spaced.count + place))
            }
            for start in stride(from: 0, to: length, by: block) {
                queries += (start..<(start + block)).map(row)
                keys += ((start - before)..<(start + block)).map(row)
            }
            spaced += (-gap..<length).map(row)
            first += Int32(length)
        }
        var arrangement = TowerArrangement()
        arrangement.layouts = [.chunks: Layout(lengths: frameCounts), .sequences: Layout(lengths: lengths)]
        arrangement.rows = [
            .queries: queries, .keys: keys, .answers: answers, .spaced: spaced, .unspaced: unspaced,
        ]
        return arrangement
    }
}

/// Two convolutions over time and bands, each of which halves both; then the bands of a moment become one row.
private final class Subsampling: Stage {
    private let convolutions: [(weight: Parameter, norm: LayerNorm)]
    private let projection: Projection
    private let bandCount: Int
    private let computeType: ElementType

    var projections: [Projection] { [projection] }
    var parameters: [Parameter] {
        convolutions.flatMap { [$0.weight] + $0.norm.parameters } + projection.parameters
    }

    init(_ configuration: EmbeddingGemma2AudioConfiguration, _ files: WeightFiles) throws {
        let name = "subsample_conv_projection"
        let (first, second) = configuration.channelCounts
        convolutions = try [(1, first), (first, second)].enumerated().map { index, channels in
            (
                try files.parameter("\(name).layer\(index).conv.weight", [channels.1, channels.0, 3, 3]),
                try LayerNorm("\(name).layer\(index).norm", channels.1, configuration.normEpsilon, files, bias: false)
            )
        }
        bandCount = configuration.bandCount
        projection = Projection(
            try files.linear("\(name).input_proj_linear", bandCount / 4 * second, configuration.size, bias: false))
        computeType = files.precision.compute
    }

    /// - Parameter frames_LM: float32, of all sounds.
    func forward(_ frames_LM: Tensor, _ context: Context) throws -> Tensor {
        guard frames_LM.size(1) == bandCount else {
            throw TensorError(
                "audio tower", "frames of \(frames_LM.size(1)) bands; the model takes \(bandCount)",
                exitStatus: .badData)
        }
        let rows = try context.layout(.chunks).layout.runs.map { run in
            var sounds_NLMC = try frames_LM.narrow(0, start: run.firstRow, length: run.rowCount)
                .reshape([run.sequenceCount, run.length, bandCount, 1]).to(computeType)
            for (weight, norm) in convolutions {
                sounds_NLMC = try norm(halved(sounds_NLMC, weight.tensor.to(computeType))).relu()
            }
            return try sounds_NLMC.reshape([sounds_NLMC.size(0) * sounds_NLMC.size(1), -1])
        }
        return try projection(
            rows.count == 1 ? rows[0] : Tensor.cat(rows), context.dropout.at(1 << 48), site: 0)
    }

    /// A convolution of 3 × 3 taps at every second moment and band, with zeros around: `[N, L, M, C]` to
    /// `[N, ⌈L/2⌉, ⌈M/2⌉, O]`.
    ///
    /// - Parameter weight: `[O, C, 3, 3]`
    private func halved(_ sounds_NLMC: Tensor, _ weight: Tensor) throws -> Tensor {
        let (length, width) = ((sounds_NLMC.size(1) + 1) / 2, (sounds_NLMC.size(2) + 1) / 2)
        func padded(_ x: Tensor, _ dimension: Int) throws -> Tensor {
            var shape = (0..<4).map { x.size($0) }
            shape[dimension] = 1
            let zeros = try Tensor.zeros(shape, type: x.elementType, device: x.device)
            return try Tensor.cat([zeros, x, zeros], dimension)
        }
        let framed = try padded(padded(sounds_NLMC, 1), 2)
        let taps = try (0..<3).flatMap { down in
            try (0..<3).map { across in
                try framed.slice(1, down..<(down + 2 * length - 1), step: 2)
                    .slice(2, across..<(across + 2 * width - 1), step: 2)
            }
        }
        let byTap = try weight.transpose(1, 2).transpose(2, 3).reshape([weight.size(0), -1])
        return try Tensor.cat(taps, 3).linear(byTap)
    }
}

/// What stands for how far back a row lies, and which rows of a block's are seen: the same in all layers.
private final class RelativePositions {
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
    private let positions: RelativePositions
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
        _ name: String, _ configuration: EmbeddingGemma2AudioConfiguration, _ positions: RelativePositions,
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
        preNorm = try RMSNorm("\(name).pre_layer_norm", size, EmbeddingGemma2Audio.fixedEpsilon, files)
        up = try ClippedProjection("\(name).ffw_layer_1", size, 4 * size, isClipped: isClipped, files)
        down = try ClippedProjection("\(name).ffw_layer_2", 4 * size, size, isClipped: isClipped, files)
        postNorm = try RMSNorm("\(name).post_layer_norm", size, EmbeddingGemma2Audio.fixedEpsilon, files)
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
private final class Conformer: Stage {
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
        _ index: Int, _ configuration: EmbeddingGemma2AudioConfiguration, _ positions: RelativePositions,
        _ files: WeightFiles
    ) throws {
        self.index = index
        let name = "layers.\(index)"
        func norm(_ part: String) throws -> RMSNorm {
            try RMSNorm("\(name).\(part)", configuration.size, EmbeddingGemma2Audio.fixedEpsilon, files)
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

/// Rows become features, as wide as the text model.
private final class EmbeddingGemma2AudioExit: Stage {
    private let projection: Projection
    private let embedding: FeatureEmbedding

    var projections: [Projection] { [projection] + embedding.projections }
    var parameters: [Parameter] { projection.parameters + embedding.parameters }

    init(
        _ configuration: EmbeddingGemma2AudioConfiguration, _ files: WeightFiles, _ embedding: FeatureEmbedding
    ) throws {
        projection = Projection(try files.linear("output_proj", configuration.size, configuration.featureSize))
        self.embedding = embedding
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at((1 << 63) + 1)
        return try embedding(projection(hidden_TD, dropout, site: 0), dropout, site: 1)
    }
}
