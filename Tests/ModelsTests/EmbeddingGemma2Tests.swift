import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// EmbeddingGemma 2 with images, videos and sounds against transformers, on tiny random models.
struct EmbeddingGemma2Tests {
    static let names = ["plain", "odd", "images"]

    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// Numbers of an item, which the script that made the goldens generates alike.
    struct GeneratedRows: MediaRows {
        let rowCount: Int
        let rowWidth: Int
        let values: [Float]

        func write(to rows: UnsafeMutableBufferPointer<Float>) { _ = rows.update(fromContentsOf: values) }
    }

    /// A model of the goldens with its inputs.
    struct Case {
        let name: String
        let generated: GeneratedModel

        init(_ name: String) throws {
            self.name = name
            generated = try GeneratedModel("eg2/" + name)
        }

        /// Tokens with a placeholder for each item, and the items.
        func planned() throws -> [(tokens: [Int32], media: [MediaRules.Planned])] {
            try #require(generated.reference["inputs"]?.array).map { input in
                let tokens = try #require(input["tokens"]?.array).map { Int32($0.integer!) }
                let media = try #require(input["media"]?.array).enumerated().map { index, item in
                    let sizes = item["shape"]!.array!.map { $0.integer! }
                    return MediaRules.Planned(
                        MediaRules.Kind(rawValue: item["kind"]!.string!)!,
                        sizes.count == 1
                            ? .frames(sizes[0]) : .grid(time: sizes[0], height: sizes[1], width: sizes[2]),
                        identity: SHA256Digest.of(Array("\(name) \(tokens) \(index)".utf8)))
                }
                return (tokens, media)
            }
        }

        func inputs(_ rules: MediaRules) throws -> [LoadedInput] {
            try planned().enumerated().map { number, planned in
                let input = try rules.input(planned.tokens, planned.media, at: Place(path: "input \(number)"))
                // No input's items stand in another order than their placeholders.
                let rows = input.media.enumerated().map { index, item in
                    let (width, center, spread) = item.tower == .audio ? (16, 0.0, 2.0) : (48, 0.5, 0.5)
                    let count = item.shape.rowCount
                    return GeneratedRows(
                        rowCount: count, rowWidth: width,
                        values: GeneratedModel.values(
                            "input.\(number).media.\(index)", seed: generated.seed, count: count * width,
                            center: center, spread: spread))
                }
                return LoadedInput(input, rows: rows)
            }
        }
    }

    func load(_ generated: GeneratedModel, _ purpose: EmbeddingModel.Purpose) throws -> EmbeddingModel {
        let folder = temporary("model")
        if !Files.exists(folder) { try generated.write(to: folder) }
        return try load(folder, purpose)
    }

    func load(_ folder: FilePath, _ purpose: EmbeddingModel.Purpose) throws -> EmbeddingModel {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return try EmbeddingModel(
            loading: folder, purpose,
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side))
    }

    /// What the deepest states of a case may differ by, relative to the largest number: those of the reference in float32
    /// are 1.8e-5 from its own in float64 (3.3e-7 in the case with large epsilons), as attention is not scaled.
    func depthTolerance(_ name: String) -> Float { name == "odd" ? 1e-5 : 5e-5 }

    func expectClose(_ got: [Float], _ wanted: [Float], _ what: String, tolerance: Float = 1e-5) {
        #expect(got.count == wanted.count, "\(what)")
        let size = wanted.reduce(Float(1)) { max($0, abs($1)) }
        let worst = zip(got, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        // NaN is not close.
        #expect(worst <= tolerance * size, "\(what): \(worst)")
    }

    /// Rows of packed states in the order of the inputs.
    func rows(_ hidden_TD: Tensor, _ packed: PackedBatch, width: Int) throws -> [Float] {
        let values = try hidden_TD.narrow(1, start: 0, length: width).contiguous().floats()
        var parts = [[Float]](repeating: [], count: packed.sequenceCount)
        for (sequence, input) in packed.order.enumerated() {
            let first = Int(packed.layout.cumulativeLengths[sequence])
            let end = Int(packed.layout.cumulativeLengths[sequence + 1])
            parts[input] = Array(values[(first * width)..<(end * width)])
        }
        return parts.flatMap { $0 }
    }

    @Test(arguments: names, [EmbeddingModel.Purpose.encoding, .training])
    func towersGiveTheFeaturesOfTransformers(name: String, purpose: EmbeddingModel.Purpose) throws {
        let example = try Case(name)
        let model = try load(example.generated, purpose)
        let inputs = try example.inputs(#require(model.text.media))
        #expect(model.text.towers.count == (name == "images" ? 1 : 2))
        try withoutGradients {
            // In the order of the inputs: a packed batch has another.
            for tower in model.text.towers {
                var states: [String: [Float]] = [:]
                for input in inputs {
                    let batch = try DeviceBatch(PackedBatch([input]))
                    guard let media = try batch.media(for: tower) else { continue }
                    var hidden = try tower.entrance.embed(media, .none)
                    for (index, stage) in tower.stages.enumerated() {
                        hidden = try stage.forward(hidden, media.context(.none))
                        // The first stage is what embeds patches or frames.
                        let isLast = index == tower.stages.count - 1
                        let key = isLast ? "\(tower.name)" : "\(tower.name).\(index - 1)"
                        states[key, default: []] += try hidden.floats()
                    }
                }
                for (key, values) in states where example.generated.expected[key] != nil {
                    expectClose(values, try example.generated.expected.tensor(key).floats(), "\(name) \(key)")
                }
                #expect(states["\(tower.name)"] != nil && states["\(tower.name).1"] != nil)
            }
        }
    }

    @Test(arguments: names, [EmbeddingModel.Purpose.encoding, .training])
    func blocksAndVectorsEqualTransformers(name: String, purpose: EmbeddingModel.Purpose) throws {
        let example = try Case(name)
        let expected = example.generated.expected
        let model = try load(example.generated, purpose)
        let packed = PackedBatch(try example.inputs(#require(model.text.media)))
        try withoutGradients {
            let batch = try DeviceBatch(packed)
            var features: [Tensor?] = []
            for tower in model.text.towers {
                let media = try #require(try batch.media(for: tower))
                var hidden = try tower.entrance.embed(media, .none)
                for stage in tower.stages { hidden = try stage.forward(hidden, media.context(.none)) }
                features.append(hidden)
            }
            var hidden = try model.text.entrance.embed(batch, features, .none)
            expectClose(
                try rows(hidden, packed, width: 32), try expected.tensor("block.0").floats(), "\(name) block.0")
            for (index, stage) in model.text.stages.enumerated() {
                hidden = try stage.forward(hidden, batch.context())
                let key = "block.\(index + 1)"
                guard expected[key] != nil else { continue }
                expectClose(
                    try rows(hidden, packed, width: 32), try expected.tensor(key).floats(), "\(name) \(key)",
                    tolerance: index == 0 ? 1e-5 : depthTolerance(name))
            }
            expectClose(
                try rows(hidden, packed, width: 24), try expected.tensor("last").floats(), "\(name) last",
                tolerance: depthTolerance(name))
        }
        let vectors = try model.encode(packed).floats()
        expectClose(vectors, try expected.tensor("mean").normalized().floats(), "\(name) vectors")
    }

    /// Who shares a batch with an input changes nothing.
    @Test(arguments: names)
    func vectorsDoNotDependOnTheBatch(name: String) throws {
        let example = try Case(name)
        let model = try load(example.generated, .encoding)
        let inputs = try example.inputs(#require(model.text.media))
        let together = try model.encode(PackedBatch(inputs)).floats()
        let backwards = try model.encode(PackedBatch(inputs.reversed())).floats()
        for (index, input) in inputs.enumerated() {
            let alone = try model.encode(PackedBatch([input])).floats()
            let last = inputs.count - 1 - index
            expectClose(Array(together[(24 * index)..<(24 * index + 24)]), alone, "\(name) input \(index)")
            expectClose(Array(backwards[(24 * last)..<(24 * last + 24)]), alone, "\(name) input \(index), backwards")
        }
    }

    @Test(arguments: names, [BlockwiseEncoder.Trace.keep, .recompute])
    func gradientsEqualTransformers(name: String, trace: BlockwiseEncoder.Trace) throws {
        let example = try Case(name)
        let generated = example.generated
        let model = try load(generated, .training)
        try model.trainAll()
        let inputs = try example.inputs(#require(model.text.media))
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let weights = inputs.indices.flatMap {
            GeneratedModel.values("loss.\($0)", seed: generated.seed, count: 24, center: 0, spread: 1)
        }
        // Chunks that do not hold all inputs.
        let pass = try encoder.forward(inputs, chunkTokens: trace == .keep ? nil : 200, trace: trace)
        let sums = GradientSums(count: encoder.parameters.count)
        try encoder.backward(
            pass, vectorGradients_UD: Tensor(weights, shape: [inputs.count, 24]), into: sums)
        let taken = try sums.take(for: encoder.parameters)
        let gradients = Dictionary(uniqueKeysWithValues: zip(encoder.parameters.map(\.name), taken))
        let list = try #require(generated.reference["gradients"]?.array)
        try generated.compare(gradients, list) { $0 }
        #expect(gradients.count == list.count, "\(name): what is trained")
    }

    @Test(arguments: names)
    func savedCopiesAreWhole(name: String) throws {
        let example = try Case(name)
        let model = try load(example.generated, .training)
        try model.save(model.card, to: temporary("copy"))
        let copy = try SafetensorsFile(temporary("copy/model.safetensors"))
        let original = try SafetensorsFile(temporary("model/model.safetensors"))
        #expect(Set(copy.names) == Set(original.names))
        let again = try load(temporary("copy"), .training)
        let packed = PackedBatch(try example.inputs(#require(model.text.media)))
        #expect(try again.encode(packed).floats() == model.encode(packed).floats())
    }

    /// Names of what is trained are those of the reference, so that adapters are known by them.
    @Test func adaptersMayGoToAllParts() throws {
        let model = try load(try Case("odd").generated, .training)
        let layers = Set(model.text.linearLayers.map(\.name))
        for name in [
            "language_model.layers.0.self_attn.q_proj", "language_model.embedding_projection",
            "vision_tower.encoder.layers.1.mlp.gate_proj.linear", "vision_tower.patch_embedder.input_proj",
            "embed_vision.embedding_projection", "audio_tower.layers.0.lconv1d.linear_start.linear",
            "audio_tower.layers.1.self_attn.relative_k_proj", "audio_tower.output_proj",
            "embed_audio.embedding_projection", "audio_tower.subsample_conv_projection.input_proj_linear",
        ] {
            #expect(layers.contains(name), "\(name)")
        }
        let usual = LoRAConfiguration(
            rank: 2, alpha: 2, dropout: 0, targets: ModulePattern(names: model.text.defaultTargets))
        #expect(try model.text.targetLayers(of: usual).allSatisfy { $0.name.hasPrefix("language_model.") })
    }
}

// What does not fit is refused by name.
extension EmbeddingGemma2Tests {
    func config(_ change: (inout JSONObject) -> Void) throws {
        let path = temporary("model/config.json")
        var fields = try #require(try JSONValue.parse(file: path).object)
        change(&fields)
        try Files.replace(path, with: JSONValue.object(fields).pretty())
    }

    func expectRefusal(_ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: InputError.self, sourceLocation: sourceLocation) {
            _ = try load(temporary("model"), .encoding)
        }
        let text = error?.description ?? ""
        #expect(text.contains(words), "\(text)", sourceLocation: sourceLocation)
    }

    @Test(
        arguments: [
            ("vision_config", "sinks", 1, "vision_config.sinks"),
            ("audio_config", "sinks", 1, "audio_config.sinks"),
            ("vision_config", "attention_bias", true, "vision_config.attention_bias"),
            ("vision_config", "model_type", "siglip", "vision_config.model_type"),
            ("vision_config", "rope_parameters", ["rope_type": "default"], "rope_parameters.rope_type"),
            ("audio_config", "attention_context_left", 7, "audio_config.attention_context_left"),
            ("audio_config", "attention_context_right", 1, "audio_config.attention_context_right"),
            ("audio_config", "subsampling_conv_channels", [15, 4], "audio_config.subsampling_conv_channels"),
        ] as [(String, String, JSONValue, String)])
    func fieldsAreRefused(section: String, field: String, value: JSONValue, words: String) throws {
        try Case("plain").generated.write(to: temporary("model"))
        try config { fields in
            var own = fields[section]!.object!
            own[field] = value
            fields[section] = .object(own)
        }
        expectRefusal(words)
    }

    @Test func tokensOfMediaAreChecked() throws {
        try Case("plain").generated.write(to: temporary("model"))
        try config { $0["video_token_id"] = 56 }
        expectRefusal("video_token_id")
        try config { $0["video_token_id"] = 64 }
        expectRefusal("video_token_id")
    }

    func weights(_ change: (inout [(name: String, tensor: Tensor)]) throws -> Void) throws {
        let path = temporary("model/model.safetensors")
        let file = try SafetensorsFile(path)
        var tensors = try file.names.map { (name: $0, tensor: try file.tensor($0).clone()) }
        try change(&tensors)
        try SafetensorsWriter.write(tensors, to: path)
    }

    @Test(arguments: [
        "vision_tower.encoder.layers.1.self_attn.q_norm.weight",
        "audio_tower.layers.0.feed_forward1.ffw_layer_1.input_min",
        "embed_audio.embedding_projection.weight", "vision_tower.patch_embedder.position_embedding_table",
        "language_model.layers.3.layer_scalar",
    ])
    func missingTensorsAreNamed(name: String) throws {
        try Case("plain").generated.write(to: temporary("model"))
        try weights { $0.removeAll { $0.name == name } }
        expectRefusal(name)
    }

    @Test func unknownTensorsAreNamed() throws {
        try Case("plain").generated.write(to: temporary("model"))
        try weights { $0.append(("vision_tower.encoder.layers.9.scale", try Tensor([Float(1)]))) }
        expectRefusal("vision_tower.encoder.layers.9.scale")
    }

    /// A model that has just been made has limits without end.
    @Test func limitsMayBeInfinite() throws {
        let name = "audio_tower.layers.0.feed_forward1.ffw_layer_1.output_max"
        func set(_ value: Float) throws {
            try weights { tensors in
                let index = try #require(tensors.firstIndex { $0.name == name })
                tensors[index].tensor = try Tensor([value], shape: [])
            }
        }
        let example = try Case("plain")
        try example.generated.write(to: temporary("model"))
        try set(.infinity)
        let model = try load(temporary("model"), .encoding)
        let packed = PackedBatch(try example.inputs(#require(model.text.media)))
        #expect(try model.encode(packed).floats().allSatisfy(\.isFinite))
        try set(.nan)
        expectRefusal("audio_tower.layers.0.feed_forward1.ffw_layer_1")
        try set(-9)
        expectRefusal("audio_tower.layers.0.feed_forward1.ffw_layer_1")
    }
}

// How media stand among tokens.
extension EmbeddingGemma2Tests {
    @Test(arguments: names)
    func placeholdersAreWrittenOut(name: String) throws {
        let example = try Case(name)
        let rules = try #require(try load(example.generated, .encoding).text.media)
        let place = Place(path: "here")
        for (planned, text) in zip(try example.planned(), example.generated.texts) {
            let input = try rules.input(planned.tokens, planned.media, at: place)
            #expect(input.tokens == text)
            #expect(
                try planned.tokens.count - planned.media.count + rules.tokenCount(planned.media, at: place)
                    == text.count)
            for item in input.media {
                let ids = Set(item.tokens.joined().map { input.tokens[$0] })
                #expect(ids.count == 1 && ids.isSubset(of: [56, 57, 58]))
            }
        }
        // One more and one less than there are.
        let image = MediaRules.Planned(
            .image, .grid(time: 1, height: 3, width: 6), identity: SHA256Digest.of([1]))
        #expect(throws: InputError.self) { try rules.input([2, 56, 56, 1], [image], at: place) }
        #expect(throws: InputError.self) { try rules.input([2, 5, 1], [image], at: place) }
        #expect(throws: InputError.self) { try rules.input([2, 57, 1], [], at: place) }
        let ragged = MediaRules.Planned(
            .image, .grid(time: 1, height: 3, width: 5), identity: SHA256Digest.of([1]))
        #expect(throws: InputError.self) { try rules.input([2, 56, 1], [ragged], at: place) }
    }

    @Test func picturesMayHavePlaceholdersOfTheirOwn() throws {
        let rules = try #require(try load(try Case("plain").generated, .encoding).text.media)
        let place = Place(path: "here")
        let video = MediaRules.Planned(
            .video, .grid(time: 2, height: 3, width: 3), identity: SHA256Digest.of([1]), placeholders: .eachPicture)
        // 12 frames are 3 features.
        let sound = MediaRules.Planned(.audio, .frames(12), identity: SHA256Digest.of([2]))
        let input = try rules.input([2, 57, 9, 58, 8, 57, 7, 1], [sound, video], unpooledCount: 3, at: place)
        #expect(input.tokens == [2, 59, 57, 60, 9, 61, 58, 58, 58, 62, 8, 59, 57, 60, 7, 1])
        #expect(input.media.map(\.tower) == [.vision, .audio])
        #expect(input.media[0].tokens == [2..<3, 12..<13])
        #expect(input.media[1].tokens == [6..<9])
        #expect(input.unpooledCount == 5)
    }

    /// As `EmbeddingGemma2Processor` of transformers 5.24 writes them.
    @Test func timesOfVideos() throws {
        let seconds = [0, 0.5, 1, 1.5, 2, 2.5]
        #expect(seconds.map(VideoTimes.text(seconds:)) == ["00:00", "00:00", "00:01", "00:02", "00:02", "00:02"])
        #expect(VideoTimes.text(seconds: 3600) == "60:00")
    }
}
