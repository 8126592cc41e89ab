internal import JSON
internal import Tensors

// Source: Song et al. 2020; names and order of operations as in transformers' `MPNetModel`.

@section("tvt_families") @used
private let mpnetEntry: Family.Entry = { Family.register(.mpnet, at: $0) }

extension Family {
    static let mpnet = Family(
        modelTypes: ["mpnet"],
        names: NameMap(
            prefixes: ["mpnet."], unusedModules: ["pooler.dense"],
            unusedTensors: ["embeddings.position_ids", "lm_head.", "classifier."]),
        tokenizerClass: "MPNetTokenizer", build: { try MPNet.model($0, $1) })
}

enum MPNet {
    /// A constant of the network, whatever `pad_token_id` says.
    fileprivate static let paddingToken = 1

    static func model(_ reader: ConfigurationReader, _ files: WeightFiles) throws -> TextModel {
        typealias Range = ConfigurationReader.Range
        let vocabularySize = try reader.count("vocab_size", in: Range.vocabulary)
        let positionCount = try reader.count("max_position_embeddings", in: 3...Range.positions.upperBound)
        let hiddenDropout = try reader.number("hidden_dropout_prob", in: Range.dropout, default: 0.1)
        let attentionDropout = try reader.number("attention_probs_dropout_prob", in: Range.dropout, default: 0.1)
        let blockCount = try reader.count("num_hidden_layers", in: Range.blocks)
        // The buckets of the network are fixed; the field sizes the table alone.
        try reader.require("relative_attention_num_buckets", JSONValue(RelativePositions.bucketCount))
        let sizes = try MPNetBlock.Sizes(
            hidden: reader.count("hidden_size", in: Range.size),
            inner: reader.count("intermediate_size", in: Range.innerSize),
            headCount: reader.count("num_attention_heads", in: Range.heads),
            normEpsilon: reader.number("layer_norm_eps", in: Range.epsilon, default: 1e-12),
            activation: Activation(reader, "hidden_act", default: "gelu"))
        guard sizes.hidden % sizes.headCount == 0 else {
            throw reader.error("num_attention_heads", "\(sizes.headCount) heads do not divide \(sizes.hidden)")
        }
        try reader.finishModel()
        let positions = RelativePositions(
            try files.parameter(
                "encoder.relative_attention_bias.weight", [RelativePositions.bucketCount, sizes.headCount]))
        let pooler = "pooler.dense"
        return TextModel(
            hiddenSize: sizes.hidden, maxLength: positionCount - paddingToken - 1,
            vocabularySize: vocabularySize,
            entrance: try MPNetEmbeddings(vocabularySize, positionCount, sizes, files),
            stages: try (0..<blockCount).map { try MPNetBlock($0, sizes, positions, files) },
            passiveParameters: files.has(pooler + ".weight")
                ? [
                    try files.parameter(pooler + ".weight", [sizes.hidden, sizes.hidden]),
                    try files.parameter(pooler + ".bias", [sizes.hidden]),
                ] : [],
            configuredDropout: Dropout(hidden: hiddenDropout, attention: attentionDropout, adapter: 0, seed: 0),
            names: files.names,
            defaultTargets: ["attn.q", "attn.k", "attn.v", "attn.o", "intermediate.dense", "output.dense"])
    }
}

/// What is added to the products of queries and keys, by their distance; one table for all layers.
private final class RelativePositions {
    static let bucketCount = 32
    /// `[buckets, H]`
    let table: Parameter

    init(_ table: Parameter) { self.table = table }

    /// The least distance of each bucket from the ninth on; closer ones have a bucket each.
    private static let starts = [8, 12, 16, 23, 32, 46, 64, 91]

    /// The bucket of a key that lies `offset` rows behind its query; negative before it.
    private static func bucket(_ offset: Int) -> Int32 {
        let distance = abs(offset)
        let near = distance < starts[0] ? distance : 7 + starts.prefix { $0 <= distance }.count
        return Int32(offset > 0 ? near + bucketCount / 2 : near)
    }

    /// - Returns: `[H, L, L]`
    func bias(length: Int) throws -> Tensor {
        var buckets: [Int32] = []
        buckets.reserveCapacity(length * length)
        for query in 0..<length {
            for key in 0..<length { buckets.append(RelativePositions.bucket(key - query)) }
        }
        let rows = try table.tensor.embedding(Tensor(buckets).to(table.tensor.device))
        return try rows.reshape([length, length, -1]).transpose(1, 2).transpose(0, 1)
    }
}

/// The sum of word and position embeddings, normalised.
private final class MPNetEmbeddings: FeatureEntrance {
    private let words: Parameter
    private let positions: Parameter
    private let norm: LayerNorm
    private let computeType: ElementType
    var towers: [Tower.Name] = []

    var parameters: [Parameter] { [words, positions] + norm.parameters }

    init(_ vocabularySize: Int, _ positionCount: Int, _ sizes: MPNetBlock.Sizes, _ files: WeightFiles) throws {
        words = try files.parameter("embeddings.word_embeddings.weight", [vocabularySize, sizes.hidden])
        positions = try files.parameter("embeddings.position_embeddings.weight", [positionCount, sizes.hidden])
        norm = try LayerNorm("embeddings.LayerNorm", sizes.hidden, sizes.normEpsilon, files)
        computeType = files.precision.compute
    }

    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
        let words_TD = try words.tensor.embedding(batch.tokens_T, padding: MPNet.paddingToken).to(computeType)
        let positions_T = try batch.positions(countedFrom: MPNet.paddingToken)
        let placed_TD = try placing(features, of: batch, over: words_TD)
            .adding(positions.tensor.embedding(positions_T, padding: MPNet.paddingToken))
        return try dropout.at(0).hidden(norm(placed_TD), site: 0)
    }
}

/// One layer: as BERT's, with a bias by distance.
private final class MPNetBlock: Stage {
    struct Sizes {
        let hidden: Int
        let inner: Int
        let headCount: Int
        let normEpsilon: Double
        let activation: Activation
    }

    private let index: Int
    private let spec: AttentionSpec
    private let positions: RelativePositions
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
            + output.parameters + outputNorm.parameters + [positions.table]
    }

    init(_ index: Int, _ sizes: Sizes, _ positions: RelativePositions, _ files: WeightFiles) throws {
        self.index = index
        self.positions = positions
        activation = sizes.activation
        let size = sizes.hidden
        let name = "encoder.layer.\(index)"
        spec = AttentionSpec(headCount: sizes.headCount, headSize: size / sizes.headCount)
        queryKeyValue = Projection(
            try files.linear("\(name).attention.attn.q", size, size),
            try files.linear("\(name).attention.attn.k", size, size),
            try files.linear("\(name).attention.attn.v", size, size))
        attentionOutput = Projection(try files.linear("\(name).attention.attn.o", size, size))
        attentionNorm = try LayerNorm("\(name).attention.LayerNorm", size, sizes.normEpsilon, files)
        intermediate = Projection(try files.linear("\(name).intermediate.dense", size, sizes.inner))
        output = Projection(try files.linear("\(name).output.dense", sizes.inner, size))
        outputNorm = try LayerNorm("\(name).output.LayerNorm", size, sizes.normEpsilon, files)
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1))
        let qkv = try queryKeyValue.each(hidden_TD, dropout, site: 0)
        let context_TD = try PackedAttention.forward(
            qkv[0], qkv[1], qkv[2], spec, context.layout(), dropout, site: 0,
            bias: { try self.positions.bias(length: $0).to(hidden_TD.elementType) })
        let attended_TD = try dropout.hidden(attentionOutput(context_TD, dropout, site: 3), site: 0)
        let middle_TD = try attentionNorm(attentionOutput.adding(hidden_TD, to: attended_TD))
        let inner_TI = try intermediate(middle_TD, dropout, site: 4, activation)
        let outer_TD = try dropout.hidden(output(inner_TI, dropout, site: 5), site: 1)
        return try outputNorm(output.adding(middle_TD, to: outer_TD))
    }
}
