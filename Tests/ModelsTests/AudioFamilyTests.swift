import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Qwen2.5-Omni's thinker, Whisper's encoder and DINOv2 against transformers: rows of towers, places, states, gradients.
struct AudioFamilyTests {
    static let omniWidths: [Tower.Name: Int] = [.audio: 8, .vision: 96]
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    func expectClose(_ got: [Float], _ wanted: [Float], _ what: String, tolerance: Float = 1e-5) {
        #expect(got.count == wanted.count, "\(what)")
        let size = wanted.reduce(Float(1)) { max($0, abs($1)) }
        let worst = zip(got, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        // NaN is not close.
        #expect(worst <= tolerance * size, "\(what): \(worst)")
    }

    func loadOmni(_ name: String, _ purpose: EmbeddingModel.Purpose) throws -> (EmbeddingModel, GeneratedMedia) {
        let folder = temporary("model")
        if !Files.exists(folder) { try GeneratedModel("audio/" + name).write(to: folder) }
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 200)
        let model = try EmbeddingModel(
            loading: folder, purpose,
            overrides: .init(pooling: Poolings(.last), normalize: true, query: side, document: side))
        let positions = try #require(model.text.media?.positions)
        return (model, try GeneratedMedia(name, widths: Self.omniWidths, positions: positions))
    }

    @Test(arguments: ["omni", "omni-whole"], [EmbeddingModel.Purpose.encoding, .training])
    func statesOfOmniEqualTransformers(name: String, purpose: EmbeddingModel.Purpose) throws {
        let (model, media) = try loadOmni(name, purpose)
        let expected = media.model.expected
        let positions = try expected.tensor("positions").floats()
        let given = (0..<3).flatMap { axis in media.inputs.flatMap { $0.input.positions![axis] } }
        #expect(given.map(Float.init) == positions, "\(name): places of tokens")
        // As those that plan inputs ask; sounds of two frames, of which nothing is left, are refused there.
        let rules = try #require(model.text.media)
        for item in media.inputs.flatMap(\.input.media) where item.tokenCount > 0 {
            #expect(try rules.featureCount(item.shape, at: Place(path: name)) == item.tokenCount)
        }
        try withoutGradients {
            for tower in model.text.towers {
                let (items, rows) = media.items(of: tower.name)
                expectClose(
                    try tower.forward(items, rows).floats(), try expected.tensor(tower.name.rawValue).floats(),
                    "\(name) \(tower.name)")
            }
            let packed = PackedBatch(media.inputs)
            let batch = try DeviceBatch(packed)
            let hidden = try model.text.forward(batch)
            let values = try hidden.floats()
            let wanted = try expected.tensor("last").floats()
            let width = hidden.size(1)
            var first = 0
            for (index, input) in media.inputs.enumerated() {
                let sequence = packed.order.firstIndex(of: index)!
                let row = Int(packed.layout.cumulativeLengths[sequence])
                let count = input.input.tokens.count
                expectClose(
                    Array(values[(row * width)..<((row + count) * width)]),
                    Array(wanted[(first * width)..<((first + count) * width)]), "\(name) input \(index)",
                    tolerance: 2e-5)
                first += count
            }
        }
    }

    /// A sound of two frames leaves no feature, also between others.
    @Test func shortSoundsOfOmniGiveNothing() throws {
        let (model, media) = try loadOmni("omni", .encoding)
        let audio = try #require(model.text.towers.first { $0.name == .audio })
        let values = GeneratedModel.values("short", seed: media.model.seed, count: 36 * 8, center: 0, spread: 1)
        var first = 0
        var rows: [GeneratedMedia.Rows] = []
        for count in [23, 2, 11] {
            rows.append(.init(values: Array(values[(first * 8)..<((first + count) * 8)]), rowCount: count, rowWidth: 8))
            first += count
        }
        let items = rows.map {
            MediaItem(.audio, .frames($0.rowCount), identity: SHA256Digest.of([]), tokens: [])
        }
        let features = try withoutGradients { try audio.forward(items, rows) }
        #expect(features.size(0) == 6 + 0 + 3)
        expectClose(try features.floats(), try media.model.expected.tensor("short").floats(), "short")
    }

    @Test(arguments: ["omni", "omni-whole"], BlockwiseEncoder.Trace.allCases)
    func gradientsOfOmniEqualTransformers(name: String, trace: BlockwiseEncoder.Trace) throws {
        let (model, media) = try loadOmni(name, .training)
        try model.trainAll()
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let dims = model.card.dims
        let weights = media.inputs.indices.flatMap {
            GeneratedModel.values("loss.\($0)", seed: media.model.seed, count: dims, center: 0, spread: 1)
        }
        // Chunks in which a tower has something and in which it has nothing.
        let pass = try encoder.forward(media.inputs, chunkTokens: 60, trace: trace)
        let sums = GradientSums(count: encoder.parameters.count)
        try encoder.backward(
            pass, vectorGradients_UD: Tensor(weights, shape: [media.inputs.count, dims]), into: sums)
        let gradients = Dictionary(
            uniqueKeysWithValues: zip(encoder.parameters.map(\.name), try sums.take(for: encoder.parameters)))
        let list = try #require(media.model.reference["gradients"]?.array)
        try media.model.compare(gradients, list, map: model.text.names.canonical)
        #expect(gradients.count == list.count, "\(name): what is trained")
    }

    @Test(arguments: ["omni", "omni-whole"])
    func savedCopiesOfOmniLoad(name: String) throws {
        let (model, media) = try loadOmni(name, .training)
        try model.save(model.card, to: temporary("copy"))
        let again = try EmbeddingModel(loading: temporary("copy"), .training)
        let (before, after) = try withoutGradients {
            let batch = try DeviceBatch(PackedBatch(media.inputs))
            return (try model.text.forward(batch).floats(), try again.text.forward(batch).floats())
        }
        #expect(before == after)
        #expect(again.text.passiveParameters.map(\.name) == ["audio_tower.audio_bos_eos_token.weight"])
    }

    /// One field that is not understood, or that does not fit, is an error that names it.
    @Test(
        arguments: [
            ("audio_config", "n_window", 31, "n_window"), ("audio_config", "shiny", 1, "shiny"),
            ("audio_config", "output_dim", 16, "audio_config"),
            ("vision_config", "out_hidden_size", 16, "vision_config"),
            ("text_config", "head_dim", 4, "head_dim"), ("vision_config", "embed_dim", 8, "embed_dim"),
        ])
    func badFieldsOfOmniAreNamed(part: String, field: String, value: Int, named: String) throws {
        try GeneratedModel("audio/omni").write(to: temporary("model"))
        let path = temporary("model/config.json")
        var config = try #require(JSONValue.parse(file: path).object)
        var section = try #require(config[part]?.object)
        section[field] = JSONValue(value)
        config[part] = .object(section)
        try Files.replace(path, with: JSONValue.object(config).pretty())
        let error = #expect(throws: InputError.self) { try EmbeddingModel(loading: temporary("model"), .training) }
        #expect(error.map { "\($0)".contains(named) } == true)
    }

    static let towers: [(name: String, tower: Tower.Name, width: Int)] = [
        ("whisper", .audio, 8), ("whisper-base", .audio, 8), ("dinov2", .vision, 48), ("dinov2-gated", .vision, 48),
    ]

    @Test(arguments: towers)
    func towersOfTheirOwnEqualTransformers(name: String, tower: Tower.Name, width: Int) throws {
        let media = try GeneratedMedia(name, widths: [tower: width])
        try media.model.write(to: temporary("tower"))
        let loaded = try Tower.load(temporary("tower"))
        #expect(loaded.name == tower)
        let (items, rows) = media.items(of: tower)
        let expected = try media.model.expected.tensor(tower.rawValue).floats()
        expectClose(try withoutGradients { try loaded.forward(items, rows).floats() }, expected, name)

        for parameter in loaded.parameters { try parameter.makeTrainable() }
        let made = try withGradients { try loaded.forward(items, rows) }
        let direction = GeneratedModel.values(
            "loss", seed: media.model.seed, count: made.elementCount, center: 0, spread: 1)
        let gradients = try Tensor.gradients(
            of: [made], withRespectTo: loaded.parameters.map(\.tensor),
            outputGradients: [Tensor(direction, shape: made.shape)])
        let byName = Dictionary(uniqueKeysWithValues: zip(loaded.parameters.map(\.name), gradients.map { $0! }))
        let list = try #require(media.model.reference["gradients"]?.array)
        try media.model.compare(byName, list) { written in
            for prefix in ["model.encoder.", "encoder.", "dinov2."]
            where written.hasPrefix(prefix) && byName[String(written.dropFirst(prefix.count))] != nil {
                return String(written.dropFirst(prefix.count))
            }
            return written
        }
        #expect(byName.count == list.count)
    }

    /// Whisper has places for pieces of one length alone.
    @Test func soundsThatFillNoPieceAreRefused() throws {
        let media = try GeneratedMedia("whisper", widths: [.audio: 8])
        try media.model.write(to: temporary("tower"))
        let tower = try Tower.load(temporary("tower"))
        let rows = GeneratedMedia.Rows(values: Array(repeating: 0, count: 13 * 8), rowCount: 13, rowWidth: 8)
        let item = MediaItem(.audio, .frames(13), identity: SHA256Digest.of([]), tokens: [])
        #expect(throws: TensorError.self) { try tower.forward([item], [rows]) }
    }

    @Test func modelsThatAreNoTowersAreRefused() throws {
        try GeneratedModel("bert").write(to: temporary("bert"))
        #expect(throws: InputError.self) { try Tower.load(temporary("bert")) }
    }
}
