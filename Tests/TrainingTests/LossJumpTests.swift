import Base
import JSON
import TestKit
import Testing
import Training

@Suite("Jumps of the loss")
struct LossJumpTests {
    private func events(_ losses: [Double]) -> [Int] {
        var detector = JumpDetector()
        return losses.indices.filter { detector.take(losses[$0]) != nil }
    }

    /// A falling loss with ups and downs of a tenth.
    private func usual(_ count: Int) -> [Double] {
        (0..<count).map { step in
            let noise = Double(SplitMix64.mix(3, UInt64(step)) % 1000) / 1000 - 0.5
            return 1 + 2 / (1 + Double(step) / 30) + 0.2 * noise
        }
    }

    @Test("the usual ups and downs are none, nor is anything before there are twenty losses")
    func usualLosses() {
        #expect(events(usual(1000)) == [])
        #expect(events([Double](repeating: 0.001, count: 19) + [50]) == [])
        #expect(events([Double](repeating: 2, count: 100)) == [])
        // Small losses have small spreads; half a nat is the least that counts.
        #expect(events([Double](repeating: 0.001, count: 60) + [0.4]) == [])
    }

    @Test("a jump is told once, and again when the loss has been back")
    func jumps() {
        let losses = usual(100)
        #expect(events(losses + [9]) == [100])
        #expect(events(losses + [9, 10, 8, 11]) == [100])
        #expect(events(losses + [9, 10, 1.5, 9]) == [100, 103])
        // A loss that stays high becomes the usual one.
        #expect(events(losses + [Double](repeating: 9, count: 60) + [20]) == [100, 160])
    }

    @Test("what is told is the median and the spread of the losses before")
    func figures() throws {
        var detector = JumpDetector()
        for loss in [Double](repeating: 1, count: 15) + [Double](repeating: 1.5, count: 10) { _ = detector.take(loss) }
        let taken = detector.take(7)
        let (median, spread) = try #require(taken)
        #expect(median == 1 && spread == 0)
    }

    @Test("a step's jump stands in its line of the metrics, and is read back")
    func line() throws {
        let folder = try TemporaryFolder()
        let file = try MetricsFile(folder("metrics.jsonl"), after: 0)
        var metrics = StepMetrics(
            step: 1, loss: 9, learningRate: 1e-5, gradientNorm: 1, tokenCount: 10, seconds: 0.5)
        metrics.jump = LossJump(median: 1.25, spread: 0.5, queries: ["nave/q1", "nave/\"q2\""])
        metrics.shares = [.init(reference: "a", queryCount: 3), .init(reference: "b@x", queryCount: 5)]
        (metrics.queryCount, metrics.residentByteCount) = (8, 1 << 30)
        try file.append(metrics)
        #expect(try MetricsFile.read(folder("metrics.jsonl")) == [metrics])
    }

    @Test("a batch knows the queries that it is made of")
    func origins() throws {
        let world = try TinyWorld()
        let plan = try world.plan(["accumulation=2"])
        let batches = try plan.batches(step: 0)
        let examples = try (0..<8 as Range<UInt64>).map(plan.source.example)
        #expect(batches.flatMap(\.origins).map(\.query) == examples.map(\.query))
        #expect(batches.allSatisfy { $0.origins.count == 4 && $0.origins.allSatisfy { $0.part == 0 } })
    }
}
