import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Families that also read images and videos against transformers: places, features, layers, vectors, gradients.
struct VisionFamilyTests {
    static let names = GeneratedModel.cases(in: GeneratedModel.visionGoldens)
    /// Those of which every state is recorded.
    static let wholeNames = names.filter { (try? golden($0).reference["lora"]) ?? nil != nil }

    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    static func golden(_ name: String) throws -> GeneratedModel {
        try GeneratedModel(name, in: GeneratedModel.visionGoldens)
    }

    func load(_ generated: GeneratedModel, _ purpose: EmbeddingModel.Purpose, adapter: Bool = false) throws
        -> EmbeddingModel
    {
        let folder = temporary("model")
        if !Files.exists(folder) {
            try generated.write(to: folder)
            if adapter { try generated.writeAdapter(to: temporary("adapter")) }
        }
        return try EmbeddingModel(
            loading: folder, purpose, overrides: Self.overrides,
            adapter: adapter && purpose == .encoding ? temporary("adapter") : nil)
    }

    static var overrides: ModelCard.Overrides {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return .init(pooling: Poolings(.last), normalize: true, query: side, document: side)
    }

    func expectClose(_ got: [Float], _ wanted: [Float], _ what: String, tolerance: Float = 1e-5) {
        #expect(got.count == wanted.count, "\(what)")
        let size = wanted.reduce(Float(1)) { max($0, abs($1)) }
        let worst = zip(got, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        // NaN is not close.
        #expect(worst <= tolerance * size, "\(what): \(worst)")
    }

    /// Vectors of length 1, row by row.
    func expectSameDirection(_ got: [Float], _ wanted: [Float], _ count: Int, _ what: String) {
        #expect(got.count == wanted.count, "\(what)")
        let width = wanted.count / count
        for row in 0..<count {
            let cosine = (0..<width).reduce(0.0) {
                $0 + Double(got[row * width + $1]) * Double(wanted[row * width + $1])
            }
            #expect(cosine >= 0.99999, "\(what), input \(row): \(cosine)")
        }
    }

    /// Parts of rows that stand in a batch's order, in the order of the inputs.
    ///
    /// - Parameter counts: rows of each input.
    func rows(_ states: Tensor, _ packed: PackedBatch, counts: [Int], width: Int) throws -> [Float] {
        let values = try states.narrow(1, start: 0, length: width).contiguous().floats()
        var byInput = [ArraySlice<Float>](repeating: [], count: counts.count)
        var first = 0
        for input in packed.order {
            byInput[input] = values[(first * width)..<((first + counts[input]) * width)]
            first += counts[input]
        }
        return byInput.flatMap { $0 }
    }

    @Test func everyFamilyHasAGolden() {
        #expect(Set(Self.wholeNames) == ["qwen2-vl", "qwen2.5-vl", "qwen3-vl"])
        #expect(Self.names.count == 14)
    }

    @Test(arguments: names)
    func placesEqualTransformers(name: String) throws {
        let generated = try Self.golden(name)
        let rules = try #require(try load(generated, .training).text.media)
        let positions = try #require(rules.positions)
        for (index, wanted) in generated.positions.enumerated() {
            #expect(
                positions(generated.texts[index].count, generated.media[index]) == wanted, "\(name), input \(index)")
        }
    }

    @Test(arguments: wholeNames, [EmbeddingModel.Purpose.encoding, .training])
    func featuresAndLayersEqualTransformers(name: String, purpose: EmbeddingModel.Purpose) throws {
        let generated = try Self.golden(name)
        let model = try load(generated, purpose)
        let inputs = generated.loadedInputs(model.text.media)
        let width = model.text.hiddenSize
        try withoutGradients {
            let packed = PackedBatch(inputs)
            let batch = try DeviceBatch(packed)
            let tower = model.text.towers[0]
            let media = try #require(try batch.media(for: tower))
            var features = try tower.entrance.embed(media, .none)
            for stage in tower.stages { features = try stage.forward(features, media.context(.none)) }
            let wanted = try generated.expected.tensor("features")
            #expect(features.shape == wanted.shape)
            expectClose(
                try rows(
                    features, packed, counts: inputs.map { $0.input.media.reduce(0) { $0 + $1.tokenCount } },
                    width: wanted.size(1)),
                try wanted.floats(), "\(name) features")

            var hidden = try model.text.entrance.embed(batch, [features], .none)
            func compare(_ key: String) throws {
                expectClose(
                    try rows(hidden, packed, counts: inputs.map(\.input.tokens.count), width: width),
                    try generated.expected.tensor(key).floats(), "\(name) \(key)")
            }
            try compare("block.0")
            for (index, stage) in model.text.stages.enumerated() {
                hidden = try stage.forward(hidden, batch.context())
                try compare(index == model.text.stages.count - 1 ? "last" : "block.\(index + 1)")
            }
            // What travels beside hidden states has been used up.
            #expect(hidden.size(1) == width)
        }
    }

    @Test(arguments: names, [EmbeddingModel.Purpose.encoding, .training])
    func vectorsEqualTransformers(name: String, purpose: EmbeddingModel.Purpose) throws {
        let generated = try Self.golden(name)
        let model = try load(generated, purpose)
        let inputs = generated.loadedInputs(model.text.media)
        let wanted = try generated.expected.tensor("last_token").normalized().floats()
        let together = try model.encode(PackedBatch(inputs)).floats()
        expectClose(together, wanted, name)
        expectSameDirection(together, wanted, inputs.count, name)
        // Who shares a batch with an input changes nothing.
        let dims = model.card.dims
        for (index, input) in inputs.enumerated() {
            let alone = try model.encode(PackedBatch([input])).floats()
            expectClose(alone, Array(together[(index * dims)..<((index + 1) * dims)]), "\(name) input \(index)")
        }
    }

    @Test(arguments: wholeNames, BlockwiseEncoder.Trace.allCases)
    func gradientsEqualTransformers(name: String, trace: BlockwiseEncoder.Trace) throws {
        let generated = try Self.golden(name)
        let model = try load(generated, .training)
        try model.trainAll()
        let list = try #require(generated.reference["gradients"]?.array)
        // All at once, and in chunks of which some have no media.
        for chunkTokens in [nil, 60] {
            let gradients = try gradients(generated, model, trace, chunkTokens: chunkTokens)
            try generated.compare(gradients, list, map: model.text.names.canonical)
            #expect(gradients.count == list.count, "\(name): what is trained")
        }
    }

    @Test(arguments: wholeNames)
    func adaptersOfTheLanguageModelEqualPEFT(name: String) throws {
        let generated = try Self.golden(name)
        let merged = try load(generated, .encoding, adapter: true)
        let wanted = try generated.expected.tensor("lora_last_token").normalized().floats()
        let count = generated.texts.count
        let inputs = generated.loadedInputs(merged.text.media)
        expectSameDirection(try merged.encode(PackedBatch(inputs)).floats(), wanted, count, "\(name) merged")

        let model = try load(generated, .training)
        try model.text.loadAdapters(temporary("adapter"), trainable: true)
        expectSameDirection(try model.encode(PackedBatch(inputs)).floats(), wanted, count, "\(name) beside")
        let gradients = try gradients(generated, model, .keep)
        let list = try #require(generated.reference["lora"]?["gradients"]?.array)
        try generated.compare(gradients, list) {
            model.text.names.canonical(String($0.dropFirst("base_model.model.".count)))
        }
        #expect(gradients.count == list.count)
        // The tower is frozen.
        let file = try SafetensorsFile(temporary("model/model.safetensors"))
        for parameter in model.text.towers[0].parameters {
            #expect(!parameter.isTrainable)
            #expect(try parameter.tensor.floats() == file.tensor(parameter.name).floats(), "\(parameter.name)")
        }
    }

    /// Gradients of `Σ vectors · loss.s`, by name.
    func gradients(
        _ generated: GeneratedModel, _ model: EmbeddingModel, _ trace: BlockwiseEncoder.Trace, chunkTokens: Int? = nil
    ) throws -> [String: Tensor] {
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let inputs = generated.loadedInputs(model.text.media)
        let dims = model.card.dims
        let weights = inputs.indices.flatMap {
            GeneratedModel.values("loss.\($0)", seed: generated.seed, count: dims, center: 0, spread: 1)
        }
        let pass = try encoder.forward(inputs, chunkTokens: chunkTokens, trace: trace)
        let sums = GradientSums(count: encoder.parameters.count)
        try encoder.backward(pass, vectorGradients_UD: Tensor(weights, shape: [inputs.count, dims]), into: sums)
        return Dictionary(
            uniqueKeysWithValues: zip(encoder.parameters.map(\.name), try sums.take(for: encoder.parameters)))
    }

    @Test(arguments: names)
    func savedCopiesGiveTheSameVectors(name: String) throws {
        let generated = try Self.golden(name)
        let model = try load(generated, .training)
        try model.save(model.card, to: temporary("copy"))
        let copy = try EmbeddingModel(loading: temporary("copy"), .training)
        let batch = PackedBatch(generated.loadedInputs(model.text.media))
        #expect(try copy.encode(batch).floats() == model.encode(batch).floats())
        #expect(
            Set(try SafetensorsFile(temporary("copy/model.safetensors")).names)
                == Set(model.text.activeParameters.map(\.name)))
    }

    // MARK: What does not fit

    func failure(_ generated: GeneratedModel) -> String {
        do {
            _ = try load(generated, .encoding)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    /// Sets a field by its dotted path; nil takes it away.
    func changeConfig(_ path: String, _ value: JSONValue?) throws {
        func changed(_ object: JSONValue, _ keys: ArraySlice<Substring>) -> JSONValue {
            var fields = object.object!
            let key = String(keys.first!)
            fields[key] = keys.count == 1 ? value : changed(fields[key]!, keys.dropFirst())
            return .object(fields)
        }
        let config = try JSONValue.parse(file: temporary("model/config.json"))
        try Files.replace(
            temporary("model/config.json"), with: changed(config, path.split(separator: ".")[...]).pretty())
    }

    @Test(
        arguments: [
            ("qwen2-vl", "vision_config.windowsize", 16, "vision_config.windowsize"),
            ("qwen2-vl", "vision_config.in_chans", 1, "vision_config.in_chans"),
            ("qwen2-vl", "vision_config.hidden_size", 48, "vision_config"),
            ("qwen2-vl", "image_token_id", 160, "image_token_id"),
            ("qwen2-vl", "text_config.rope_parameters.mrope_section", [2, 1], "mrope_section"),
            ("qwen2-vl", "text_config.rope_parameters.mrope_interleaved", true, "mrope_interleaved"),
            ("qwen2-vl-lm", "text_config.rope_scaling.mrope_section", nil, "mrope_section"),
            (
                "qwen2-vl-flat", "rope_scaling",
                ["type": "dynamic", "factor": 2, "mrope_section": [2, 1, 1]], "dynamic"
            ),
            ("qwen2.5-vl", "vision_config.window_size", 4, "vision_config.window_size"),
            ("qwen2.5-vl", "vision_config.fullatt_block_indexes", ["1"], "vision_config.fullatt_block_indexes"),
            ("qwen3-vl", "vision_config.deepstack_visual_indexes", [2, 4], "vision_config.deepstack_visual_indexes"),
            ("qwen3-vl", "vision_config.deepstack_visual_indexes", [2, 2], "vision_config.deepstack_visual_indexes"),
            ("qwen3-vl", "vision_config.deepstack_visual_indexes", [2], "visual.deepstack_merger_list.1"),
            ("qwen3-vl", "vision_config.num_position_embeddings", 36, "visual.pos_embed.weight"),
            ("qwen3-vl-lm", "text_config.rope_theta", nil, "rope_theta"),
            ("qwen3-vl", "text_config.sliding_window", 4, "text_config.sliding_window"),
        ] as [(String, String, JSONValue?, String)])
    func fieldsThatDoNotFitAreNamed(name: String, path: String, value: JSONValue?, named: String) throws {
        let generated = try Self.golden(name)
        try generated.write(to: temporary("model"))
        #expect(failure(generated) == "no error")
        try changeConfig(path, value)
        #expect(failure(generated).contains(named), "\(failure(generated))")
    }

    @Test(
        arguments: [
            ("qwen2-vl-lm", "merger.mlp.2.bias"), ("qwen2.5-vl", "blocks.3.mlp.up_proj.bias"),
            ("qwen3-vl-lm", "deepstack_merger_list.1.norm.weight"), ("qwen3-vl", "layers.2.self_attn.q_norm.weight"),
        ])
    func missingAndSurplusTensorsAreNamed(name: String, ending: String) throws {
        let generated = try Self.golden(name)
        try generated.write(to: temporary("model"))
        let path = temporary("model/model.safetensors")
        let file = try SafetensorsFile(path)
        let all = try file.names.map { (name: $0, tensor: try file.tensor($0).clone()) }
        let missing = try #require(all.first { $0.name.hasSuffix(ending) })
        try SafetensorsWriter.write(all.filter { $0.name != missing.name }, to: path)
        #expect(failure(generated).contains(ending))
        let surplus = missing.name + "s"
        try SafetensorsWriter.write(all + [(surplus, missing.tensor)], to: path)
        #expect(failure(generated).contains(surplus))
    }
}
