internal import Tensors

// The vision tower of EmbeddingGemma 2, which is that of Gemma 4.
//
// Source: names and order of operations as in transformers' `Gemma4VisionModel` and `EmbeddingGemma2MultimodalEmbedder`.

/// What `vision_config` says.
struct EmbeddingGemma2VisionConfiguration {
    /// D of the tower.
    let size: Int
    let innerSize: Int
    let layerCount: Int
    let headCount: Int
    let keyValueHeadCount: Int
    let headSize: Int
    let activation: Activation
    let normEpsilon: Double
    let theta: Double
    /// Pixels of a patch's side.
    let patchSize: Int
    /// Patches of the side of a square that becomes one feature.
    let poolingSize: Int
    /// Patches of a picture's side at most.
    let positionCount: Int
    let standardizes: Bool
    let isClipped: Bool

    /// Numbers of a patch: red, green and blue of each pixel.
    var patchWidth: Int { 3 * patchSize * patchSize }

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        try reader.require("model_type", "gemma4_vision")
        size = try reader.count("hidden_size", in: Range.size, default: 768)
        innerSize = try reader.count("intermediate_size", in: Range.innerSize, default: 3072)
        layerCount = try reader.count("num_hidden_layers", in: Range.blocks, default: 16)
        headCount = try reader.count("num_attention_heads", in: Range.heads, default: 12)
        keyValueHeadCount = try reader.count("num_key_value_heads", in: Range.heads, default: 12)
        guard headCount % keyValueHeadCount == 0 else {
            throw reader.error("num_key_value_heads", "\(keyValueHeadCount) do not divide \(headCount) heads")
        }
        headSize = try reader.count("head_dim", in: Range.size, default: 64)
        guard headSize % 4 == 0 else { throw reader.error("head_dim", "a multiple of 4 is expected") }
        activation = try Activation(reader, "hidden_activation", default: "gelu_pytorch_tanh")
        normEpsilon = try reader.number("rms_norm_eps", in: Range.epsilon, default: 1e-6)
        patchSize = try reader.count("patch_size", in: 1...512, default: 16)
        poolingSize = try reader.count("pooling_kernel_size", in: 1...64, default: 3)
        positionCount = try reader.count("position_embedding_size", in: 1...1_048_576, default: 10_240)
        standardizes = try reader.bool("standardize", default: false)
        isClipped = try reader.bool("use_clipped_linears", default: false)
        try reader.require("attention_bias", false)
        try reader.require("attention_dropout", 0, 0.0)
        if reader["rope_parameters"] != nil {
            let section = try reader.section("rope_parameters")
            theta = try section.positiveNumber("rope_theta", to: 1e12, default: 100)
            try section.require("rope_type", "axial")
            try section.refuseUnread()
        } else {
            theta = 100
        }
        // Where places lie is in the table of positions; the other two are a processor's and another model's.
        try reader.finishModel(except: ["max_position_embeddings", "default_output_length", "global_head_dim"])
    }
}

enum EmbeddingGemma2Vision {
    /// - Parameters:
    ///   - outputSize: D of the text model.
    ///   - files: of the whole model.
    /// - Returns: the tower, and what of it is in the checkpoint and not trained.
    static func tower(
        _ configuration: EmbeddingGemma2VisionConfiguration, outputSize: Int, _ files: WeightFiles
    ) throws -> (tower: Tower, buffers: [Parameter]) {
        let own = files.part("vision_tower.")
        let blocks = try (0..<configuration.layerCount).map {
            try EmbeddingGemma2VisionBlock($0, configuration, own)
        }
        let exit = try EmbeddingGemma2VisionExit(
            configuration, own,
            FeatureEmbedding(
                "embed_vision", configuration.size, outputSize, epsilon: configuration.normEpsilon, files))
        let tower = Tower(
            .vision, entrance: MediaRowsEntrance(),
            stages: [try EmbeddingGemma2Patches(configuration, own)] + blocks + [exit],
            projectorNames: ["embed_vision."], arrange: { try arrangement(of: $0, configuration) })
        return (tower, blocks.flatMap(\.buffers) + exit.buffers)
    }

    /// Pictures, each with its own places; and the order in which the patches of a feature lie together.
    ///
    /// - Parameter items: their rows are patches from the top to the bottom, from left to right.
    static func arrangement(
        of items: [MediaItem], _ configuration: EmbeddingGemma2VisionConfiguration
    ) throws -> TowerArrangement {
        let side = configuration.poolingSize
        var pictures: [Int] = []
        var (columns, rows): ([Int32], [Int32]) = ([], [])
        var order: [Int32] = []
        for item in items {
            guard case .grid(let time, let height, let width) = item.shape else {
                throw TensorError("vision tower", "a sound where a picture should be")
            }
            guard height % side == 0, width % side == 0, max(height, width) <= configuration.positionCount else {
                throw TensorError(
                    "vision tower",
                    "\(height) × \(width) patches are no squares of \(side), or more than "
                        + "\(configuration.positionCount) to a side", exitStatus: .badData)
            }
            for _ in 0..<time {
                let first = Int32(rows.count)
                pictures.append(height * width)
                for row in 0..<height {
                    for column in 0..<width {
                        rows.append(Int32(row))
                        columns.append(Int32(column))
                    }
                }
                for top in stride(from: 0, to: height, by: side) {
                    for left in stride(from: 0, to: width, by: side) {
                        for part in 0..<(side * side) {
                            order.append(first + Int32((top + part / side) * width + left + part % side))
                        }
                    }
                }
            }
        }
        var arrangement = TowerArrangement()
        arrangement.layouts[.frames] = Layout(lengths: pictures)
        arrangement.positions[.frames] = [columns, rows]
        arrangement.rows[.windows] = order
        return arrangement
    }
}

/// Patches of pixels become hidden states, with what stands for their column and their row.
private final class EmbeddingGemma2Patches: Stage {
    private let projection: Projection
    /// `[2, positions, D]`: of columns, and of rows.
    private let table: Parameter
    private let computeType: ElementType

    var projections: [Projection] { [projection] }
    var parameters: [Parameter] { projection.parameters + [table] }

    init(_ configuration: EmbeddingGemma2VisionConfiguration, _ files: WeightFiles) throws {
        projection = Projection(
            try files.linear("patch_embedder.input_proj", configuration.patchWidth, configuration.size, bias: false))
        table = try files.parameter(
            "patch_embedder.position_embedding_table", [2, configuration.positionCount, configuration.size],
            initial: .constant(1))
        computeType = files.precision.compute
    }

    /// - Parameter patches_TP: from 0 to 1, float32.
    func forward(_ patches_TP: Tensor, _ context: Context) throws -> Tensor {
        let centered_TP = try patches_TP.multiplied(by: 2).subtracting(1).to(computeType)
        let embedded_TD = try projection(centered_TP, context.dropout.at(1 << 32), site: 0)
        let places = try context.layout(.frames).positions!.enumerated().map { axis, places in
            try table.tensor.select(0, axis).embedding(Tensor(places).to(patches_TP.device)).to(computeType)
        }
        return try embedded_TD.adding(places[0].adding(places[1]))
    }
}

/// One layer: Gemma's four norms, attention within a picture with normalised queries, keys and values.
private final class EmbeddingGemma2VisionBlock: Stage {
    private let index: Int
    private let spec: AttentionSpec
    private let rotary: Rotary
    private let epsilon: Double
    private let activation: Activation
    private let inputNorm: RMSNorm
    private let queryKeyValue: ClippedProjection
    private let queryNorm: RMSNorm
    private let keyNorm: RMSNorm
    private let output: ClippedProjection
    private let attendedNorm: RMSNorm
    private let mlpNorm: RMSNorm
    private let gateUp: ClippedProjection
    private let down: ClippedProjection
    private let outputNorm: RMSNorm

    private var clipped: [ClippedProjection] { [queryKeyValue, output, gateUp, down] }
    private var norms: [RMSNorm] { [inputNorm, queryNorm, keyNorm, attendedNorm, mlpNorm, outputNorm] }
    var projections: [Projection] { clipped.flatMap(\.projections) }
    var parameters: [Parameter] { clipped.flatMap(\.parameters) + norms.flatMap(\.parameters) }
    /// Not trained: buffers in the reference.
    var buffers: [Parameter] { clipped.flatMap(\.limitParameters) }

    init(_ index: Int, _ configuration: EmbeddingGemma2VisionConfiguration, _ files: WeightFiles) throws {
        self.index = index
        let name = "encoder.layers.\(index)"
        let (size, epsilon, isClipped) = (configuration.size, configuration.normEpsilon, configuration.isClipped)
        let spec = AttentionSpec(
            headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
            headSize: configuration.headSize, scale: 1)
        func norm(_ part: String, _ size: Int) throws -> RMSNorm {
            try RMSNorm("\(name).\(part)", size, epsilon, files)
        }
        (self.spec, self.epsilon, activation) = (spec, epsilon, configuration.activation)
        rotary = Rotary(theta: configuration.theta, headSize: configuration.headSize, axes: .halves)
        inputNorm = try norm("input_layernorm", size)
        queryKeyValue = try ClippedProjection(
            [
                ("\(name).self_attn.q_proj", spec.querySize), ("\(name).self_attn.k_proj", spec.keyValueSize),
                ("\(name).self_attn.v_proj", spec.keyValueSize),
            ], size, isClipped: isClipped, files)
        queryNorm = try norm("self_attn.q_norm", spec.headSize)
        keyNorm = try norm("self_attn.k_norm", spec.headSize)
        output = try ClippedProjection(
            "\(name).self_attn.o_proj", spec.querySize, size, isClipped: isClipped, files)
        attendedNorm = try norm("post_attention_layernorm", size)
        mlpNorm = try norm("pre_feedforward_layernorm", size)
        let innerSize = configuration.innerSize
        gateUp = try ClippedProjection(
            [("\(name).mlp.gate_proj", innerSize), ("\(name).mlp.up_proj", innerSize)], size, isClipped: isClipped,
            files)
        down = try ClippedProjection("\(name).mlp.down_proj", innerSize, size, isClipped: isClipped, files)
        outputNorm = try norm("post_feedforward_layernorm", size)
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 2) << 32)
        let attended_TD = try attendedNorm(attention(inputNorm(hidden_TD), context.layout(.frames), dropout))
        let middle_TD = try output.adding(hidden_TD, to: attended_TD)
        let gated = try gateUp.each(mlpNorm(middle_TD), dropout, site: 4)
        let outer_TD = try outputNorm(down(activation.gated(gated[0], by: gated[1]), dropout, site: 6))
        return try down.adding(middle_TD, to: outer_TD)
    }

    private func attention(_ normed_TD: Tensor, _ layout: DeviceLayout, _ dropout: Dropout) throws -> Tensor {
        let qkv = try queryKeyValue.each(normed_TD, dropout, site: 0)
        let table = try layout.table(rotary)
        let ones = try Tensor.ones([spec.headSize], type: normed_TD.elementType, device: normed_TD.device)
        let values_TK = try qkv[2].reshape([-1, spec.keyValueHeadCount, spec.headSize])
            .rmsNorm(ones, epsilon: epsilon).reshape([-1, spec.keyValueSize])
        let context_TD = try PackedAttention.forward(
            turned(queryNorm(split(qkv[0], spec.headCount)), table).reshape([-1, spec.querySize]),
            turned(keyNorm(split(qkv[1], spec.keyValueHeadCount)), table).reshape([-1, spec.keyValueSize]),
            values_TK, spec, layout, dropout, site: 0)
        return try output(context_TD, dropout, site: 3)
    }

    private func split(_ x_TK: Tensor, _ headCount: Int) throws -> Tensor {
        try x_TK.reshape([-1, headCount, spec.headSize])
    }

    /// The first half of a head turned by the column, the second by the row, each on its own: `[T, H, E]`.
    private func turned(_ x_THE: Tensor, _ table: RotaryTable) throws -> Tensor {
        let (half, quarter) = (spec.headSize / 2, spec.headSize / 4)
        let halves = try (0..<2).map { axis in
            try x_THE.narrow(2, start: axis * half, length: half).rotary(
                cos: table.cos_TE.narrow(1, start: axis * quarter, length: quarter),
                sin: table.sin_TE.narrow(1, start: axis * quarter, length: quarter))
        }
        return try Tensor.cat(halves, 2)
    }
}

/// Squares of patches become one feature each: their mean, scaled, and as wide as the text model.
private final class EmbeddingGemma2VisionExit: Stage {
    private let size: Int
    private let patchCount: Int
    private let bias: Parameter?
    private let scale: Parameter?
    private let embedding: FeatureEmbedding

    var projections: [Projection] { embedding.projections }
    var parameters: [Parameter] { embedding.parameters }
    /// Not trained: buffers in the reference.
    var buffers: [Parameter] { [bias, scale].compactMap { $0 } }

    init(
        _ configuration: EmbeddingGemma2VisionConfiguration, _ files: WeightFiles, _ embedding: FeatureEmbedding
    ) throws {
        size = configuration.size
        patchCount = configuration.poolingSize * configuration.poolingSize
        bias = configuration.standardizes ? try files.parameter("std_bias", [size]) : nil
        scale = configuration.standardizes ? try files.parameter("std_scale", [size]) : nil
        self.embedding = embedding
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let type = hidden_TD.elementType
        let pooled = try hidden_TD.indexSelect(0, context.rows(.windows)).reshape([-1, patchCount, size])
            .to(.float32).mean(1).to(type)
        // Beyond what float16 holds.
        var scaled = try pooled.to(.float32).multiplied(by: Double(size).squareRoot())
        if let bias, let scale {
            scaled = try scaled.subtracting(bias.tensor.to(.float32)).multiplied(by: scale.tensor.to(.float32))
        }
        return try embedding(scaled.to(type), context.dropout.at(1 << 63), site: 0)
    }
}
