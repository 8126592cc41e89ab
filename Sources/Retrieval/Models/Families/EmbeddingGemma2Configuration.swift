internal import Base
internal import JSON

/// What `config.json` of an EmbeddingGemma 2, or its `text_config`, says of the text side.
struct EmbeddingGemma2Configuration {
    /// How a layer attends.
    struct Layer {
        let isFull: Bool
        let headSize: Int
        let keyValueHeadCount: Int
        let rotary: Rotary
    }

    let vocabularySize: Int
    let paddingToken: Int?
    let hiddenSize: Int
    let headCount: Int
    let intermediateSize: Int
    let positionCount: Int
    let normEpsilon: Double
    let activation: Activation
    let window: Int
    /// Size of what each layer gets of the embeddings.
    let perLayerSize: Int
    /// Size of a vector.
    let embeddingSize: Int
    let layers: [Layer]

    /// - Parameter reader: of the text side.
    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        vocabularySize = try reader.count("vocab_size", in: Range.vocabulary, default: 262_144)
        paddingToken = try reader.paddingToken(vocabularySize: vocabularySize, default: 0)
        hiddenSize = try reader.count("hidden_size", in: Range.size, default: 512)
        headCount = try reader.count("num_attention_heads", in: Range.heads, default: 4)
        intermediateSize = try reader.count("intermediate_size", in: Range.innerSize, default: 2048)
        positionCount = try reader.count("max_position_embeddings", in: Range.positions, default: 262_144)
        normEpsilon = try reader.number("rms_norm_eps", in: Range.epsilon, default: 1e-6)
        activation = try Activation(reader, "hidden_activation", default: "gelu_pytorch_tanh")
        window = try reader.count("sliding_window", in: Range.positions, default: 512)
        perLayerSize = try reader.count("hidden_size_per_layer_input", in: Range.size, default: 512)
        embeddingSize = try reader.count("embedding_dim", in: Range.size, default: 768)
        try reader.require("attention_bias", false)
        layers = try Self.layers(reader, headCount: headCount, positions: positionCount)
        // A stray copy of Gemma 3's field changes nothing here.
        try reader.finishModel(except: ["use_bidirectional_attention", "attention_dropout", "hidden_act"])
    }

    private static func layers(_ reader: ConfigurationReader, headCount: Int, positions: Int) throws -> [Layer] {
        typealias Range = ConfigurationReader.Range
        let count = try reader.count("num_hidden_layers", in: Range.blocks, default: 24)
        let headSize = try reader.count("head_dim", in: Range.size, default: 256)
        let keyValueHeadCount = try reader.count("num_key_value_heads", in: Range.heads, default: 2)
        var types =
            try reader.strings("layer_types")
            ?? (0..<count).map { ($0 + 1) % 6 == 0 ? "full_attention" : "sliding_attention" }
        guard types.count == count else {
            throw reader.error("layer_types", "\(types.count) types for \(count) layers")
        }
        // The last layer always sees everything.
        types[count - 1] = "full_attention"
        let overrides = try overrides(reader, layerCount: count)
        let section = try reader["rope_parameters"].map { _ in try reader.section("rope_parameters") }
        func rotary(_ type: String, _ theta: Double, _ size: Int) throws -> Rotary {
            guard let section, section[type] != nil else { return Rotary(theta: theta, headSize: size) }
            return try Rotary(
                section: section.section(type), headSize: size, positions: positions, defaultTheta: theta)
        }
        let layers = try types.enumerated().map { index, type in
            guard type == "full_attention" || type == "sliding_attention" else {
                throw reader.error("layer_types", "attention of type \"\(type)\" is not supported")
            }
            let isFull = type == "full_attention"
            let usual: Override = isFull ? (512, 1) : (nil, nil)
            let own = overrides.map { $0[index] ?? (nil, nil) } ?? usual
            let layer = Layer(
                isFull: isFull, headSize: own.headSize ?? headSize,
                keyValueHeadCount: own.keyValueHeadCount ?? keyValueHeadCount,
                rotary: try rotary(type, isFull ? 1e6 : 1e4, own.headSize ?? headSize))
            guard layer.headSize % 2 == 0, headCount % layer.keyValueHeadCount == 0 else {
                throw reader.error(
                    "per_layer_config",
                    "layer \(index): \(layer.keyValueHeadCount) heads of size \(layer.headSize) for keys do not fit "
                        + "\(headCount) heads")
            }
            return layer
        }
        try section?.refuseUnread()
        return layers
    }

    private typealias Override = (headSize: Int?, keyValueHeadCount: Int?)

    /// `per_layer_config`: sizes of single layers by their number, which may have zeros in front; nil where it is not
    /// there, so that full layers have their usual sizes.
    private static func overrides(_ reader: ConfigurationReader, layerCount: Int) throws -> [Int: Override]? {
        guard let value = reader["per_layer_config"] else { return nil }
        let section = try reader.section("per_layer_config")
        var overrides: [Int: Override] = [:]
        for (key, _) in value.object ?? [:] {
            guard let layer = Int(key), (0..<layerCount).contains(layer), overrides[layer] == nil else {
                throw section.error(key, "the number of one of \(layerCount) layers is expected, each once")
            }
            let own = try section.section(key)
            overrides[layer] = (
                try own.optionalCount("head_dim", in: ConfigurationReader.Range.size),
                try own.optionalCount("num_key_value_heads", in: ConfigurationReader.Range.heads)
            )
            try own.refuseUnread()
        }
        return overrides
    }
}
