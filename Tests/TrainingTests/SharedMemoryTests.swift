import Base
import Engine
import JSON
import Models
import Tensors
import TestGroups
import TestKit
import Testing
import Training

/// What several processes take of memory each, and how they choose a plan together.
@Suite("Memory of processes that divide what they train", .serialized)
struct SharedMemoryTests {
    static let lora = MemoryPlanTests.lora

    private func peaks(_ overrides: [String], _ processCount: Int) throws -> [Sharding: MemoryPeak] {
        let world = try TinyWorld()
        return try withExtendedLifetime(world) {
            let forecast = try MemoryForecast(world.plan(overrides), processCount: processCount)
            return Dictionary(
                uniqueKeysWithValues: Sharding.allCases.map {
                    ($0, forecast.peak(of: MemoryPlan(trace: .recompute, sharding: $0)))
                })
        }
    }

    @Test("each level divides what it says, by the number of processes", arguments: [[], [lora], ["dtype=bf16"]])
    func levels(overrides: [String]) throws {
        let peaks = try peaks(overrides, 8)
        let (none, optimizer, gradients, weights) =
            (peaks[.none]!, peaks[.optimizer]!, peaks[.gradients]!, peaks[.weights]!)
        for divided in [optimizer, gradients, weights] { #expect(divided.moments == (none.moments + 7) / 8) }
        #expect(gradients.gradients < none.gradients)
        // The rounded copy is whole, and the float32 weights are divided.
        if overrides == ["dtype=bf16"] {
            #expect(optimizer.weights < none.weights)
        } else {
            #expect(optimizer.weights == none.weights)
        }
        #expect(gradients.weights == optimizer.weights && weights.weights < gradients.weights)
        // Beside a part, what is gathered of two blocks, which in so small a model is most of it.
        #expect(weights.weights > none.weights / 4)
        let alone = try self.peaks(overrides, 1)
        for peak in alone.values { #expect(peak.moments == none.moments && peak.weights == none.weights) }
    }

    @Test("sums of gradients wait for the next micro-batch whole, or divided")
    func accumulation() throws {
        let peaks = try peaks(["accumulation=4"], 4)
        let all = peaks[.none]!.gradients
        #expect(peaks[.optimizer]!.gradients == all && peaks[.gradients]!.gradients == (all + 3) / 4)
    }

    @Test("moments and gradients are those that a process of four holds", arguments: [false, true])
    func measured(isLoRA: Bool) throws {
        let held = try ShardingTests.heldBytes(4, .gradients, isLoRA: isLoRA).max()!
        let targets = "lora={r: 4, alpha: 8, targets: [query, dense]}"
        // Two moments, and a gradient.
        let forecast = try peaks(isLoRA ? [targets] : [], 4)[.gradients]!.moments * 3 / 2
        #expect(Double(abs(forecast - held)) <= 0.1 * Double(held), "\(forecast) of \(held)")
    }

    @Test("--memory tries all levels of several processes, and none of one; what was fixed stays fixed")
    func candidates() throws {
        let world = try TinyWorld()
        func levels(_ plan: TrainingPlan, _ processCount: Int, _ wish: MemoryWish = .init()) throws -> Set<Sharding> {
            Set(try MemoryForecast(plan, processCount: processCount).candidates(wish).map(\.plan.sharding))
        }
        let plan = try world.plan()
        #expect(try levels(plan, 1) == [.none] && levels(plan, 4) == Set(Sharding.allCases))
        #expect(try levels(plan, 4, MemoryWish(sharding: .optimizer)) == [.optimizer])
        try world.add("dev", TinyWorld.Quirks(judgedSplit: "dev"))
        let validating = try world.plan(["validation={dataset: dev, every: 2}"])
        #expect(try levels(validating, 4) == Set(Sharding.allCases))
    }

    @Test("the fastest plan is one that fits in every process")
    func agreement() throws {
        let world = try TinyWorld()
        defer { withExtendedLifetime(world) {} }
        let forecast = try MemoryForecast(world.plan(), processCount: 4)
        let all = forecast.candidates(MemoryWish())
        let last = all.count - 1
        let (chosen, _) = try forecast.choice(MemoryWish(budget: 1 << 40)) { fits in
            #expect(fits.allSatisfy { $0 } && fits.count == all.count)
            return fits.indices.map { $0 == last }
        }
        #expect(chosen == all[last])
    }

    /// As processes that have other amounts in memory do, here with other budgets.
    @Test("processes choose together", arguments: [1 << 40, 1])
    func choice(budgetOfSecond: Int) throws {
        let world = try TinyWorld()
        defer { withExtendedLifetime(world) {} }
        let results = try together(2) { processes in
            let wish = MemoryWish(budget: processes.rank == 0 ? 1 << 40 : budgetOfSecond)
            return try world.plan().memoryChoice(wish, with: processes)
        }
        guard budgetOfSecond == 1 else {
            let plans = try results.map { try $0.get().plan }
            return #expect(plans[0] == plans[1] && plans[0].trace == .keep)
        }
        for result in results { #expect(throws: Failure.self) { try result.get() } }
    }

    @Test("a dry run shows the level, of a process's share")
    func dryRun() throws {
        let world = try TinyWorld()
        defer { withExtendedLifetime(world) {} }
        let plan = try world.plan()
        let dry = try DryRun(plan, memory: MemoryWish(sharding: .gradients), processCount: 8)
        let whole = try DryRun(plan, processCount: 8)
        #expect(dry.text.contains("--shard gradients") && dry.text.contains("of each of 8 processes"))
        #expect(dry.memory.moments == (whole.memory.moments + 7) / 8 && dry.memory.gradients < whole.memory.gradients)
        // Other tests run in this process, so what it has in memory is another from one dry run to the next.
        func ofRun(_ memory: TrainingMemory) -> Int { memory.total - memory.process }
        #expect(ofRun(dry.memory) < ofRun(whole.memory))
        let chosen = try DryRun(plan, memory: MemoryWish(sharding: .weights, budget: 1 << 40), processCount: 8)
        #expect(chosen.json["memory_bytes"]?["chosen"]?["plan"]?["shard"]?.string == "weights")
    }
}
