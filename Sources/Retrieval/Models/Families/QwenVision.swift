internal import JSON
internal import Tensors

// The vision towers of Qwen2-VL, Qwen2.5-VL and Qwen2.5-Omni; what Qwen3-VL has in common with them.
//
// Source: Wang et al. 2024, Bai et al. 2025, Xu et al. 2025; names and order of operations as in transformers'
// `Qwen2VisionTransformerPretrainedModel` and `Qwen2_5_VisionTransformerPretrainedModel`.

/// What `vision_config` of these models says.
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

enum QwenVision {
    /// - Parameter files: of the tower.
    static func tower(_ configuration: QwenVisionConfiguration, _ files: WeightFiles) throws -> Tower {
        let blocks = try (0..<configuration.blockCount).map { try QwenVisionBlock($0, configuration, files) }
        let isThird = configuration.kind == .qwen3
        return Tower(
            .vision,
            entrance: isThird ? try Qwen3Patches(configuration, files) : try QwenPatches(configuration, files),
            stages: isThird
                ? try Qwen3Vision.stages(blocks, configuration, files)
                : blocks + [try QwenMerger(configuration, files)],
            projectorNames: ["visual.merger.", "visual.deepstack_merger_list."],
            arrange: { try arrangement(of: $0, configuration) })
    }

    /// Pictures, and where there are windows, features in the order of windows, those of one size side by side.
    static func arrangement(
        of items: [MediaItem], _ configuration: QwenVisionConfiguration
    ) throws -> TowerArrangement {
        let merge = configuration.mergeSize
        var arrangement = TowerArrangement()
        var pictures: [Int] = []
        var windows: [Int] = []
        // Places of patches, in the order in which they are computed; a feature's patches lie together.
        var (rows, columns): ([Int32], [Int32]) = ([], [])
        var order: [Int32] = []
        var firstRow: Int32 = 0
        for item in items {
            guard case .grid(let time, let height, let width) = item.shape else {
                throw TensorError("vision tower", "a sound where a picture should be")
            }
            let (down, across) = (height / merge, width / merge)
            for _ in 0..<time {
                pictures.append(height * width)
                var places: [(row: Int, column: Int)] = []
                if let side = configuration.windowSide {
                    var bySize: [[(row: Int, column: Int)]] = []
                    for top in stride(from: 0, to: down, by: side) {
                        for left in stride(from: 0, to: across, by: side) {
                            bySize.append(
                                (top..<min(top + side, down)).flatMap { row in
                                    (left..<min(left + side, across)).map { (row, $0) }
                                })
                        }
                    }
                    // Stable: neighbours of one size become one call of the attention kernel.
                    for window in bySize.enumerated().sorted(by: { ($0.1.count, $0.0) < ($1.1.count, $1.0) }).map(\.1) {
                        places += window
                        windows.append(window.count * merge * merge)
                    }
                } else {
                    for row in 0..<down { for column in 0..<across { places.append((row, column)) } }
                }
                for place in places {
                    let feature = Int32(place.row * across + place.column)
                    for part in 0..<(merge * merge) {
                        rows.append(Int32(place.row * merge + part / merge))
                        columns.append(Int32(place.column * merge + part % merge))
                        order.append(firstRow + feature * Int32(merge * merge) + Int32(part))
                    }
                }
                firstRow += Int32(height * width)
            }
        }
        arrangement.layouts[.frames] = Layout(lengths: pictures)
        arrangement.positions[.frames] = [rows, columns]
        guard configuration.windowSide != nil else { return arrangement }
        arrangement.layouts[.windows] = Layout(lengths: windows)
        arrangement.positions[.windows] = [rows, columns]
        arrangement.rows[.windows] = order
        var back = [Int32](repeating: 0, count: order.count / (merge * merge))
        for (place, feature) in stride(from: 0, to: order.count, by: merge * merge).enumerated() {
            back[Int(order[feature]) / (merge * merge)] = Int32(place)
        }
        arrangement.rows[.items] = back
        return arrangement
    }
}

/// Patches become hidden states, in the order of windows where there are any.
private final class QwenPatches: TowerEntrance {
    private let weight: Parameter
    private let width: Int
    private let size: Int
    private let isReordered: Bool
    private let computeType: ElementType

    var parameters: [Parameter] { [weight] }

    init(_ configuration: QwenVisionConfiguration, _ files: WeightFiles) throws {
        let side = configuration.patchSize
        weight = try files.parameter(
            "patch_embed.proj.weight",
            [configuration.size, configuration.channelCount, configuration.temporalPatchSize, side, side])
        width = configuration.patchWidth
        size = configuration.size
        isReordered = configuration.windowSide != nil
        computeType = files.precision.compute
    }

    func embed(_ media: DeviceMedia, _ dropout: Dropout) throws -> Tensor {
        var patches_TP = try media.values()
        if isReordered { patches_TP = try patches_TP.indexSelect(0, media.context(dropout).rows(.windows)) }
        return try patches_TP.to(computeType).linear(weight.tensor.reshape([size, width]).to(computeType))
    }
}

/// One layer: attention within pictures or windows, and a feed-forward net.
final class QwenVisionBlock: Stage {
    private let index: Int
    private let attentionNorm: (Tensor) throws -> Tensor
    private let mlpNorm: (Tensor) throws -> Tensor
    private let attention: TowerAttention
    private let plain: PlainMLP?
    private let gated: GatedMLP?
    private let segments: Context.LayoutName
    private let normParameters: (attention: [Parameter], mlp: [Parameter])

    var projections: [Projection] { attention.projections + (plain?.projections ?? gated!.projections) }
    var parameters: [Parameter] {
        normParameters.attention + attention.parameters + normParameters.mlp
            + (plain?.parameters ?? gated!.parameters)
    }

    init(_ index: Int, _ configuration: QwenVisionConfiguration, _ files: WeightFiles) throws {
        self.index = index
        let name = "blocks.\(index)"
        let size = configuration.size
        let isSeparate: Bool
        switch configuration.kind {
        case .qwen2, .qwen3:
            let norms = try ["norm1", "norm2"].map { try LayerNorm("\(name).\($0)", size, 1e-6, files) }
            (attentionNorm, mlpNorm) = ({ try norms[0]($0) }, { try norms[1]($0) })
            normParameters = (norms[0].parameters, norms[1].parameters)
            plain = try PlainMLP(
                "\(name).mlp", configuration.kind == .qwen3 ? ("linear_fc1", "linear_fc2") : ("fc1", "fc2"), size,
                configuration.innerSize, configuration.activation, files)
            gated = nil
            isSeparate = false
        case .qwen2_5(let separate):
            let norms = try ["norm1", "norm2"].map { try RMSNorm("\(name).\($0)", size, 1e-6, files) }
            (attentionNorm, mlpNorm) = ({ try norms[0]($0) }, { try norms[1]($0) })
            normParameters = (norms[0].parameters, norms[1].parameters)
            plain = nil
            gated = try GatedMLP(
                "\(name).mlp", size, configuration.innerSize, configuration.activation, files, bias: true)
            isSeparate = separate
        }
        segments =
            configuration.windowSide == nil || configuration.wholeBlocks.contains(index) ? .frames : .windows
        let queryKeyValue =
            isSeparate
            ? Projection(
                try files.linear("\(name).attn.q", size, size), try files.linear("\(name).attn.k", size, size),
                try files.linear("\(name).attn.v", size, size))
            : Projection(try files.linear("\(name).attn.qkv", size, 3 * size))
        attention = TowerAttention(
            headCount: configuration.headCount, headSize: configuration.headSize,
            Rotary(theta: 10_000, headSize: configuration.headSize, axes: .halves), queryKeyValue: queryKeyValue,
            output: try files.linear("\(name).attn.proj", size, size))
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(UInt64(index + 1) << 32)
        let attended_TD = try attention(attentionNorm(hidden_TD), context.layout(segments), dropout)
        let middle_TD = try attention.adding(hidden_TD, to: attended_TD)
        let normed_TD = try mlpNorm(middle_TD)
        if let plain { return try plain.adding(middle_TD, to: plain(normed_TD, dropout, site: 4)) }
        return try gated!.adding(middle_TD, to: gated!(normed_TD, dropout, site: 4))
    }
}

/// Squares of neighbouring patches become one feature each, as wide as the text model, in the order of the items.
private final class QwenMerger: Stage {
    private let norm: (Tensor) throws -> Tensor
    private let normParameters: [Parameter]
    private let mlp: PlainMLP
    private let joinedSize: Int
    private let isReordered: Bool

    var projections: [Projection] { mlp.projections }
    var parameters: [Parameter] { normParameters + mlp.parameters }

    init(_ configuration: QwenVisionConfiguration, _ files: WeightFiles) throws {
        let size = configuration.size
        switch configuration.kind {
        case .qwen2, .qwen3:
            let norm = try LayerNorm("merger.ln_q", size, 1e-6, files)
            (self.norm, normParameters) = ({ try norm($0) }, norm.parameters)
        case .qwen2_5:
            let norm = try RMSNorm("merger.ln_q", size, 1e-6, files)
            (self.norm, normParameters) = ({ try norm($0) }, norm.parameters)
        }
        joinedSize = size * configuration.mergeSize * configuration.mergeSize
        mlp = try PlainMLP(
            "merger.mlp", ("0", "2"), joinedSize, joinedSize, .gelu, files, outputSize: configuration.outputSize)
        isReordered = configuration.windowSide != nil
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let joined = try norm(hidden_TD).reshape([-1, joinedSize])
        let features = try mlp(joined, context.dropout.at(1 << 63), site: 0)
        return isReordered ? try features.indexSelect(0, context.rows(.items)) : features
    }
}
