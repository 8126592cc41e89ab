internal import Tensors

// What Qwen3-VL's vision tower has beyond those of QwenVision.swift: learned places, and features of several depths.
//
// Source: Bai et al. 2025, Meng et al. 2024 (DeepStack); names and order of operations as in transformers'
// `Qwen3VLVisionModel`.

enum Qwen3Vision {
    /// The tower gives `[tokens, D·(1 + n)]`: features of the last block's states, and beside them those of n earlier
    /// ones, in the order of the blocks.
    static func stages(
        _ blocks: [QwenVisionBlock], _ configuration: QwenVisionConfiguration, _ files: WeightFiles
    ) throws -> [any Stage] {
        blocks.enumerated().map { index, block in
            KeepingBlock(
                block, size: configuration.size, isKept: configuration.deepstackBlocks.contains(index))
        } + [try Qwen3Mergers(configuration, files)]
    }
}

/// Patches become hidden states, each with what was learned of its place in the picture.
final class Qwen3Patches: TowerEntrance {
    private let weight: Parameter
    private let bias: Parameter
    /// `[rows, E]`, of which the first `side · side` are used.
    private let table: Parameter
    private let side: Int
    private let mergeSize: Int
    private let computeType: ElementType

    var parameters: [Parameter] { [weight, bias, table] }

    init(_ configuration: QwenVisionConfiguration, _ files: WeightFiles) throws {
        let size = configuration.size
        weight = try files.parameter(
            "patch_embed.proj.weight",
            [
                size, configuration.channelCount, configuration.temporalPatchSize, configuration.patchSize,
                configuration.patchSize,
            ])
        bias = try files.parameter("patch_embed.proj.bias", [size])
        table = try files.parameter("pos_embed.weight", [configuration.placeCount, size])
        side = Int(Double(configuration.placeCount).squareRoot())
        mergeSize = configuration.mergeSize
        computeType = files.precision.compute
    }

    func embed(_ media: DeviceMedia, _ dropout: Dropout) throws -> Tensor {
        let patches_TP = try media.values().to(computeType)
        let weight_EP = try weight.tensor.reshape([weight.tensor.size(0), patches_TP.size(1)]).to(computeType)
        return try patches_TP.linear(weight_EP, bias.tensor).adding(places(media).to(computeType))
    }

    /// What the table says of the place of each patch, float32 `[T, E]`.
    ///
    /// The table is a square that is stretched to a picture's size with corners on corners; between its rows it is
    /// interpolated linearly. Pictures of one size share their places.
    private func places(_ media: DeviceMedia) throws -> Tensor {
        var taps = Taps()
        var firstPlaces: [PictureSize: Int32] = [:]
        var rows: [Int32] = []
        for item in media.items {
            guard case .grid(let time, let height, let width) = item.shape else { continue }
            let size = PictureSize(height: height, width: width)
            let first = firstPlaces[size] ?? Int32(taps.count)
            if firstPlaces[size] == nil { taps.append(size, side: side, mergeSize: mergeSize) }
            firstPlaces[size] = first
            for _ in 0..<time { rows.append(contentsOf: first..<(first + Int32(height * width))) }
        }
        var places_UE: Tensor?
        for (indexes, weights) in zip(taps.indexes, taps.weights) {
            let weights_U1 = try Tensor(weights, shape: [weights.count, 1]).to(media.device)
            let tapped_UE = try table.tensor.embedding(Tensor(indexes).to(media.device)).to(.float32)
                .multiplied(by: weights_U1)
            places_UE = try places_UE.map { try $0.adding(tapped_UE) } ?? tapped_UE
        }
        // None is shared: the places are those of the patches, in their order.
        if rows.count == taps.count { return places_UE! }
        return try places_UE!.indexSelect(0, Tensor(rows).to(media.device))
    }

    private struct PictureSize: Hashable {
        let height: Int
        let width: Int
    }

    /// The four rows of the table around each place, and how much each counts: `[4][U]`.
    private struct Taps {
        var indexes = [[Int32]](repeating: [], count: 4)
        var weights = [[Float]](repeating: [], count: 4)

        var count: Int { indexes[0].count }

        /// Patches of a picture, those of a feature together.
        mutating func append(_ size: PictureSize, side: Int, mergeSize merge: Int) {
            let down = Self.axis(size.height, side: side)
            let across = Self.axis(size.width, side: side)
            for top in stride(from: 0, to: size.height, by: merge) {
                for left in stride(from: 0, to: size.width, by: merge) {
                    for part in 0..<(merge * merge) {
                        let (row, column) = (down[top + part / merge], across[left + part % merge])
                        for tap in 0..<4 {
                            let (y, x) = (tap / 2, tap % 2)
                            indexes[tap].append(Int32(row[y].index * side + column[x].index))
                            weights[tap].append(row[y].weight * column[x].weight)
                        }
                    }
                }
            }
        }

        /// The two rows of the table around each place along one axis, in float32 as the reference computes them.
        private static func axis(_ count: Int, side: Int) -> [[(index: Int, weight: Float)]] {
            (0..<count).map { place in
                let source = Float(place) * Float(side - 1) / Float(max(count - 1, 1))
                let before = source.rounded(.down)
                return (0..<2).map { step in
                    (
                        index: min(Int(before) + step, side - 1),
                        weight: max(1 - abs(source - before - Float(step)), 0)
                    )
                }
            }
        }
    }
}

/// A block beside the states of earlier ones that the last stage needs as well: `[T, E·(1 + kept)]`.
private final class KeepingBlock: Stage {
    private let block: QwenVisionBlock
    private let size: Int
    /// Whether what it makes is kept, behind what is.
    private let isKept: Bool

    var projections: [Projection] { block.projections }
    var parameters: [Parameter] { block.parameters }

    init(_ block: QwenVisionBlock, size: Int, isKept: Bool) {
        self.block = block
        self.size = size
        self.isKept = isKept
    }

    func forward(_ hidden_TC: Tensor, _ context: Context) throws -> Tensor {
        let keptSize = hidden_TC.size(1) - size
        let own_TE = keptSize > 0 ? try hidden_TC.narrow(1, start: 0, length: size) : hidden_TC
        let made_TE = try block.forward(own_TE, context)
        var parts = [made_TE]
        if keptSize > 0 { parts.append(try hidden_TC.narrow(1, start: size, length: keptSize)) }
        if isKept { parts.append(made_TE) }
        return parts.count == 1 ? made_TE : try Tensor.cat(parts, 1)
    }
}

/// Squares of neighbouring patches become one feature each, of the last states and of those that were kept.
private final class Qwen3Mergers: Stage {
    private let merger: Qwen3Merger
    /// In the checkpoint's order.
    private let deepstack: [Qwen3Merger]
    /// For each of the kept states, in the order of their blocks, its merger.
    private let order: [Int]
    private let size: Int

    var projections: [Projection] { merger.projections + deepstack.flatMap(\.projections) }
    var parameters: [Parameter] { merger.parameters + deepstack.flatMap(\.parameters) }

    init(_ configuration: QwenVisionConfiguration, _ files: WeightFiles) throws {
        size = configuration.size
        merger = try Qwen3Merger("merger", configuration, files, joinsFirst: false)
        let blocks = configuration.deepstackBlocks
        deepstack = try blocks.indices.map {
            try Qwen3Merger("deepstack_merger_list.\($0)", configuration, files, joinsFirst: true)
        }
        order = blocks.indices.sorted { blocks[$0] < blocks[$1] }
    }

    func forward(_ hidden_TC: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at(1 << 63)
        guard !order.isEmpty else { return try merger(hidden_TC, dropout, site: 0) }
        func states(_ number: Int) throws -> Tensor {
            try hidden_TC.narrow(1, start: number * size, length: size).contiguous()
        }
        let last = try merger(states(0), dropout, site: 0)
        let earlier = try order.enumerated().map { number, merger in
            try deepstack[merger](states(number + 1), dropout, site: UInt64(2 * (merger + 1)))
        }
        return try Tensor.cat([last] + earlier, 1)
    }
}

/// A norm and a feed-forward net over four neighbouring patches, joined before the norm or behind it.
private final class Qwen3Merger {
    private let norm: LayerNorm
    private let mlp: PlainMLP
    private let joinedSize: Int
    private let joinsFirst: Bool

    var projections: [Projection] { mlp.projections }
    var parameters: [Parameter] { norm.parameters + mlp.parameters }

    init(
        _ name: String, _ configuration: QwenVisionConfiguration, _ files: WeightFiles, joinsFirst: Bool
    ) throws {
        joinedSize = configuration.size * configuration.mergeSize * configuration.mergeSize
        self.joinsFirst = joinsFirst
        norm = try LayerNorm("\(name).norm", joinsFirst ? joinedSize : configuration.size, 1e-6, files)
        // Exact GELU, whatever the blocks have.
        mlp = try PlainMLP(
            name, ("linear_fc1", "linear_fc2"), joinedSize, joinedSize, .gelu, files,
            outputSize: configuration.outputSize)
    }

    func callAsFunction(_ states_TE: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        let joined =
            joinsFirst
            ? try norm(states_TE.reshape([-1, joinedSize])) : try norm(states_TE).reshape([-1, joinedSize])
        return try mlp(joined, dropout, site: site)
    }
}
