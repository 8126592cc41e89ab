internal import JSON

/// What `config.json` of a BERT says.
struct BertConfiguration: Sendable {
    enum Activation: Sendable { case gelu, geluTanh, relu, silu }

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

    /// Fields that the vectors do not depend on. Any field that is neither here nor read below is an error.
    private static let harmless: Set<String> = [
        "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "architectures",
        "bos_token_id", "chunk_size_feed_forward", "classifier_dropout", "directionality", "dtype", "eos_token_id",
        "finetuning_task", "gradient_checkpointing", "id2label", "initializer_range", "label2id", "mask_token_id",
        "model_type", "num_labels", "output_attentions", "output_hidden_states", "output_past", "pad_token_id",
        "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type",
        "problem_type", "return_dict", "sbert_ce_default_activation_function", "sentence_transformers",
        "sep_token_id", "task_specific_params", "tie_word_embeddings", "tokenizer_class", "torch_dtype",
        "torchscript", "transformers_version", "use_bfloat16", "use_cache",
    ]

    /// - Throws: `InputError` for missing or malformed fields, for numbers out of range, and for fields that would
    ///   change the result. Nothing is allocated before.
    init(_ reader: ConfigurationReader) throws {
        vocabularySize = try reader.count("vocab_size", in: 1...16_777_216)
        hiddenSize = try reader.count("hidden_size", in: 1...65_536)
        blockCount = try reader.count("num_hidden_layers", in: 1...1024)
        headCount = try reader.count("num_attention_heads", in: 1...4096)
        intermediateSize = try reader.count("intermediate_size", in: 1...1_048_576)
        positionCount = try reader.count("max_position_embeddings", in: 1...16_777_216)
        tokenTypeCount = try reader.count("type_vocab_size", in: 1...65_536, default: 2)
        normEpsilon = try reader.number("layer_norm_eps", in: 0...1, default: 1e-12)
        hiddenDropout = try reader.number("hidden_dropout_prob", in: 0...0.999, default: 0.1)
        attentionDropout = try reader.number("attention_probs_dropout_prob", in: 0...0.999, default: 0.1)
        switch try reader.string("hidden_act", default: "gelu") {
        case "gelu": activation = .gelu
        case "gelu_new", "gelu_pytorch_tanh": activation = .geluTanh
        case "relu": activation = .relu
        case "silu", "swish": activation = .silu
        case let other: throw reader.error("hidden_act", "the activation \"\(other)\" is not known")
        }
        guard hiddenSize % headCount == 0 else {
            throw reader.error("num_attention_heads", "\(headCount) heads do not divide hidden size \(hiddenSize)")
        }
        try reader.require("position_embedding_type", "absolute")
        for field in ["is_decoder", "is_encoder_decoder", "add_cross_attention"] { try reader.require(field, false) }
        for field in ["pruned_heads", "prune_heads"] { try reader.require(field, [:]) }
        for field in ["cross_attention_hidden_size", "quantization_config"] { try reader.require(field) }
        try reader.refuseUnread(except: BertConfiguration.harmless)
    }
}
