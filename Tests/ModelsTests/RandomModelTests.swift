import Base
import Engine
import JSON
import Models
import Records
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Folders with random weights, of every configuration that there are goldens of.
struct RandomModelTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// Configurations of whole models; towers of their own are no models.
    static let names: [String] = ["", "vision", "audio", "eg2"].flatMap { part in
        GeneratedModel.cases(in: folder(part)).filter { !$0.hasPrefix("whisper") && !$0.hasPrefix("dinov2") }
            .map { part.isEmpty ? $0 : "\(part)/\($0)" }
    }

    static func folder(_ part: String) -> FilePath {
        part.isEmpty ? GeneratedModel.goldens : GeneratedModel.goldens.appending(part)
    }

    static var overrides: ModelCard.Overrides {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return .init(pooling: Poolings(.mean), normalize: true, query: side, document: side)
    }

    /// A folder without weights.
    func source(_ name: String) throws -> FilePath {
        let parts = name.split(separator: "/").map(String.init)
        let source = temporary("source")
        try GeneratedModel(parts.last!, in: Self.folder(parts.count > 1 ? parts[0] : "")).write(to: source)
        try Files.remove(source.appending("model.safetensors"))
        return source
    }

    func model(_ name: String) throws -> RandomModel {
        try RandomModel(like: source(name), overrides: Self.overrides)
    }

    func vectors(_ model: EmbeddingModel) throws -> [Float] {
        let texts = [[1, 2, 3], [4]].map { ModelInput(tokens: $0) }
        return try model.encode(PackedBatch(texts)).floats()
    }

    /// Tensors of all weight files, by name.
    func tensors(_ folder: FilePath) throws -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for file in try Files.list(folder) where file.hasSuffix(".safetensors") {
            let file = try SafetensorsFile(folder.appending(file))
            for name in file.names { tensors[name] = try file.tensor(name) }
        }
        return tensors
    }

    @Test(arguments: names)
    func isDescribedWithoutWeights(name: String) throws {
        _ = try model(name).write(seed: 7, to: temporary("random"))
        let loaded = try EmbeddingModel(loading: temporary("random"), .encoding)
        try Files.remove(temporary("random").appending("model.safetensors"))
        let described = try EmbeddingModel(withoutWeightsOf: temporary("random"))
        #expect(described.card == loaded.card && described.attention == loaded.attention)
        #expect(described.text.maxLength == loaded.text.maxLength)
        let (rules, ofLoaded) = (described.text.media, loaded.text.media)
        #expect(rules?.image == ofLoaded?.image && rules?.audio == ofLoaded?.audio)
        #expect(rules?.mergeSize == ofLoaded?.mergeSize && rules?.patchSize == ofLoaded?.patchSize)
        #expect(throws: Failure.self) { try EmbeddingModel(loading: temporary("random"), .encoding) }
    }

    @Test(arguments: names)
    func loadsEncodesAndSaves(name: String) throws {
        let random = try model(name)
        let report = try random.write(seed: 7, to: temporary("random"))
        #expect(report.weightFileCount == 1)
        let model = try EmbeddingModel(loading: temporary("random"), .encoding)
        #expect(model.notes.contains { $0.contains("random") && $0.contains("seed 7") })
        #expect(model.parameters.reduce(0) { $0 + $1.tensor.elementCount } <= random.parameterCount)
        let vectors = try vectors(model)
        let lengths = stride(from: 0, to: vectors.count, by: vectors.count / 2).map { start in
            vectors[start..<(start + vectors.count / 2)].reduce(0) { $0 + $1 * $1 }
        }
        #expect(lengths.allSatisfy { abs($0 - 1) < 1e-4 }, "\(lengths)")

        let kept = try EmbeddingModel(loading: temporary("random"), .training)
        try kept.save(kept.card, to: temporary("saved"))
        let saved = try EmbeddingModel(loading: temporary("saved"), .encoding)
        #expect(try self.vectors(saved) == vectors)
        // What was saved is somebody's model now.
        #expect(try RandomModel.seed(of: temporary("random")) == "7")
        #expect(try RandomModel.seed(of: temporary("saved")) == nil)
        #expect(Set(try tensors(temporary("saved")).keys) == Set(try tensors(temporary("random")).keys))
    }

    @Test func equalSeedsMakeEqualWeights() throws {
        let random = try model("vision/qwen2-vl")
        let digests = try [7, 7, 8].enumerated().map { index, seed in
            _ = try random.write(seed: UInt64(seed), to: temporary("r\(index)"))
            return try EmbeddingModel.weightsDigest(temporary("r\(index)"))
        }
        #expect(digests[0] == digests[1])
        #expect(digests[0] != digests[2])
    }

    /// Neither files nor the order of the model change a tensor.
    @Test func severalFilesHoldTheSame() throws {
        let random = try model("bert")
        _ = try random.write(seed: 1, to: temporary("one"))
        let report = try random.write(seed: 1, shardByteCount: 10_000, to: temporary("many"))
        #expect(report.weightFileCount > 2)
        let (one, many) = (try tensors(temporary("one")), try tensors(temporary("many")))
        #expect(one.keys.sorted() == many.keys.sorted())
        for (name, tensor) in one {
            #expect(try tensor.floats() == many[name]?.floats(), "\(name)")
        }
        let models = try ["one", "many"].map { try EmbeddingModel(loading: temporary($0), .encoding) }
        #expect(try vectors(models[0]) == vectors(models[1]))
    }

    @Test func beginsAsModelsDo() throws {
        let random = try model("bert")
        #expect(random.standardDeviation == 0.02)
        _ = try random.write(seed: 3, to: temporary("random"))
        let tensors = try tensors(temporary("random"))
        let norm = try #require(tensors["embeddings.LayerNorm.weight"]).floats()
        let bias = try #require(tensors["encoder.layer.0.output.dense.bias"]).floats()
        #expect(norm.allSatisfy { $0 == 1 } && bias.allSatisfy { $0 == 0 })
        let words = try #require(tensors["embeddings.word_embeddings.weight"])
        let padding = try words.narrow(0, start: 0, length: 1).floats()
        #expect(padding.allSatisfy { $0 == 0 })
        let values = try words.narrow(0, start: 1, length: words.size(0) - 1).contiguous().floats().map(Double.init)
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        #expect(abs(deviation / 0.02 - 1) < 0.1, "\(deviation)")
    }

    @Test func initializerRangeOfTheConfiguration() throws {
        let source = try source("qwen2")
        let path = source.appending("config.json")
        var config = try #require(JSONValue.parse(file: path).object)
        config["initializer_range"] = .number(0.5)
        try Files.replace(path, with: JSONValue.object(config).pretty())
        #expect(try RandomModel(like: source, overrides: Self.overrides).standardDeviation == 0.5)
        config["initializer_range"] = .number(-1)
        try Files.replace(path, with: JSONValue.object(config).pretty())
        let error = #expect(throws: InputError.self) { try RandomModel(like: source, overrides: Self.overrides) }
        #expect(error?.place.field == "initializer_range")
    }

    @Test(arguments: [ElementType.float16, .bfloat16])
    func otherTypes(type: ElementType) throws {
        let random = try model("gemma3")
        _ = try random.write(seed: 7, to: temporary("wide"))
        _ = try random.write(seed: 7, type: type, to: temporary("narrow"))
        let narrow = try tensors(temporary("narrow"))
        for (name, tensor) in try tensors(temporary("wide")) {
            #expect(narrow[name]?.elementType == type)
            #expect(try tensor.to(type).floats() == narrow[name]?.floats(), "\(name)")
        }
    }

    /// Layers behind the pooling have weights of their own; equal ones begin differently.
    @Test func heads() throws {
        let source = try source("bert")
        let size = 32
        let layer: JSONValue = [
            "type": "dense", "inputSize": JSONValue(size), "outputSize": JSONValue(size), "bias": true,
            "activation": "tanh",
        ]
        _ = try RandomModel(like: source, overrides: Self.overrides).write(seed: 1, to: temporary("plain"))
        let card = temporary("plain").appending("tvt.json")
        var fields = try #require(JSONValue.parse(file: card).object)
        fields["head"] = [layer, layer]
        try Files.replace(card, with: JSONValue.object(fields).pretty())
        _ = try RandomModel(like: temporary("plain")).write(seed: 1, to: temporary("random"))
        let model = try EmbeddingModel(loading: temporary("random"), .training)
        #expect(model.head.parameters.map(\.tensor.shape) == [[size, size], [size], [size, size], [size]])
        #expect(try model.head.parameters[0].tensor.floats() != model.head.parameters[2].tensor.floats())
        #expect(try vectors(EmbeddingModel(loading: temporary("random"), .encoding)).allSatisfy(\.isFinite))
    }
}
