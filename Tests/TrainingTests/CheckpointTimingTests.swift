import Base
import SystemPackage
import TestKit
import Testing
import Training

@Suite("When checkpoints are written, and which stay", .serialized)
struct CheckpointTimingTests {
    private func names(_ run: FilePath) throws -> [String] { try Files.list(run.appending("checkpoints")) }

    @Test("checkpoints by time come as soon as the time is over, and change no loss")
    func byTime() throws {
        let world = try TinyWorld()
        let usual = try TrainingRunTests.train(world, [], to: world.folder("usual"))
        let settings = ["checkpoint_every_minutes=1e-9", "keep_checkpoints=10"]
        let report = try TrainingRunTests.train(world, settings, to: world.folder("often"))
        #expect(try names(world.folder("often")) == (1...6).map { "step-00000\($0)" })
        #expect(report.metrics.map(\.loss) == usual.metrics.map(\.loss))
        #expect(try names(world.folder("usual")) == ["step-000006"])
        // How often is no part of what decides the result.
        #expect(report.lock == usual.lock)
    }

    @Test("keep_checkpoints is how many stay, the last among them", arguments: [1, 2, 4])
    func kept(count: Int) throws {
        let world = try TinyWorld()
        let run = world.folder("run")
        let report = try TrainingRunTests.train(world, ["checkpoint_every=1", "keep_checkpoints=\(count)"], to: run)
        #expect(try names(run) == (7 - count...6).map { "step-00000\($0)" })
        #expect(Files.isDirectory(report.model))
    }

    @Test("a run that left no checkpoint starts anew, keeps its metrics under another name, and ends the same")
    func anew() throws {
        let world = try TinyWorld()
        let whole = try TrainingRunTests.train(world, [], to: world.folder("whole"))
        let run = world.folder("run")
        for number in 1...2 {
            try TrainingRunTests.train(world, [], to: run, resume: number > 1)
            try TinyWorld.takeBackEnd(of: run)
        }
        let lost = try Files.readAll(run.appending("metrics.jsonl"))
        let resumed = try TrainingRunTests.train(world, [], to: run, resume: true)
        #expect(try Files.readAll(run.appending("metrics.before-restart-2.jsonl")) == lost)
        #expect(try MetricsFile.read(run.appending("metrics.before-restart-1.jsonl")).count == 6)
        #expect(resumed.metrics.map(\.loss) == whole.metrics.map(\.loss) && resumed.resumedAfter == 0)
    }
}
