import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

/// What torch, transformers and peft did with the same weights and batches (`Golden/PROVENANCE.md`).
struct ReferenceRun {
    let golden = Golden()
    let batches: [TrainingBatch]
    let expected: JSONValue

    init() throws {
        expected = try JSONValue.parse(golden.bytes("expected.json"), path: "expected.json")
        batches = try #require(try JSONValue.parse(golden.bytes("batches.json"), path: "batches.json").array).map {
            batch in
            func texts(_ key: String) throws -> [[Int32]] {
                try #require(batch[key]?.array).map { $0.array!.map { Int32($0.integer!) } }
            }
            let passages = try texts("passages")
            let excluded = try #require(batch["excluded"]?.array).map { $0.array!.map { $0.integer! } }
            return TrainingBatch(
                queries: try texts("queries"),
                passages: stride(from: 0, to: passages.count, by: 4).map { Array(passages[$0..<($0 + 4)]) },
                excluded: excluded)
        }
    }

    func model() throws -> EmbeddingModel { try EmbeddingModel(loading: golden("tiny-bert"), .training) }

    /// The model, with all weights or an adapter ready to be trained.
    func trainableModel(isLoRA: Bool) throws -> EmbeddingModel {
        let model = try model()
        if isLoRA {
            try model.text.addAdapters(
                LoRAConfiguration(rank: 4, alpha: 8, dropout: 0, targets: ["query", "dense"]), seed: 1)
        } else {
            try model.text.trainAll()
        }
        return model
    }

    func encoder(_ model: EmbeddingModel) -> BlockwiseEncoder {
        BlockwiseEncoder(model: model.text, head: model.head)
    }

    func options(_ kind: String) throws -> TrainingConfig.OptimizerOptions {
        var options = TrainingConfig.OptimizerOptions()
        options.learningRate = try #require(expected[kind]?["learning_rate"]?.double)
        options.warmupStepCount = 5
        options.weightDecay = 0.01
        options.clipNorm = 1
        return options
    }

    func numbers(_ kind: String, _ key: String) throws -> [Double] {
        try #require(expected[kind]?[key]?.array).map { $0.double! }
    }

    /// Losses and gradient norms of all batches.
    func train(
        _ model: EmbeddingModel, _ kind: String, trace: BlockwiseEncoder.Trace = .keep, chunkTokens: Int? = nil
    ) throws -> (losses: [Double], norms: [Double]) {
        let step = try TrainingStep(
            encoder: encoder(model), loss: ContrastiveLoss(temperature: 0.05), options: options(kind),
            stepCount: batches.count)
        step.trace = trace
        step.chunkTokens = chunkTokens
        var losses: [Double] = []
        var norms: [Double] = []
        for batch in batches {
            let outcome = try step.take([batch])
            losses.append(outcome.loss)
            norms.append(outcome.gradientNorm)
        }
        return (losses, norms)
    }
}

@Suite("Training equals the reference", .serialized)
struct ReferenceTrainingTests {
    @Test("50 losses and gradient norms, all weights", arguments: [nil, 100] as [Int?])
    func full(chunkTokens: Int?) throws {
        let reference = try ReferenceRun()
        let model = try reference.model()
        try model.text.trainAll()
        let result = try reference.train(
            model, "full", trace: chunkTokens == nil ? .keep : .recompute, chunkTokens: chunkTokens)
        try compare(result, reference, "full")
    }

    @Test("50 losses and gradient norms, LoRA")
    func lora() throws {
        let reference = try ReferenceRun()
        let model = try reference.model()
        try model.text.loadAdapters(reference.golden("tiny-adapter"), trainable: true)
        #expect(model.text.trainableParameters.count == 24)
        let result = try reference.train(model, "lora")
        try compare(result, reference, "lora")
    }

    private func compare(
        _ result: (losses: [Double], norms: [Double]), _ reference: ReferenceRun, _ kind: String
    ) throws {
        let losses = try reference.numbers(kind, "losses")
        let norms = try reference.numbers(kind, "gradient_norms")
        #expect(losses.count == 50)
        for step in losses.indices {
            #expect(abs(result.losses[step] - losses[step]) <= 1e-3 * losses[step], "step \(step + 1)")
            #expect(abs(result.norms[step] - norms[step]) <= 1e-2 * norms[step], "step \(step + 1)")
        }
    }

    @Test("the first step's gradients, tensor by tensor")
    func gradients() throws {
        let reference = try ReferenceRun()
        let model = try reference.model()
        try model.text.trainAll()
        let step = try TrainingStep(
            encoder: reference.encoder(model), loss: ContrastiveLoss(temperature: 0.05), options: .init(),
            stepCount: 1)
        let gradients = try step.gradients([reference.batches[0]]).0.map { try #require($0) }
        let file = try SafetensorsFile(reference.golden("gradients.safetensors"))
        #expect(file.names.count == gradients.count)
        for (parameter, gradient) in zip(step.encoder.parameters, gradients) {
            let expected = try file.tensor(parameter.name).floats()
            let computed = try gradient.floats()
            let scale = expected.map(abs).max()!
            let difference = zip(expected, computed).map { abs($0 - $1) }.max()!
            #expect(difference <= 1e-4 * max(scale, 1e-2), "\(parameter.name): \(difference) of \(scale)")
        }
    }

    @Test("two runs give equal losses, bit for bit")
    func determinism() throws {
        func once() throws -> [Double] {
            let reference = try ReferenceRun()
            let model = try reference.model()
            try model.text.trainAll()
            return try reference.train(model, "full").losses
        }
        #expect(try once() == once())
    }
}

@Suite("Block-wise backward", .serialized)
struct BlockwiseBackwardTests {
    /// Vectors and gradients through one graph of the whole model.
    static func whole(_ model: EmbeddingModel, _ batch: TrainingBatch, _ dropout: Dropout) throws -> [Tensor] {
        let packed = try DeviceBatch(PackedBatch(batch.inputs))
        return try withGradients {
            let vectors = try model.head(model.text.forward(packed, dropout), packed)
            let loss = try ContrastiveLoss(temperature: 0.05)(
                queries_BD: vectors.indexSelect(0, rows(batch.queryRows)),
                passages_PD: vectors.indexSelect(0, rows(batch.passageRows)), positives: batch.positives,
                excluded: batch.excluded)
            let parameters = model.text.trainableParameters
            let gradients = try Tensor.gradients(
                of: [loss], withRespectTo: parameters.map(\.tensor), allowUnused: true)
            return try zip(parameters, gradients).map { try $1 ?? $0.tensor.zerosLike() }
        }
    }

    static func rows(_ rows: [Int]) throws -> Tensor { try Tensor(rows.map(Int64.init)) }

    static let dropouts: [Dropout] = [.none, Dropout(hidden: 0.1, attention: 0.1, adapter: 0.2, seed: 11)]

    @Test(
        "gradients equal the whole graph's exactly, with and without traces, full and LoRA, with dropout",
        arguments: [false, true], BlockwiseEncoder.Trace.allCases)
    func exact(isLoRA: Bool, trace: BlockwiseEncoder.Trace) throws {
        for dropout in Self.dropouts {
            let reference = try ReferenceRun()
            let model = try reference.trainableModel(isLoRA: isLoRA)
            let step = try TrainingStep(
                encoder: reference.encoder(model), loss: ContrastiveLoss(temperature: 0.05), options: .init(),
                stepCount: 1)
            step.trace = trace
            step.dropout = dropout
            let (computed, outcome) = try step.gradients([reference.batches[3]])
            let gradients = try computed.map { try #require($0) }
            // The pass derives its dropout from the step; the whole graph must drop the same.
            let expected = try Self.whole(model, reference.batches[3], step.dropout(step: 0, part: 0))
            #expect(outcome.loss.isFinite && gradients.count == expected.count)
            for (parameter, pair) in zip(step.encoder.parameters, zip(gradients, expected)) {
                #expect(try pair.0.floats() == pair.1.floats(), "\(parameter.name)")
            }
        }
    }

    @Test("chunks change gradients by rounding only", arguments: [30, 100, 1])
    func chunks(tokens: Int) throws {
        let reference = try ReferenceRun()
        let model = try reference.model()
        try model.text.trainAll()
        let step = try TrainingStep(
            encoder: reference.encoder(model), loss: ContrastiveLoss(temperature: 0.05), options: .init(),
            stepCount: 1)
        let whole = try step.gradients([reference.batches[0]]).0.map { try #require($0) }
        step.chunkTokens = tokens
        let chunked = try step.gradients([reference.batches[0]]).0.map { try #require($0) }
        for (a, b) in zip(whole, chunked) {
            let scale = try max(0.02, a.floats().map(abs).max()!)
            let difference = try zip(a.floats(), b.floats()).map { abs($0 - $1) }.max()!
            #expect(difference <= 1e-5 * scale)
        }
    }

    @Test("equal texts are encoded once, and the loss and gradients do not notice")
    func equalTexts() throws {
        let reference = try ReferenceRun()
        let batch = reference.batches[0]
        #expect(batch.inputs.count < batch.sequenceCount)
        let model = try reference.model()
        let vectors = try model.encode(PackedBatch(batch.inputs))
        let passages = batch.passageRows.map { batch.inputs[$0] }
        let again = try model.encode(PackedBatch(passages))
        let rows = try vectors.indexSelect(0, Self.rows(batch.passageRows)).floats()
        #expect(zip(rows, try again.floats()).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test("accumulation: the mean of the micro-batches' gradients")
    func accumulation() throws {
        let reference = try ReferenceRun()
        let model = try reference.model()
        try model.text.trainAll()
        let step = try TrainingStep(
            encoder: reference.encoder(model), loss: ContrastiveLoss(temperature: 0.05), options: .init(),
            stepCount: 1)
        let (first, a) = try step.gradients([reference.batches[0]])
        let (second, b) = try step.gradients([reference.batches[1]])
        let (both, c) = try step.gradients([reference.batches[0], reference.batches[1]])
        #expect(abs(c.loss - (a.loss + b.loss) / 2) < 1e-6)
        for (gradients, z) in zip(zip(first, second), both) {
            let (x, y, z) = (try #require(gradients.0), try #require(gradients.1), try #require(z))
            let mean = try zip(x.floats(), y.floats()).map { ($0 + $1) / 2 }
            let scale = max(0.02, mean.map(abs).max()!)
            #expect(try zip(mean, z.floats()).allSatisfy { abs($0 - $1) <= 1e-5 * scale })
        }
    }
}
