import Base
import Engine
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// What the graphs of a pass are expected to take, where towers have rows of their own.
struct TraceEstimateTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    func encoder(_ name: String, in folder: FilePath) throws -> BlockwiseEncoder {
        try GeneratedModel(name, in: folder).write(to: temporary("model"))
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        let model = try EmbeddingModel(
            loading: temporary("model"), .training,
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side))
        return BlockwiseEncoder(model: model.text, head: model.head)
    }

    /// Numbers that go in and out of some layers.
    func width(_ layers: [Linear]) -> Int { layers.reduce(0) { $0 + $1.inputSize + $1.outputSize } }

    /// A picture of 4 × 6 patches, of which 4 each become a feature, among 3 tokens of text.
    let input = ModelInput(
        tokens: [1, 2, 3] + Array(repeating: 150, count: 6),
        media: [
            MediaItem(
                .vision, .grid(time: 1, height: 4, width: 6),
                identity: SHA256Digest(bytes: [UInt8](repeating: 1, count: 32)), tokens: [3..<9])
        ])

    /// Stages of every family can be tried out, whatever the size of the rows that they hand on.
    @Test(arguments: GeneratedModel.names)
    func everyStageIsTriedOut(name: String) throws {
        try GeneratedModel(name).write(to: temporary("model"))
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        let model = try EmbeddingModel(
            withoutWeightsOf: temporary("model"),
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side))
        let memory = try BlockwiseEncoder.stageMemory(
            of: model.text, isTrained: true, [ModelInput(tokens: [4, 5, 6, 7])], dropout: .none, computing: .float32)
        #expect(memory.count == model.text.stages.count)
        #expect(memory.allSatisfy { $0.forward(rows: 64) > 0 && $0.backward(rows: 64) > 0 })
    }

    @Test func rowsOfTowersCount() throws {
        let encoder = try encoder("qwen2-vl", in: GeneratedModel.visionGoldens)
        let model = encoder.model
        let size = try PassSize([input, ModelInput(tokens: [4, 5])], of: model)
        #expect(size.tokenCount == 11 && size.cost == 11 + 24)
        #expect(size.towers == [.vision: PassSize.TowerSize(rowCount: 24, featureCount: 6)])
        let precision = Precision(.float32, on: .cpu)
        let text = 11 * width(model.linearLayers(of: .text))
        let vision = 24 * width(model.linearLayers(of: .vision))
        let merger = 6 * width(model.linearLayers(of: .projectors))
        func kept(_ trained: Set<ModelPart>) -> Int {
            encoder.estimatedTraces(size, trained: trained, precision).kept
        }
        #expect(kept([.text, .vision, .projectors]) == 4 * (text + vision + merger))
        // Graphs reach from the vectors back to the first part that is trained.
        #expect(kept([.vision]) == 4 * (text + vision + merger))
        #expect(kept([.projectors]) == 4 * (text + merger))
        #expect(kept([.text]) == 4 * text)
        #expect(kept([]) == 0)
        let chunked = encoder.estimatedTraces(size, chunkTokens: 18, trained: Set(model.parts), precision)
        #expect(chunked.kept == kept(Set(model.parts)))
    }

    /// Sounds have fewer rows in the layers than frames at the entrance.
    @Test func soundsBecomeFewerRows() throws {
        let media = try GeneratedMedia("omni", widths: [.audio: 8, .vision: 96])
        let encoder = try encoder("omni", in: GeneratedModel.goldens.appending("audio"))
        let inputs = media.inputs.map(\.input)
        let frames = inputs.flatMap(\.media).filter { $0.tower == .audio }.reduce(0) { $0 + $1.shape.rowCount }
        let sounds = try #require(PassSize(inputs, of: encoder.model).towers[.audio])
        #expect(sounds.rowCount < frames && sounds.rowCount >= frames / 2 && sounds.featureCount < sounds.rowCount)
    }
}
