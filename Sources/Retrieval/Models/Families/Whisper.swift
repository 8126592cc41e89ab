internal import JSON
internal import Tensors

// The encoder of Whisper, which reads sounds. Its decoder stays unused.
//
// Source: Radford et al. 2022; names and order of operations as in transformers' `WhisperEncoder`.

@section("tvt_towers") @used
private let whisperEntry: TowerKind.Entry = { TowerKind.register(.whisper, at: $0) }

extension TowerKind {
    static let whisper = TowerKind(
        modelTypes: ["whisper"], name: .audio,
        names: {
            var names = NameMap(
                prefixes: [], unusedTensors: ["decoder.", "model.decoder.", "proj_out.", "projector.", "classifier."])
            names.rewrites = [("model.encoder.", ""), ("encoder.", ""), ("", "")]
            return names
        }(),
        build: { reader, files, _ in try Whisper.tower(WhisperConfiguration(reader), files) })
}

/// What a configuration says of Whisper's layers, which Qwen2.5-Omni has as well.
struct WhisperLayers {
    let melCount: Int
    /// D of the tower.
    let size: Int
    let innerSize: Int
    let blockCount: Int
    let headCount: Int
    let activation: Activation

    /// - Parameters: what holds where the file says nothing.
    init(
        _ reader: ConfigurationReader, melCount: Int, size: Int, innerSize: Int, blockCount: Int, headCount: Int
    ) throws {
        typealias Range = ConfigurationReader.Range
        self.melCount = try reader.count("num_mel_bins", in: Range.size, default: melCount)
        self.size = try reader.count("d_model", in: Range.size, default: size)
        self.innerSize = try reader.count("encoder_ffn_dim", in: Range.innerSize, default: innerSize)
        self.blockCount = try reader.count("encoder_layers", in: Range.blocks, default: blockCount)
        self.headCount = try reader.count("encoder_attention_heads", in: Range.heads, default: headCount)
        activation = try Activation(reader, "activation_function", default: "gelu")
        guard self.size % self.headCount == 0 else {
            throw reader.error(
                "encoder_attention_heads", "\(self.headCount) heads do not divide d_model \(self.size)")
        }
        guard self.size % 2 == 0, self.size > 2 else {
            throw reader.error("d_model", "places are told by pairs: an even size above 2 is expected")
        }
    }

    /// - Parameter files: of the tower.
    func blocks(_ files: WeightFiles) throws -> [any Stage] {
        try (0..<blockCount).map { try WhisperBlock($0, self, files) }
    }
}

/// What `config.json` of a Whisper says of its encoder.
struct WhisperConfiguration {
    let layers: WhisperLayers
    /// Rows of a piece of sound; twice as many frames make one.
    let positionCount: Int

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        layers = try WhisperLayers(
            reader, melCount: 80, size: 384, innerSize: 1536, blockCount: 4, headCount: 6)
        positionCount = try reader.count("max_source_positions", in: Range.positions, default: 1500)
        for field in ["dropout", "attention_dropout", "activation_dropout", "encoder_layerdrop"] {
            try reader.require(field, 0, 0.0)
        }
        try reader.require("is_encoder_decoder", true, false)
        try reader.require("quantization_config")
        try reader.refuseUnread(
            except: ConfigurationReader.harmlessModelFields.union([
                // Of the decoder, of heads, for generation; masks of frames are the whole model's in training.
                "alignment_heads", "apply_spec_augment", "classifier_proj_size", "decoder_attention_heads",
                "decoder_ffn_dim", "decoder_layerdrop", "decoder_layers", "forced_decoder_ids", "is_multilingual",
                "init_std", "lang_ids", "lang_to_id", "mask_feature_length", "mask_feature_min_masks",
                "mask_feature_prob", "mask_time_length", "mask_time_min_masks", "mask_time_prob",
                "max_target_positions", "median_filter_width", "no_timestamps_token_id", "suppress_ids",
                "suppress_ids_begin", "task_to_id", "use_weighted_layer_sum", "vocab_size",
                // Another name of encoder_layers in older files; the network is built by the latter.
                "num_hidden_layers",
                // Read by the reference and not applied.
                "scale_embedding",
            ]))
    }
}

enum Whisper {
    /// ε of its norms, which no field changes.
    static let normEpsilon = 1e-5

    /// A tower over pieces of sound, all of the length that positions are there for.
    static func tower(_ configuration: WhisperConfiguration, _ files: WeightFiles) throws -> PretrainedTower {
        let size = configuration.layers.size
        let positions = try files.parameter(
            "embed_positions.weight", [configuration.positionCount, size], initial: .sinusoids)
        let entrance = try SpectrogramEntrance(
            configuration.layers, pieceLength: 2 * configuration.positionCount, positions.tensor, files)
        let blocks = try configuration.layers.blocks(files)
        let norm = FinalNorm(try LayerNorm("layer_norm", size, normEpsilon, files))
        return PretrainedTower(
            tower: Tower(.audio, entrance: entrance, stages: blocks + [norm]) { items in
                try arrangement(of: items, rowsPerPiece: configuration.positionCount)
            },
            size: size,
            rows: .sounds(
                framesPerPiece: 2 * configuration.positionCount, rowsPerPiece: configuration.positionCount),
            fixedParameters: [positions])
    }

    private static func arrangement(of items: [MediaItem], rowsPerPiece: Int) throws -> TowerArrangement {
        let pieces = try SoundPieces(items, pieceLength: 2 * rowsPerPiece)
        guard pieces.lengths.allSatisfy({ $0 == 2 * rowsPerPiece }) else {
            throw TensorError(
                "audio tower", "a sound fills no whole pieces of \(2 * rowsPerPiece) frames", exitStatus: .badData)
        }
        var arrangement = TowerArrangement()
        arrangement.layouts[.chunks] = Layout(lengths: pieces.rowCounts)
        arrangement.rows[.windows] = pieces.frames
        return arrangement
    }
}

/// Sounds cut into pieces that are computed on their own, those of one length side by side.
struct SoundPieces {
    /// Frames of each piece.
    let lengths: [Int]
    /// `[frames]`: the frames in the order of the pieces.
    let frames: [Int32]
    /// For each item its rows behind the convolutions, in the order of time.
    let rowsByItem: [[Int32]]

    /// - Parameter pieceLength: in frames; the last piece of a sound may be shorter.
    init(_ items: [MediaItem], pieceLength: Int) throws {
        var pieces: [(item: Int, firstFrame: Int, length: Int)] = []
        var frame = 0
        for (item, media) in items.enumerated() {
            guard case .frames(let count) = media.shape, count > 0 else {
                throw TensorError("audio tower", "a picture, or nothing, where a sound should be")
            }
            for start in stride(from: 0, to: count, by: pieceLength) {
                pieces.append((item, frame + start, min(pieceLength, count - start)))
            }
            frame += count
        }
        // Stable: the pieces of a sound stay in the order of time among those of their length, and only its last may be
        // shorter.
        let order = pieces.indices.sorted { (pieces[$0].length, $0) < (pieces[$1].length, $1) }
        lengths = order.map { pieces[$0].length }
        frames = order.flatMap { index in
            let piece = pieces[index]
            return (piece.firstFrame..<(piece.firstFrame + piece.length)).map { Int32($0) }
        }
        var firstRow = [Int](repeating: 0, count: pieces.count)
        var row = 0
        for index in order {
            firstRow[index] = row
            row += Self.rowCount(pieces[index].length)
        }
        var rows = [[Int32]](repeating: [], count: items.count)
        for (index, piece) in pieces.enumerated() {
            rows[piece.item] += (0..<Self.rowCount(piece.length)).map { Int32(firstRow[index] + $0) }
        }
        rowsByItem = rows
    }

    /// Rows behind the convolutions, of which the second takes every other frame.
    static func rowCount(_ frameCount: Int) -> Int { (frameCount - 1) / 2 + 1 }

    var rowCounts: [Int] { lengths.map(Self.rowCount) }
}

/// Frames of spectrograms become hidden states, half as many: two convolutions within each piece, and places in it.
final class SpectrogramEntrance: TowerEntrance {
    private let first: Convolution
    private let second: Convolution
    /// `[P, D]`
    private let positions: Tensor
    private let pieceLength: Int
    private let computeType: ElementType

    var parameters: [Parameter] { first.parameters + second.parameters }
    var rowCopyCount: Int { 2 }

    /// - Parameter positions: what is added to the rows of a piece; not trained.
    init(_ layers: WhisperLayers, pieceLength: Int, _ positions: Tensor, _ files: WeightFiles) throws {
        first = try Convolution("conv1", layers.melCount, layers.size, kernelSize: 3, stride: 1, files)
        second = try Convolution("conv2", layers.size, layers.size, kernelSize: 3, stride: 2, files)
        self.positions = positions
        self.pieceLength = pieceLength
        computeType = files.precision.compute
    }

    func embed(_ media: DeviceMedia, _ dropout: Dropout) throws -> Tensor {
        let context = media.context(dropout)
        let frames_TM = try media.values().indexSelect(0, context.rows(.windows)).to(computeType)
        let layout = Layout(lengths: try SoundPieces(media.items, pieceLength: pieceLength).lengths)
        let hidden_TD = try second(first(frames_TM, layout).gelu(), layout).gelu()
        let places_TD = try positions.to(media.device)
            .indexSelect(0, context.layout(.chunks).positions_T).to(computeType)
        return try hidden_TD.adding(places_TD)
    }
}

/// One layer: attention within a piece of sound and a plain feed-forward net, each behind a norm. Keys have no bias.
final class WhisperBlock: Stage {
    private let index: Int
    private let attentionNorm: LayerNorm
    private let attention: TowerAttention
    private let mlpNorm: LayerNorm
    private let mlp: PlainMLP

    var projections: [Projection] { attention.projections + mlp.projections }
    var parameters: [Parameter] {
        attentionNorm.parameters + attention.parameters + mlpNorm.parameters + mlp.parameters
    }

    init(_ index: Int, _ layers: WhisperLayers, _ files: WeightFiles) throws {
        let (size, headCount) = (layers.size, layers.headCount)
        self.index = index
        let name = "layers.\(index)"
        attentionNorm = try LayerNorm("\(name).self_attn_layer_norm", size, Whisper.normEpsilon, files)
        attention = TowerAttention(
            headCount: headCount, headSize: size / headCount, nil,
            queryKeyValue: Projection(
                try files.linear("\(name).self_attn.q_proj", size, size),
                try files.linear("\(name).self_attn.k_proj", size, size, bias: false),
                try files.linear("\(name).self_attn.v_proj", size, size)),
            output: try files.linear("\(name).self_attn.out_proj", size, size))
        mlpNorm = try LayerNorm("\(name).final_layer_norm", size, Whisper.normEpsilon, files)
        mlp = try PlainMLP(name, ("fc1", "fc2"), size, layers.innerSize, layers.activation, files)
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.ofAdapters.at(UInt64(index + 1) << 33)
        let attended_TD = try attention(attentionNorm(hidden_TD), context.layout(.chunks), dropout)
        let middle_TD = try attention.adding(hidden_TD, to: attended_TD)
        let outer_TD = try mlp.adding(middle_TD, to: mlp(mlpNorm(middle_TD), dropout, site: 4))
        guard outer_TD.elementType == .float16 else { return outer_TD }
        // As the reference keeps what float16 cannot hold from becoming infinite.
        return try outer_TD.maximum(-64_504).minimum(64_504)
    }
}
