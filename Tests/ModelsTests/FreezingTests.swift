import Base
import Engine
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing
import Training

/// Parts of models that are not trained: those that were frozen, and those that a step has nothing for.
struct FreezingTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// With a golden of each family that has towers, and its parts.
    static let models: [(name: String, parts: [ModelPart])] = [
        ("vision/qwen2-vl", [.text, .vision, .projectors]),
        ("vision/qwen2.5-vl", [.text, .vision, .projectors]),
        ("vision/qwen3-vl", [.text, .vision, .projectors]),
        ("audio/omni", [.text, .vision, .audio, .projectors]),
        ("audio/graft", [.text, .vision, .audio, .projectors]),
        ("eg2/plain", [.text, .vision, .audio, .projectors]),
        ("bert", [.text]),
    ]

    func load(_ name: String) throws -> EmbeddingModel {
        let parts = name.split(separator: "/").map(String.init)
        let folder = parts.count > 1 ? GeneratedModel.goldens.appending(parts[0]) : GeneratedModel.goldens
        if !Files.exists(temporary("model")) {
            try GeneratedModel(parts.last!, in: folder).write(to: temporary("model"))
        }
        return try load(temporary("model"))
    }

    func load(_ folder: FilePath) throws -> EmbeddingModel {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return try EmbeddingModel(
            loading: folder, .training,
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side))
    }

    /// Values of all parameters, by name.
    func values(_ model: EmbeddingModel) throws -> [String: [Float]] {
        try Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, try $0.tensor.floats()) })
    }

    func optimizer(_ encoder: BlockwiseEncoder) throws -> Optimizer {
        var options = TrainingConfig.OptimizerOptions()
        options.weightDecay = 0.1
        return try Optimizer(
            encoder.parameters.map { TrainedParameter(name: $0.name, tensor: $0.tensor) }, options)
    }

    /// Adds gradients of some inputs.
    func backward(_ inputs: [LoadedInput], _ encoder: BlockwiseEncoder, into sums: GradientSums) throws {
        let pass = try encoder.forward(inputs)
        let size = pass.vectors_UD.size(1)
        let weights = (0..<(inputs.count * size)).map { Float($0 % 7) - 3 }
        try encoder.backward(
            pass, vectorGradients_UD: Tensor(weights, shape: [inputs.count, size]), into: sums)
    }

    @Test(arguments: models)
    func partsCoverAModel(name: String, parts: [ModelPart]) throws {
        let model = try load(name).text
        #expect(model.parts == parts)
        let names = parts.map { model.parameters(of: $0).map(\.name) }
        #expect(names.allSatisfy { !$0.isEmpty })
        let all = names.flatMap { $0 }
        #expect(Set(all).count == all.count)
        #expect(Set(all) == Set(model.activeParameters.map(\.name)))
        let layers = parts.flatMap { model.linearLayers(of: $0).map(\.name) }
        #expect(layers.sorted() == model.linearLayers.map(\.name).sorted())
        for part in parts where part != .text {
            #expect(names[0].allSatisfy { name in !model.parameters(of: part).map(\.name).contains(name) })
        }
    }

    /// As torch does: no decay without a gradient, and moments begin with the first.
    @Test func textsLeaveTowersAlone() throws {
        let generated = try GeneratedModel("qwen2-vl", in: GeneratedModel.visionGoldens)
        let model = try load("vision/qwen2-vl")
        try model.trainAll()
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let optimizer = try optimizer(encoder)
        let towers = Set(
            [ModelPart.vision, .projectors].flatMap { model.text.parameters(of: $0).map(\.name) })
        let inputs = generated.loadedInputs(model.text.media)
        let texts = inputs.filter { $0.input.media.isEmpty }
        let pictures = inputs.filter { !$0.input.media.isEmpty }
        try #require(!texts.isEmpty && !pictures.isEmpty)
        let sums = GradientSums(count: encoder.parameters.count)

        let start = try values(model)
        try backward(texts, encoder, into: sums)
        _ = try optimizer.step(gradients: sums.take(), learningRate: 0.01)
        let afterText = try values(model)
        for name in start.keys { #expect((afterText[name] == start[name]) == towers.contains(name), "\(name)") }
        let counts = try optimizer.state.filter { $0.name.hasPrefix("steps.") }
        #expect(Set(counts.map { String($0.name.dropFirst(6)) }) == towers)
        #expect(try counts.allSatisfy { try $0.tensor.to(.float64).item() == 0 })

        // A step of several micro-batches, of which one has pictures.
        for batch in [texts, pictures, texts] { try backward(batch, encoder, into: sums) }
        _ = try optimizer.step(gradients: sums.take(), learningRate: 0.01)
        let afterBoth = try values(model)
        for name in start.keys { #expect(afterBoth[name] != afterText[name], "\(name)") }
    }

    /// The step of `tvt-train` does the same.
    @Test func trainingStepsOfTexts() throws {
        let model = try load("vision/qwen3-vl")
        try model.trainAll()
        let start = try values(model)
        var options = TrainingConfig.OptimizerOptions()
        options.weightDecay = 0.1
        options.learningRate = 0.01
        let step = try TrainingStep(
            encoder: BlockwiseEncoder(model: model.text, head: model.head), loss: ContrastiveLoss(temperature: 0.05),
            options: options, stepCount: 4)
        let batch = TrainingBatch(queries: [[1, 2], [3, 4]], passages: [[[5, 6, 7]], [[8, 9]]])
        _ = try step.take([batch])
        _ = try step.take([batch, batch])
        let end = try values(model)
        let towers = Set(
            [ModelPart.vision, .projectors].flatMap { model.text.parameters(of: $0).map(\.name) })
        for name in start.keys { #expect((end[name] == start[name]) == towers.contains(name), "\(name)") }
    }

    @Test(arguments: [Set<ModelPart>([.vision]), [.text], [.projectors], [.text, .vision]])
    func frozenPartsStay(frozen: Set<ModelPart>) throws {
        let generated = try GeneratedModel("qwen2-vl", in: GeneratedModel.visionGoldens)
        let model = try load("vision/qwen2-vl")
        try model.trainAll(except: frozen)
        let fixed = Set(frozen.flatMap { model.text.parameters(of: $0).map(\.name) })
        #expect(Set(model.trainableParameters.map(\.name)).isDisjoint(with: fixed))
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let optimizer = try optimizer(encoder)
        let start = try values(model)
        let sums = GradientSums(count: encoder.parameters.count)
        for _ in 0..<2 {
            try backward(generated.loadedInputs(model.text.media), encoder, into: sums)
            _ = try optimizer.step(gradients: sums.take(), learningRate: 0.01)
        }
        let end = try values(model)
        for name in start.keys { #expect((end[name] == start[name]) == fixed.contains(name), "\(name)") }
        // So they lie in a checkpoint, bit for bit.
        try model.save(model.card, to: temporary("saved"))
        let saved = try values(load(temporary("saved")))
        for name in fixed { #expect(saved[name] == start[name], "\(name)") }
    }

    @Test func adaptersStayOutOfFrozenParts() throws {
        let model = try load("audio/omni").text
        let usual = LoRAConfiguration(
            rank: 2, alpha: 2, dropout: 0, targets: ModulePattern(names: model.defaultTargets))
        func parts(_ layers: [Linear]) -> Set<ModelPart> {
            Set(
                model.parts.filter { part in
                    let own = model.linearLayers(of: part).map(\.name)
                    return layers.contains { own.contains($0.name) }
                })
        }
        // Ends of names match in towers too, as PEFT has it.
        #expect(try parts(model.targetLayers(of: usual)).isSuperset(of: [.text, .audio]))
        #expect(try parts(model.targetLayers(of: usual, except: [.vision, .audio])) == [.text])
        #expect(model.defaultTargets(except: [.vision, .audio]) == model.defaultTargets)
        try model.addAdapters(usual, seed: 1, except: [.vision, .audio])
        #expect(model.trainableParameters.allSatisfy { $0.name.hasPrefix("language_model.") })
        let ofTower = LoRAConfiguration(rank: 2, alpha: 2, dropout: 0, targets: ["fc1"])
        let error = #expect(throws: Failure.self) { try model.targetLayers(of: ofTower, except: [.audio]) }
        #expect(error?.description.contains("\"fc1\"") == true && error?.description.contains("audio") == true)
    }
}
