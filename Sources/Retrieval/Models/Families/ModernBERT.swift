internal import JSON
internal import Tensors

// Source: Warner et al. 2024; names and order of operations as in transformers' `ModernBertModel`.

@section("tvt_families") @used
private let modernBERTEntry: Family.Entry = { Family.register(.modernBERT, at: $0) }

extension Family {
    static let modernBERT = Family(
        modelTypes: ["modernbert"],
        names: NameMap(
            prefixes: ["model."], unusedModules: ["head.dense"], unusedTensors: ["head.", "decoder.", "classifier."]),
        tokenizerClass: "PreTrainedTokenizerFast", build: { try ModernBERT.model(ModernBERTConfiguration($0), $1) })
}

/// What `config.json` of a ModernBERT says.
struct ModernBERTConfiguration {
    /// How a layer attends.
    struct Layer {
        let sight: AttentionSpec.Sight
        let rotary: Rotary
    }

    let vocabularySize: Int
    let paddingToken: Int?
    let hiddenSize: Int
    let headCount: Int
    let intermediateSize: Int
    let positionCount: Int
    let normEpsilon: Double
    let normBias: Bool
    let attentionBias: Bool
    let mlpBias: Bool
    let activation: Activation
    let dropout: (embedding: Double, attention: Double, mlp: Double)
    let layers: [Layer]

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        vocabularySize = try reader.count("vocab_size", in: Range.vocabulary)
        paddingToken = try reader.paddingToken(vocabularySize: vocabularySize, default: 50_283)
        hiddenSize = try reader.count("hidden_size", in: Range.size)
        headCount = try reader.count("num_attention_heads", in: Range.heads)
        guard hiddenSize % (2 * headCount) == 0 else {
            throw reader.error("num_attention_heads", "heads of an even size are needed: \(hiddenSize) / \(headCount)")
        }
        intermediateSize = try reader.count("intermediate_size", in: Range.innerSize)
        positionCount = try reader.count("max_position_embeddings", in: Range.positions, default: 8192)
        normEpsilon = try reader.number("norm_eps", in: Range.epsilon, default: 1e-5)
        normBias = try reader.bool("norm_bias", default: false)
        attentionBias = try reader.bool("attention_bias", default: false)
        mlpBias = try reader.bool("mlp_bias", default: false)
        activation = try Activation(reader, "hidden_activation", default: "gelu")
        dropout = (
            try reader.number("embedding_dropout", in: Range.dropout, default: 0),
            try reader.number("attention_dropout", in: Range.dropout, default: 0),
            try reader.number("mlp_dropout", in: Range.dropout, default: 0)
        )
        layers = try Self.layers(reader, headSize: hiddenSize / headCount, positions: positionCount)
        try reader.finishModel(except: [
            "classifier_activation", "classifier_bias", "classifier_pooling", "cls_token_id", "decoder_bias",
            "deterministic_flash_attn", "initializer_cutoff_factor", "layer_norm_eps", "position_embedding_type",
            "reference_compile", "repad_logits_with_grad", "sparse_pred_ignore_index", "sparse_prediction",
        ])
    }

    private static func layers(_ reader: ConfigurationReader, headSize: Int, positions: Int) throws -> [Layer] {
        let count = try reader.count("num_hidden_layers", in: ConfigurationReader.Range.blocks)
        let every = try reader.optionalCount("global_attn_every_n_layers", in: 1...1024)
        let types = try reader.strings("layer_types")
        if let types {
            guard types.count == count else {
                throw reader.error("layer_types", "\(types.count) types for \(count) layers")
            }
            if let every, types.enumerated().contains(where: { ($1 == "full_attention") != ($0 % every == 0) }) {
                throw reader.error("layer_types", "global_attn_every_n_layers says something else")
            }
        }
        let reach = try reader.count("local_attention", in: 1...16_777_216, default: 128) / 2
        let (global, local) = try rotaries(reader, headSize: headSize, positions: positions)
        return try (0..<count).map { layer in
            switch types?[layer] ?? (layer % (every ?? 3) == 0 ? "full_attention" : "sliding_attention") {
            case "full_attention": Layer(sight: .all, rotary: global)
            case "sliding_attention": Layer(sight: .window(before: reach, after: reach), rotary: local)
            case let other: throw reader.error("layer_types", "attention of type \"\(other)\" is not supported")
            }
        }
    }

    /// transformers 4 has a theta for each kind of layer and one scaling, 5 has `rope_parameters` by kind.
    private static func rotaries(
        _ reader: ConfigurationReader, headSize: Int, positions: Int
    ) throws -> (full: Rotary, sliding: Rotary) {
        let found = try Rotary.byLayerType(
            reader, oldFields: ["global_rope_theta", "local_rope_theta", "rope_scaling"], headSize: headSize,
            positions: positions, thetas: (160_000, 10_000))
        if let found { return found }
        let scaling =
            try reader["rope_scaling"] == nil
            ? Rotary.Scaling.none : Rotary.Scaling(reader.section("rope_scaling"), positions: positions)
        let global = try reader.positiveNumber("global_rope_theta", to: 1e12, default: 160_000)
        // Null stands for the global one; a missing field for the default.
        let local = try reader.positiveNumber(
            "local_rope_theta", to: 1e12, default: reader.isNull("local_rope_theta") ? global : 10_000)
        return (
            Rotary(theta: global, headSize: headSize, scaling: scaling),
            Rotary(theta: local, headSize: headSize, scaling: scaling)
        )
    }
}

enum ModernBERT {
    static func model(_ configuration: ModernBERTConfiguration, _ files: WeightFiles) throws -> TextModel {
        TextModel(
            hiddenSize: configuration.hiddenSize, maxLength: configuration.positionCount,
            vocabularySize: configuration.vocabularySize,
            entrance: try ModernBERTEmbeddings(configuration, files),
            stages: try configuration.layers.indices.map { try ModernBERTBlock($0, configuration, files) }
                + [
                    FinalNorm(
                        try LayerNorm(
                            "final_norm", configuration.hiddenSize, configuration.normEpsilon, files,
                            bias: configuration.normBias))
                ],
            configuredDropout: Dropout(
                hidden: configuration.dropout.mlp, attention: configuration.dropout.attention, adapter: 0, seed: 0),
            names: files.names, defaultTargets: ["Wqkv", "Wo", "Wi"])
    }
}

/// Word embeddings, normalised; positions are in the rotary embedding alone.
private final class ModernBERTEmbeddings: FeatureEntrance {
    private let words: Parameter
    private let padding: Int?
    private let norm: LayerNorm
    private let computeType: ElementType
    var towers: [Tower.Name] = []

    var parameters: [Parameter] { [words] + norm.parameters }

    init(_ configuration: ModernBERTConfiguration, _ files: WeightFiles) throws {
        let size = configuration.hiddenSize
        padding = configuration.paddingToken
        words = try files.parameter(
            "embeddings.tok_embeddings.weight", [configuration.vocabularySize, size],
            initial: .normal(zeroRow: padding))
        norm = try LayerNorm(
            "embeddings.norm", size, configuration.normEpsilon, files, bias: configuration.normBias)
        computeType = files.precision.compute
    }

    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
        let words_TD = try words.tensor.embedding(batch.tokens_T, padding: padding).to(computeType)
        return try norm(placing(features, of: batch, over: words_TD))
    }
}

/// One layer: attention and a gated feed-forward net, each behind a norm; the first layer's attention has none.
private final class ModernBERTBlock: Stage {
    private let index: Int
    private let spec: AttentionSpec
    private let rotary: Rotary
    private let activation: Activation
    private let attentionNorm: LayerNorm?
    private let queryKeyValue: Projection
    private let attentionOutput: Projection
    private let mlpNorm: LayerNorm
    private let input: Projection
    private let output: Projection
    private let innerSize: Int

    var projections: [Projection] { [queryKeyValue, attentionOutput, input, output] }
    var parameters: [Parameter] {
        (attentionNorm?.parameters ?? []) + queryKeyValue.parameters + attentionOutput.parameters + mlpNorm.parameters
            + input.parameters + output.parameters
    }

    init(_ index: Int, _ configuration: ModernBERTConfiguration, _ files: WeightFiles) throws {
        self.index = index
        let name = "layers.\(index)"
        let size = configuration.hiddenSize
        innerSize = configuration.intermediateSize
        activation = configuration.activation
        spec = AttentionSpec(
            headCount: configuration.headCount, headSize: size / configuration.headCount,
            sight: configuration.layers[index].sight)
        rotary = configuration.layers[index].rotary
        func norm(_ part: String) throws -> LayerNorm {
            try LayerNorm("\(name).\(part)", size, configuration.normEpsilon, files, bias: configuration.normBias)
        }
        attentionNorm = index == 0 ? nil : try norm("attn_norm")
        queryKeyValue = Projection(
            try files.linear("\(name).attn.Wqkv", size, 3 * size, bias: configuration.attentionBias))
        attentionOutput = Projection(
            try files.linear("\(name).attn.Wo", size, size, bias: configuration.attentionBias))
        mlpNorm = try norm("mlp_norm")
        input = Projection(try files.linear("\(name).mlp.Wi", size, 2 * innerSize, bias: configuration.mlpBias))
        output = Projection(try files.linear("\(name).mlp.Wo", innerSize, size, bias: configuration.mlpBias))
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1))
        let layout = context.layout()
        let table = try layout.table(rotary)
        let size = spec.querySize
        let qkv_T3D = try queryKeyValue(attentionNorm?(hidden_TD) ?? hidden_TD, dropout, site: 0)
        func part(_ number: Int) throws -> Tensor { try qkv_T3D.narrow(1, start: number * size, length: size) }
        func turned(_ x_TD: Tensor) throws -> Tensor {
            try x_TD.reshape([-1, spec.headCount, spec.headSize]).rotary(cos: table.cos_TE, sin: table.sin_TE)
                .reshape([-1, size])
        }
        let context_TD = try PackedAttention.forward(
            turned(part(0)), turned(part(1)), part(2), spec, layout, dropout, site: 0)
        let attended_TD = try attentionOutput(context_TD, dropout, site: 3)
        let middle_TD = try attentionOutput.adding(hidden_TD, to: attended_TD)
        let halves_T2I = try input(mlpNorm(middle_TD), dropout, site: 4)
        let gated_TI = try activation.gated(
            halves_T2I.narrow(1, start: 0, length: innerSize),
            by: halves_T2I.narrow(1, start: innerSize, length: innerSize))
        let inner_TI = try dropout.hidden(gated_TI, site: 0)
        return try output.adding(middle_TD, to: output(inner_TI, dropout, site: 5))
    }
}
