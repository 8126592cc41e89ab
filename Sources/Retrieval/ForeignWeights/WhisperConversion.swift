internal import Base
internal import JSON
internal import Tensors

/// The encoder of a Whisper that CTranslate2 wrote, in half precision.
///
/// Source: CTranslate2 4.6, `python/ctranslate2/specs/whisper_spec.py`; transformers 5.24, `WhisperEncoder`.
struct WhisperConversion {
    private let source: CTranslate2File
    private let pieceSeconds: Int?
    private var stored: ForeignTensors
    private var tensors: [(name: String, tensor: Tensor)] = []

    private static let revision = 3
    private static let samplesPerSecond = 16_000
    /// A row for each 20 ms.
    private static let rowsPerSecond = 50
    /// Of all published Whispers.
    private static let headSize = 64

    init(_ source: CTranslate2File, pieceSeconds: Int?) throws {
        guard source.specification == "WhisperSpec", source.revision == Self.revision else {
            throw source.file.fault(
                "a model \(source.specification), revision \(source.revision); WhisperSpec, revision \(Self.revision) "
                    + "is converted", at: 4)
        }
        self.source = source
        self.pieceSeconds = pieceSeconds
        stored = ForeignTensors(source.file, source.tensors)
    }

    func tower() throws -> ConvertedTower {
        var conversion = self
        return try conversion.convert()
    }

    private mutating func convert() throws -> ConvertedTower {
        guard case let positions = try stored.shape("encoder/position_encodings/encodings"), positions.count == 2,
            case let melShape = try stored.shape("encoder/conv1/weight"), melShape.count == 3,
            case let inner = try stored.shape("encoder/layer_0/ffn/linear_0/bias"), inner.count == 1
        else { throw source.file.fault("weights of shapes that no Whisper has", at: 0) }
        let (size, positionCount, melCount, innerSize) = (positions[1], positions[0], melShape[1], inner[0])
        let layerCount = self.layerCount()
        let headCount = try headCount(size)
        let seconds = try seconds(positionCount)

        try take("conv1.weight", "conv1/weight", [size, melCount, 3])
        try take("conv1.bias", "conv1/bias", [size])
        try take("conv2.weight", "conv2/weight", [size, size, 3])
        try take("conv2.bias", "conv2/bias", [size])
        let table = try stored.take("encoder/position_encodings/encodings", positions, .float16)
        append(
            "embed_positions.weight", try table.narrow(0, start: 0, length: seconds * Self.rowsPerSecond).contiguous())
        for layer in 0..<layerCount { try takeLayer(layer, size, innerSize) }
        try takeNorm("layer_norm", "layer_norm", size)
        // The other half of the model writes texts.
        stored.passOver { $0.hasPrefix("decoder/") || $0 == "encoder/num_heads" }
        try stored.refuseUnread()
        return ConvertedTower(
            tensors: tensors,
            configuration: [
                "architectures": ["WhisperModel"], "model_type": "whisper", "is_encoder_decoder": true,
                "dtype": "float16", "activation_function": "gelu", "d_model": JSONValue(size),
                "encoder_attention_heads": JSONValue(headCount), "encoder_ffn_dim": JSONValue(innerSize),
                "encoder_layers": JSONValue(layerCount),
                "max_source_positions": JSONValue(seconds * Self.rowsPerSecond), "num_mel_bins": JSONValue(melCount),
            ],
            preprocessor: [
                "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": JSONValue(melCount),
                "sampling_rate": JSONValue(Self.samplesPerSecond), "hop_length": 160, "n_fft": 400,
                "chunk_length": JSONValue(seconds), "n_samples": JSONValue(seconds * Self.samplesPerSecond),
                "nb_max_frames": JSONValue(2 * seconds * Self.rowsPerSecond), "padding_side": "right",
                "padding_value": 0.0, "return_attention_mask": false, "processor_class": "WhisperProcessor",
            ])
    }

    private func layerCount() -> Int {
        var count = 0
        while (try? stored.shape("encoder/layer_\(count)/self_attention/layer_norm/gamma")) != nil { count += 1 }
        return count
    }

    /// Of the file where it says it.
    private func headCount(_ size: Int) throws -> Int {
        guard let tensor = source.tensors.first(where: { $0.name == "encoder/num_heads" }), tensor.shape.isEmpty,
            tensor.range.count == 2
        else { throw source.file.fault("there is no number of heads", at: 0, field: "encoder/num_heads") }
        let count = Int(
            Int16(
                littleEndian: source.file.bytes.loadUnaligned(fromByteOffset: tensor.range.lowerBound, as: Int16.self)))
        guard count > 0, count * Self.headSize == size else {
            throw source.file.fault(
                "\(count) heads for \(size) numbers a row", at: tensor.range.lowerBound, field: tensor.name)
        }
        return count
    }

    private func seconds(_ positionCount: Int) throws -> Int {
        guard positionCount > 0, positionCount.isMultiple(of: Self.rowsPerSecond) else {
            throw source.file.fault("\(positionCount) positions, which are no whole seconds", at: 0)
        }
        let all = positionCount / Self.rowsPerSecond
        guard let pieceSeconds else { return all }
        guard (1...all).contains(pieceSeconds) else {
            throw Failure(.usage, "--piece-seconds \(pieceSeconds): \(source.file.path) has positions for \(all)")
        }
        return pieceSeconds
    }

    private mutating func takeLayer(_ layer: Int, _ size: Int, _ innerSize: Int) throws {
        let (new, old) = ("layers.\(layer)", "layer_\(layer)")
        try takeNorm("\(new).self_attn_layer_norm", "\(old)/self_attention/layer_norm", size)
        try takeNorm("\(new).final_layer_norm", "\(old)/ffn/layer_norm", size)
        let joined = "encoder/\(old)/self_attention/linear_0/"
        let weights = try stored.take(joined + "weight", [3 * size, size], .float16).split([size, size, size])
        let biases = try stored.take(joined + "bias", [3 * size], .float16).split([size, size, size])
        // Keys got a bias of zeros, which the model does not have.
        guard try biases[1].contiguous().withUnsafeBytes({ $0.allSatisfy { $0 == 0 } }) else {
            throw source.file.fault("keys with a bias, which no Whisper has", at: 0, field: joined + "bias")
        }
        for (index, name) in ["q", "k", "v"].enumerated() {
            append("\(new).self_attn.\(name)_proj.weight", try weights[index].contiguous())
            if name != "k" { append("\(new).self_attn.\(name)_proj.bias", try biases[index].contiguous()) }
        }
        for (name, place, shape) in [
            ("self_attn.out_proj", "self_attention/linear_1", [size, size]),
            ("fc1", "ffn/linear_0", [innerSize, size]),
            ("fc2", "ffn/linear_1", [size, innerSize]),
        ] {
            try take("\(new).\(name).weight", "\(old)/\(place)/weight", shape)
            try take("\(new).\(name).bias", "\(old)/\(place)/bias", [shape[0]])
        }
    }

    private mutating func takeNorm(_ new: String, _ old: String, _ size: Int) throws {
        try take("\(new).weight", "\(old)/gamma", [size])
        try take("\(new).bias", "\(old)/beta", [size])
    }

    private mutating func take(_ new: String, _ old: String, _ shape: [Int]) throws {
        append(new, try stored.take("encoder/" + old, shape, .float16))
    }

    private mutating func append(_ name: String, _ tensor: Tensor) {
        tensors.append(("model.encoder." + name, tensor))
    }
}
