import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Models that are put together of a text model and towers: against the parts in transformers, and as `graft` writes them.
struct GraftTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    static let widths: [Tower.Name: Int] = [.audio: 8, .vision: 48]

    func load(_ folder: FilePath, _ purpose: EmbeddingModel.Purpose) throws -> EmbeddingModel {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 12)
        return try EmbeddingModel(
            loading: folder, purpose,
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side))
    }

    func expectClose(_ got: [Float], _ wanted: [Float], _ what: String) {
        #expect(got.count == wanted.count, "\(what)")
        let size = wanted.reduce(Float(1)) { max($0, abs($1)) }
        let worst = zip(got, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        #expect(worst <= 1e-5 * size, "\(what): \(worst)")
    }

    @Test(arguments: [EmbeddingModel.Purpose.encoding, .training])
    func statesEqualThoseOfTheParts(purpose: EmbeddingModel.Purpose) throws {
        let media = try GeneratedMedia("graft", widths: Self.widths)
        try media.model.write(to: temporary("graft"))
        let model = try load(temporary("graft"), purpose)
        let rules = try #require(model.text.media)
        #expect(rules.image == 60 && rules.audio == 61 && rules.mergeSize == 2 && rules.patchSize == 4)
        #expect(rules.soundPiece == 14)
        for item in media.inputs.flatMap(\.input.media) {
            #expect(rules.featureCount?(item.shape) == item.tokenCount)
            // As those that plan inputs ask.
            #expect(try rules.featureCount(item.shape, at: Place(path: "graft")) == item.tokenCount)
        }
        try withoutGradients {
            for tower in model.text.towers {
                let (items, rows) = media.items(of: tower.name)
                expectClose(
                    try tower.forward(items, rows).floats(),
                    try media.model.expected.tensor(tower.name.rawValue).floats(),
                    "\(tower.name)")
            }
            // Sorted by length: the inputs lie in order.
            let batch = try DeviceBatch(PackedBatch([media.inputs[0], media.inputs[2], media.inputs[1]]))
            let wanted = try media.model.expected.tensor("last")
            let parts = try wanted.split([3, 10, 8])
            expectClose(
                try model.text.forward(batch).floats(), try [0, 2, 1].flatMap { try parts[$0].floats() }, "states")
        }
    }

    @Test(arguments: BlockwiseEncoder.Trace.allCases)
    func gradientsEqualThoseOfTheParts(trace: BlockwiseEncoder.Trace) throws {
        let media = try GeneratedMedia("graft", widths: Self.widths)
        try media.model.write(to: temporary("graft"))
        let model = try load(temporary("graft"), .training)
        try model.trainAll()
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let weights = media.inputs.indices.flatMap {
            GeneratedModel.values("loss.\($0)", seed: media.model.seed, count: 32, center: 0, spread: 1)
        }
        let withoutDropout = try encoder.forward(media.inputs, chunkTokens: 20, trace: trace)
        let sums = GradientSums(count: encoder.parameters.count)
        try encoder.backward(
            withoutDropout, vectorGradients_UD: Tensor(weights, shape: [media.inputs.count, 32]), into: sums)
        let gradients = Dictionary(
            uniqueKeysWithValues: zip(encoder.parameters.map(\.name), try sums.take(for: encoder.parameters)))
        let list = try #require(media.model.reference["gradients"]?.array)
        try media.model.compare(gradients, list) { $0 }
        #expect(gradients.count == list.count)
    }

    /// Places of sounds are computed with, though never trained.
    @Test func placesOfSoundsAreUsed() throws {
        let media = try GeneratedMedia("graft", widths: Self.widths)
        try media.model.write(to: temporary("graft"))
        let model = try load(temporary("graft"), .training)
        let name = "audio.embed_positions.weight"
        #expect(model.text.fixedParameters.map(\.name) == [name])
        #expect(model.parameters.contains { $0.name == name })
        #expect(try !WeightSummary(model).unused.contains(name))
        try model.trainAll()
        #expect(!model.trainableParameters.contains { $0.name == name })
    }

    /// A text model that reads tokens' embeddings in every layer takes no features in their places.
    @Test func textModelsThatTakeNoFeatures() throws {
        try GeneratedModel("embedding-gemma2-text").write(to: temporary("text"))
        try GeneratedModel("audio/whisper").write(to: temporary("audio"))
        let recipe = GraftRecipe(towers: [.audio: temporary("audio")])
        let text = try load(temporary("text"), .training)
        let error = #expect(throws: InputError.self) { try recipe.write(text, to: temporary("graft")) }
        #expect(error?.description.contains("embedding_gemma2") == true, "\(String(describing: error))")
        #expect(error?.place.field == "model_type" && !Files.exists(temporary("graft")))
    }

    /// Nothing is written of how sounds are prepared where the tower's folder does not say it.
    @Test func towersWithoutProcessorsAreNamed() throws {
        try GeneratedModel("bert").write(to: temporary("text"))
        try GeneratedModel("audio/whisper").write(to: temporary("audio"))
        for name in ["processor_config.json", "preprocessor_config.json"] {
            #expect(!Files.exists(temporary("audio").appending(name)))
        }
        var recipe = GraftRecipe(towers: [.audio: temporary("audio")])
        recipe.tokens[.audio] = "[MASK]"
        recipe.soundMergeSize = 7
        let text = try load(temporary("text"), .training)
        let report = try recipe.write(text, to: temporary("graft"))
        #expect(report.withoutProcessor == [.audio])
        #expect(!Files.exists(temporary("graft").appending("processor_config.json")))
    }

    /// Squares that no picture of the tower holds are refused before a projector for them is made.
    @Test func squaresOfPatchesFitIntoPictures() throws {
        try GeneratedModel("bert").write(to: temporary("text"))
        try GeneratedModel("audio/dinov2").write(to: temporary("vision"))
        var recipe = GraftRecipe(towers: [.vision: temporary("vision")])
        recipe.tokens[.vision] = "[MASK]"
        for (size, fits) in [(1000, false), (4, false), (3, true)] {
            recipe.pictureMergeSize = size
            let text = try load(temporary("text"), .training)
            guard !fits else {
                try recipe.write(text, to: temporary("\(size)"))
                continue
            }
            let error = #expect(throws: Failure.self) { try recipe.write(text, to: temporary("\(size)")) }
            #expect(error?.exitStatus == .badConfiguration)
            #expect(error?.message.contains("\(size) × \(size) patches") == true, "\(String(describing: error))")
        }
    }

    /// A folder whose processor makes pictures that the squares do not fill could not be given any image.
    @Test(arguments: [(12, 2, 78), (12, 3, 0), (8, 2, 0), (8, 3, 78)] as [(Int, Int, Int32)])
    func squaresOfPatchesFillWhatTheProcessorMakes(side: Int, merge: Int, status: Int32) throws {
        try GeneratedModel("bert").write(to: temporary("text"))
        try GeneratedModel("audio/dinov2").write(to: temporary("vision"))
        let processor: JSONValue = [
            "image_processor_type": "BitImageProcessor", "do_resize": true, "size": ["shortest_edge": 16],
            "do_center_crop": true, "crop_size": ["height": JSONValue(side), "width": JSONValue(side)],
            "do_rescale": true, "do_normalize": true, "do_convert_rgb": true,
        ]
        try Files.replace(temporary("vision/preprocessor_config.json"), with: processor.pretty())
        let result = try run(
            "tvt-model",
            [
                "graft", "--text", temporary("text").string, "--vision", temporary("vision").string, "--output",
                temporary("joint").string, "--image-token", "[MASK]", "--vision-merge", "\(merge)", "--pooling",
                "mean", "--normalize", "--query-prompt", "", "--document-prompt", "", "--query-max-length", "12",
                "--document-max-length", "12",
            ])
        #expect(result.status == status, "\(result.errorText)")
        #expect(Files.exists(temporary("joint")) == (status == 0))
        if status != 0 {
            let count = side / 4
            #expect(result.errorText.contains("--vision-merge \(merge)"), "\(result.errorText)")
            #expect(result.errorText.contains("\(count) × \(count) patches"), "\(result.errorText)")
        }
    }

    /// The text model is what it was, and the projectors are a function of the seed.
    @Test func graftsKeepTheirParts() throws {
        try GeneratedModel("bert").write(to: temporary("text"))
        try GeneratedModel("audio/dinov2").write(to: temporary("vision"))
        try GeneratedModel("audio/whisper").write(to: temporary("audio"))
        let text = try load(temporary("text"), .training)
        var recipe = GraftRecipe(towers: [.vision: temporary("vision"), .audio: temporary("audio")])
        recipe.soundMergeSize = 7
        #expect(throws: Failure.self, "no token is kept for it") { try recipe.write(text, to: temporary("none")) }
        recipe.tokens[.vision] = "[MASK]"
        recipe.tokens[.audio] = "<|endoftext|>"
        let report = try recipe.write(text, to: temporary("a"))
        // 4 patches of 16 numbers, 7 rows of 16 numbers; 32 numbers within and behind.
        #expect(report.projectorNumberCount == (64 * 32 + 32) + (32 * 32 + 32) + (112 * 32 + 32) + (32 * 32 + 32))
        try recipe.write(text, to: temporary("b"))
        recipe.seed = 1
        try recipe.write(text, to: temporary("c"))
        let files = try ["a", "b", "c"].map { try Files.readAll(temporary($0).appending("model.safetensors")) }
        #expect(files[0] == files[1])
        #expect(files[0] != files[2])

        let graft = try EmbeddingModel(loading: temporary("a"), .encoding)
        #expect(graft.card.pooling == text.card.pooling)
        let texts = try GeneratedModel("bert").texts
        let before = try text.encode(PackedBatch(texts)).floats()
        let after = try graft.encode(PackedBatch(texts)).floats()
        expectClose(after, before, "texts")
    }

    @Test func whatDoesNotFitIsNamed() throws {
        try GeneratedModel("audio/graft").write(to: temporary("graft"))
        let path = temporary("graft/config.json")
        let written = try #require(JSONValue.parse(file: path).object)
        func expectError(_ named: String, _ change: (inout JSONObject) -> Void) throws {
            var config = written
            change(&config)
            try Files.replace(path, with: JSONValue.object(config).pretty())
            let error = #expect(throws: InputError.self) { try load(temporary("graft"), .training) }
            #expect(error.map { "\($0)".contains(named) } == true, "\(named)")
        }
        try expectError("shiny") { $0["shiny"] = 1 }
        try expectError("audio_projector.merge_size") { $0["audio_projector"] = ["type": "linear", "merge_size": 3] }
        try expectError("vision_projector.type") { $0["vision_projector"] = ["type": "resampler", "merge_size": 2] }
        try expectError("image_token_id") { $0["image_token_id"] = 64 }
        try expectError("model_type") { $0["vision_config"] = written["audio_config"] }
        try expectError("text_config.model_type") { $0["text_config"] = ["model_type": "tvt_graft"] }
    }
}
