import Base
import Engine
import Glibc
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing

/// Vectors, gradients and adapters of a tiny random BERT against transformers and peft.
struct BertTests {
    static let golden = Golden()
    static let folder = golden("tiny-bert")
    let reference: JSONValue
    let sequences: [[Int32]]

    init() throws {
        reference = try JSONValue.parse(file: BertTests.golden("tiny.json"))
        sequences = reference["sequences"]!.array!.map { $0.array!.map { Int32($0.integer!) } }
    }

    static func overrides(_ pooling: Pooling, normalize: Bool = false) -> ModelCard.Overrides {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 24)
        return ModelCard.Overrides(
            pooling: Poolings(pooling), normalize: normalize, query: side, document: side)
    }

    func matrix(_ value: JSONValue?) -> [[Float]] { value!.array!.map { $0.array!.map { Float($0.double!) } } }

    func expectClose(_ vectors: Tensor, _ expected: [[Float]], tolerance: Float = 1e-4) throws {
        #expect(vectors.shape == [expected.count, expected[0].count])
        for (got, wanted) in zip(try vectors.floats(), expected.joined()) {
            #expect(abs(got - wanted) <= tolerance)
        }
    }

    @Test(arguments: [Pooling.mean, .cls, .last], [EmbeddingModel.Purpose.encoding, .training])
    func vectorsEqualTransformers(pooling: Pooling, purpose: EmbeddingModel.Purpose) throws {
        let before = Tensor.threadLiveCount
        do {
            let model = try EmbeddingModel(loading: BertTests.folder, purpose, overrides: BertTests.overrides(pooling))
            let vectors = try model.encode(PackedBatch(sequences))
            try expectClose(vectors, matrix(reference["vectors"]?[pooling.rawValue]))
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// Who shares a batch with a sequence, and where, changes nothing.
    @Test func vectorsDoNotDependOnTheBatch() throws {
        let model = try EmbeddingModel(loading: BertTests.folder, .encoding, overrides: BertTests.overrides(.mean))
        let together = try model.encode(PackedBatch(sequences)).floats()
        for (index, sequence) in sequences.enumerated() {
            let alone = try model.encode(PackedBatch([sequence])).floats()
            for (a, b) in zip(alone, together[(index * 32)..<((index + 1) * 32)]) { #expect(abs(a - b) < 1e-5) }
        }
    }

    @Test func dimsAreCutAndNormalised() throws {
        let plain = try EmbeddingModel(loading: BertTests.folder, .encoding, overrides: BertTests.overrides(.cls))
        let unit = try EmbeddingModel(
            loading: BertTests.folder, .encoding, overrides: BertTests.overrides(.cls, normalize: true))
        let batch = PackedBatch(sequences)
        let cut = try plain.encode(batch, dims: 8)
        #expect(cut.shape == [sequences.count, 8])
        let expected = try cut.normalized().floats()
        for (a, b) in zip(try unit.encode(batch, dims: 8).floats(), expected) { #expect(abs(a - b) < 1e-6) }
    }

    @Test func bfloat16IsClose() throws {
        let model = try EmbeddingModel(
            loading: BertTests.folder, .encoding, overrides: BertTests.overrides(.mean), type: .bfloat16)
        let vectors = try model.encode(PackedBatch(sequences)).normalized()
        let expected = try Tensor(
            Array(matrix(reference["vectors"]?["mean"]).joined()), shape: [sequences.count, 32]
        ).normalized()
        for cosine in try vectors.multiplied(by: expected).sum(1).floats() { #expect(cosine > 0.999) }
    }

    /// Σ vectors · sin(position), as the golden script has it.
    func weights() throws -> Tensor {
        let count = sequences.count * 32
        return try Tensor((0..<count).map { sinf(Float($0)) }, shape: [sequences.count, 32])
    }

    @Test func gradientsEqualPyTorch() throws {
        let before = Tensor.threadLiveCount
        do {
            let model = try EmbeddingModel(loading: BertTests.folder, .training, overrides: BertTests.overrides(.mean))
            try model.text.trainAll()
            let batch = try DeviceBatch(PackedBatch(sequences))
            let loss = try model.head(model.text.forward(batch), batch).multiplied(by: weights()).sum()
            let parameters = model.text.trainableParameters
            let gradients = try Tensor.gradients(of: [loss], withRespectTo: parameters.map(\.tensor))
            #expect(parameters.count == reference["gradientNorms"]!.object!.count)
            for (parameter, gradient) in zip(parameters, gradients) {
                let norm = reference["gradientNorms"]![parameter.name]!.double!
                let sum = reference["gradientSums"]![parameter.name]!.double!
                #expect(try abs(gradient!.norm().item() - norm) <= 1e-4 * max(norm, 1), "\(parameter.name)")
                #expect(try abs(gradient!.to(.float64).sum().item() - sum) <= 1e-4 * max(norm, 1), "\(parameter.name)")
            }
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// Backward block by block, each run again from its input, equals backward through the whole graph, with dropout.
    @Test(arguments: [0.0, 0.2])
    func blockwiseBackwardEqualsTheWhole(probability: Double) throws {
        let model = try EmbeddingModel(loading: BertTests.folder, .training, overrides: BertTests.overrides(.mean))
        try model.text.trainAll()
        let dropout = Dropout(hidden: probability, attention: probability, adapter: probability, seed: 5)
        let batch = try DeviceBatch(PackedBatch(sequences))
        let loss = try model.head(model.text.forward(batch, dropout), batch).multiplied(by: weights()).sum()
        let parameters = model.text.trainableParameters
        let whole = try Tensor.gradients(of: [loss], withRespectTo: parameters.map(\.tensor))
        let wholeByName = Dictionary(uniqueKeysWithValues: zip(parameters.map(\.name), whole))

        var inputs: [Tensor] = []
        var hidden = try withoutGradients { try model.text.entrance.embed(batch, [], dropout) }
        for block in model.text.stages {
            inputs.append(hidden)
            hidden = try withoutGradients { try block.forward(hidden, batch.context(dropout)) }
        }
        let last = try hidden.detached().requireGradient()
        let end = try model.head(last, batch).multiplied(by: weights()).sum()
        var gradient = try Tensor.gradients(of: [end], withRespectTo: [last])[0]
        var compared = 0
        func compare(_ parameters: [Parameter], _ gradients: ArraySlice<Tensor?>) throws {
            for (parameter, gradient) in zip(parameters, gradients) {
                let difference = try gradient!.subtracting(wholeByName[parameter.name]!!).magnitude().max().item()
                let size = try gradient!.magnitude().max().item()
                #expect(difference <= 1e-5 * max(size, 1), "\(parameter.name)")
                compared += 1
            }
        }
        for (block, input) in zip(model.text.stages, inputs).reversed() {
            let leaf = try input.detached().requireGradient()
            let output = try block.forward(leaf, batch.context(dropout))
            let gradients = try Tensor.gradients(
                of: [output], withRespectTo: [leaf] + block.parameters.map(\.tensor), outputGradients: [gradient])
            try compare(block.parameters, gradients.dropFirst())
            gradient = gradients[0]
        }
        let embedded = try model.text.entrance.embed(batch, [], dropout)
        let rest = try Tensor.gradients(
            of: [embedded], withRespectTo: model.text.entrance.parameters.map(\.tensor), outputGradients: [gradient])
        try compare(model.text.entrance.parameters, rest[...])
        #expect(compared == parameters.count)
    }

    @Test func dropoutFollowsItsSeed() throws {
        let model = try EmbeddingModel(loading: BertTests.folder, .training, overrides: BertTests.overrides(.mean))
        let batch = try DeviceBatch(PackedBatch(sequences))
        func run(_ seed: UInt64, _ p: Double = 0.1) throws -> [Float] {
            try model.text.forward(batch, Dropout(hidden: p, attention: p, adapter: p, seed: seed)).floats()
        }
        #expect(try run(1) == run(1))
        #expect(try run(1) != run(2))
        #expect(try run(1, 0) == run(2, 0))
        #expect(model.text.configuredDropout.hidden == 0.1)
    }

    @Test(arguments: ["tiny-adapter", "tiny-adapter-all"], [true, false])
    func adaptersEqualPEFT(name: String, merged: Bool) throws {
        let folder = BertTests.golden(name)
        let model: EmbeddingModel
        if merged {
            model = try EmbeddingModel(
                loading: BertTests.folder, .encoding, overrides: BertTests.overrides(.mean), adapter: folder)
        } else {
            model = try EmbeddingModel(loading: BertTests.folder, .training, overrides: BertTests.overrides(.mean))
            try model.text.loadAdapters(folder)
        }
        try expectClose(model.encode(PackedBatch(sequences)), matrix(reference[name]?["mean"]))
    }

    @Test func newAdaptersChangeNothingAndAreSavedForPEFT() throws {
        let temporary = try TemporaryFolder()
        let configuration = LoRAConfiguration(rank: 3, alpha: 6, dropout: 0.1, targets: ["query", "output.dense"])
        let model = try EmbeddingModel(loading: BertTests.folder, .training, overrides: BertTests.overrides(.mean))
        try model.text.addAdapters(configuration, seed: 9)
        // query, attention.output.dense and output.dense of three blocks, A and B each.
        #expect(model.text.trainableParameters.count == 3 * 3 * 2)
        try expectClose(model.encode(PackedBatch(sequences)), matrix(reference["vectors"]?["mean"]))
        for parameter in model.text.trainableParameters {
            let noise = try Tensor.normal(parameter.tensor.shape, standardDeviation: 0.1, seed: 4)
            try withoutGradients { try parameter.tensor.addInPlace(noise) }
        }
        let trained = try model.encode(PackedBatch(sequences)).floats()
        try model.text.saveAdapters(configuration, baseModel: "tiny-bert", to: temporary.path)
        var read = try LoRAConfiguration(file: temporary("adapter_config.json"))
        #expect(read.excluded == ["pooler.dense"])
        read.excluded = []
        #expect(read == configuration)
        let again = try EmbeddingModel(
            loading: BertTests.folder, .encoding, overrides: BertTests.overrides(.mean), adapter: temporary.path)
        for (a, b) in zip(try again.encode(PackedBatch(sequences)).floats(), trained) { #expect(abs(a - b) < 1e-4) }
        let plain = try EmbeddingModel(loading: BertTests.folder, .training, overrides: BertTests.overrides(.mean))
        #expect(throws: Failure.self) {
            try plain.text.addAdapters(LoRAConfiguration(rank: 1, alpha: 1, dropout: 0, targets: ["q_proj"]), seed: 1)
        }
    }

    @Test func savedModelsLoadAgain() throws {
        let temporary = try TemporaryFolder()
        let model = try EmbeddingModel(
            loading: BertTests.folder, .training, overrides: BertTests.overrides(.last, normalize: true))
        try model.text.trainAll()
        for parameter in model.text.trainableParameters {
            try withoutGradients { try parameter.tensor.multiplyInPlace(0.9) }
        }
        var card = model.card
        card.query = ModelCard.Side(prompt: "query: ", maxLength: 12)
        card.baseModel = try EmbeddingModel.weightsDigest(BertTests.folder)
        let target = temporary("saved")
        try model.save(card, to: target)
        let again = try EmbeddingModel(loading: target, .encoding)
        #expect(again.card == card)
        #expect(again.card.digest == card.digest)
        for (a, b) in zip(
            try again.encode(PackedBatch(sequences)).floats(), try model.encode(PackedBatch(sequences)).floats())
        {
            #expect(abs(a - b) < 1e-5)
        }
        // Without our card, sentence-transformers' files say the same, as far as they can.
        try Files.remove(target.appending("tvt.json"))
        let third = try EmbeddingModel(loading: target, .encoding)
        #expect(third.card.pooling == .last)
        #expect(third.card.normalize)
        #expect(third.card.query.prompt == "query: ")
        #expect(try SafetensorsFile(target.appending("model.safetensors")).names.count == 3 * 16 + 5 + 2)
    }
}
