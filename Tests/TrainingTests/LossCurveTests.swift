import Engine
import Models
import Tensors
import Testing
import Training

/// Losses whose curves are compared: each part alone, and all at once.
struct LossCase: Sendable, CustomTestStringConvertible {
    let name: String
    let terms: ContrastiveLoss.Terms

    init(_ name: String, _ change: (inout ContrastiveLoss.Terms) -> Void) {
        var terms = ContrastiveLoss.Terms()
        change(&terms)
        self.name = name
        self.terms = terms
    }

    var testDescription: String { name }
    var loss: ContrastiveLoss { ContrastiveLoss(temperature: 0.05, terms: terms) }

    static let all = [
        LossCase("InfoNCE") { _ in },
        LossCase("MRL") { $0.matryoshka.widths = [16, 8] },
        LossCase("KL") { $0.distillation.kind = .kl },
        LossCase("bidirectional") {
            $0.blocks = [.queryToPassage, .passageToQuery]
            $0.partition = .separate
        },
        LossCase("false negatives") {
            $0.falseNegatives.judge = .model
            $0.falseNegatives.margin = 0.1
        },
        LossCase("all") {
            $0.matryoshka.widths = [16, 8]
            $0.distillation.kind = .kl
            $0.blocks = Set(ContrastiveLoss.Block.allCases)
            $0.falseNegatives.judge = .model
            $0.falseNegatives.margin = 0.1
            $0.hardness.strength = 2
            $0.spread = 0.5
        },
    ]
}

/// How a step uses memory.
enum StepPlan: Sendable, CaseIterable {
    case kept, recomputed, chunked, chunkedAndRecomputed

    func configure(_ step: TrainingStep) {
        step.trace = self == .kept || self == .chunked ? .keep : .recompute
        step.chunkTokens = isChunked ? 60 : nil
    }

    var isChunked: Bool { self == .chunked || self == .chunkedAndRecomputed }
    /// Chunks sum up in another order, and AdamW makes steps of rounding errors where gradients are next to nothing, so that
    /// their curves leave the whole graph's by and by.
    var tolerance: Double { isChunked ? 1e-3 : 1e-6 }
    var comparedStepCount: Int { isChunked ? 10 : 20 }
}

@Suite("Loss curves", .serialized)
struct LossCurveTests {
    static let stepCount = 20

    /// The reference's batches, with scores of a teacher that thinks much of the positive, and of negatives as their
    /// tokens say.
    static func batches(_ reference: ReferenceRun) -> [TrainingBatch] {
        reference.batches.prefix(stepCount).map { batch in
            let groups = batch.positives.map { first in
                (first..<(first + 4)).map { batch.inputs[batch.passageRows[$0]].tokens }
            }
            return TrainingBatch(
                queries: batch.queryRows.map { batch.inputs[$0].tokens }, passages: groups, excluded: batch.excluded,
                teacherScores: groups.map { group in
                    group.enumerated().map { Float($1.reduce(0) { $0 + Int($1) } % 7) / 2 + ($0 == 0 ? 3 : 0) }
                })
        }
    }

    /// Losses of steps through one graph of the whole model, with torch's own backward.
    static func whole(_ reference: ReferenceRun, _ loss: ContrastiveLoss, isLoRA: Bool) throws -> [Double] {
        let model = try reference.trainableModel(isLoRA: isLoRA)
        let parameters = model.text.trainableParameters
        let options = try reference.options(isLoRA ? "lora" : "full")
        let optimizer = try Optimizer(
            parameters.map { TrainedParameter(name: $0.name, tensor: $0.tensor) }, options)
        return try batches(reference).map { batch in
            let packed = try DeviceBatch(PackedBatch(batch.inputs))
            let (value, gradients) = try withGradients {
                let vectors = try model.head(model.text.forward(packed, .none), packed)
                let value = try loss(
                    queries_BD: vectors.indexSelect(0, BlockwiseBackwardTests.rows(batch.queryRows)),
                    passages_PD: vectors.indexSelect(0, BlockwiseBackwardTests.rows(batch.passageRows)), batch.facts)
                return (
                    value,
                    try Tensor.gradients(of: [value], withRespectTo: parameters.map(\.tensor), allowUnused: true)
                )
            }
            let factor = options.schedule.factor(
                step: optimizer.stepCount, warmupStepCount: options.warmupStepCount, stepCount: stepCount)
            // As the blockwise pass gives them: a weight that nothing depends on has none, or zeros.
            let filled = try zip(parameters, gradients).map { try $1 ?? $0.tensor.zerosLike() }
            _ = try optimizer.step(gradients: filled, learningRate: options.learningRate * factor)
            return try value.item()
        }
    }

    @Test("20 steps are those of the whole graph, whatever a step keeps", arguments: LossCase.all, [false, true])
    func curves(lossCase: LossCase, isLoRA: Bool) throws {
        let reference = try ReferenceRun()
        let expected = try Self.whole(reference, lossCase.loss, isLoRA: isLoRA)
        #expect(expected.allSatisfy(\.isFinite) && expected[0] != expected[1])
        for plan in StepPlan.allCases {
            let model = try reference.trainableModel(isLoRA: isLoRA)
            let step = try TrainingStep(
                encoder: reference.encoder(model), loss: lossCase.loss,
                options: reference.options(isLoRA ? "lora" : "full"), stepCount: Self.stepCount)
            plan.configure(step)
            let losses = try Self.batches(reference).map { try step.take([$0]).loss }
            for (number, pair) in zip(losses, expected).prefix(plan.comparedStepCount).enumerated() {
                #expect(
                    abs(pair.0 - pair.1) <= plan.tolerance * abs(pair.1),
                    "\(plan), step \(number + 1): \(pair.0) instead of \(pair.1)")
            }
        }
    }
}
