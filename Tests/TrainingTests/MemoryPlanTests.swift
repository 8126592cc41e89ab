import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing
import Training

/// How a run is computed in more and in less memory, and how that is chosen.
@Suite("Memory plans", .serialized)
struct MemoryPlanTests {
    static let lora = "lora={r: 4, alpha: 8, dropout: 0.1}"

    @Test("losses and weights are the same, bit for bit, whatever is kept, and where", arguments: [lora, "dtype=bf16"])
    func sameResults(override: String) throws {
        let world = try TinyWorld()
        func run(_ trace: BlockwiseEncoder.Trace) throws -> (losses: [Double], weights: [UInt8]) {
            let report = try TrainingRun(
                world.plan([override, "accumulation=2"]), output: world.folder("\(trace)"), resume: false,
                memory: MemoryPlan(trace: trace, chunkTokens: 60)
            ).run()
            return (report.metrics.map(\.loss), try TrainingRunTests.weights(report.model))
        }
        let wanted = try run(.keep)
        for trace in BlockwiseEncoder.Trace.allCases where trace != .keep {
            let found = try run(trace)
            #expect(found == wanted, "\(trace)")
        }
    }

    @Test("more memory never makes a slower plan; with less than the least, it is named")
    func choiceByBudget() throws {
        let world = try TinyWorld()
        for overrides in [[], [Self.lora]] {
            let forecast = try MemoryForecast(world.plan(overrides), processCount: 1)
            let all = forecast.candidates(MemoryWish())
            #expect(all[0].plan.trace == .keep && all[0].relativeTime == 1)
            #expect(all.contains { $0.plan.residency == .streamed } == !overrides.isEmpty)
            var slowest = Double.infinity
            for budget in all.map(\.byteCount).sorted() {
                let chosen = try forecast.choice(MemoryWish(budget: budget)).chosen
                #expect(chosen.byteCount <= budget && chosen.relativeTime <= slowest)
                slowest = chosen.relativeTime
            }
            #expect(slowest == 1)
            let least = all.map(\.byteCount).min()!
            let refused = #expect(throws: Failure.self) { try forecast.choice(MemoryWish(budget: least - 1)) }
            #expect(refused?.exitStatus == .badConfiguration)
            #expect(refused?.message.contains("the least is") == true, "\(String(describing: refused))")
        }
    }

    @Test("what was fixed stays fixed")
    func fixed() throws {
        let world = try TinyWorld()
        let forecast = try MemoryForecast(world.plan([Self.lora, "chunk_tokens=50"]), processCount: 1)
        let wish = MemoryWish(trace: .recompute(keeping: 1), residency: .streamed)
        #expect(
            forecast.candidates(wish).map(\.plan)
                == [MemoryPlan(trace: .recompute(keeping: 1), chunkTokens: 50, residency: .streamed)])
        #expect(forecast.candidates(MemoryWish()).allSatisfy { $0.plan.chunkTokens == 50 })
    }

    @Test("each kept block takes more; several processes take less each")
    func peaks() throws {
        let world = try TinyWorld()
        let plan = try world.plan(["queries_per_step=32"])
        let forecast = try MemoryForecast(plan, processCount: 1)
        let traces = [BlockwiseEncoder.Trace.recompute, .recompute(keeping: 1), .recompute(keeping: 2), .keep]
        let held = traces.map { forecast.peak(of: MemoryPlan(trace: $0)).traces }
        #expect(held == held.sorted() && held[0] < held[1] && held[1] < held[2], "\(held)")
        let offloaded = forecast.peak(of: MemoryPlan(trace: .offload))
        #expect(offloaded.traces < held[0])
        let shared = try MemoryForecast(plan, processCount: 4).peak(of: MemoryPlan(trace: .keep))
        #expect(shared.traces < held[3] / 2)
    }

    @Test("the traces that are forecast are those that a pass leaves", arguments: [[], [lora]])
    func forecastOfTraces(overrides: [String]) throws {
        let world = try TinyWorld()
        let plan = try world.plan(overrides + ["queries_per_step=32"])
        let traces = try MemoryForecast(plan, processCount: 1).peak(of: MemoryPlan(trace: .keep)).traces
        if let lora = plan.config.lora {
            try plan.start.text.addAdapters(
                LoRAConfiguration(
                    rank: lora.rank, alpha: lora.alpha, dropout: 0.1,
                    targets: ModulePattern(names: plan.start.text.defaultTargets)), seed: 1)
        } else {
            try plan.start.trainAll()
        }
        let encoder = BlockwiseEncoder(model: plan.start.text, head: plan.start.head)
        let dropout = Dropout(hidden: 0, attention: 0, adapter: overrides.isEmpty ? 0 : 0.1, seed: 3)
        let left = try (0..<plan.stepCount).map { step in
            let inputs = try plan.batches(step: step)[0].inputs
            return try TensorMemory.measure { try encoder.forward(inputs, dropout: dropout, trace: .keep) }.usage.left
        }
        let ratio = Double(traces) / Double(left.max()!)
        #expect((0.75...1.25).contains(ratio), "\(traces) of \(left)")
    }

    @Test("validation counts where it takes more than a step: its batches, vectors and results")
    func validation() throws {
        let world = try TinyWorld()
        var quirks = TinyWorld.Quirks()
        (quirks.judgedSplit, quirks.queryCount) = ("dev", 15)
        try world.add("dev", quirks)
        func peak(_ options: String?, _ more: [String] = []) throws -> MemoryPeak {
            let plan = try world.plan(more + (options.map { ["validation={dataset: dev, \($0)}"] } ?? []))
            var peak = try MemoryForecast(plan, processCount: 1).peak(of: MemoryPlan(trace: .keep))
            // Of what the plans before have left.
            peak.process = 0
            return peak
        }
        let large = ["queries_per_step=32"]
        let without = try peak(nil, large)
        #expect(without.validation == 0)
        let single = try peak("batch_tokens: 1", large)
        // What a block takes is measured, beside other threads.
        #expect(single.validation == 0 && abs(single.total - without.total) < 4096, "\(single) \(without)")
        let small = try peak("batch_tokens: 4096", ["queries_per_step=1", "passages_per_query=2"])
        #expect(small.validation > 0 && small.traces == 0 && small.gradients == 0)
        let fewer = try peak("batch_tokens: 256", ["queries_per_step=1", "passages_per_query=2"])
        #expect(fewer.temporaries < small.temporaries && fewer.total < small.total)

        let plan = try world.plan(["queries_per_step=1", "passages_per_query=2", "validation={dataset: dev}"])
        let forecast = try MemoryForecast(plan, processCount: 1)
        let least = try #require(forecast.candidates(MemoryWish()).map(\.byteCount).min())
        let refused = #expect(throws: Failure.self) { try forecast.choice(MemoryWish(budget: least - 1)) }
        #expect(refused?.advice?.contains("validation.batch_tokens") == true, "\(String(describing: refused))")
    }

    @Test("a dry run shows the plan that is chosen, and all that come into question")
    func dryRun() throws {
        let world = try TinyWorld()
        let plan = try world.plan([Self.lora])
        let dry = try DryRun(plan, memory: MemoryWish(budget: 1 << 40), processCount: 2)
        let memory = try #require(dry.json["memory_bytes"])
        #expect(memory["chosen"]?["plan"]?["trace"]?.string == "keep" && memory["processes"]?.integer == 2)
        #expect((memory["plans"]?.array?.count ?? 0) == dry.memory.candidates.count)
        #expect(
            dry.text.contains("memory of each of 2 processes") && dry.text.contains("is the fastest plan that fits"))
    }
}
