internal import JSON
internal import Tensors

// The audio tower of Qwen2.5-Omni: Whisper's layers over pieces of two seconds, and features that cross them.
//
// Source: Xu et al. 2025; names and order of operations as in transformers' `Qwen2_5OmniAudioEncoder`.

/// What `audio_config` says.
struct OmniAudioConfiguration {
    let layers: WhisperLayers
    /// Frames of a piece that sees itself alone.
    let pieceLength: Int
    /// D of the text model.
    let outputSize: Int

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        layers = try WhisperLayers(
            reader, melCount: 128, size: 1280, innerSize: 5120, blockCount: 32, headCount: 20)
        let window = try reader.count("n_window", in: Range.positions, default: 100)
        pieceLength = 2 * window
        let positionCount = try reader.count("max_source_positions", in: Range.positions, default: 1500)
        outputSize = try reader.count("output_dim", in: Range.size, default: 3584)
        guard window <= positionCount else {
            throw reader.error("n_window", "\(window) rows, but max_source_positions says \(positionCount)")
        }
        try reader.finishModel(except: [
            // Read by the reference and not applied, in training either.
            "dropout", "attention_dropout", "activation_dropout", "encoder_layerdrop", "scale_embedding",
            // Another name of encoder_layers in older files.
            "num_hidden_layers", "init_std",
        ])
    }
}

enum OmniAudio {
    /// - Parameter files: of the tower.
    static func tower(_ configuration: OmniAudioConfiguration, _ files: WeightFiles) throws -> Tower {
        let size = configuration.layers.size
        let positions = try Tensor(
            Sinusoids.table(count: configuration.pieceLength / 2, size: size),
            shape: [configuration.pieceLength / 2, size])
        let entrance = try SpectrogramEntrance(
            configuration.layers, pieceLength: configuration.pieceLength, positions, files)
        let blocks = try configuration.layers.blocks(files)
        return Tower(
            .audio, entrance: entrance,
            stages: blocks + [try OmniAudioExit(size: size, outputSize: configuration.outputSize, files)],
            projectorNames: ["audio_tower.proj."]
        ) { try arrangement(of: $0, configuration) }
    }

    /// Features of a sound of so many frames: one for two rows, of which there is one for two frames. Of a sound of two
    /// frames or fewer nothing is left.
    static func tokenCount(frameCount: Int) -> Int { SoundPieces.rowCount(frameCount) / 2 }

    private static func arrangement(
        of items: [MediaItem], _ configuration: OmniAudioConfiguration
    ) throws -> TowerArrangement {
        let pieces = try SoundPieces(items, pieceLength: configuration.pieceLength)
        var arrangement = TowerArrangement()
        arrangement.layouts[.chunks] = Layout(lengths: pieces.rowCounts)
        arrangement.rows[.windows] = pieces.frames
        // Pairs may lie in two pieces, but not in two sounds.
        arrangement.rows[.items] = pieces.rowsByItem.flatMap { $0.prefix($0.count / 2 * 2) }
        return arrangement
    }
}

/// Means of neighbouring rows become features as wide as the text model.
private final class OmniAudioExit: Stage {
    private let norm: LayerNorm
    private let projection: Projection
    private let size: Int

    var projections: [Projection] { [projection] }
    var parameters: [Parameter] { norm.parameters + projection.parameters }

    init(size: Int, outputSize: Int, _ files: WeightFiles) throws {
        self.size = size
        norm = try LayerNorm("ln_post", size, Whisper.normEpsilon, files)
        projection = Projection(try files.linear("proj", size, outputSize))
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let pairs_FPD = try hidden_TD.indexSelect(0, context.rows(.items)).reshape([-1, 2, size])
        return try projection(norm(pairs_FPD.mean(1)), context.dropout.ofAdapters.at(1 << 62), site: 0)
    }
}
