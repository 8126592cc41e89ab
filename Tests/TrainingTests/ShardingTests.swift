import Base
import Engine
import Models
import SystemPackage
import Tensors
import TestGroups
import TestKit
import Testing
import Training

/// Runs whose processes, for which threads stand, divide what they train, against those of one.
@Suite("Training that is divided over processes", .serialized)
struct ShardingTests {
    static let lora = "lora={r: 4, alpha: 8, dropout: 0}"

    /// What is trained, and by how many processes.
    static let runs: [(overrides: [String], size: Int)] = [
        ([], 4), ([lora, "accumulation=2"], 4), (["dtype=bf16"], 3), (["accumulation=2"], 2),
        ([lora, "chunk_tokens=60"], 2),
    ]

    @Test("the losses and weights of one process", arguments: runs.indices)
    func sameAsOne(run: Int) throws {
        let (overrides, size) = Self.runs[run]
        let isHalf = overrides.contains("dtype=bf16")
        let world = try TinyWorld()
        let alone = try TrainingRunTests.train(world, overrides, to: world.folder("alone"), trace: .keep)
        // Graphs that are kept refer to weights that leave memory, and come back.
        let trace = run % 2 == 0 ? TrainingRun.TraceChoice.keep : .recompute
        for sharding in Sharding.allCases.dropFirst() {
            let reports = try TrainingGroupTests.train(
                world, overrides, to: world.folder("\(sharding)"), size: size, trace: trace, sharding: sharding)
            for report in reports { #expect(report.lock == alone.lock) }
            #expect(reports[0].metrics.count == 6)
            for (one, other) in zip(alone.metrics, reports[0].metrics) {
                let tolerance = TrainingGroupTests.tolerance(overrides)
                #expect(abs(one.loss - other.loss) <= tolerance * one.loss, "\(sharding), step \(one.step)")
            }
            let model = reports[0].model
            try TrainingGroupTests.expectNear(model, alone.model, isHalf ? 4e-3 : 2e-3)
            // A checkpoint of each is one that tools load.
            #expect(try GoldenCheck.run(Self.load(model, overrides)) != nil)
            let state = try Files.list(model).filter { $0.hasPrefix("optimizer") }
            #expect(state.count == size && state.allSatisfy { $0.hasSuffix("-of-0000\(size).safetensors") }, "\(state)")
        }
    }

    private static func load(_ model: FilePath, _ overrides: [String]) throws -> EmbeddingModel {
        overrides.contains(lora)
            ? try EmbeddingModel(loading: Golden()("tiny-bert"), .encoding, adapter: model)
            : try EmbeddingModel(loading: model, .encoding)
    }

    /// One process, or several that divide something.
    static func train(
        _ world: TinyWorld, _ overrides: [String], to output: FilePath, _ kind: (size: Int, sharding: Sharding),
        resume: Bool = false
    ) throws -> TrainingRun.Report {
        kind.size == 1
            ? try TrainingRunTests.train(world, overrides, to: output, resume: resume, trace: .keep)
            : try TrainingGroupTests.train(
                world, overrides, to: output, size: kind.size, resume: resume, sharding: kind.sharding)[0]
    }

    /// How a run begins, and how it goes on.
    static let changes: [[(size: Int, sharding: Sharding)]] = [
        [(4, .gradients), (3, .weights)], [(3, .weights), (1, .none)], [(1, .none), (2, .optimizer)],
    ]

    /// The state of a run is read by any number of processes, however it was divided.
    @Test(
        "a run goes on with other processes that divide other things",
        arguments: [[lora], ["dtype=bf16"]] as [[String]])
    func resumes(overrides: [String]) throws {
        let world = try TinyWorld()
        let overrides = overrides + ["checkpoint_every=3"]
        let tolerance = TrainingGroupTests.tolerance(overrides)
        let alone = try TrainingRunTests.train(world, overrides, to: world.folder("alone"), trace: .keep)
        for (number, kinds) in Self.changes.enumerated() {
            let output = world.folder("run-\(number)")
            _ = try Self.train(world, overrides, to: output, kinds[0])
            try TinyWorld.takeBackEnd(of: output)
            let report = try Self.train(world, overrides, to: output, kinds[1], resume: true)
            #expect(report.resumedAfter == 3 && report.metrics.count == 6)
            for (one, other) in zip(alone.metrics, report.metrics) {
                #expect(abs(one.loss - other.loss) <= tolerance * one.loss, "\(kinds), step \(one.step)")
            }
        }
    }

    @Test("a checkpoint with a part of the optimizer's state missing is refused")
    func missingPart() throws {
        let world = try TinyWorld()
        let output = world.folder("run")
        let report = try Self.train(world, ["checkpoint_every=3"], to: output, (3, .optimizer))
        try Files.remove(report.model.appending("optimizer-00002-of-00003.safetensors"))
        try Files.remove(output.appending("model"))
        let failure = try #require(throws: Failure.self) {
            try Self.train(world, ["checkpoint_every=3"], to: output, (1, .none), resume: true)
        }
        #expect(failure.exitStatus == .badData && failure.description.contains("00003"), "\(failure)")
    }

    /// Documents of several batches, which processes divide, and queries of one, which only the first computes.
    @Test("validation finds what that of one process does", arguments: [[], [lora], ["dtype=bf16"]] as [[String]])
    func validation(overrides: [String]) throws {
        let world = try TinyWorld()
        try world.add("dev", TinyWorld.Quirks(judgedSplit: "dev", queryCount: 15, documentCount: 2000))
        let overrides = overrides + ["validation={dataset: dev, every: 3}"]
        // As many threads compute in each process of a group.
        let alone = try Compute.onOneThread {
            try TrainingRunTests.train(world, overrides, to: world.folder("alone"), trace: .keep)
        }
        let isHalf = overrides.contains("dtype=bf16")
        let tolerance = isHalf ? 2e-3 : 1e-5
        let losses = alone.validations.compactMap { $0["loss"] }
        // Else weights of an earlier step would look like those of the last.
        #expect(losses.count == 3 && abs(losses[0] - losses[2]) > 5 * tolerance * losses[0])
        let kinds: [(size: Int, sharding: Sharding)] =
            overrides.isEmpty ? [(2, .none), (4, .none), (2, .weights), (4, .weights)] : [(2, .weights)]
        for (size, sharding) in kinds {
            let name = "\(sharding)-\(size)"
            let report = try TrainingGroupTests.train(
                world, overrides, to: world.folder(name), size: size, sharding: sharding)[0]
            let found = report.validations
            #expect(found.map(\.step) == [0, 3, 6])
            #expect(found.allSatisfy { $0.queryCount == 15 && $0.documentCount == 2000 })
            if sharding == .none { #expect(found[0].values == alone.validations[0].values, "\(name)") }
            for (one, other) in zip(alone.validations, found) {
                let (wanted, got) = (try #require(one["loss"]), try #require(other["loss"]))
                #expect(abs(wanted - got) <= tolerance * wanted, "\(name), step \(one.step)")
                let (gain, gotGain) = (try #require(one["ndcg@10"]), try #require(other["ndcg@10"]))
                #expect(abs(gain - gotGain) <= (one.step == 0 ? 1e-6 : 0.05), "\(name), step \(one.step)")
            }
            #expect(!Files.exists(world.folder(name).appending(".validation")))
        }
    }

    @Test("without a better validation all processes end early", arguments: [Sharding.none, .weights])
    func patience(sharding: Sharding) throws {
        let world = try ValidationTests.world()
        let run = world.folder("run")
        let reports = try TrainingGroupTests.train(world, ValidationTests.patient, to: run, size: 2, sharding: sharding)
        for report in reports {
            #expect(report.validations.map(\.step) == [0, 2, 4, 6, 8] && report.metrics.count == 8)
            #expect(report.stoppedEarly && report.best?.step == 2)
        }
        #expect(try Files.list(run.appending("checkpoints")).sorted() == ["step-000002", "step-000008"])
        // Nothing is owed: no process waits for another's batches.
        let again = try TrainingGroupTests.train(
            world, ValidationTests.patient, to: run, size: 2, resume: true, sharding: sharding)
        #expect(again[0].validations == reports[0].validations)
    }

    /// What each process holds of gradients and of the optimizer's state, in bytes, by rank.
    static func heldBytes(_ size: Int, _ sharding: Sharding, isLoRA: Bool) throws -> [Int] {
        try together(size) { group in
            let reference = try ReferenceRun()
            let step = try TrainingStep(
                encoder: reference.encoder(reference.trainableModel(isLoRA: isLoRA)),
                loss: ContrastiveLoss(temperature: 0.05), options: reference.options("full"), stepCount: 50,
                group: TrainingGroup(group, sharding: sharding))
            let gradients = try step.gradients([reference.batches[0]]).0
            try group.wait()
            return step.optimizer.byteCount + gradients.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        }.map { try $0.get() }
    }

    @Test("a quarter of gradients and of the optimizer's state in each of four processes", arguments: [false, true])
    func bytes(isLoRA: Bool) throws {
        let whole = try Self.heldBytes(2, .none, isLoRA: isLoRA)
        #expect(whole[0] == whole[1])
        for sharding in Sharding.allCases.dropFirst() {
            let parts = try Self.heldBytes(4, sharding, isLoRA: isLoRA)
            #expect(parts.reduce(0, +) == whole[0])
            #expect(Double(parts.max()!) <= 0.3 * Double(whole[0]), "\(parts) of \(whole[0])")
        }
    }

    /// Every number lies in one part, large parameters in whole blocks.
    @Test func equalParts() {
        for seed in 0..<200 {
            var numbers = SplitMix64(seed: UInt64(seed))
            let counts = (0..<Int(numbers.next() % 12 + 1)).map { _ in
                Int(numbers.next() % (numbers.next() % 2 == 0 ? 300 : 20_000)) + 1
            }
            let parts = EqualParts(counts: counts, partCount: Int(numbers.next() % 9) + 1)
            var ends = counts.map { _ in 0 }
            for part in 0..<parts.partCount {
                var end = 0
                for slice in parts.slices(ofPart: part) {
                    #expect(slice.range.lowerBound == ends[slice.place] && slice.start >= end)
                    #expect(counts[slice.place] < 4096 || slice.range.lowerBound % EqualParts.blockLength == 0)
                    ends[slice.place] = slice.range.upperBound
                    end = slice.start + slice.range.count
                }
                #expect(end <= parts.partLength)
            }
            #expect(ends == counts)
            let most = counts.reduce(0, +) / parts.partCount + EqualParts.blockLength * (counts.count + 1)
            #expect(parts.partLength <= most)
        }
    }
}
