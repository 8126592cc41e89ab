import Base
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

@Suite("Runs with each optimizer state", .serialized)
struct OptimizerStateRunTests {
    let world: TinyWorld
    /// tiny-bert of twice the width, whose matrices are large enough for 8 bits.
    let wide: [String]

    init() throws {
        world = try TinyWorld()
        let (source, golden) = (world.folder("shape"), Golden()("tiny-bert"))
        try Files.makeDirectory(source)
        var config = try #require(try JSONValue.parse(file: golden.appending("config.json")).object)
        (config["hidden_size"], config["intermediate_size"]) = (64, 128)
        try Files.replace(source.appending("config.json"), with: JSONValue.object(config).pretty())
        var card = try #require(try JSONValue.parse(file: golden.appending("tvt.json")).object)
        card["dims"] = 64
        try Files.replace(source.appending("tvt.json"), with: JSONValue.object(card).pretty())
        try Files.replace(source.appending("tokenizer.json"), with: Files.readAll(golden.appending("tokenizer.json")))
        let model = world.folder("wide")
        _ = try RandomModel(like: source).write(seed: 7, to: model)
        wide = ["model=\(model)", "steps=20", "optimizer.learning_rate=2e-3"]
    }

    static func file(_ model: FilePath) throws -> SafetensorsFile {
        try SafetensorsFile(model.appending("optimizer.safetensors"))
    }

    @Test("20 steps: losses near those of f32, and the memory that the dry run says")
    func curves() throws {
        let f32 = try TrainingRunTests.train(world, wide, to: world.folder("f32"))
        #expect(f32.metrics.count == 20 && Set(f32.metrics.map(\.loss)).count == 20)
        let f32Bytes = try Self.file(f32.model).entries.reduce(0) { $0 + 4 * $1.shape.reduce(1, *) }
        for (state, tolerance, share) in [("bf16", 2e-3, 0.5), ("8bit", 5e-3, 0.27)] {
            let overrides = wide + ["optimizer.state=\(state)"]
            let run = try TrainingRunTests.train(world, overrides, to: world.folder(state))
            for (a, b) in zip(run.metrics, f32.metrics) {
                #expect(abs(a.loss - b.loss) <= tolerance * b.loss, "\(state)")
            }
            #expect(run.metrics.map(\.loss) != f32.metrics.map(\.loss) && run.lock != f32.lock)
            let bytes = try Self.file(run.model).entries.reduce(0) { $0 + $1.type.byteCount * $1.shape.reduce(1, *) }
            let memory = try DryRun(world.plan(overrides)).memory
            #expect(memory.moments == bytes)
            // Biases and the like stay in f32 beside 8 bits: here they are more of the whole than in any real model.
            #expect(Double(bytes) <= (state == "8bit" ? share + 0.05 : share) * Double(f32Bytes))
        }
        // Runs from before there was a choice.
        let lock = try world.plan(wide).lock
        #expect(lock.value["mix"]?["optimizer"]?["state"] == nil)
    }

    @Test("a run that was killed ends with the same bytes", arguments: ["bf16", "8bit"])
    func resume(state: String) throws {
        let overrides = wide + ["steps=6", "optimizer.state=\(state)", "checkpoint_every=3"]
        let whole = try TrainingRunTests.train(world, overrides, to: world.folder("whole"))
        let killed = world.folder("killed")
        try TrainingRunTests.train(world, overrides, to: killed)
        try TinyWorld.takeBackEnd(of: killed)
        let resumed = try TrainingRunTests.train(world, overrides, to: killed, resume: true)
        #expect(resumed.resumedAfter == 3)
        #expect(resumed.metrics.map(\.loss) == whole.metrics.map(\.loss))
        for name in ["model.safetensors", "optimizer.safetensors"] {
            #expect(
                try Files.readAll(resumed.model.appending(name)) == Files.readAll(whole.model.appending(name)),
                "\(name)")
        }
        // Of another state, the run there is another run.
        let other = try #require(throws: Failure.self) {
            try TrainingRunTests.train(world, overrides + ["optimizer.state=f32"], to: killed, resume: true)
        }
        #expect(other.exitStatus == .badConfiguration && other.description.contains("mix.optimizer.state"), "\(other)")
    }

    @Test("a model without a weight large enough for 8 bits refuses them; a state of another type is refused")
    func refusals() throws {
        let small = try #require(throws: Failure.self) { try world.plan(["optimizer.state=8bit"]) }
        #expect(small.exitStatus == .badConfiguration && small.description.contains("\"optimizer.state\""), "\(small)")
        #expect(throws: Failure.self) { try world.config(["optimizer.state=int4"]) }
        var options = TrainingConfig.OptimizerOptions()
        let parameter = TrainedParameter(name: "weight", tensor: try Tensor.zeros([64, 64]))
        let state = try Optimizer([parameter], options).state
        options.state = .eightBits
        let other = try Optimizer([parameter], options)
        #expect(other.byteCount == 2 * (4096 + 4 * 16))
        #expect(
            try other.state.map(\.name) == [
                "first.weight", "second.weight", "first_scales.weight", "second_scales.weight",
            ])
        let failure = try #require(throws: Failure.self) {
            try other.restore(stepCount: 0) { name in state.first { $0.name == name }?.tensor }
        }
        #expect(failure.description.contains("first.weight"), "\(failure)")
    }
}
