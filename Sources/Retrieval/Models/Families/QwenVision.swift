internal import Tensors

// The vision towers of Qwen2-VL, Qwen2.5-VL and Qwen2.5-Omni; what Qwen3-VL has in common with them.
//
// Source: Wang et al. 2024, Bai et al. 2025, Xu et al. 2025; names and order of operations as in transformers'
// `Qwen2VisionTransformerPretrainedModel` and `Qwen2_5_VisionTransformerPretrainedModel`.

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
    var rowCopyCount: Int { isReordered ? 2 : 1 }

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
