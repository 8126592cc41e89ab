import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

@Suite("Training of models with layers behind the pooling", .serialized)
struct HeadTrainingTests {
    /// The tiny BERT with two poolings, a Dense and a LayerNorm, whose prompts are not pooled.
    static func model(in world: TinyWorld) throws -> FilePath {
        let source = Golden()("tiny-bert")
        let target = world.folder("headed")
        for name in try Files.list(source) {
            _ = try world.folder.write(Files.readAll(source.appending(name)), to: "headed/\(name)")
        }
        func numbers(_ count: Int, _ shape: [Int]) throws -> Tensor {
            try Tensor((0..<count).map { Float(($0 * 37) % 101) / 101 - 0.5 }, shape: shape)
        }
        for folder in ["2_Dense", "3_LayerNorm"] { try Files.makeDirectory(target.appending(folder)) }
        try SafetensorsWriter.write(
            [("linear.weight", numbers(64 * 8, [8, 64])), ("linear.bias", numbers(8, [8]))],
            to: target.appending("2_Dense").appending("model.safetensors"))
        try SafetensorsWriter.write(
            [("norm.weight", numbers(8, [8])), ("norm.bias", numbers(8, [8]))],
            to: target.appending("3_LayerNorm").appending("model.safetensors"))
        var card = try JSONValue.parse(file: source.appending("tvt.json")).object!
        card["pooling"] = ["cls", "mean"]
        card["dims"] = 8
        card["includePrompt"] = false
        card["query"] = ["prompt": "ba ", "maxLength": 16]
        card["head"] = [
            ["type": "dense", "inputSize": 64, "outputSize": 8, "bias": true, "activation": "tanh"],
            ["type": "layerNorm", "size": 8],
        ]
        try Files.replace(target.appending("tvt.json"), with: JSONValue.object(card).pretty())
        return target
    }

    static func head(_ folder: FilePath) throws -> [UInt8] {
        try ["2_Dense", "3_LayerNorm"].flatMap {
            try Files.readAll(folder.appending($0).appending("model.safetensors"))
        }
    }

    @Test("the head's weights are trained, saved, and resumed with", arguments: [[], ["dtype=bf16"]] as [[String]])
    func trained(overrides: [String]) throws {
        let world = try TinyWorld()
        let folder = try Self.model(in: world)
        let overrides = overrides + ["model=\(folder)", "checkpoint_every=2"]
        let whole = try TrainingRunTests.train(world, overrides, to: world.folder("whole"))
        #expect(try Self.head(whole.model) != Self.head(folder))
        let model = try EmbeddingModel(loading: whole.model, .encoding)
        #expect(model.card.dims == 8 && model.card.pooling.rawValue == "cls+mean" && !model.card.includesPrompt)
        #expect(model.queries.unpooledCount > 0 && model.documents.unpooledCount == 0)
        #expect(try model.card.baseModel == EmbeddingModel.weightsDigest(folder))
        // Without our card, other files say the same.
        let text = Array("ba be bi".utf8)
        let vectors = try model.encode(model.pack([text], as: .query)).floats()
        try Files.remove(whole.model.appending("tvt.json"))
        let again = try EmbeddingModel(loading: whole.model, .encoding)
        #expect(try again.encode(again.pack([text], as: .query)).floats() == vectors)

        let killed = world.folder("killed")
        try TrainingRunTests.train(world, overrides, to: killed)
        try TinyWorld.takeBackEnd(of: killed)
        let resumed = try TrainingRunTests.train(world, overrides, to: killed, resume: true)
        #expect(resumed.resumedAfter == 4 && resumed.metrics.map(\.loss) == whole.metrics.map(\.loss))
        #expect(try Self.head(resumed.model) == Self.head(whole.model))
    }

    @Test("an adapter leaves the head as it is, and its folder has a copy")
    func adapter() throws {
        let world = try TinyWorld()
        let folder = try Self.model(in: world)
        let report = try TrainingRunTests.train(
            world, ["model=\(folder)", "lora={r: 4, alpha: 8, targets: [query, value]}"], to: world.folder("run"))
        #expect(try Self.head(report.model) == Self.head(folder))
        let merged = try EmbeddingModel(loading: folder, .encoding, adapter: report.model)
        #expect(merged.card.dims == 8)
    }

    @Test("texts are equal where their tokens are, and those that pooling leaves out")
    func equalTexts() throws {
        let world = try TinyWorld()
        let folder = try Self.model(in: world)
        let batch = try world.plan(["model=\(folder)"]).batches(step: 0)[0]
        for row in batch.queryRows { #expect(batch.inputs[row].unpooledCount > 0) }
        for row in batch.passageRows { #expect(batch.inputs[row].unpooledCount == 0) }
        #expect(try world.plan().batches(step: 0)[0].inputs.allSatisfy { $0.unpooledCount == 0 })
    }
}
