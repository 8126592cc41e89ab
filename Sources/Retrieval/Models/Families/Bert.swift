internal import Tensors

// Source of network and names: Devlin et al. 2019, Liu et al. 2019, Conneau et al. 2020; transformers' `BertModel`,
// `RobertaModel` and `XLMRobertaModel`, which differ in positions and in names alone.

@section("tvt_families") @used
private let bertEntry: Family.Entry = { Family.register(.bert, at: $0) }

@section("tvt_families") @used
private let robertaEntry: Family.Entry = { Family.register(.roberta, at: $0) }

@section("tvt_families") @used
private let xlmRobertaEntry: Family.Entry = { Family.register(.xlmRoberta, at: $0) }

extension Family {
    static let bert = Family(
        modelTypes: ["bert"], names: bertNames("bert.", heads: ["cls."]), tokenizerClass: "BertTokenizer",
        build: { try Bert.model(BertConfiguration($0, countsFromPadding: false), $1) })

    static let roberta = Family(
        modelTypes: ["roberta"], names: bertNames("roberta.", heads: ["lm_head.", "classifier."]),
        tokenizerClass: "RobertaTokenizer",
        build: { try Bert.model(BertConfiguration($0, countsFromPadding: true), $1) })

    static let xlmRoberta = Family(
        modelTypes: ["xlm-roberta"], names: bertNames("roberta.", heads: ["lm_head.", "classifier."]),
        tokenizerClass: "XLMRobertaTokenizer",
        build: { try Bert.model(BertConfiguration($0, countsFromPadding: true), $1) })

    private static func bertNames(_ prefix: String, heads: [String]) -> NameMap {
        NameMap(
            prefixes: [prefix],
            oldEndings: [(".LayerNorm.gamma", ".LayerNorm.weight"), (".LayerNorm.beta", ".LayerNorm.bias")],
            // The pooler belongs to next-sentence prediction.
            unusedModules: ["pooler.dense"], unusedTensors: ["embeddings.position_ids"] + heads)
    }
}

/// BERT as an encoder of texts: one segment, absolute positions, layer norm after each sub-layer.
enum Bert {
    static func model(_ configuration: BertConfiguration, _ files: WeightFiles) throws -> TextModel {
        let size = configuration.hiddenSize
        let pooler = "pooler.dense"
        return TextModel(
            hiddenSize: size, maxLength: configuration.maxLength, vocabularySize: configuration.vocabularySize,
            entrance: try BertEmbeddings(configuration, files),
            stages: try (0..<configuration.blockCount).map { try BertBlock($0, configuration, files) },
            passiveParameters: files.has(pooler + ".weight")
                ? [
                    try files.parameter(pooler + ".weight", [size, size]),
                    try files.parameter(pooler + ".bias", [size]),
                ] : [],
            configuredDropout: Dropout(
                hidden: configuration.hiddenDropout, attention: configuration.attentionDropout, adapter: 0, seed: 0),
            names: files.names,
            defaultTargets: [
                "query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense",
            ])
    }
}

/// The sum of word, type and position embeddings, normalised.
private final class BertEmbeddings: FeatureEntrance {
    private let words: Parameter
    private let positions: Parameter
    private let tokenTypes: Parameter
    private let norm: LayerNorm
    private let padding: Int?
    private let countsFromPadding: Bool
    private let computeType: ElementType
    var towers: [Tower.Name] = []

    var parameters: [Parameter] { [words, positions, tokenTypes] + norm.parameters }

    init(_ configuration: BertConfiguration, _ files: WeightFiles) throws {
        let size = configuration.hiddenSize
        words = try files.parameter(
            "embeddings.word_embeddings.weight", [configuration.vocabularySize, size],
            initial: .normal(zeroRow: configuration.paddingToken))
        positions = try files.parameter(
            "embeddings.position_embeddings.weight", [configuration.positionCount, size])
        tokenTypes = try files.parameter(
            "embeddings.token_type_embeddings.weight", [configuration.tokenTypeCount, size])
        norm = try LayerNorm("embeddings.LayerNorm", size, configuration.normEpsilon, files)
        padding = configuration.paddingToken
        countsFromPadding = configuration.countsFromPadding
        computeType = files.precision.compute
    }

    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
        let counted = countsFromPadding ? padding : nil
        let positions_T = try counted.map { try batch.positions(countedFrom: $0) } ?? batch.layout.positions_T
        let words_TD = try words.tensor.embedding(batch.tokens_T, padding: padding).to(computeType)
        let typed_TD = try placing(features, of: batch, over: words_TD).adding(tokenTypes.tensor.select(0, 0))
        let placed_TD = try typed_TD.adding(positions.tensor.embedding(positions_T, padding: counted))
        return try dropout.at(0).hidden(norm(placed_TD), site: 0)
    }
}

/// One BERT layer: self-attention and a feed-forward net, each followed by dropout, the residual and layer norm.
private final class BertBlock: Stage {
    private let index: Int
    private let attention: AttentionSpec
    private let activation: Activation
    private let queryKeyValue: Projection
    private let attentionOutput: Projection
    private let attentionNorm: LayerNorm
    private let intermediate: Projection
    private let output: Projection
    private let outputNorm: LayerNorm

    var projections: [Projection] { [queryKeyValue, attentionOutput, intermediate, output] }

    var parameters: [Parameter] {
        queryKeyValue.parameters + attentionOutput.parameters + attentionNorm.parameters + intermediate.parameters
            + output.parameters + outputNorm.parameters
    }

    init(_ index: Int, _ configuration: BertConfiguration, _ files: WeightFiles) throws {
        self.index = index
        let size = configuration.hiddenSize
        let inner = configuration.intermediateSize
        let epsilon = configuration.normEpsilon
        let name = "encoder.layer.\(index)"
        attention = AttentionSpec(headCount: configuration.headCount, headSize: size / configuration.headCount)
        activation = configuration.activation
        queryKeyValue = Projection(
            try files.linear("\(name).attention.self.query", size, size),
            try files.linear("\(name).attention.self.key", size, size),
            try files.linear("\(name).attention.self.value", size, size))
        attentionOutput = Projection(try files.linear("\(name).attention.output.dense", size, size))
        attentionNorm = try LayerNorm("\(name).attention.output.LayerNorm", size, epsilon, files)
        intermediate = Projection(try files.linear("\(name).intermediate.dense", size, inner))
        output = Projection(try files.linear("\(name).output.dense", inner, size))
        outputNorm = try LayerNorm("\(name).output.LayerNorm", size, epsilon, files)
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1))
        let qkv = try queryKeyValue.each(hidden_TD, dropout, site: 0)
        let context_TD = try PackedAttention.forward(
            qkv[0], qkv[1], qkv[2], attention, context.layout(), dropout, site: 0)
        let attended_TD = try dropout.hidden(attentionOutput(context_TD, dropout, site: 3), site: 0)
        let middle_TD = try attentionNorm(attentionOutput.adding(hidden_TD, to: attended_TD))
        let inner_TI = try intermediate(middle_TD, dropout, site: 4, activation)
        let outer_TD = try dropout.hidden(output(inner_TI, dropout, site: 5), site: 1)
        return try outputNorm(output.adding(middle_TD, to: outer_TD))
    }
}
