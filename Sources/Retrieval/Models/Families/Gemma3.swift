internal import JSON
internal import Tensors

// Source: Gemma Team 2025; names and order of operations as in transformers' `Gemma3TextModel`.

@section("tvt_families") @used
private let gemma3Entry: Family.Entry = { Family.register(.gemma3, at: $0) }

extension Family {
    static let gemma3 = Family(
        modelTypes: ["gemma3_text"],
        names: NameMap(
            prefixes: ["model.", "language_model.model.", "language_model."], unusedModules: ["lm_head"],
            unusedTensors: ["lm_head."]),
        tokenizerClass: "GemmaTokenizer", build: { try Gemma3.model(Gemma3Configuration($0), $1) },
        directionField: .goesBothWays)
}

/// What `config.json` of a text Gemma 3 says.
struct Gemma3Configuration {
    /// How a layer attends.
    struct Layer {
        let sight: AttentionSpec.Sight
        let rotary: Rotary
    }

    let vocabularySize: Int
    let paddingToken: Int?
    let hiddenSize: Int
    let headCount: Int
    let keyValueHeadCount: Int
    let headSize: Int
    /// What products of queries and keys are multiplied by.
    let scale: Double
    let intermediateSize: Int
    let positionCount: Int
    let normEpsilon: Double
    let activation: Activation
    let attentionBias: Bool
    let attentionDropout: Double
    let layers: [Layer]

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        vocabularySize = try reader.count("vocab_size", in: Range.vocabulary, default: 262_208)
        paddingToken = try reader.paddingToken(vocabularySize: vocabularySize, default: 0)
        hiddenSize = try reader.count("hidden_size", in: Range.size)
        headCount = try reader.count("num_attention_heads", in: Range.heads)
        keyValueHeadCount = try reader.optionalCount("num_key_value_heads", in: Range.heads) ?? headCount
        guard headCount % keyValueHeadCount == 0 else {
            throw reader.error("num_key_value_heads", "\(keyValueHeadCount) do not divide \(headCount) heads")
        }
        headSize = try reader.count("head_dim", in: Range.size, default: 256)
        guard headSize % 2 == 0 else { throw reader.error("head_dim", "an even number is expected") }
        scale = 1 / (try reader.positiveNumber("query_pre_attn_scalar", to: 1e6, default: 256)).squareRoot()
        intermediateSize = try reader.count("intermediate_size", in: Range.innerSize)
        positionCount = try reader.count("max_position_embeddings", in: Range.positions, default: 131_072)
        normEpsilon = try reader.number("rms_norm_eps", in: Range.epsilon, default: 1e-6)
        activation = try Activation(reader, "hidden_activation", default: "gelu_pytorch_tanh")
        attentionBias = try reader.bool("attention_bias", default: false)
        attentionDropout = try reader.number("attention_dropout", in: Range.dropout, default: 0)
        layers = try Self.layers(reader, headSize: headSize, positions: positionCount)
        // Caps of logits: the first has no effect in any version of the reference, the second is the LM head's.
        try reader.finishModel(except: ["attn_logit_softcapping", "final_logit_softcapping", "hidden_act"])
    }

    private static func layers(_ reader: ConfigurationReader, headSize: Int, positions: Int) throws -> [Layer] {
        let count = try reader.count("num_hidden_layers", in: ConfigurationReader.Range.blocks)
        let goesBothWays = try reader.bool("use_bidirectional_attention", default: false)
        guard try !goesBothWays || reader["is_causal"] == nil || !reader.bool("is_causal") else {
            throw reader.error("is_causal", "use_bidirectional_attention says the opposite")
        }
        try reader.require("is_causal", goesBothWays ? false : true)
        let window = try reader.count("sliding_window", in: ConfigurationReader.Range.positions, default: 4096)
        // Both ways the window counts both sides; causal, its keys with the query's own.
        let sliding: AttentionSpec.Sight =
            goesBothWays ? .window(before: window / 2, after: window / 2) : .window(before: window - 1, after: 0)
        let full: AttentionSpec.Sight = goesBothWays ? .all : .causal
        let (fullRotary, slidingRotary) = try rotaries(reader, headSize: headSize, positions: positions)
        let pattern = try reader.count("sliding_window_pattern", in: 1...1024, default: 6)
        _ = reader["_sliding_window_pattern"]
        let types = try reader.strings("layer_types")
        if let types, types.count != count {
            throw reader.error("layer_types", "\(types.count) types for \(count) layers")
        }
        return try (0..<count).map { layer in
            switch types?[layer] ?? ((layer + 1) % pattern == 0 ? "full_attention" : "sliding_attention") {
            case "full_attention": Layer(sight: full, rotary: fullRotary)
            case "sliding_attention": Layer(sight: sliding, rotary: slidingRotary)
            case let other: throw reader.error("layer_types", "attention of type \"\(other)\" is not supported")
            }
        }
    }

    /// transformers 4 has `rope_theta` with `rope_scaling` for full layers and `rope_local_base_freq` for the others, 5
    /// has `rope_parameters` by type of layer.
    private static func rotaries(
        _ reader: ConfigurationReader, headSize: Int, positions: Int
    ) throws -> (full: Rotary, sliding: Rotary) {
        let found = try Rotary.byLayerType(
            reader, oldFields: ["rope_theta", "rope_local_base_freq", "rope_scaling"], headSize: headSize,
            positions: positions, thetas: (1e6, 1e4))
        if let found { return found }
        return (
            try Rotary(reader, headSize: headSize, positions: positions, defaultTheta: 1e6),
            Rotary(
                theta: try reader.positiveNumber("rope_local_base_freq", to: 1e12, default: 1e4), headSize: headSize)
        )
    }
}

enum Gemma3 {
    static func model(_ configuration: Gemma3Configuration, _ files: WeightFiles) throws -> TextModel {
        let size = configuration.hiddenSize
        return TextModel(
            hiddenSize: size, maxLength: configuration.positionCount, vocabularySize: configuration.vocabularySize,
            entrance: try TokenEmbedding(
                "embed_tokens", configuration.vocabularySize, size, files,
                padding: configuration.paddingToken, scale: Double(size).squareRoot()),
            stages: try configuration.layers.indices.map { try Gemma3Block($0, configuration, files) }
                + [FinalNorm(try RMSNorm("norm", size, configuration.normEpsilon, files, addsOne: true))],
            configuredDropout: Dropout(hidden: 0, attention: configuration.attentionDropout, adapter: 0, seed: 0),
            names: files.names, defaultTargets: Decoder.targets)
    }
}

/// One layer, with a norm before and after each part.
private final class Gemma3Block: Stage {
    private let index: Int
    private let inputNorm: RMSNorm
    private let attention: SelfAttention
    private let attendedNorm: RMSNorm
    private let mlpNorm: RMSNorm
    private let mlp: GatedMLP
    private let outputNorm: RMSNorm

    var projections: [Projection] { attention.projections + mlp.projections }
    var parameters: [Parameter] {
        inputNorm.parameters + attention.parameters + attendedNorm.parameters + mlpNorm.parameters + mlp.parameters
            + outputNorm.parameters
    }

    init(_ index: Int, _ configuration: Gemma3Configuration, _ files: WeightFiles) throws {
        self.index = index
        let name = "layers.\(index)"
        let size = configuration.hiddenSize
        let epsilon = configuration.normEpsilon
        func norm(_ part: String) throws -> RMSNorm {
            try RMSNorm("\(name).\(part)", size, epsilon, files, addsOne: true)
        }
        inputNorm = try norm("input_layernorm")
        attention = try SelfAttention(
            "\(name).self_attn", size,
            AttentionSpec(
                headCount: configuration.headCount, keyValueHeadCount: configuration.keyValueHeadCount,
                headSize: configuration.headSize, scale: configuration.scale,
                sight: configuration.layers[index].sight),
            configuration.layers[index].rotary,
            SelfAttention.Options(
                inputBias: configuration.attentionBias, outputBias: configuration.attentionBias,
                headNormEpsilon: epsilon, headNormAddsOne: true), files)
        attendedNorm = try norm("post_attention_layernorm")
        mlpNorm = try norm("pre_feedforward_layernorm")
        mlp = try GatedMLP("\(name).mlp", size, configuration.intermediateSize, configuration.activation, files)
        outputNorm = try norm("post_feedforward_layernorm")
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1))
        let attended_TD = try attendedNorm(attention(inputNorm(hidden_TD), context, dropout))
        let middle_TD = try attention.adding(hidden_TD, to: attended_TD)
        return try mlp.adding(middle_TD, to: outputNorm(mlp(mlpNorm(middle_TD), dropout, site: 4)))
    }
}
