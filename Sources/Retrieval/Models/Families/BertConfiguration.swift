internal import JSON

/// What `config.json` of a BERT, RoBERTa or XLM-RoBERTa says.
struct BertConfiguration: Sendable {
    var vocabularySize: Int
    var hiddenSize: Int
    var blockCount: Int
    var headCount: Int
    var intermediateSize: Int
    var positionCount: Int
    var tokenTypeCount: Int
    var normEpsilon: Double
    var activation: Activation
    var hiddenDropout: Double
    var attentionDropout: Double
    /// The token whose embedding is not trained.
    var paddingToken: Int?
    /// Whether positions are counted from the padding token, as in RoBERTa.
    let countsFromPadding: Bool

    /// The longest sequence that has positions.
    var maxLength: Int { countsFromPadding ? positionCount - (paddingToken ?? 0) - 1 : positionCount }

    /// - Parameter countsFromPadding: positions are counted from the padding token, as in RoBERTa.
    /// - Throws: `InputError` for missing or malformed fields, for numbers out of range, and for fields that would
    ///   change the result. Nothing is allocated before.
    init(_ reader: ConfigurationReader, countsFromPadding: Bool) throws {
        typealias Range = ConfigurationReader.Range
        vocabularySize = try reader.count("vocab_size", in: Range.vocabulary)
        hiddenSize = try reader.count("hidden_size", in: Range.size)
        blockCount = try reader.count("num_hidden_layers", in: Range.blocks)
        headCount = try reader.count("num_attention_heads", in: Range.heads)
        intermediateSize = try reader.count("intermediate_size", in: Range.innerSize)
        positionCount = try reader.count("max_position_embeddings", in: Range.positions)
        tokenTypeCount = try reader.count("type_vocab_size", in: 1...65_536, default: 2)
        normEpsilon = try reader.number("layer_norm_eps", in: Range.epsilon, default: 1e-12)
        hiddenDropout = try reader.number("hidden_dropout_prob", in: Range.dropout, default: 0.1)
        attentionDropout = try reader.number("attention_probs_dropout_prob", in: Range.dropout, default: 0.1)
        activation = try Activation(reader, "hidden_act", default: "gelu")
        guard hiddenSize % headCount == 0 else {
            throw reader.error("num_attention_heads", "\(headCount) heads do not divide hidden size \(hiddenSize)")
        }
        try reader.require("position_embedding_type", "absolute")
        self.countsFromPadding = countsFromPadding
        if countsFromPadding {
            let padding = try reader.count("pad_token_id", in: 0...(vocabularySize - 1), default: 1)
            guard padding + 1 < positionCount else {
                throw reader.error(
                    "pad_token_id",
                    "positions start behind it, and there are \(positionCount) (max_position_embeddings)")
            }
            paddingToken = padding
        } else {
            paddingToken = try reader.paddingToken(vocabularySize: vocabularySize, default: 0)
        }
        try reader.finishModel(except: [
            "directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
            "pooler_size_per_head", "pooler_type",
        ])
    }
}
