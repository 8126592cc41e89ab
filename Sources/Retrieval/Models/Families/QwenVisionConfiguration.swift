internal import JSON

/// What `vision_config` of Qwen's models says.
struct QwenVisionConfiguration {
    /// What differs between the models.
    enum Kind: Equatable {
        /// LayerNorm, a plain feed-forward net, each picture a segment.
        case qwen2
        /// RMSNorm, a gated feed-forward net, windows in most blocks. Omni has three layers for queries, keys and
        /// values.
        case qwen2_5(separate: Bool)
        /// LayerNorm, a plain feed-forward net, each picture a segment, learned places beside the rotary embedding.
        case qwen3
    }

    let kind: Kind
    let blockCount: Int
    /// D of the tower.
    let size: Int
    let innerSize: Int
    let headCount: Int
    let activation: Activation
    let channelCount: Int
    let patchSize: Int
    let temporalPatchSize: Int
    let mergeSize: Int
    /// D of the text model.
    let outputSize: Int
    /// Squares of features that see each other, by their side; nil where whole pictures do.
    let windowSide: Int?
    /// Blocks in which whole pictures do.
    let wholeBlocks: Set<Int>
    /// Of Qwen3-VL: rows of the table of learned places.
    let placeCount: Int
    /// Of Qwen3-VL: blocks whose states become features as well, in the order of their mergers.
    let deepstackBlocks: [Int]

    var headSize: Int { size / headCount }
    /// Numbers of a patch.
    var patchWidth: Int { channelCount * temporalPatchSize * patchSize * patchSize }

    init(_ reader: ConfigurationReader, _ kind: Kind) throws {
        typealias Range = ConfigurationReader.Range
        self.kind = kind
        blockCount = try reader.count("depth", in: Range.blocks, default: kind == .qwen3 ? 27 : 32)
        headCount = try reader.count("num_heads", in: Range.heads, default: 16)
        channelCount = try reader.count("in_channels", in: 1...16, default: 3)
        patchSize = try reader.count("patch_size", in: 1...512, default: kind == .qwen3 ? 16 : 14)
        // The first such files have these beside the fields that count, or in their place.
        try reader.require("in_chans", JSONValue(channelCount))
        try reader.require("spatial_patch_size", JSONValue(patchSize))
        temporalPatchSize = try reader.count("temporal_patch_size", in: 1...64, default: 2)
        mergeSize = try reader.count("spatial_merge_size", in: 1...16, default: 2)
        switch kind {
        case .qwen2:
            size = try reader.count("embed_dim", in: Range.size, default: 1280)
            outputSize = try reader.count("hidden_size", in: Range.size, default: 3584)
            let ratio = try reader.positiveNumber("mlp_ratio", to: 64, default: 4)
            innerSize = Int(Double(size) * ratio)
            guard innerSize > 0 else { throw reader.error("mlp_ratio", "\(ratio) of \(size) is nothing") }
            activation = try Activation(reader, "hidden_act", default: "quick_gelu")
            windowSide = nil
            wholeBlocks = []
            (placeCount, deepstackBlocks) = (0, [])
        case .qwen2_5:
            size = try reader.count("hidden_size", in: Range.size, default: 3584)
            outputSize = try reader.count("out_hidden_size", in: Range.size, default: 3584)
            innerSize = try reader.count("intermediate_size", in: Range.innerSize, default: 3420)
            activation = try Activation(reader, "hidden_act", default: "silu")
            let window = try reader.count("window_size", in: 1...65_536, default: 112)
            windowSide = window / mergeSize / patchSize
            guard windowSide! > 0 else {
                throw reader.error(
                    "window_size", "\(window) pixels are less than the \(mergeSize * patchSize) of a feature")
            }
            wholeBlocks = Set(try Self.blocks(reader, "fullatt_block_indexes", default: [7, 15, 23, 31]))
            // Read by whoever computes places in time.
            _ = reader["tokens_per_second"]
            (placeCount, deepstackBlocks) = (0, [])
        case .qwen3:
            size = try reader.count("hidden_size", in: Range.size, default: 1152)
            outputSize = try reader.count("out_hidden_size", in: Range.size, default: 3584)
            innerSize = try reader.count("intermediate_size", in: Range.innerSize, default: 4304)
            activation = try Activation(reader, "hidden_act", default: "gelu_pytorch_tanh")
            windowSide = nil
            wholeBlocks = []
            placeCount = try reader.count("num_position_embeddings", in: 1...1_048_576, default: 2304)
            deepstackBlocks = try Self.blocks(reader, "deepstack_visual_indexes", default: [8, 16, 24])
            let count = blockCount
            guard deepstackBlocks.allSatisfy({ $0 < count }), Set(deepstackBlocks).count == deepstackBlocks.count
            else {
                throw reader.error(
                    "deepstack_visual_indexes", "numbers of some of \(count) blocks are expected, each once")
            }
        }
        guard size % headCount == 0, headSize % 4 == 0 else {
            throw reader.error("num_heads", "\(headCount) heads of \(size) have no size that is a multiple of 4")
        }
        // The angles' base has no other value in any of these models.
        if reader["rope_parameters"] != nil {
            let section = try reader.section("rope_parameters")
            try section.require("rope_theta", 10_000, 10_000.0)
            try section.require("rope_type", "default", "axial")
            try section.refuseUnread()
        }
        try reader.finishModel()
    }

    private static func blocks(
        _ reader: ConfigurationReader, _ field: String, default fallback: [Int]
    ) throws -> [Int] {
        guard let value = reader[field] else { return fallback }
        let blocks = value.array?.compactMap(\.integer)
        guard let blocks, blocks.count == value.array?.count, blocks.allSatisfy({ (0..<4096).contains($0) }) else {
            throw reader.error(field, "a list of numbers of blocks is expected")
        }
        return blocks
    }
}
