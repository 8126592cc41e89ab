import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Training

@Suite("Run folder")
struct RunFolderTests {
    static func lock(_ overrides: [String] = []) throws -> Lock {
        let config = try TrainingConfig(yaml: TrainingConfigTests.smallest, path: "config.yaml", overrides: overrides)
        let digest = SHA256Digest.of(Array("x".utf8))
        return Lock(
            config: config, stepCount: 10, modelFiles: [("model.safetensors", digest)],
            datasets: [.init(reference: "a", digest: digest, exampleCount: 5, weight: 5)], card: [:])
    }

    @Test("a lock is canonical JSON, and equal mixes have equal locks")
    func locks() throws {
        let lock = try Self.lock()
        #expect(try lock == Self.lock())
        #expect(try lock.digest == Self.lock().digest)
        let read = Lock(value: try JSONValue.parse(lock.bytes, path: "lock.json"))
        #expect(read.digest == lock.digest)
        let other = try Self.lock(["temperature=0.1", "optimizer.learning_rate=1"])
        #expect(other.digest != lock.digest)
        #expect(Set(lock.differences(from: other)) == ["mix.temperature", "mix.optimizer.learning_rate"])
    }

    @Test("a second process, a run without --resume and another lock are refused")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let path = folder("run")
        var run: RunFolder? = try RunFolder(opening: path, lock: Self.lock(), resume: false)
        #expect(run != nil)
        let locked = try #require(throws: Failure.self) {
            try RunFolder(opening: path, lock: Self.lock(), resume: true)
        }
        #expect(locked.exitStatus == .locked)
        run = nil
        let present = try #require(throws: Failure.self) {
            try RunFolder(opening: path, lock: Self.lock(), resume: false)
        }
        #expect(present.exitStatus == .cannotCreate)
        let other = try #require(throws: Failure.self) {
            try RunFolder(opening: path, lock: Self.lock(["temperature=0.1"]), resume: true)
        }
        #expect(other.exitStatus == .badConfiguration)
        #expect(other.description.contains("mix.temperature"))
        run = try RunFolder(opening: path, lock: Self.lock(), resume: true)
    }

    @Test("a folder with somebody else's files is refused")
    func strangers() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("x", to: "thesis.tex")
        #expect(throws: Failure.self) { try RunFolder(opening: folder.path, lock: Self.lock(), resume: false) }
    }

    @Test("a checkpoint appears when complete, a failed one not at all, old ones go")
    func checkpoints() throws {
        let folder = try TemporaryFolder()
        let run = try RunFolder(opening: folder("run"), lock: Self.lock(), resume: false)
        struct Broken: Error {}
        #expect(throws: Broken.self) {
            try run.publishCheckpoint(step: 1) { path in
                try Files.replace(path.appending("half"), with: [1])
                throw Broken()
            }
        }
        #expect(try Files.list(folder("run/checkpoints")) == [])
        for step in [2, 10, 1_000_000] {
            try run.publishCheckpoint(step: step) { try Files.replace($0.appending("file"), with: "\(step)") }
        }
        #expect(try run.checkpointSteps() == [2, 10, 1_000_000])
        try run.keepCheckpoints(2)
        #expect(try Files.list(folder("run/checkpoints")) == ["step-000010", "step-1000000"])
        #expect(!run.isFinished)
        try run.finish(step: 10)
        #expect(run.isFinished)
        #expect(try Files.readText(run.modelPath.appending("file")) == "10")
    }

    @Test("what a killed process left half-written is swept away")
    func leftovers() throws {
        let folder = try TemporaryFolder()
        _ = try RunFolder(opening: folder("run"), lock: Self.lock(), resume: false)
        try Files.makeDirectory(folder("run/checkpoints/.step-000004.tmp"))
        try Files.replace(folder("run/checkpoints/.step-000004.tmp/model.safetensors"), with: [0])
        let run = try RunFolder(opening: folder("run"), lock: Self.lock(), resume: true)
        #expect(try Files.list(folder("run/checkpoints")) == [])
        #expect(try run.checkpointSteps() == [])
    }

    @Test("metrics: a resumed run drops later lines and a torn one")
    func metrics() throws {
        let folder = try TemporaryFolder()
        let path = folder("metrics.jsonl")
        func metrics(_ step: Int) -> StepMetrics {
            StepMetrics(
                step: step, loss: 1 / 3, learningRate: 5e-5, gradientNorm: 2.5, tokenCount: 5400, seconds: 1.5)
        }
        let file = try MetricsFile(path, after: 0)
        for step in 1...5 { try file.append(metrics(step)) }
        let whole = try Files.readAll(path)
        try Files.replace(path, with: whole + Array("{\"step\":6,\"lo".utf8))
        let resumed = try MetricsFile(path, after: 3)
        #expect(try MetricsFile.read(path) == (1...3).map(metrics))
        for step in 4...5 { try resumed.append(metrics(step)) }
        #expect(try Files.readAll(path) == whole)
    }
}
