import Base
import Engine
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Vectors that are made piece by piece, with weights that somebody else brings for each piece.
struct BlockwiseEncodingTests {
    /// Keeps the weights of one piece, and writes down when they come and go.
    private final class Keeper: WeightKeeper {
        /// What all keepers of a model have written down.
        final class Log {
            var events: [String] = []
            var present: Set<Int> = []
            var mostPresent = 0
        }

        private let piece: Int
        private let log: Log

        init(_ piece: Int, _ log: Log) { (self.piece, self.log) = (piece, log) }

        func readAhead() { arrive() }

        func arrive() {
            guard log.present.insert(piece).inserted else { return }
            log.mostPresent = max(log.mostPresent, log.present.count)
            log.events.append("+\(piece)")
        }

        func leaveMemory() {
            guard log.present.remove(piece) != nil else { return }
            log.events.append("-\(piece)")
        }
    }

    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    private func load(_ generated: GeneratedModel) throws -> EmbeddingModel {
        try generated.write(to: temporary("model"))
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        let model = try EmbeddingModel(
            loading: temporary("model"), .training,
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side))
        try model.trainAll()
        return model
    }

    /// Has the weights of each piece kept by somebody.
    private func keep(_ model: EmbeddingModel) -> Keeper.Log {
        let log = Keeper.Log()
        let towers = model.text.towers.flatMap { [$0.entrance.parameters] + $0.stages.map(\.parameters) }
        let pieces = towers + [model.text.entrance.parameters] + model.text.stages.map(\.parameters)
        var seen: Set<ObjectIdentifier> = []
        for (number, parameters) in pieces.enumerated() {
            let keeper = Keeper(number, log)
            for parameter in parameters where seen.insert(ObjectIdentifier(parameter)).inserted {
                let values = parameter.tensor
                parameter.keep(by: keeper) { values }
            }
        }
        return log
    }

    private func vectors(_ model: EmbeddingModel, _ packed: PackedBatch?) throws -> [Float]? {
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        return try encoder.encode(packed).map { try model.outputVectors($0, dims: nil).floats() }
    }

    @Test("the bits of the whole model's, with the weights of two pieces at a time", arguments: GeneratedModel.names)
    func texts(name: String) throws {
        let generated = try GeneratedModel(name)
        let model = try load(generated)
        let packed = PackedBatch(generated.texts)
        let wanted = try model.encode(packed).floats()
        let log = keep(model)
        #expect(try vectors(model, packed) == wanted)
        // What stages share comes with the first that has it.
        #expect(log.mostPresent <= 3 && log.present.isEmpty && log.events.count >= 2 * model.text.stages.count)
    }

    /// Where processes bring weights together, one without a batch has to bring the same ones in the same order; so does one
    /// whose batch has no images.
    @Test("with a batch, with one without images, and without any, the same weights come and go")
    func withoutBatch() throws {
        let generated = try VisionFamilyTests.golden("qwen2-vl")
        let model = try load(generated)
        let inputs = generated.loadedInputs(model.text.media)
        let wanted = try model.encode(PackedBatch(inputs)).floats()
        let log = keep(model)
        #expect(try vectors(model, PackedBatch(inputs)) == wanted)
        let events = log.events
        #expect(log.present.isEmpty && events.first == "+0" && log.mostPresent == 2)
        for batch in [PackedBatch([[1, 2, 3]]), nil] {
            log.events = []
            let isThere = try vectors(model, batch) != nil
            #expect(isThere == (batch != nil))
            #expect(log.events == events)
        }
    }
}
