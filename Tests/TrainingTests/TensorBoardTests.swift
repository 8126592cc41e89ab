import Base
import Foundation
import SystemPackage
import TestKit
import Testing
import Training

/// TensorBoard's own reader, of which `make setup` installs what reads event files.
@Suite("TensorBoard's own reader")
struct TensorBoardTests {
    private static let packages = ["tensorboard", "python"].map { sourceRoot.appending(".deps").appending($0) }
    static let isInstalled = packages.allSatisfy { Files.exists($0) }

    /// What `scripts/tensorboard-reads.py RUN` ends with and says.
    private func read(_ run: FilePath) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", sourceRoot.appending("scripts").appending("tensorboard-reads.py").string, run.string,
        ]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "PYTHONPATH": Self.packages.map(\.string).joined(separator: ":"), "PYTHONDONTWRITEBYTECODE": "1",
        ]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }

    @Test(
        "shows every scalar of a run that was resumed, and no other; and notices one that is changed",
        .enabled(if: TensorBoardTests.isInstalled))
    func scalars() throws {
        let world = try TrainingMixingTests.world()
        let overrides = [
            "checkpoint_every=2", "datasets=[{name: tiny, weight: 3}, {name: small, weight: 1}]",
            "events.histograms_every=3", "learned_temperature=true", "validation={share: 0.2, every: 3}",
        ]
        let run = world.folder("run")
        try TrainingRunTests.train(world, overrides, to: run)
        try TinyWorld.takeBackEnd(of: run)
        let report = try TrainingRunTests.train(world, overrides, to: run, resume: true)
        #expect(report.resumedAfter == 4 && report.metrics.allSatisfy { $0.temperature != nil })
        let found = try read(run)
        // Nine of each step, and three of each validation: before, in the middle, and after.
        #expect(
            found.status == 0 && found.text.contains("12 scalars with 63 values, 2 histograms")
                && found.text.contains("0 faults"), "\(found.text)")
        let metrics = run.appending("metrics.jsonl")
        let text = try Files.readText(metrics)
        let norm = try #require(text.firstMatch(of: #/"gradient_norm":[0-9.e-]+/#)).output
        try Files.replace(metrics, with: text.replacing(norm, with: "\"gradient_norm\":123456"))
        let changed = try read(run)
        #expect(changed.status == 1 && changed.text.contains("train/gradient_norm, step 1"), "\(changed.text)")
    }
}
