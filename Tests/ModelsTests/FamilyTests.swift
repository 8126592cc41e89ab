import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Every family against transformers: blocks, vectors, gradients and adapters of tiny random models, in packed batches.
struct FamilyTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    func load(_ generated: GeneratedModel, _ purpose: EmbeddingModel.Purpose, adapter: Bool = false) throws
        -> EmbeddingModel
    {
        let folder = temporary("model")
        if !Files.exists(folder) {
            try generated.write(to: folder)
            if adapter { try generated.writeAdapter(to: temporary("adapter")) }
        }
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return try EmbeddingModel(
            loading: folder, purpose,
            overrides: .init(pooling: Poolings(generated.pooling), normalize: true, query: side, document: side),
            adapter: adapter && purpose == .encoding ? temporary("adapter") : nil)
    }

    /// Rows of packed hidden states in the order of the texts.
    func rows(_ hidden_TD: Tensor, _ packed: PackedBatch) throws -> [[Float]] {
        let width = hidden_TD.size(1)
        let values = try hidden_TD.floats()
        var byText = [[Float]](repeating: [], count: packed.sequenceCount)
        for (sequence, text) in packed.order.enumerated() {
            let first = Int(packed.layout.cumulativeLengths[sequence])
            let end = Int(packed.layout.cumulativeLengths[sequence + 1])
            byText[text] = Array(values[(first * width)..<(end * width)])
        }
        return byText
    }

    func expectClose(_ got: [Float], _ wanted: [Float], _ what: String, tolerance: Float = 1e-5) {
        #expect(got.count == wanted.count, "\(what)")
        let size = wanted.reduce(Float(1)) { max($0, abs($1)) }
        let worst = zip(got, wanted).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        // NaN is not close.
        #expect(worst <= tolerance * size, "\(what): \(worst)")
    }

    @Test(arguments: GeneratedModel.names, [EmbeddingModel.Purpose.encoding, .training])
    func blocksAndVectorsEqualTransformers(name: String, purpose: EmbeddingModel.Purpose) throws {
        let generated = try GeneratedModel(name)
        let model = try load(generated, purpose)
        // Width of the states that the reference shows; some models carry more along.
        let width = try #require(generated.expected["block.0"]).shape[1]
        try withoutGradients {
            let packed = PackedBatch(generated.texts)
            let batch = try DeviceBatch(packed)
            let context = batch.context()
            var hidden = try model.text.entrance.embed(batch, [], .none)
            func compare(_ key: String, _ hidden: Tensor) throws {
                let shown = hidden.size(1) > width ? try hidden.narrow(1, start: 0, length: width).contiguous() : hidden
                expectClose(
                    try rows(shown, packed).flatMap { $0 }, try generated.expected.tensor(key).floats(),
                    "\(name) \(key)")
            }
            try compare("block.0", hidden)
            for (index, stage) in model.text.stages.enumerated() {
                hidden = try stage.forward(hidden, context)
                let key = "block.\(index + 1)"
                if generated.expected[key] != nil { try compare(key, hidden) }
            }
            expectClose(
                try rows(hidden, packed).flatMap { $0 }, try generated.expected.tensor("last").floats(), "\(name) last")
            for (pooling, key) in [(Pooling.mean, "mean"), (.cls, "cls"), (.last, "last_token")] {
                expectClose(
                    try pooling(hidden, batch).floats(), try generated.expected.tensor(key).floats(), "\(name) \(key)")
            }
        }
    }

    /// Who shares a batch with a text changes nothing.
    @Test(arguments: GeneratedModel.names)
    func vectorsDoNotDependOnTheBatch(name: String) throws {
        let generated = try GeneratedModel(name)
        let model = try load(generated, .encoding)
        let together = try model.encode(PackedBatch(generated.texts)).floats()
        let dims = model.card.dims
        for (index, text) in generated.texts.enumerated() {
            let alone = try model.encode(PackedBatch([text])).floats()
            expectClose(alone, Array(together[(index * dims)..<((index + 1) * dims)]), "\(name) text \(index)")
        }
    }

    @Test(arguments: GeneratedModel.names, BlockwiseEncoder.Trace.allCases)
    func gradientsEqualTransformers(name: String, trace: BlockwiseEncoder.Trace) throws {
        let generated = try GeneratedModel(name)
        let model = try load(generated, .training)
        try model.trainAll()
        let gradients = try generated.gradients(model, trace)
        let list = try #require(generated.reference["gradients"]?.array)
        try generated.compare(gradients, list, map: model.text.names.canonical)
        // No text reaches the towers.
        let towers = Set(model.text.towers.flatMap(\.parameters).map(\.name))
        #expect(Set(gradients.keys).subtracting(towers).count == list.count, "\(name): what is trained")
    }

    @Test(arguments: GeneratedModel.names.filter { (try? GeneratedModel($0).reference["lora"]) ?? nil != nil })
    func adaptersEqualPEFT(name: String) throws {
        let generated = try GeneratedModel(name)
        let merged = try load(generated, .encoding, adapter: true)
        let key = generated.pooling == .mean ? "lora_mean" : "lora_last_token"
        let expected = try generated.expected.tensor(key).normalized().floats()
        expectClose(try merged.encode(PackedBatch(generated.texts)).floats(), expected, "\(name) merged")

        let model = try load(generated, .training)
        try model.text.loadAdapters(temporary("adapter"), trainable: true)
        expectClose(try model.encode(PackedBatch(generated.texts)).floats(), expected, "\(name) beside")
        let gradients = try generated.gradients(model, .keep)
        let list = try #require(generated.reference["lora"]?["gradients"]?.array)
        try generated.compare(gradients, list) {
            model.text.names.canonical(String($0.dropFirst("base_model.model.".count)))
        }
        #expect(gradients.count == list.count)
    }
}

extension GeneratedModel {
    var pooling: Pooling { reference["pooling"]?.string == "mean" ? .mean : .last }

    /// Gradients of `Σ vectors · loss.s`, by name.
    func gradients(_ model: EmbeddingModel, _ trace: BlockwiseEncoder.Trace) throws -> [String: Tensor] {
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let dims = model.card.dims
        let weights = texts.indices.flatMap {
            Self.values("loss.\($0)", seed: seed, count: dims, center: 0, spread: 1)
        }
        let pass = try encoder.forward(texts.map { ModelInput(tokens: $0) }, trace: trace)
        let sums = GradientSums(count: encoder.parameters.count)
        try encoder.backward(
            pass, vectorGradients_UD: Tensor(weights, shape: [texts.count, dims]), into: sums)
        let gradients = try sums.take(for: encoder.parameters)
        return Dictionary(uniqueKeysWithValues: zip(encoder.parameters.map(\.name), gradients))
    }

    /// Compares norms and projections, relative to each norm; those of gradients that are zero but for rounding, to the
    /// largest of all.
    func compare(_ gradients: [String: Tensor], _ list: [JSONValue], map: (String) -> String) throws {
        let largest = list.reduce(0.0) { max($0, $1["norm"]!.double!) }
        for entry in list {
            let written = entry["name"]!.string!
            let norm = entry["norm"]!.double!
            let gradient = try #require(gradients[map(written)], "\(written)")
            let values = try gradient.floats()
            let size = norm < 1e-6 * largest ? largest : norm
            let own = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            #expect(abs(own - norm) <= 1e-4 * size, "\(written): norm \(own), not \(norm)")
            for (k, wanted) in entry["projections"]!.array!.enumerated() {
                let direction = Self.values(
                    "projection.\(k).\(written)", seed: seed, count: values.count, center: 0, spread: 1)
                let projection = zip(values, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                let scale = size * max(1, Double(values.count).squareRoot() / 2)
                #expect(abs(projection - wanted.double!) <= 1e-4 * scale, "\(written), projection \(k)")
            }
        }
    }
}

extension FamilyTests {
    /// A model that has more sides than text is saved whole, under the names of its own class.
    @Test(arguments: ["embedding-gemma2", "qwen3", "llama-lm", "bert-old"])
    func savedCopiesAreWhole(name: String) throws {
        let generated = try GeneratedModel(name)
        let model = try load(generated, .training)
        try model.save(model.card, to: temporary("copy"))
        let copy = try SafetensorsFile(temporary("copy/model.safetensors"))
        let original = try SafetensorsFile(temporary("model/model.safetensors"))
        if name == "embedding-gemma2" { #expect(Set(copy.names) == Set(original.names)) }
        for written in copy.names where original[written] != nil {
            #expect(try copy.tensor(written).floats() == original.tensor(written).floats(), "\(written)")
        }
        let again = try EmbeddingModel(loading: temporary("copy"), .encoding)
        let vectors = try model.encode(PackedBatch(generated.texts)).floats()
        expectClose(try again.encode(PackedBatch(generated.texts)).floats(), vectors, name)
    }
}
