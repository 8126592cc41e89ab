import Base
import Engine
import JSON
import Models
import Synchronization
import SystemPackage
import Tensors
import TestGroups
import TestKit
import Testing
import Training

/// One row of the table: what is made small, what is trained, in which numbers, and how memory is used.
struct Combination: Sendable, Hashable, CustomStringConvertible {
    var loss: LossCase
    var isLoRA: Bool
    var isHalf: Bool
    var plan = StepPlan.kept

    var description: String {
        "\(loss), \(isLoRA ? "LoRA" : "full"), \(isHalf ? "bf16" : "f32"), \(plan)"
    }

    /// All that there are. Weights are streamed beside an adapter alone: those that are trained stay in memory. What
    /// lies outside of the model, which plans are about, has one plan, which shows that processes agree on it.
    static let all = LossCase.allCases.flatMap { loss in
        [false, true].flatMap { isLoRA in
            [false, true].flatMap { isHalf in
                StepPlan.allCases.filter { plan in
                    (isLoRA || plan != .streamed) && (loss.isOfEveryPlan || plan == .kept)
                }.map { Combination(loss: loss, isLoRA: isLoRA, isHalf: isHalf, plan: $0) }
            }
        }
    }

    /// How far a loss may be from that of the whole graph, relative to it.
    ///
    /// One process does the same operations in the same order, but in chunks: so far it gave the same bits. Chunks and
    /// processes sum gradients up in another order, those of bfloat16 weights in 8 bits each time; adapters have float32.
    func tolerance(processCount: Int) -> Double {
        guard processCount > 1 || plan == .chunked else { return 1e-6 }
        return isHalf && !isLoRA ? 1e-2 : 5e-6
    }
}

/// Losses whose curves are compared: InfoNCE, and each part that it can have alone.
enum LossCase: String, Sendable, CaseIterable {
    case infoNCE, matryoshka, distilled, bidirectional, falseNegatives, learnedTemperature, allPositives

    var isOfEveryPlan: Bool { self != .learnedTemperature && self != .allPositives }

    var loss: ContrastiveLoss {
        var terms = ContrastiveLoss.Terms()
        switch self {
        case .infoNCE, .learnedTemperature: break
        case .allPositives: terms.positives = .all
        case .matryoshka: terms.matryoshka.widths = [16, 8]
        case .distilled: terms.distillation.kind = .kl
        case .bidirectional:
            terms.blocks = [.queryToPassage, .passageToQuery]
            terms.partition = .separate
        case .falseNegatives:
            terms.falseNegatives.judge = .model
            terms.falseNegatives.margin = 0.1
        }
        var loss = ContrastiveLoss(temperature: 0.05, terms: terms)
        loss.learnsTemperature = self == .learnedTemperature
        return loss
    }
}

/// How a step uses memory.
enum StepPlan: String, Sendable, CaseIterable {
    case kept, recomputed, chunked, streamed

    func configure(_ step: TrainingStep) {
        step.trace = self == .kept || self == .chunked ? .keep : .recompute
        step.chunkTokens = self == .chunked ? 40 : nil
    }
}

/// The run that all combinations are compared in: a BERT of one layer, and the first batches of the reference.
struct CombinedRun: Sendable {
    static let stepCount = 20

    let folder: TemporaryFolder
    let batches: [TrainingBatch]

    init() throws {
        folder = try TemporaryFolder()
        let reference = try ReferenceRun()
        for type in [ElementType.float32, .bfloat16] {
            try Self.writeModel(from: reference.golden("tiny-bert"), as: type, to: folder("\(type)"))
        }
        batches = Self.batches(reference)
    }

    /// The golden model without its second layer, which would double the time and show nothing that tests of more layers do
    /// not.
    private static func writeModel(from source: FilePath, as type: ElementType, to folder: FilePath) throws {
        try Files.makeDirectory(folder)
        for name in ["tokenizer.json", "tvt.json"] {
            try Files.replace(folder.appending(name), with: Files.readAll(source.appending(name)))
        }
        var config = try #require(try JSONValue.parse(file: source.appending("config.json")).object)
        config["num_hidden_layers"] = 1
        try Files.replace(folder.appending("config.json"), with: JSONValue.object(config).canonical())
        let weights = try SafetensorsFile(source.appending("model.safetensors"))
        let kept = weights.names.filter { !$0.contains("layer.1.") }
        try SafetensorsWriter.write(
            kept.map { ($0, try weights.tensor($0).to(type)) }, to: folder.appending("model.safetensors"))
    }

    static var options: TrainingConfig.OptimizerOptions {
        var options = TrainingConfig.OptimizerOptions()
        options.learningRate = 1e-3
        options.schedule = .constant
        options.weightDecay = 0.01
        return options
    }

    /// Of 4 queries with 3 passages each, with scores of a teacher that thinks much of the positive, and of negatives as
    /// their tokens say.
    private static func batches(_ reference: ReferenceRun) -> [TrainingBatch] {
        reference.batches.prefix(stepCount).map { batch in
            let groups = (0..<4).map { query in
                (0..<3).map { batch.inputs[batch.passageRows[4 * query + $0]].tokens }
            }
            let excluded = batch.excluded.prefix(4).map { passages in
                passages.filter { $0 < 16 && $0 % 4 < 3 }.map { $0 / 4 * 3 + $0 % 4 }
            }
            return TrainingBatch(
                queries: batch.queryRows.prefix(4).map { batch.inputs[$0].tokens }, passages: groups,
                excluded: excluded,
                teacherScores: groups.map { group in
                    group.enumerated().map { Float($1.reduce(0) { $0 + Int($1) } % 7) / 2 + ($0 == 0 ? 3 : 0) }
                })
        }
    }

    /// The model that is computed with, and the float32 weights that it is rounded from where all are trained in
    /// bfloat16.
    func model(_ combination: Combination) throws -> (model: EmbeddingModel, masters: [Parameter]?) {
        // What is streamed must be stored in the type that it is computed in.
        let stored = combination.isLoRA && combination.isHalf ? ElementType.bfloat16 : .float32
        func load(_ type: ElementType) throws -> EmbeddingModel {
            try EmbeddingModel(
                loading: folder("\(stored)"), .training, type: type,
                residency: combination.plan == .streamed ? .streamed : .resident)
        }
        let model = try load(combination.isHalf ? .bfloat16 : .float32)
        if combination.isLoRA {
            try model.text.addAdapters(
                LoRAConfiguration(rank: 4, alpha: 8, dropout: 0, targets: ["query", "dense"]), seed: 1)
            return (model, nil)
        }
        try model.text.trainAll()
        guard combination.isHalf else { return (model, nil) }
        let masters = try load(.float32)
        try masters.text.trainAll()
        return (model, masters.trainableParameters)
    }

    /// Losses of a process's steps.
    func losses(
        _ combination: Combination, _ group: TrainingGroup? = nil, rank: Int = 0, of size: Int = 1
    ) throws -> [Double] {
        let (model, masters) = try model(combination)
        let step = try TrainingStep(
            encoder: BlockwiseEncoder(model: model.text, head: model.head), loss: combination.loss.loss,
            options: Self.options, stepCount: Self.stepCount, masters: masters, group: group)
        combination.plan.configure(step)
        return try batches.map { batch in
            var batch = batch
            if size > 1 { try batch.divide(among: size, rank: rank) }
            return try step.take([batch]).loss
        }
    }
}

@Suite("Every loss with every adapter, type, memory plan and number of processes", .serialized)
struct CombinationTests {
    /// Losses through one graph of the whole model; computed once.
    private static let references = Mutex([Combination: [Double]]())

    private static func wholeGraph(_ combination: Combination, _ run: CombinedRun) throws -> [Double] {
        var combination = combination
        combination.plan = .kept
        return try references.withLock { known in
            if let losses = known[combination] { return losses }
            let losses = try WholeGraph(combination).losses(run)
            known[combination] = losses
            return losses
        }
    }

    /// All combinations as `size` processes, for which threads stand.
    ///
    /// - Returns: by rank and combination.
    private static func losses(_ run: CombinedRun, _ size: Int) throws -> [[[Double]]] {
        guard size > 1 else { return [try Combination.all.map { try run.losses($0) }] }
        return try together(size) { processes in
            let group = TrainingGroup(processes)
            return try Combination.all.map { try run.losses($0, group, rank: processes.rank, of: size) }
        }.map { try $0.get() }
    }

    @Test("20 losses are those of the whole graph in one process", arguments: [1, 2, 4])
    func curves(size: Int) throws {
        let run = try CombinedRun()
        let byRank = try Self.losses(run, size)
        for (number, combination) in Combination.all.enumerated() {
            let expected = try Self.wholeGraph(combination, run)
            let losses = byRank[0][number]
            for rank in byRank.indices { #expect(byRank[rank][number] == losses, "\(combination), process \(rank)") }
            let differences = zip(losses, expected).map { abs($0 - $1) / abs($1) }
            #expect(
                losses.count == CombinedRun.stepCount
                    && differences.allSatisfy { $0 <= combination.tolerance(processCount: size) },
                "\(combination), \(size) processes: \(differences.max()!) after \(losses)")
        }
    }

    @Test("the whole graph's losses differ by loss, adapter and type, and training changes them")
    func distinct() throws {
        let run = try CombinedRun()
        let rows = Combination.all.filter { $0.plan == .kept }
        let curves = try rows.map { try Self.wholeGraph($0, run) }
        #expect(curves.count == 28 && Set(curves).count == 28)
        for (row, curve) in zip(rows, curves) {
            #expect(curve.allSatisfy { $0.isFinite }, "\(row)")
            // All start as InfoNCE where only the temperature moves.
            if row.loss == .learnedTemperature {
                let plain = Combination(loss: .infoNCE, isLoRA: row.isLoRA, isHalf: row.isHalf)
                let fixed = curves[rows.firstIndex(of: plain)!]
                #expect(abs(curve[0] - fixed[0]) < 1e-5 * fixed[0] && abs(curve[19] - fixed[19]) > 1e-4 * fixed[19])
            }
        }
        // Of a weight that trains nothing, losses of the same batch would stay.
        let first = try WholeGraph(rows[0]).losses(run, repeatingFirst: true)
        #expect(first[19] < 0.9 * first[0])
    }
}
