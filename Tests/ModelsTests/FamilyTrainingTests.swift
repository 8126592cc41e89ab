import Base
import Engine
import JSON
import Models
import TestKit
import TestModels
import Testing
import Training

/// Twenty steps of every family's plain model against a loop in PyTorch; see `Golden/families/PROVENANCE.md`.
struct FamilyTrainingTests {
    static let names = GeneratedModel.names.filter { (try? GeneratedModel($0).reference["training"]) ?? nil != nil }

    static func batches() throws -> [TrainingBatch] {
        let path = GeneratedModel.goldens.appending("training-batches.json")
        return try #require(JSONValue.parse(file: path).array).map { batch in
            func texts(_ key: String) throws -> [[Int32]] {
                try #require(batch[key]?.array).map { $0.array!.map { Int32($0.integer!) } }
            }
            let queries = try texts("queries")
            let passages = try texts("passages")
            let each = passages.count / queries.count
            return TrainingBatch(
                queries: queries,
                passages: stride(from: 0, to: passages.count, by: each).map { Array(passages[$0..<($0 + each)]) },
                excluded: Array(repeating: [], count: queries.count))
        }
    }

    @Test(arguments: names)
    func lossesEqualPyTorch(name: String) throws {
        let temporary = try TemporaryFolder()
        let generated = try GeneratedModel(name)
        try generated.write(to: temporary("model"))
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        let model = try EmbeddingModel(
            loading: temporary("model"), .training,
            overrides: .init(pooling: Poolings(generated.pooling), normalize: true, query: side, document: side))
        try model.trainAll()
        let reference = try #require(generated.reference["training"])
        let losses = try #require(reference["losses"]?.array).map { $0.double! }
        let norms = try #require(reference["gradient_norms"]?.array).map { $0.double! }
        var options = TrainingConfig.OptimizerOptions()
        options.learningRate = 1e-3
        options.warmupStepCount = 5
        options.weightDecay = 0.01
        options.clipNorm = 1
        let batches = try Self.batches()
        #expect(batches.count == 20 && losses.count == 20)
        let step = try TrainingStep(
            encoder: BlockwiseEncoder(model: model.text, head: model.head), loss: ContrastiveLoss(temperature: 0.05),
            options: options, stepCount: batches.count)
        for (index, batch) in batches.enumerated() {
            let outcome = try step.take([batch])
            #expect(abs(outcome.loss - losses[index]) <= 1e-3 * losses[index], "\(name), step \(index + 1)")
            #expect(abs(outcome.gradientNorm - norms[index]) <= 1e-2 * norms[index], "\(name), step \(index + 1)")
        }
    }
}
