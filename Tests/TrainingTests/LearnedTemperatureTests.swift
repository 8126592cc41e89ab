import Base
import Models
import Tensors
import TestGroups
import TestKit
import Testing
import Training

@Suite("A temperature that is learned", .serialized)
struct LearnedTemperatureTests {
    static let learned = "learned_temperature=true"

    @Test(
        "a resumed run goes on with the same bits; weights learn beside it",
        arguments: [[], ["dtype=bf16"]] as [[String]])
    func resumed(overrides: [String]) throws {
        let world = try TinyWorld()
        let overrides = overrides + [Self.learned, "checkpoint_every=2"]
        let calm = try TrainingRunTests.train(world, overrides, to: world.folder("calm"))
        let run = world.folder("run")
        try TrainingRunTests.train(world, overrides, to: run)
        try TinyWorld.takeBackEnd(of: run)
        let resumed = try TrainingRunTests.train(world, overrides, to: run, resume: true)
        #expect(resumed.resumedAfter == 4)
        let temperatures = try resumed.metrics.map { try #require($0.temperature) }
        #expect(temperatures[0] == 0.05 && Set(temperatures).count == 6)
        #expect(temperatures == calm.metrics.map(\.temperature))
        #expect(resumed.metrics.map(\.loss) == calm.metrics.map(\.loss))
        #expect(try TrainingRunTests.weights(resumed.model) == TrainingRunTests.weights(calm.model))
        let states = try [calm, resumed].map { try Files.readAll($0.model.appending("loss.safetensors")) }
        #expect(states[0] == states[1])
        let fixed = try TrainingRunTests.train(
            world, overrides.filter { $0 != Self.learned }, to: world.folder("fixed"))
        #expect(fixed.metrics[0].loss == calm.metrics[0].loss && fixed.metrics[5].loss != calm.metrics[5].loss)
        #expect(fixed.metrics.allSatisfy { $0.temperature == nil } && fixed.lock != calm.lock)
        #expect(!Files.exists(fixed.model.appending("loss.safetensors")))
    }

    @Test("a checkpoint without it is refused")
    func missing() throws {
        let world = try TinyWorld()
        let overrides = [Self.learned, "checkpoint_every=2"]
        let run = world.folder("run")
        try TrainingRunTests.train(world, overrides, to: run)
        try Files.remove(run.appending("model"))
        try Files.remove(run.appending("checkpoints/step-000006/loss.safetensors"))
        let error = try #require(throws: (any Error).self) {
            try TrainingRunTests.train(world, overrides, to: run, resume: true)
        }
        #expect("\(error)".contains("loss.safetensors"), "\(error)")
    }

    @Test("it stays within 0.01 and 1, whatever the learning rate")
    func bounded() throws {
        let reference = try ReferenceRun()
        var loss = ContrastiveLoss(temperature: 0.5)
        loss.learnsTemperature = true
        var options = TrainingConfig.OptimizerOptions()
        options.learningRate = 3
        options.schedule = .constant
        // Weights stay where they are: at this rate they would not be finite for long.
        let model = try reference.model()
        try model.text.addAdapters(
            LoRAConfiguration(rank: 4, alpha: 1e-6, dropout: 0, targets: ["query"]), seed: 1)
        let step = try TrainingStep(
            encoder: reference.encoder(model), loss: loss, options: options, stepCount: 20)
        let temperatures = try reference.batches.prefix(6).map { batch in
            _ = try step.take([batch])
            return try #require(step.temperature).value
        }
        #expect(temperatures.allSatisfy { (0.00999...1.0001).contains($0) }, "\(temperatures)")
        #expect(temperatures.contains { abs($0 - 0.01) < 1e-6 || abs($0 - 1) < 1e-6 }, "\(temperatures)")
    }

    @Test("a mean over micro-batches, as of the weights")
    func accumulation() throws {
        let reference = try ReferenceRun()
        func temperatures(_ parts: [Int]) throws -> Double {
            var loss = ContrastiveLoss(temperature: 0.05)
            loss.learnsTemperature = true
            let model = try reference.trainableModel(isLoRA: true)
            var options = TrainingConfig.OptimizerOptions()
            // Steps are then as large as gradients.
            (options.learningRate, options.epsilon, options.schedule) = (1e3, 1e6, .constant)
            let step = try TrainingStep(
                encoder: reference.encoder(model), loss: loss, options: options, stepCount: 20)
            _ = try step.take(parts.map { reference.batches[$0] })
            return try #require(step.temperature).value
        }
        func logarithmicStep(_ parts: [Int]) throws -> Double { logarithm(try temperatures(parts) / 0.05) }
        let (first, second, both) = try (logarithmicStep([0]), logarithmicStep([1]), logarithmicStep([0, 1]))
        #expect(abs(first) > 1e-4 && abs(both - (first + second) / 2) < 1e-3 * abs(both))
    }

    @Test("refused where it finds nothing, or begins outside of its range")
    func refused() throws {
        let world = try TinyWorld()
        func refusal(_ overrides: [String]) throws -> Failure {
            try #require(throws: Failure.self) { try world.config([Self.learned] + overrides) }
        }
        let margins = try refusal(["loss={contrastive_weight: 0, distillation: {kind: margin_mse}}"])
        #expect(margins.description.contains("\"learned_temperature\" finds nothing"), "\(margins)")
        for start in ["0.005", "1.5"] {
            let outside = try refusal(["temperature=\(start)"])
            #expect(outside.description.contains("\"temperature\" must be a number from 0.01 to 1.0"), "\(outside)")
        }
        let divergence = "loss={contrastive_weight: 0, distillation: {kind: kl}}"
        #expect(try world.config([Self.learned, divergence, "temperature=0.01"]).learnsTemperature)
        #expect(
            try TrainingStep(
                encoder: ReferenceRun().encoder(ReferenceRun().trainableModel(isLoRA: true)), loss: HingeLoss(),
                options: .init(), stepCount: 1
            ).temperature == nil)
    }

    @Test("processes have the same one as a process alone")
    func sameInAll() throws {
        let world = try TinyWorld()
        let alone = try TrainingRunTests.train(world, [Self.learned], to: world.folder("alone"), trace: .keep)
        let reports = try TrainingGroupTests.train(world, [Self.learned], to: world.folder("together"), size: 2)
        for (one, other) in zip(alone.metrics, reports[0].metrics) {
            let (a, b) = (try #require(one.temperature), try #require(other.temperature))
            #expect(abs(a - b) <= 1e-6 * a, "step \(one.step): \(a) and \(b)")
        }
    }

    @Test("processes that divide weights keep one, and go on with it", arguments: [Sharding.optimizer, .weights])
    func divided(sharding: Sharding) throws {
        let world = try TinyWorld()
        let overrides = [Self.learned, "checkpoint_every=3"]
        let alone = try TrainingRunTests.train(world, overrides, to: world.folder("alone"), trace: .keep)
        let output = world.folder("together")
        _ = try ShardingTests.train(world, overrides, to: output, (3, sharding))
        try TinyWorld.takeBackEnd(of: output)
        #expect(Files.exists(output.appending("checkpoints/step-000003/loss.safetensors")))
        let resumed = try ShardingTests.train(world, overrides, to: output, (2, sharding), resume: true)
        #expect(resumed.resumedAfter == 3 && resumed.metrics.count == 6)
        for (one, other) in zip(alone.metrics, resumed.metrics) {
            let (a, b) = (try #require(one.temperature), try #require(other.temperature))
            #expect(abs(a - b) <= 1e-6 * a, "step \(one.step): \(a) and \(b)")
        }
    }

    @Test("each process computes the same bits of it from the vectors of all")
    func everyProcess() throws {
        let values = try together(3) { processes in
            let reference = try ReferenceRun()
            var loss = ContrastiveLoss(temperature: 0.05)
            loss.learnsTemperature = true
            let step = try TrainingStep(
                encoder: reference.encoder(reference.trainableModel(isLoRA: false)), loss: loss,
                options: reference.options("full"), stepCount: 50,
                group: TrainingGroup(processes, sharding: .weights))
            return try (0..<3).map { number in
                var batch = reference.batches[number]
                try batch.divide(among: 3, rank: processes.rank)
                _ = try step.take([batch])
                return try #require(step.temperature).value
            }
        }.map { try $0.get() }
        #expect(Set(values).count == 1 && Set(values[0]).count == 3, "\(values)")
    }
}
