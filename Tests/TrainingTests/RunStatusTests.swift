import Base
import SystemPackage
import TestKit
import Testing
import Training

@Suite("Where a run stands")
struct RunStatusTests {
    private func metrics(_ step: Int, loss: Double) -> StepMetrics {
        var metrics = StepMetrics(
            step: step, loss: loss, learningRate: 5e-5, gradientNorm: 2.5, tokenCount: 1000, seconds: 0.5)
        (metrics.queryCount, metrics.residentByteCount) = (8, 512_000_000)
        return metrics
    }

    @Test("a run under way: step, loss, pace, time left, and the losses as blocks")
    func running() {
        let steps = (1...100).map { metrics($0, loss: 9 - Double($0) * 0.08) }
        let found = ValidationMetrics(
            step: 50, values: [.init(name: "ndcg@10", value: 0.25), .init(name: "loss", value: 2)], queryCount: 5,
            documentCount: 10, seconds: 1, isBest: true)
        let status = RunStatus(
            state: .running, stepCount: 1000, steps: steps, validations: [found, found], bestMetric: "ndcg@10")
        let lines = status.text(width: 80).split(separator: "\n").map(String.init)
        #expect(status.secondsLeft == 450)
        #expect(lines[0] == "step 100 of 1,000 (10.0 %), running, 7 min 30 s left")
        #expect(lines[1] == "loss 1.0000, median of the last 50 2.9600; rate 5.00e-5, gradient norm 2.50")
        #expect(lines[2] == "2000 tokens/s, 16.0 examples/s, 0.50 s a step, 512.0 MB of memory")
        #expect(lines[3].hasPrefix("loss █") && lines[3].hasSuffix("▁") && lines[3].count == 80)
        #expect(lines[4] == "after step 50: ndcg@10 0.2500, loss 2.0000")
        #expect(lines.last == "best ndcg@10 0.2500, after step 50")
        #expect(lines.allSatisfy { $0.count <= 80 })
        #expect(status.json["seconds_left"]?.double == 450 && status.json["step"]?.integer == 100)
    }

    @Test("a run before its first step, and one of a single step")
    func short() {
        let none = RunStatus(state: .stopped, stepCount: 10, steps: [], validations: [])
        #expect(none.text(width: 80) == "step 0 of 10 (0.0 %), stopped\n" && none.secondsLeft == nil)
        let one = RunStatus(state: .finished, stepCount: 1, steps: [metrics(1, loss: 2)], validations: [])
        #expect(one.text(width: 80).contains("loss ▄\n") && one.secondsLeft == nil)
    }

    @Test("a run's folder says how it stands; any other folder is refused")
    func reading() throws {
        let world = try TinyWorld()
        let run = world.folder("run")
        let plan = try world.plan()
        #expect(throws: Failure.self) { try RunStatus(reading: world.folder.path) }
        do {
            let folder = try RunFolder(opening: run, lock: plan.lock, resume: false)
            #expect(try RunStatus(reading: run).state == .running)
            withExtendedLifetime(folder) {}
        }
        #expect(try RunStatus(reading: run).state == .stopped)
        try TrainingRunTests.train(world, [], to: run, resume: true)
        let status = try RunStatus(reading: run)
        #expect(status.state == .finished && status.stepCount == 6 && status.steps.count == 6)
    }

    @Test("a run that is done leaves a page with its curves, without scripts and outside resources")
    func page() throws {
        let world = try ValidationTests.world()
        let run = world.folder("run")
        try TrainingRunTests.train(world, ["validation={dataset: dev, every: 2}"], to: run)
        let page = try Files.readText(run.appending("report.html"))
        for word in [
            "<h2>Loss</h2>", "<h3>ndcg@10</h3>", "<h2>Learning rate</h2>", "best so far", "aria-label=\"loss by step\"",
        ] {
            #expect(page.contains(word), "\(word)")
        }
        #expect(page.ranges(of: "<svg").count == 8)
        for word in ["<script", "http:", "https:", "src="] { #expect(!page.contains(word), "\(word)") }
        try Files.replace(run.appending("report.html"), with: "mine")
        try TrainingRunTests.train(world, ["validation={dataset: dev, every: 2}"], to: run, resume: true)
        #expect(try Files.readText(run.appending("report.html")) == "mine")
    }
}
