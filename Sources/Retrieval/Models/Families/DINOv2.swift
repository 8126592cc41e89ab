internal import JSON
internal import Tensors

// DINOv2, which reads pictures: a vision transformer with a token for the whole picture, whose places are resampled for
// other sizes of pictures.
//
// Source: Oquab et al. 2023; names and order of operations as in transformers' `Dinov2Model`.

@section("tvt_towers") @used
private let dinov2Entry: TowerKind.Entry = { TowerKind.register(.dinov2, at: $0) }

extension TowerKind {
    static let dinov2 = TowerKind(
        modelTypes: ["dinov2"], name: .vision,
        names: NameMap(
            prefixes: ["dinov2."],
            // What the reference calls modules since version 5; files have the older names, of either version.
            oldEndings: ["weight", "bias"].flatMap { kind in
                [
                    (old: ".attention.q_proj.\(kind)", new: ".attention.attention.query.\(kind)"),
                    (old: ".attention.k_proj.\(kind)", new: ".attention.attention.key.\(kind)"),
                    (old: ".attention.v_proj.\(kind)", new: ".attention.attention.value.\(kind)"),
                    (old: ".attention.o_proj.\(kind)", new: ".attention.output.dense.\(kind)"),
                ]
            },
            unusedTensors: ["embeddings.mask_token", "classifier."]),
        build: { reader, files, mergeSize in try DINOv2.tower(DINOv2Configuration(reader), files, mergeSize) })
}

/// What `config.json` of a DINOv2 says.
struct DINOv2Configuration {
    /// D of the tower.
    let size: Int
    let innerSize: Int
    let blockCount: Int
    let headCount: Int
    let activation: Activation
    let normEpsilon: Double
    let channelCount: Int
    let patchSize: Int
    /// Patches on each side of the pictures that there are places for.
    let side: Int
    let hasInputBias: Bool
    let isGated: Bool
    /// What layers' outputs are multiplied by before any training.
    let scale: InitialValues

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        size = try reader.count("hidden_size", in: Range.size, default: 768)
        blockCount = try reader.count("num_hidden_layers", in: Range.blocks, default: 12)
        headCount = try reader.count("num_attention_heads", in: Range.heads, default: 12)
        normEpsilon = try reader.number("layer_norm_eps", in: Range.epsilon, default: 1e-6)
        channelCount = try reader.count("num_channels", in: 1...16, default: 3)
        patchSize = try reader.count("patch_size", in: 1...512, default: 14)
        side = try reader.count("image_size", in: patchSize...65_536, default: 224) / patchSize
        hasInputBias = try reader.bool("qkv_bias", default: true)
        isGated = try reader.bool("use_swiglu_ffn", default: false)
        let ratio = try reader.positiveNumber("mlp_ratio", to: 64, default: 4)
        let inner = Int(Double(size) * ratio)
        scale = .constant(try reader.number("layerscale_value", in: -1e6...1e6, default: 1))
        // Two thirds, as three matrices stand for two, rounded up to a multiple of 8.
        innerSize = isGated ? (Int(Double(inner) * 2 / 3) + 7) / 8 * 8 : inner
        activation = try isGated ? .silu : Activation(reader, "hidden_act", default: "gelu")
        guard size % headCount == 0 else {
            throw reader.error("num_attention_heads", "\(headCount) heads do not divide hidden_size \(size)")
        }
        for field in ["hidden_dropout_prob", "attention_probs_dropout_prob", "drop_path_rate"] {
            try reader.require(field, 0, 0.0)
        }
        try reader.finishModel(except: [
            "hidden_act",
            // How weights begin, what pretraining hides, and what detectors take out of the middle.
            "apply_layernorm", "out_features", "out_indices", "reshape_hidden_states",
            "stage_names", "use_mask_token",
        ])
    }
}

enum DINOv2 {
    /// - Parameter mergeSize: side of the squares of patches that come one square after another.
    static func tower(
        _ configuration: DINOv2Configuration, _ files: WeightFiles, _ mergeSize: Int
    ) throws -> PretrainedTower {
        let norm = FinalNorm(try LayerNorm("layernorm", configuration.size, configuration.normEpsilon, files))
        let tower = Tower(
            .vision, entrance: try DINOv2Patches(configuration, files, mergeSize),
            stages: try (0..<configuration.blockCount).map { try DINOv2Block($0, configuration, files) } + [norm]
        ) { items in
            var arrangement = TowerArrangement()
            arrangement.layouts[.frames] = Layout(
                lengths: try pictures(of: items).map { 1 + $0.height * $0.width })
            return arrangement
        }
        return PretrainedTower(
            tower: tower, size: configuration.size,
            rows: .pictures(patchSize: configuration.patchSize, side: configuration.side))
    }

    /// Sizes of all pictures, in patches.
    fileprivate static func pictures(of items: [MediaItem]) throws -> [(height: Int, width: Int)] {
        try items.flatMap { item in
            guard case .grid(let time, let height, let width) = item.shape else {
                throw TensorError("vision tower", "a sound where a picture should be")
            }
            return Array(repeating: (height: height, width: width), count: time)
        }
    }
}

/// Patches become hidden states with their places, behind a token for the whole picture.
private final class DINOv2Patches: TowerEntrance {
    private let wholePicture: Parameter
    private let weight: Parameter
    private let bias: Parameter
    private let positions: Parameter
    private let configuration: DINOv2Configuration
    private let mergeSize: Int
    private let computeType: ElementType

    var parameters: [Parameter] { [wholePicture, weight, bias, positions] }

    init(_ configuration: DINOv2Configuration, _ files: WeightFiles, _ mergeSize: Int) throws {
        let (size, side) = (configuration.size, configuration.patchSize)
        wholePicture = try files.parameter("embeddings.cls_token", [1, 1, size])
        weight = try files.parameter(
            "embeddings.patch_embeddings.projection.weight", [size, configuration.channelCount, side, side])
        bias = try files.parameter("embeddings.patch_embeddings.projection.bias", [size])
        positions = try files.parameter(
            "embeddings.position_embeddings", [1, 1 + configuration.side * configuration.side, size])
        self.configuration = configuration
        self.mergeSize = mergeSize
        computeType = files.precision.compute
    }

    func embed(_ media: DeviceMedia, _ dropout: Dropout) throws -> Tensor {
        let size = configuration.size
        let pictures = try DINOv2.pictures(of: media.items)
        let patches_PD = try media.values().to(computeType).linear(
            weight.tensor.reshape([size, -1]).to(computeType), bias.tensor)
        let rows_RD = try Tensor.cat([wholePicture.tensor.reshape([1, size]).to(computeType), patches_PD])
        // Places are resampled in float32, once for each size of pictures.
        let places_QD = try positions.tensor.reshape([-1, size]).to(.float32)
        var tables = [try places_QD.narrow(0, start: 0, length: 1)]
        var firstPlaces: [[Int]: Int] = [:]
        var placeCount = 1
        for picture in pictures where firstPlaces[[picture.height, picture.width]] == nil {
            firstPlaces[[picture.height, picture.width]] = placeCount
            placeCount += picture.height * picture.width
            tables.append(try resampled(places_QD.narrow(0, start: 1, length: places_QD.size(0) - 1), picture))
        }
        var (rows, places): ([Int32], [Int32]) = ([], [])
        var firstRow: Int32 = 1
        for picture in pictures {
            let firstPlace = firstPlaces[[picture.height, picture.width]]!
            rows.append(0)
            places.append(0)
            for place in order(picture) {
                rows.append(firstRow)
                places.append(Int32(firstPlace + place))
                firstRow += 1
            }
        }
        return try rows_RD.indexSelect(0, Tensor(rows).to(media.device)).adding(
            Tensor.cat(tables).indexSelect(0, Tensor(places).to(media.device)).to(computeType))
    }

    /// The places of patches, row by row in the picture, in the order in which they come: square by square.
    private func order(_ picture: (height: Int, width: Int)) -> [Int] {
        let side = mergeSize
        return (0..<(picture.height / side)).flatMap { row in
            (0..<(picture.width / side)).flatMap { column in
                (0..<(side * side)).map { part in
                    (row * side + part / side) * picture.width + column * side + part % side
                }
            }
        }
    }

    /// `[S², D]` to `[H·W, D]`: between four neighbours on each axis, as torch's `interpolate` does it (bicubic, edges
    /// repeated, not smoothed where there are fewer places than before).
    private func resampled(_ places_SD: Tensor, _ picture: (height: Int, width: Int)) throws -> Tensor {
        let (size, side) = (configuration.size, configuration.side)
        // The reference takes them as they are then.
        if picture.height == side, picture.width == side { return places_SD }
        let (down, across) = (picture.height, picture.width)
        let columns_SWD = try matrix(across, places_SD.device).matmul(places_SD.reshape([side, side, size]))
        return try matrix(down, places_SD.device).matmul(columns_SWD.reshape([side, across * size]))
            .reshape([down * across, size])
    }

    /// What each of `count` places takes of those there are, `[count, S]`.
    ///
    /// Source: Keys 1981, with a = −0.75, as torch has it.
    private func matrix(_ count: Int, _ device: Device) throws -> Tensor {
        let side = configuration.side
        let a: Float = -0.75
        let scale = Float(side) / Float(count)
        var weights = [Float](repeating: 0, count: count * side)
        for place in 0..<count {
            let source = scale * (Float(place) + 0.5) - 0.5
            let left = source.rounded(.down)
            let distance = source - left
            func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
            func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
            let parts = [far(distance + 1), near(distance), near(1 - distance), far(2 - distance)]
            for (offset, part) in parts.enumerated() {
                let neighbour = min(max(Int(left) + offset - 1, 0), side - 1)
                weights[place * side + neighbour] += part
            }
        }
        return try Tensor(weights, shape: [count, side]).to(device)
    }
}

/// One layer: attention within a picture and a feed-forward net, each behind a norm and scaled before it is added.
private final class DINOv2Block: Stage {
    private let index: Int
    private let attentionNorm: LayerNorm
    private let attention: TowerAttention
    private let attentionScale: Parameter
    private let mlpNorm: LayerNorm
    private let inner: Projection
    private let output: Projection
    private let mlpScale: Parameter
    private let activation: Activation
    private let isGated: Bool
    private let innerSize: Int

    var projections: [Projection] { attention.projections + [inner, output] }
    var parameters: [Parameter] {
        attentionNorm.parameters + attention.parameters + [attentionScale] + mlpNorm.parameters + inner.parameters
            + output.parameters + [mlpScale]
    }

    init(_ index: Int, _ configuration: DINOv2Configuration, _ files: WeightFiles) throws {
        self.index = index
        let name = "encoder.layer.\(index)"
        let size = configuration.size
        let epsilon = configuration.normEpsilon
        let bias = configuration.hasInputBias
        (activation, isGated, innerSize) = (configuration.activation, configuration.isGated, configuration.innerSize)
        attentionNorm = try LayerNorm("\(name).norm1", size, epsilon, files)
        attention = TowerAttention(
            headCount: configuration.headCount, headSize: size / configuration.headCount, nil,
            queryKeyValue: Projection(
                try files.linear("\(name).attention.attention.query", size, size, bias: bias),
                try files.linear("\(name).attention.attention.key", size, size, bias: bias),
                try files.linear("\(name).attention.attention.value", size, size, bias: bias)),
            output: try files.linear("\(name).attention.output.dense", size, size))
        attentionScale = try files.parameter("\(name).layer_scale1.lambda1", [size], initial: configuration.scale)
        mlpNorm = try LayerNorm("\(name).norm2", size, epsilon, files)
        // The gate and what it lets through are one layer.
        let (first, second) = isGated ? ("weights_in", "weights_out") : ("fc1", "fc2")
        inner = Projection(try files.linear("\(name).mlp.\(first)", size, isGated ? 2 * innerSize : innerSize))
        output = Projection(try files.linear("\(name).mlp.\(second)", innerSize, size))
        mlpScale = try files.parameter("\(name).layer_scale2.lambda1", [size], initial: configuration.scale)
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.ofAdapters.at(UInt64(index + 1) << 32)
        let attended_TD = try attention(attentionNorm(hidden_TD), context.layout(.frames), dropout)
        let middle_TD = try hidden_TD.adding(attended_TD.multiplied(by: attentionScale.tensor))
        let outer_TD = try output(within(mlpNorm(middle_TD), dropout), dropout, site: 5)
        return try middle_TD.adding(outer_TD.multiplied(by: mlpScale.tensor))
    }

    private func within(_ normed_TD: Tensor, _ dropout: Dropout) throws -> Tensor {
        guard isGated else { return try inner(normed_TD, dropout, site: 4, activation) }
        let both_TI = try inner(normed_TD, dropout, site: 4)
        return try activation.gated(
            both_TI.narrow(1, start: 0, length: innerSize).contiguous(),
            by: both_TI.narrow(1, start: innerSize, length: innerSize).contiguous())
    }
}
