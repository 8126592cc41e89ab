internal import Base
internal import JSON
internal import Tensors

// EmbeddingGemma 2: a text encoder that goes both ways, with towers for images and sounds, and its text side alone.
//
// Source: names and order of operations as in transformers' `EmbeddingGemma2Model` and `EmbeddingGemma2TextModel`.

@section("tvt_families") @used
private let embeddingGemma2Entry: Family.Entry = { Family.register(.embeddingGemma2, at: $0) }

@section("tvt_families") @used
private let embeddingGemma2TextEntry: Family.Entry = { Family.register(.embeddingGemma2Text, at: $0) }

extension Family {
    static let embeddingGemma2 = Family(
        modelTypes: ["embedding_gemma2"], names: EmbeddingGemma2.names, tokenizerClass: "GemmaTokenizer",
        build: { try EmbeddingGemma2.whole($0, $1) })

    static let embeddingGemma2Text = Family(
        modelTypes: ["embedding_gemma2_text"],
        names: NameMap(
            prefixes: ["language_model."],
            unusedTensors: ["vision_tower.", "embed_vision.", "audio_tower.", "embed_audio."]),
        tokenizerClass: "GemmaTokenizer",
        build: { reader, files in try EmbeddingGemma2.model(EmbeddingGemma2Configuration(reader), files) })
}

/// Hidden states are `[T, 2·D]` here: those of the layer, and behind them the embeddings of the entrance, which every
/// layer gets its own part of.
enum EmbeddingGemma2 {
    /// The base class's names; there is no other class.
    static let names: NameMap = {
        var names = NameMap(prefixes: [])
        names.rewrites = [textPart, "vision_tower.", "embed_vision.", "audio_tower.", "embed_audio."].map { ($0, $0) }
        return names
    }()

    private static let textPart = "language_model."

    /// The model with those of the two towers that `config.json` has.
    static func whole(_ root: ConfigurationReader, _ files: WeightFiles) throws -> TextModel {
        let text = try EmbeddingGemma2Configuration(root.section("text_config"))
        let vision = try root["vision_config"].map { _ in
            try EmbeddingGemma2VisionConfiguration(root.section("vision_config"))
        }
        let audio = try root["audio_config"].map { _ in
            try EmbeddingGemma2AudioConfiguration(root.section("audio_config"))
        }
        let media = try rules(root, text, vision, audio)
        // Says how a processor cuts images.
        try root.finishModel(except: ["vision_soft_tokens_per_image"])
        guard (vision == nil && audio == nil) || files.precision.compute != .float16 else {
            throw Failure(
                .badConfiguration, "features of images and sounds exceed what float16 holds",
                advice: "take bfloat16 or float32")
        }
        var towers: [(tower: Tower, buffers: [Parameter])] = []
        if let vision {
            towers.append(try EmbeddingGemma2Vision.tower(vision, outputSize: text.hiddenSize, files))
        } else {
            for part in ["vision_tower.", "embed_vision."] { files.leave(part) }
        }
        if let audio {
            towers.append(try EmbeddingGemma2Audio.tower(audio, outputSize: text.hiddenSize, files))
        } else {
            for part in ["audio_tower.", "embed_audio."] { files.leave(part) }
        }
        return try model(text, files.part(textPart), towers: towers, media: media)
    }

    /// How media stand among tokens; nil for a model without towers.
    private static func rules(
        _ root: ConfigurationReader, _ text: EmbeddingGemma2Configuration,
        _ vision: EmbeddingGemma2VisionConfiguration?, _ audio: EmbeddingGemma2AudioConfiguration?
    ) throws -> MediaRules? {
        let hasTower = vision != nil || audio != nil
        var fields: [Int32: String] = [:]
        func token(_ field: String, _ fallback: Int) throws -> Int32 {
            let highest = hasTower ? text.vocabularySize - 1 : Int(Int32.max)
            let token = Int32(try root.count(field, in: 0...highest, default: hasTower ? fallback : 0))
            if hasTower, let other = fields.updateValue(field, forKey: token) {
                throw root.error(field, "\(other) has the same number")
            }
            return token
        }
        let image = try token("image_token_id", 258_880)
        let video = try token("video_token_id", 258_884)
        let sound = try token("audio_token_id", 258_881)
        let picture = MediaRules.Marks(
            begin: try token("boi_token_id", 255_999), end: try token("eoi_token_id", 258_882))
        // Older configurations call the last one otherwise, and the class reads this name alone.
        let clip = MediaRules.Marks(
            begin: try token("boa_token_id", 256_000), end: try token("eoa_token_index", 258_883))
        let otherEnd = root["eoa_token_id"]
        guard hasTower else { return nil }
        guard otherEnd == nil || otherEnd?.integer == Int(clip.end) else {
            throw root.error("eoa_token_id", "eoa_token_index, which counts, says something else")
        }
        var rules = MediaRules(
            image: vision == nil ? nil : image, video: vision == nil ? nil : video, audio: audio == nil ? nil : sound,
            mergeSize: vision?.poolingSize ?? 1, patchSize: vision?.patchSize ?? 1)
        rules.pictureMarks = picture
        rules.soundMarks = clip
        rules.marksEachPicture = true
        rules.soundFeatureCount = { EmbeddingGemma2Audio.featureCount(frameCount: $0) }
        rules.longestSide = vision?.positionCount
        return rules
    }

    /// - Parameter files: of the text side.
    static func model(
        _ configuration: EmbeddingGemma2Configuration, _ files: WeightFiles,
        towers: [(tower: Tower, buffers: [Parameter])] = [], media: MediaRules? = nil
    ) throws -> TextModel {
        let size = configuration.hiddenSize
        let perLayer = try PerLayerInputs(configuration, files)
        let blocks = try configuration.layers.indices.map {
            try EmbeddingGemma2Block($0, configuration, perLayer, files)
        }
        return TextModel(
            hiddenSize: configuration.embeddingSize, rowSize: 2 * size, maxLength: configuration.positionCount,
            vocabularySize: configuration.vocabularySize,
            entrance: DoubledEntrance(
                try TokenEmbedding(
                    "embed_tokens", configuration.vocabularySize, size, files,
                    padding: configuration.paddingToken, scale: Double(size).squareRoot(),
                    towers: towers.map(\.tower.name))),
            stages: blocks + [try EmbeddingGemma2Exit(configuration, files)],
            towers: towers.map(\.tower), media: media,
            fixedParameters: blocks.map(\.scalar) + towers.flatMap(\.buffers), names: files.names,
            defaultTargets: Decoder.targets + ["per_layer_input_gate", "per_layer_projection"])
    }
}

/// Embeddings twice, side by side.
private final class DoubledEntrance: Entrance {
    private let embedding: TokenEmbedding
    var parameters: [Parameter] { embedding.parameters }

    init(_ embedding: TokenEmbedding) { self.embedding = embedding }

    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
        let embedded_TD = try embedding.embed(batch, features, dropout)
        return try Tensor.cat([embedded_TD, embedded_TD], 1)
    }
}

/// What each layer gets of the embeddings: one weight and one norm for all layers, of which each uses its rows.
private final class PerLayerInputs {
    private let weight: Parameter
    private let norm: RMSNorm
    private let size: Int
    private let hiddenSize: Int

    var parameters: [Parameter] { [weight] + norm.parameters }

    init(_ configuration: EmbeddingGemma2Configuration, _ files: WeightFiles) throws {
        size = configuration.perLayerSize
        hiddenSize = configuration.hiddenSize
        weight = try files.parameter(
            "ple.per_layer_model_projection.weight", [configuration.layers.count * size, hiddenSize])
        norm = try RMSNorm("ple.per_layer_projection_norm", size, configuration.normEpsilon, files)
    }

    /// - Returns: `[T, size]`
    func callAsFunction(_ embedded_TD: Tensor, layer: Int) throws -> Tensor {
        let rows = try weight.tensor.narrow(0, start: layer * size, length: size).to(embedded_TD.elementType)
        return try norm(embedded_TD.linear(rows).multiplied(by: 1 / Double(hiddenSize).squareRoot()))
    }
}

/// One layer: Gemma's four norms, attention with normalised values, and the layer's own part of the embeddings.
private final class EmbeddingGemma2Block: Stage {
    private let index: Int
    private let size: Int
    private let epsilon: Double
    private let activation: Activation
    private let perLayer: PerLayerInputs
    private let inputNorm: RMSNorm
    private let attention: SelfAttention
    private let attendedNorm: RMSNorm
    private let mlpNorm: RMSNorm
    private let mlp: GatedMLP
    private let outputNorm: RMSNorm
    private let gate: Projection
    private let projection: Projection
    private let perLayerNorm: RMSNorm
    /// Not trained: a buffer in the reference.
    let scalar: Parameter

    var projections: [Projection] { attention.projections + mlp.projections + [gate, projection] }
    var parameters: [Parameter] {
        inputNorm.parameters + attention.parameters + attendedNorm.parameters + mlpNorm.parameters + mlp.parameters
            + outputNorm.parameters + gate.parameters + projection.parameters + perLayerNorm.parameters
            + perLayer.parameters
    }

    init(
        _ index: Int, _ configuration: EmbeddingGemma2Configuration, _ perLayer: PerLayerInputs, _ files: WeightFiles
    ) throws {
        self.index = index
        self.perLayer = perLayer
        let name = "layers.\(index)"
        let layer = configuration.layers[index]
        let size = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        (self.size, self.epsilon, activation) = (size, epsilon, configuration.activation)
        func norm(_ part: String) throws -> RMSNorm { try RMSNorm("\(name).\(part)", size, epsilon, files) }
        inputNorm = try norm("input_layernorm")
        attention = try SelfAttention(
            "\(name).self_attn", size,
            AttentionSpec(
                headCount: configuration.headCount, keyValueHeadCount: layer.keyValueHeadCount,
                headSize: layer.headSize, scale: 1,
                sight: layer.isFull ? .all : .window(before: configuration.window, after: configuration.window)),
            layer.rotary, SelfAttention.Options(headNormEpsilon: epsilon), files)
        attendedNorm = try norm("post_attention_layernorm")
        mlpNorm = try norm("pre_feedforward_layernorm")
        mlp = try GatedMLP("\(name).mlp", size, configuration.intermediateSize, configuration.activation, files)
        outputNorm = try norm("post_feedforward_layernorm")
        gate = Projection(
            try files.linear("\(name).ple_block.per_layer_input_gate", size, configuration.perLayerSize, bias: false))
        projection = Projection(
            try files.linear("\(name).ple_block.per_layer_projection", configuration.perLayerSize, size, bias: false))
        perLayerNorm = try norm("ple_block.post_per_layer_input_norm")
        scalar = try files.parameter("\(name).layer_scalar", [1])
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1))
        let layer_TD = try hidden_TD.narrow(1, start: 0, length: size)
        let embedded_TD = try hidden_TD.narrow(1, start: size, length: size)
        let ones = try Tensor.ones(
            [attention.headSize], type: layer_TD.elementType, device: layer_TD.device)
        let attended_TD = try attendedNorm(
            attention(inputNorm(layer_TD), context, dropout, valueNorm: { try $0.rmsNorm(ones, epsilon: self.epsilon) })
        )
        let middle_TD = try attention.adding(layer_TD, to: attended_TD)
        let outer_TD = try mlp.adding(middle_TD, to: outputNorm(mlp(mlpNorm(middle_TD), dropout, site: 4)))
        let gated_TP = try activation.gated(
            gate(outer_TD, dropout, site: 7), by: perLayer(embedded_TD, layer: index))
        let own_TD = try perLayerNorm(projection(gated_TP, dropout, site: 8))
        let scaled_TD = try projection.adding(outer_TD, to: own_TD).multiplied(by: scalar.tensor)
        return try Tensor.cat([scaled_TD, embedded_TD], 1)
    }
}

/// The final norm and the projection to the size of vectors.
private final class EmbeddingGemma2Exit: Stage {
    private let norm: RMSNorm
    private let projection: Projection
    private let size: Int

    var projections: [Projection] { [projection] }
    var parameters: [Parameter] { norm.parameters + projection.parameters }

    init(_ configuration: EmbeddingGemma2Configuration, _ files: WeightFiles) throws {
        size = configuration.hiddenSize
        norm = try RMSNorm("norm", size, configuration.normEpsilon, files)
        projection = Projection(
            try files.linear("embedding_projection", size, configuration.embeddingSize, bias: false))
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        try projection(norm(hidden_TD.narrow(1, start: 0, length: size).contiguous()), .none, site: 0)
    }
}
