internal import JSON
internal import Tensors

// Source: Sanh et al. 2019; names and order of operations as in transformers' `DistilBertModel`.

@section("tvt_families") @used
private let distilbertEntry: Family.Entry = { Family.register(.distilbert, at: $0) }

extension Family {
    static let distilbert = Family(
        modelTypes: ["distilbert"],
        names: NameMap(
            prefixes: ["distilbert."],
            unusedTensors: [
                "embeddings.position_ids", "vocab_transform.", "vocab_layer_norm.", "vocab_projector.",
                "pre_classifier.", "classifier.",
            ]),
        tokenizerClass: "DistilBertTokenizer", build: { try DistilBERT.model($0, $1) })
}

enum DistilBERT {
    /// Fixed: no field says it.
    fileprivate static let normEpsilon = 1e-12

    static func model(_ reader: ConfigurationReader, _ files: WeightFiles) throws -> TextModel {
        typealias Range = ConfigurationReader.Range
        let vocabularySize = try reader.count("vocab_size", in: Range.vocabulary)
        let padding = try reader.paddingToken(vocabularySize: vocabularySize, default: 0)
        let positionCount = try reader.count("max_position_embeddings", in: Range.positions)
        let size = try reader.count("dim", in: Range.size)
        let inner = try reader.count("hidden_dim", in: Range.innerSize)
        let blockCount = try reader.count("n_layers", in: Range.blocks)
        let headCount = try reader.count("n_heads", in: Range.heads)
        let activation = try Activation(reader, "activation", default: "gelu")
        let dropout = Dropout(
            hidden: try reader.number("dropout", in: Range.dropout, default: 0.1),
            attention: try reader.number("attention_dropout", in: Range.dropout, default: 0.1), adapter: 0, seed: 0)
        guard size % headCount == 0 else {
            throw reader.error("n_heads", "\(headCount) heads do not divide \(size)")
        }
        // How the table was initialised, and dropouts of heads.
        try reader.finishModel(except: ["sinusoidal_pos_embds", "qa_dropout", "seq_classif_dropout"])
        let spec = AttentionSpec(headCount: headCount, headSize: size / headCount)
        return TextModel(
            hiddenSize: size, maxLength: positionCount, vocabularySize: vocabularySize,
            entrance: try Embeddings(vocabularySize, positionCount, size, padding, files),
            stages: try (0..<blockCount).map { try Block($0, size, inner, spec, activation, files) },
            configuredDropout: dropout, names: files.names,
            defaultTargets: ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"])
    }

    /// The sum of word and position embeddings, normalised.
    private final class Embeddings: FeatureEntrance {
        private let words: Parameter
        private let positions: Parameter
        private let padding: Int?
        private let norm: LayerNorm
        private let computeType: ElementType
        var towers: [Tower.Name] = []

        var parameters: [Parameter] { [words, positions] + norm.parameters }

        init(
            _ vocabularySize: Int, _ positionCount: Int, _ size: Int, _ padding: Int?, _ files: WeightFiles
        ) throws {
            self.padding = padding
            words = try files.parameter(
                "embeddings.word_embeddings.weight", [vocabularySize, size], initial: .normal(zeroRow: padding))
            positions = try files.parameter("embeddings.position_embeddings.weight", [positionCount, size])
            norm = try LayerNorm("embeddings.LayerNorm", size, normEpsilon, files)
            computeType = files.precision.compute
        }

        func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
            let words_TD = try words.tensor.embedding(batch.tokens_T, padding: padding).to(computeType)
            let placed_TD = try placing(features, of: batch, over: words_TD)
                .adding(positions.tensor.embedding(batch.layout.positions_T))
            return try dropout.at(0).hidden(norm(placed_TD), site: 0)
        }
    }

    /// One layer: as BERT's, without dropout behind attention.
    private final class Block: Stage {
        private let index: Int
        private let spec: AttentionSpec
        private let activation: Activation
        private let queryKeyValue: Projection
        private let attentionOutput: Projection
        private let attentionNorm: LayerNorm
        private let inner: Projection
        private let outer: Projection
        private let outputNorm: LayerNorm

        var projections: [Projection] { [queryKeyValue, attentionOutput, inner, outer] }
        var parameters: [Parameter] {
            queryKeyValue.parameters + attentionOutput.parameters + attentionNorm.parameters + inner.parameters
                + outer.parameters + outputNorm.parameters
        }

        init(
            _ index: Int, _ size: Int, _ innerSize: Int, _ spec: AttentionSpec, _ activation: Activation,
            _ files: WeightFiles
        ) throws {
            (self.index, self.spec, self.activation) = (index, spec, activation)
            let name = "transformer.layer.\(index)"
            queryKeyValue = Projection(
                try files.linear("\(name).attention.q_lin", size, size),
                try files.linear("\(name).attention.k_lin", size, size),
                try files.linear("\(name).attention.v_lin", size, size))
            attentionOutput = Projection(try files.linear("\(name).attention.out_lin", size, size))
            attentionNorm = try LayerNorm("\(name).sa_layer_norm", size, normEpsilon, files)
            inner = Projection(try files.linear("\(name).ffn.lin1", size, innerSize))
            outer = Projection(try files.linear("\(name).ffn.lin2", innerSize, size))
            outputNorm = try LayerNorm("\(name).output_layer_norm", size, normEpsilon, files)
        }

        func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
            let dropout = context.dropout.at(UInt64(index + 1))
            let qkv = try queryKeyValue.each(hidden_TD, dropout, site: 0)
            let context_TD = try PackedAttention.forward(
                qkv[0], qkv[1], qkv[2], spec, context.layout(), dropout, site: 0)
            let attended_TD = try attentionOutput(context_TD, dropout, site: 3)
            let middle_TD = try attentionNorm(attentionOutput.adding(hidden_TD, to: attended_TD))
            let outer_TD = try outer(inner(middle_TD, dropout, site: 4, activation), dropout, site: 5)
            return try outputNorm(outer.adding(middle_TD, to: dropout.hidden(outer_TD, site: 1)))
        }
    }
}
