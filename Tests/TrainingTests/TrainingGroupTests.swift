import Base
import Models
import SystemPackage
import Tensors
import TestGroups
import Testing
import Training

/// Runs of several processes, for which threads stand, against those of one.
@Suite("Training by several processes", .serialized)
struct TrainingGroupTests {
    /// Runs one training run as `size` processes.
    ///
    /// - Returns: what each reports, by rank.
    @discardableResult
    static func train(
        _ world: TinyWorld, _ overrides: [String], to output: FilePath, size: Int, resume: Bool = false,
        trace: TrainingRun.TraceChoice = .keep, _ residency: WeightResidency = .resident,
        sharding: Sharding = .none
    ) throws -> [TrainingRun.Report] {
        try together(size) { group in
            try TrainingRun(
                world.plan(overrides, residency), output: output, resume: resume, trace: trace,
                group: TrainingGroup(group, sharding: sharding)
            ).run()
        }.map { try $0.get() }
    }

    /// What a run of its own may get wrong, beside the steps that `CombinationTests` compare in every way.
    static let runs: [(overrides: [String], size: Int, trace: TrainingRun.TraceChoice)] = [
        ([], 4, .keep), (["lora={r: 4, alpha: 8, dropout: 0}"], 2, .recompute), (["accumulation=2"], 4, .recompute),
        (["chunk_tokens=60"], 2, .keep), (["lora={r: 4, alpha: 8, dropout: 0}", "dtype=bf16"], 4, .keep),
        (["passages_per_query=1"], 2, .recompute),
    ]

    /// How far a loss may be from that of one process: sums are taken in another order, which training carries on.
    static func tolerance(_ overrides: [String]) -> Double { overrides.contains("dtype=bf16") ? 2e-3 : 2e-6 }

    @Test("the losses and weights of one process", arguments: runs.indices)
    func sameAsOne(run: Int) throws {
        let (overrides, size, trace) = Self.runs[run]
        let world = try TinyWorld()
        let alone = try TrainingRunTests.train(world, overrides, to: world.folder("alone"), trace: .keep)
        let reports = try Self.train(world, overrides, to: world.folder("together"), size: size, trace: trace)
        for report in reports { #expect(report.lock == alone.lock && report.model == reports[0].model) }
        #expect(reports[0].metrics.count == 6)
        for (one, other) in zip(alone.metrics, reports[0].metrics) {
            #expect(abs(one.loss - other.loss) <= Self.tolerance(overrides) * one.loss, "step \(one.step)")
            #expect(one.tokenCount == other.tokenCount && one.learningRate == other.learningRate)
        }
        try Self.expectNear(reports[0].model, alone.model, 2e-3)
    }

    /// - Parameter limit: AdamW's first steps are as large as the learning rate, whatever the size of a gradient.
    static func expectNear(_ model: FilePath, _ other: FilePath, _ limit: Float) throws {
        let weights = try [model, other].map { try values(of: $0) }
        #expect(weights[0].keys == weights[1].keys && !weights[0].isEmpty)
        for (name, values) in weights[0] {
            let worst = zip(values, weights[1][name]!).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
            #expect(worst <= limit, "\(name)")
        }
    }

    private static func values(of model: FilePath) throws -> [String: [Float]] {
        let adapter = model.appending("adapter_model.safetensors")
        let file = try SafetensorsFile(
            Files.exists(adapter) ? adapter : model.appending("model.safetensors"))
        return Dictionary(uniqueKeysWithValues: try file.names.map { ($0, try file.tensor($0).floats()) })
    }

    @Test("a run goes on with another number of processes")
    func resumes() throws {
        let world = try TinyWorld()
        let overrides = ["checkpoint_every=3"]
        let alone = try TrainingRunTests.train(world, overrides, to: world.folder("alone"), trace: .keep)
        for (first, second) in [(4, 1), (1, 3), (2, 4)] {
            let output = world.folder("run-\(first)")
            try Self.train(world, overrides, to: output, size: first)
            try TinyWorld.takeBackEnd(of: output)
            let reports = try Self.train(world, overrides, to: output, size: second, resume: true)
            for report in reports { #expect(report.resumedAfter == 3) }
            #expect(reports[0].metrics.count == 6)
            for (one, other) in zip(alone.metrics, reports[0].metrics) {
                #expect(abs(one.loss - other.loss) <= 2e-6 * one.loss, "\(first), then \(second), step \(one.step)")
            }
        }
    }

    @Test("weights that stay in their files, in every process")
    func streamed() throws {
        let world = try TinyWorld()
        let overrides = ["lora={r: 4, alpha: 8, dropout: 0}"]
        let resident = try Self.train(world, overrides, to: world.folder("resident"), size: 2)
        let streamed = try Self.train(
            world, overrides, to: world.folder("streamed"), size: 2, trace: .recompute, .streamed)
        #expect(resident[0].metrics.map(\.loss) == streamed[0].metrics.map(\.loss))
        #expect(try TrainingRunTests.weights(resident[0].model) == TrainingRunTests.weights(streamed[0].model))
    }

    @Test("fewer texts than processes are refused")
    func tooMany() throws {
        let world = try TinyWorld()
        let failure = try #require(throws: Failure.self) {
            try Self.train(
                world, ["queries_per_step=1", "passages_per_query=2"], to: world.folder("run"), size: 4)
        }
        #expect(failure.description.contains("4 processes share"), "\(failure)")
    }

    /// Every input is somebody's, and nobody has more than another by more than the costliest input.
    @Test func divisions() {
        for seed in 0..<200 {
            var numbers = SplitMix64(seed: UInt64(seed))
            let size = Int(numbers.next() % 8) + 1
            let costs = (0..<Int(numbers.next() % 100)).map { _ in Int(numbers.next() % 500) + 1 }
            let division = WorkDivision(costs: costs, processCount: size)
            #expect(division.members.flatMap { $0 }.sorted() == Array(costs.indices))
            let loads = division.members.map { $0.reduce(0) { $0 + costs[$1] } }
            #expect(loads.max()! - loads.min()! <= costs.max() ?? 0)
            let rows = division.rows
            #expect(Set(rows).count == rows.count && rows.allSatisfy { $0 < size * division.longest })
            for (process, members) in division.members.enumerated() {
                #expect(members == members.sorted())
                #expect(members.map { rows[$0] } == members.indices.map { process * division.longest + $0 })
            }
        }
    }
}
