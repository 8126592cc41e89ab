internal import JSON
internal import Tensors

// Llama, Mistral, Qwen2 and Qwen3: one network with other biases, norms and windows.
//
// Source: Touvron et al. 2023, Jiang et al. 2023, Yang et al. 2024 and 2025; names and order of operations as in
// transformers' `LlamaModel`, `MistralModel`, `Qwen2Model` and `Qwen3Model`.

@section("tvt_families") @used
private let llamaEntry: Family.Entry = { Family.register(.llama, at: $0) }

@section("tvt_families") @used
private let mistralEntry: Family.Entry = { Family.register(.mistral, at: $0) }

@section("tvt_families") @used
private let qwen2Entry: Family.Entry = { Family.register(.qwen2, at: $0) }

@section("tvt_families") @used
private let qwen3Entry: Family.Entry = { Family.register(.qwen3, at: $0) }

extension Family {
    static let llama = decoder("llama", tokenizerClass: "LlamaTokenizer") { reader, size in
        var options = DecoderConfiguration.Options()
        options.headSize = try reader.optionalCount("head_dim", in: ConfigurationReader.Range.size) ?? size
        let bias = try reader.bool("attention_bias", default: false)
        (options.inputBias, options.outputBias) = (bias, bias)
        options.innerBias = try reader.bool("mlp_bias", default: false)
        return options
    }

    static let mistral = decoder("mistral", tokenizerClass: "TokenizersBackend") { reader, size in
        var options = DecoderConfiguration.Options()
        options.headSize = try reader.optionalCount("head_dim", in: ConfigurationReader.Range.size) ?? size
        options.window = try reader.optionalCount("sliding_window", in: ConfigurationReader.Range.positions)
        return options
    }

    static let qwen2 = decoder("qwen2", tokenizerClass: "Qwen2Tokenizer") { reader, size in
        var options = DecoderConfiguration.Options()
        options.headSize = size
        try reader.require("head_dim", JSONValue(size))
        options.inputBias = true
        options.readQwenWindow = true
        return options
    }

    static let qwen3 = decoder("qwen3", tokenizerClass: "Qwen2Tokenizer") { reader, _ in
        var options = DecoderConfiguration.Options()
        options.headSize = try reader.count("head_dim", in: ConfigurationReader.Range.size, default: 128)
        let bias = try reader.bool("attention_bias", default: false)
        (options.inputBias, options.outputBias) = (bias, bias)
        options.normalizesHeads = true
        options.readQwenWindow = true
        return options
    }

    private static func decoder(
        _ modelType: String, tokenizerClass: String,
        _ options: @escaping @Sendable (ConfigurationReader, Int) throws -> DecoderConfiguration.Options
    ) -> Family {
        Family(
            modelTypes: [modelType], names: Decoder.names, tokenizerClass: tokenizerClass,
            build: { try Decoder.model(DecoderConfiguration($0, options), $1) }, directionField: .isCausal)
    }
}

/// What `config.json` of a Llama, Mistral, Qwen2 or Qwen3 says.
struct DecoderConfiguration {
    /// What differs between the families.
    struct Options {
        var headSize = 0
        var inputBias = false
        var outputBias = false
        var innerBias = false
        var normalizesHeads = false
        /// A window for all layers.
        var window: Int?
        /// Qwen's fields say which layers have a window.
        var readQwenWindow = false
        /// For rotary embeddings with three axes.
        var axes: Rotary.SectionedAxes?
        /// Where `config.json` says none.
        var theta = 10_000.0
        var normEpsilon = 1e-6
        var windowlessLayerCount = 28
    }

    let vocabularySize: Int
    let paddingToken: Int?
    let hiddenSize: Int
    let headCount: Int
    let keyValueHeadCount: Int
    let intermediateSize: Int
    let positionCount: Int
    let normEpsilon: Double
    let activation: Activation
    let attentionDropout: Double
    let rotary: Rotary
    let options: Options
    /// What each layer's queries see.
    let sights: [AttentionSpec.Sight]

    init(_ reader: ConfigurationReader, _ read: (ConfigurationReader, Int) throws -> Options) throws {
        typealias Range = ConfigurationReader.Range
        vocabularySize = try reader.count("vocab_size", in: Range.vocabulary)
        paddingToken = try reader.paddingToken(vocabularySize: vocabularySize)
        hiddenSize = try reader.count("hidden_size", in: Range.size)
        headCount = try reader.count("num_attention_heads", in: Range.heads)
        keyValueHeadCount = try reader.optionalCount("num_key_value_heads", in: Range.heads) ?? headCount
        guard headCount % keyValueHeadCount == 0 else {
            throw reader.error("num_key_value_heads", "\(keyValueHeadCount) do not divide \(headCount) heads")
        }
        intermediateSize = try reader.count("intermediate_size", in: Range.innerSize)
        positionCount = try reader.count("max_position_embeddings", in: Range.positions)
        activation = try Activation(reader, "hidden_act", default: "silu")
        attentionDropout = try reader.number("attention_dropout", in: Range.dropout, default: 0)
        options = try read(reader, hiddenSize / headCount)
        normEpsilon = try reader.number("rms_norm_eps", in: Range.epsilon, default: options.normEpsilon)
        guard options.headSize % 2 == 0, options.headSize > 0 else {
            throw reader.error("head_dim", "rotary embeddings need an even size of heads, not \(options.headSize)")
        }
        rotary = try Rotary(
            reader, headSize: options.headSize, positions: positionCount, defaultTheta: options.theta,
            axes: options.axes)
        sights = try Self.sights(reader, options)
        try reader.finishModel()
    }

    private static func sights(_ reader: ConfigurationReader, _ options: Options) throws -> [AttentionSpec.Sight] {
        let layerCount = try reader.count("num_hidden_layers", in: ConfigurationReader.Range.blocks)
        // Where attention goes both ways, windows stay causal, as in the reference.
        let whole: AttentionSpec.Sight = try reader.bool("is_causal", default: true) ? .causal : .all
        func windowed(_ size: Int) -> AttentionSpec.Sight { .window(before: size - 1, after: 0) }
        let types = try reader.strings("layer_types")
        if let types, types.count != layerCount {
            throw reader.error("layer_types", "\(types.count) types for \(layerCount) layers")
        }
        var window = options.window
        var firstWindowed = 0
        if options.readQwenWindow {
            let isUsed = try reader.bool("use_sliding_window", default: false)
            let size = try reader.optionalCount("sliding_window", in: ConfigurationReader.Range.positions)
            firstWindowed = try reader.count(
                "max_window_layers", in: 0...1_000_000, default: options.windowlessLayerCount)
            window = isUsed ? size ?? 4096 : nil
        }
        return try (0..<layerCount).map { layer in
            switch types?[layer] {
            case "full_attention": return whole
            case "sliding_attention":
                guard let window else {
                    throw reader.error("layer_types", "a layer has a window, but sliding_window says none")
                }
                return windowed(window)
            case nil: return window.map { layer >= firstWindowed ? windowed($0) : whole } ?? whole
            case let other?: throw reader.error("layer_types", "attention of type \"\(other)\" is not supported")
            }
        }
    }
}

enum Decoder {
    static let names = NameMap(
        prefixes: ["model."], unusedModules: ["lm_head", "score"],
        unusedTensors: ["lm_head.", "score.", ".rotary_emb.inv_freq"])

    /// Modules that adapters go to where nobody says which.
    static let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

    /// - Parameters:
    ///   - files: of the text model, where it is a part of another.
    ///   - towers: whose features take the places of tokens.
    ///   - passiveParameters: of the towers.
    ///   - deepstackCount: how many of the layers have something of the only tower added behind them.
    static func model(
        _ configuration: DecoderConfiguration, _ files: WeightFiles, towers: [Tower] = [], media: MediaRules? = nil,
        passiveParameters: [Parameter] = [], deepstackCount: Int = 0
    ) throws -> TextModel {
        let size = configuration.hiddenSize
        let embedding = try TokenEmbedding(
            "embed_tokens", configuration.vocabularySize, size, files, padding: configuration.paddingToken,
            towers: towers.map(\.name))
        let layers: [any Stage] = try configuration.sights.indices.map { index in
            let layer = try DecoderBlock(index, configuration, files)
            return index < deepstackCount ? DeepstackStage(layer, size: size) : layer
        }
        return TextModel(
            hiddenSize: size, maxLength: configuration.positionCount, vocabularySize: configuration.vocabularySize,
            entrance: deepstackCount > 0
                ? DeepstackEntrance(embedding, size: size, tower: towers[0].name) : embedding,
            stages: layers + [FinalNorm(try RMSNorm("norm", size, configuration.normEpsilon, files))],
            towers: towers, media: media, passiveParameters: passiveParameters,
            configuredDropout: Dropout(hidden: 0, attention: configuration.attentionDropout, adapter: 0, seed: 0),
            names: files.names, defaultTargets: targets)
    }
}

/// One layer: attention and a gated feed-forward net, each behind a norm and with a residual around both.
private final class DecoderBlock: Stage {
    private let index: Int
    private let attentionNorm: RMSNorm
    private let attention: SelfAttention
    private let mlpNorm: RMSNorm
    private let mlp: GatedMLP

    var projections: [Projection] { attention.projections + mlp.projections }
    var parameters: [Parameter] {
        attentionNorm.parameters + attention.parameters + mlpNorm.parameters + mlp.parameters
    }

    init(_ index: Int, _ configuration: DecoderConfiguration, _ files: WeightFiles) throws {
        self.index = index
        let name = "layers.\(index)"
        let size = configuration.hiddenSize
        let options = configuration.options
        attentionNorm = try RMSNorm("\(name).input_layernorm", size, configuration.normEpsilon, files)
        attention = try SelfAttention(
            "\(name).self_attn", size,
            AttentionSpec(
                headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
                headSize: options.headSize, sight: configuration.sights[index]),
            configuration.rotary,
            SelfAttention.Options(
                inputBias: options.inputBias, outputBias: options.outputBias,
                headNormEpsilon: options.normalizesHeads ? configuration.normEpsilon : nil), files)
        mlpNorm = try RMSNorm("\(name).post_attention_layernorm", size, configuration.normEpsilon, files)
        mlp = try GatedMLP(
            "\(name).mlp", size, configuration.intermediateSize, configuration.activation, files,
            bias: options.innerBias)
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1))
        let attended_TD = try attention(attentionNorm(hidden_TD), context, dropout)
        let middle_TD = try attention.adding(hidden_TD, to: attended_TD)
        return try mlp.adding(middle_TD, to: mlp(mlpNorm(middle_TD), dropout, site: 4))
    }
}
