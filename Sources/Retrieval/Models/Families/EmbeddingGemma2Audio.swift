internal import Tensors

// The audio tower of EmbeddingGemma 2, which is that of Gemma 4: a conformer.
//
// Source: Zhang et al. 2023 (USM); names and order of operations as in transformers' `Gemma4AudioModel`.

/// What `audio_config` says.
struct EmbeddingGemma2AudioConfiguration {
    /// D of the tower.
    let size: Int
    let layerCount: Int
    let headCount: Int
    let activation: Activation
    /// Of the two convolutions that shorten a sound.
    let channelCounts: (first: Int, second: Int)
    /// Taps of the convolution along time in each layer.
    let convolutionSize: Int
    let residualWeight: Double
    /// Rows of a block that is computed at once; no vector depends on it.
    let blockSize: Int
    /// Rows that a row attends to: itself and those before.
    let sightCount: Int
    /// Products of queries and keys are bent to stay below.
    let logitCap: Double
    /// In place of products of what is not seen.
    let hiddenLogit: Double
    let normEpsilon: Double
    let isClipped: Bool
    let clipping: Double
    /// Size of a feature before it is as wide as the text model.
    let featureSize: Int

    var headSize: Int { size / headCount }
    /// Bands of a frame of the spectrogram.
    var bandCount: Int { channelCounts.first }

    init(_ reader: ConfigurationReader) throws {
        typealias Range = ConfigurationReader.Range
        try reader.require("model_type", "gemma4_audio")
        size = try reader.count("hidden_size", in: Range.size, default: 1024)
        layerCount = try reader.count("num_hidden_layers", in: Range.blocks, default: 12)
        headCount = try reader.count("num_attention_heads", in: Range.heads, default: 8)
        guard size % headCount == 0, size % 2 == 0 else {
            throw reader.error("num_attention_heads", "\(headCount) heads do not divide \(size), or that is odd")
        }
        activation = try Activation(reader, "hidden_act", default: "silu")
        channelCounts = try Self.channels(reader)
        convolutionSize = try reader.count("conv_kernel_size", in: 1...1024, default: 5)
        residualWeight = try reader.number("residual_weight", in: -1e3...1e3, default: 0.5)
        let chunk = try reader.count("attention_chunk_size", in: 1...4096, default: 12)
        let left = try reader.count("attention_context_left", in: 1...4097, default: 13)
        try reader.require("attention_context_right", 0)
        // The reference's table of relative positions has no other length.
        guard left == chunk + 1 else {
            throw reader.error(
                "attention_context_left", "\(chunk + 1), one more than attention_chunk_size, is expected")
        }
        (blockSize, sightCount) = (chunk, left - 1)
        logitCap = try reader.positiveNumber("attention_logit_cap", to: 1e9, default: 50)
        hiddenLogit = try reader.number("attention_invalid_logits_value", in: -1e38 ... -1e4, default: -1e9)
        normEpsilon = try reader.number("rms_norm_eps", in: Range.epsilon, default: 1e-6)
        isClipped = try reader.bool("use_clipped_linears", default: true)
        clipping = try reader.positiveNumber("gradient_clipping", to: 1e38, default: 1e10)
        featureSize = try reader.count("output_proj_dims", in: Range.size, default: 1536)
        try reader.finishModel()
    }

    private static func channels(_ reader: ConfigurationReader) throws -> (Int, Int) {
        guard let value = reader["subsampling_conv_channels"] else { return (128, 32) }
        let counts = value.array?.compactMap(\.integer) ?? []
        guard counts.count == 2, counts.allSatisfy((1...4096).contains), counts[0] % 4 == 0 else {
            throw reader.error(
                "subsampling_conv_channels", "two numbers of channels are expected, the first a multiple of 4")
        }
        return (counts[0], counts[1])
    }
}

enum EmbeddingGemma2Audio {
    /// Features of a sound of so many frames: two convolutions halve their number, rounded up.
    static func featureCount(frameCount: Int) -> Int { ((frameCount + 1) / 2 + 1) / 2 }

    /// - Parameters:
    ///   - outputSize: D of the text model.
    ///   - files: of the whole model.
    /// - Returns: the tower, and what of it is in the checkpoint and not trained.
    static func tower(
        _ configuration: EmbeddingGemma2AudioConfiguration, outputSize: Int, _ files: WeightFiles
    ) throws -> (tower: Tower, buffers: [Parameter]) {
        let own = files.part("audio_tower.")
        let positions = BlockPositions(configuration, own.precision.compute)
        let blocks = try (0..<configuration.layerCount).map { try Conformer($0, configuration, positions, own) }
        let embedding = try FeatureEmbedding(
            "embed_audio", configuration.featureSize, outputSize, epsilon: configuration.normEpsilon, files)
        let tower = Tower(
            .audio, entrance: MediaRowsEntrance(),
            stages: [try Subsampling(configuration, own)] + blocks
                + [try EmbeddingGemma2AudioExit(configuration, own, embedding)],
            projectorNames: ["embed_audio."], arrange: { try arrangement(of: $0, configuration) })
        return (tower, blocks.flatMap(\.buffers))
    }

    /// Sounds by their frames (``Context/LayoutName/chunks``) and by their features, and what their rows attend to.
    static func arrangement(
        of items: [MediaItem], _ configuration: EmbeddingGemma2AudioConfiguration
    ) throws -> TowerArrangement {
        let frameCounts = try items.map { item in
            guard case .frames(let count) = item.shape, count > 0 else {
                throw TensorError("audio tower", "a picture, or nothing, where a sound should be")
            }
            return count
        }
        let lengths = frameCounts.map { featureCount(frameCount: $0) }
        let total = Int32(lengths.reduce(0, +))
        let (block, before) = (configuration.blockSize, configuration.sightCount - 1)
        let gap = configuration.convolutionSize - 1
        var (queries, keys, answers): ([Int32], [Int32], [Int32]) = ([], [], [])
        var (spaced, unspaced): ([Int32], [Int32]) = ([], [])
        var first: Int32 = 0
        for length in lengths {
            func row(_ place: Int) -> Int32 { (0..<length).contains(place) ? first + Int32(place) : total }
            for place in 0..<length {
                answers.append(Int32(queries.count + place))
                unspaced.append(Int32(spaced.count + place))
            }
            for start in stride(from: 0, to: length, by: block) {
                queries += (start..<(start + block)).map(row)
                keys += ((start - before)..<(start + block)).map(row)
            }
            spaced += (-gap..<length).map(row)
            first += Int32(length)
        }
        var arrangement = TowerArrangement()
        arrangement.layouts = [.chunks: Layout(lengths: frameCounts), .sequences: Layout(lengths: lengths)]
        arrangement.rows = [
            .queries: queries, .keys: keys, .answers: answers, .spaced: spaced, .unspaced: unspaced,
        ]
        return arrangement
    }
}

/// Two convolutions over time and bands, each of which halves both; then the bands of a moment become one row.
private final class Subsampling: Stage {
    private let convolutions: [(weight: Parameter, norm: LayerNorm)]
    private let projection: Projection
    private let bandCount: Int
    private let computeType: ElementType

    var projections: [Projection] { [projection] }
    var parameters: [Parameter] {
        convolutions.flatMap { [$0.weight] + $0.norm.parameters } + projection.parameters
    }

    init(_ configuration: EmbeddingGemma2AudioConfiguration, _ files: WeightFiles) throws {
        let name = "subsample_conv_projection"
        let (first, second) = configuration.channelCounts
        convolutions = try [(1, first), (first, second)].enumerated().map { index, channels in
            (
                try files.parameter("\(name).layer\(index).conv.weight", [channels.1, channels.0, 3, 3]),
                try LayerNorm("\(name).layer\(index).norm", channels.1, configuration.normEpsilon, files, bias: false)
            )
        }
        bandCount = configuration.bandCount
        projection = Projection(
            try files.linear("\(name).input_proj_linear", bandCount / 4 * second, configuration.size, bias: false))
        computeType = files.precision.compute
    }

    /// - Parameter frames_LM: float32, of all sounds.
    func forward(_ frames_LM: Tensor, _ context: Context) throws -> Tensor {
        guard frames_LM.size(1) == bandCount else {
            throw TensorError(
                "audio tower", "frames of \(frames_LM.size(1)) bands; the model takes \(bandCount)",
                exitStatus: .badData)
        }
        let rows = try context.layout(.chunks).layout.runs.map { run in
            var sounds_NLMC = try frames_LM.narrow(0, start: run.firstRow, length: run.rowCount)
                .reshape([run.sequenceCount, run.length, bandCount, 1]).to(computeType)
            for (weight, norm) in convolutions {
                sounds_NLMC = try norm(halved(sounds_NLMC, weight.tensor.to(computeType))).relu()
            }
            return try sounds_NLMC.reshape([sounds_NLMC.size(0) * sounds_NLMC.size(1), -1])
        }
        return try projection(
            rows.count == 1 ? rows[0] : Tensor.cat(rows), context.dropout.at(1 << 48), site: 0)
    }

    /// A convolution of 3 × 3 taps at every second moment and band, with zeros around: `[N, L, M, C]` to
    /// `[N, ⌈L/2⌉, ⌈M/2⌉, O]`.
    ///
    /// - Parameter weight: `[O, C, 3, 3]`
    private func halved(_ sounds_NLMC: Tensor, _ weight: Tensor) throws -> Tensor {
        let (length, width) = ((sounds_NLMC.size(1) + 1) / 2, (sounds_NLMC.size(2) + 1) / 2)
        func padded(_ x: Tensor, _ dimension: Int) throws -> Tensor {
            var shape = (0..<4).map { x.size($0) }
            shape[dimension] = 1
            let zeros = try Tensor.zeros(shape, type: x.elementType, device: x.device)
            return try Tensor.cat([zeros, x, zeros], dimension)
        }
        let framed = try padded(padded(sounds_NLMC, 1), 2)
        let taps = try (0..<3).flatMap { down in
            try (0..<3).map { across in
                try framed.slice(1, down..<(down + 2 * length - 1), step: 2)
                    .slice(2, across..<(across + 2 * width - 1), step: 2)
            }
        }
        let byTap = try weight.transpose(1, 2).transpose(2, 3).reshape([weight.size(0), -1])
        return try Tensor.cat(taps, 3).linear(byTap)
    }
}

/// Rows become features, as wide as the text model.
private final class EmbeddingGemma2AudioExit: Stage {
    private let projection: Projection
    private let embedding: FeatureEmbedding

    var projections: [Projection] { [projection] + embedding.projections }
    var parameters: [Parameter] { projection.parameters + embedding.parameters }

    init(
        _ configuration: EmbeddingGemma2AudioConfiguration, _ files: WeightFiles, _ embedding: FeatureEmbedding
    ) throws {
        projection = Projection(try files.linear("output_proj", configuration.size, configuration.featureSize))
        self.embedding = embedding
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let dropout = context.dropout.at((1 << 63) + 1)
        return try embedding(projection(hidden_TD, dropout, site: 0), dropout, site: 1)
    }
}
