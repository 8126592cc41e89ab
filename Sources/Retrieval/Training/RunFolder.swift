internal import Base
internal import Glibc
internal import JSON
public import SystemPackage

/// The folder of one training run.
///
///     lock.json              all that decides the result
///     metrics.jsonl          a line a step; metrics.before-restart-1.jsonl, … of processes that left no checkpoint
///     events/                the same for TensorBoard
///     checkpoints/step-000064/   complete, verified models; with what is needed to go on from them
///     best                   link to the checkpoint that validation found best
///     model                  link to the last checkpoint, once the run is done
///     report.html            curves, once the run is done
///
/// Everything appears under its name only when complete: a checkpoint is written to a hidden folder and renamed. The
/// folder is locked while the object lives.
public final class RunFolder {
    public let path: FilePath
    public let lock: Lock
    private let held: FileLock?

    /// Opens the folder for the run that `lock` describes, and makes it where there is none.
    ///
    /// - Parameter resume: go on where an earlier process stopped. Without it a folder with a run in it is refused.
    /// - Throws: `Failure`: status 75 where another process trains there, 73 where a run is there and `resume` is
    ///   false, 78 where the run there has another lock.
    public init(opening path: FilePath, lock: Lock, resume: Bool) throws {
        self.path = path
        self.lock = lock
        let lockFile = path.appending("lock.json")
        // Before our lock is put there: somebody else's folder stays as it is.
        if Files.isDirectory(path), !Files.exists(lockFile) {
            let strangers = try Files.list(path).filter { !$0.hasPrefix(".") }
            guard strangers.isEmpty else {
                throw Failure(
                    .cannotCreate, "\(path) is not empty and holds no run (\(strangers[0]), …)",
                    advice: "Give an empty or a new folder as --output.")
            }
        }
        try Files.makeDirectory(path)
        held = try FileLock(acquiring: path.appending(".lock"), purpose: "tvt-train")
        if Files.exists(lockFile) {
            let present = Lock(value: try JSONValue.parse(file: lockFile))
            guard resume else {
                throw Failure(
                    .cannotCreate, "\(path) holds a run already",
                    advice: "Give --resume to go on with it, or another --output.")
            }
            let differences = present.differences(from: lock)
            guard differences.isEmpty else {
                throw Failure(
                    .badConfiguration,
                    "\(path) holds another run: its lock differs in \(differences.joined(separator: ", "))",
                    advice: "Resume with the same config, data and model, or give another --output.")
            }
        } else {
            try Files.replace(lockFile, with: lock.bytes)
        }
        try Files.makeDirectory(checkpointsPath)
        // What a killed process left half-written; we hold the lock, so nobody is writing it.
        for name in try Files.list(path) where name.hasPrefix(".") && name.hasSuffix(".tmp") {
            try Files.remove(path.appending(name))
        }
        try Files.removeTree(path.appending(Self.validationName))
        for name in try Files.list(checkpointsPath) where name.hasPrefix(".") {
            try Files.removeTree(checkpointsPath.appending(name))
        }
    }

    /// Folder of the vectors of a validation that is under way.
    static let validationName = ".validation"

    /// The folder of a run that another process has opened, and writes.
    ///
    /// - Throws: `Failure` with status 78 where the run there has another lock.
    init(beside path: FilePath, lock: Lock) throws {
        (self.path, self.lock, held) = (path, lock, nil)
        let differences = try Lock(value: JSONValue.parse(file: path.appending("lock.json"))).differences(from: lock)
        guard differences.isEmpty else {
            throw Failure(
                .badConfiguration,
                "\(path): the first process's lock differs from this one's in \(differences.joined(separator: ", "))",
                advice: "All processes need the same config, data and model, and the folder where the first one writes."
            )
        }
    }

    var checkpointsPath: FilePath { path.appending("checkpoints") }

    /// Link to the finished model.
    public var modelPath: FilePath { path.appending("model") }

    /// Whether the run is done.
    public var isFinished: Bool { Files.exists(modelPath) }

    /// The name of a checkpoint: steps sort as their names do.
    static func checkpointName(step: Int) -> String {
        "step-" + padded(step, to: 6)
    }

    /// Steps of the complete checkpoints, ascending.
    public func checkpointSteps() throws -> [Int] {
        try Files.list(checkpointsPath).compactMap { name in
            name.hasPrefix("step-") ? Int(name.dropFirst(5)) : nil
        }.sorted()
    }

    public func checkpointPath(step: Int) -> FilePath { checkpointsPath.appending(Self.checkpointName(step: step)) }

    /// Where a checkpoint lies while it is written.
    func stagingPath(step: Int) -> FilePath {
        checkpointsPath.appending("." + Self.checkpointName(step: step) + ".tmp")
    }

    /// Writes a checkpoint through `body` and publishes it under its name.
    ///
    /// - Parameter body: fills the folder that it is given, and throws if what it wrote does not read back.
    public func publishCheckpoint(step: Int, _ body: (FilePath) throws -> Void) throws {
        let staging = stagingPath(step: step)
        try Files.removeTree(staging)
        try Files.makeDirectory(staging)
        do {
            try body(staging)
            try Self.syncFiles(in: staging)
        } catch {
            try Files.removeTree(staging)
            throw error
        }
        // A run that was resumed from an earlier checkpoint comes by the same step again.
        if Files.exists(checkpointPath(step: step)) { try removeCheckpoint(step: step) }
        try Files.rename(staging, to: checkpointPath(step: step))
        try Files.syncFolder(checkpointsPath)
    }

    /// Removes all but the last `count` checkpoints and the best; the last one, and that of a finished run, always stay.
    public func keepCheckpoints(_ count: Int) throws {
        let best = bestStep
        for step in try checkpointSteps().dropLast(max(1, count)) where step != best {
            try removeCheckpoint(step: step)
        }
    }

    /// Link to the checkpoint that was found best.
    public var bestPath: FilePath { path.appending("best") }

    /// The step of the best checkpoint; nil where there is none.
    public var bestStep: Int? {
        var target = [UInt8](repeating: 0, count: 4096)
        let count = target.withUnsafeMutableBytes {
            $0.withMemoryRebound(to: CChar.self) { readlink(bestPath.string, $0.baseAddress!, $0.count) }
        }
        guard count > 0 else { return nil }
        let name = String(decoding: target[0..<count], as: UTF8.self).split(separator: "/").last
        return name.flatMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }
    }

    /// Points `best` at a checkpoint: at once, so that whoever looks sees the old one or this.
    public func markBest(step: Int) throws { try link("best", toCheckpoint: step) }

    /// Renamed first: a kill in the middle must not leave half a checkpoint under a checkpoint's name.
    private func removeCheckpoint(step: Int) throws {
        let doomed = checkpointsPath.appending("." + Self.checkpointName(step: step) + ".old")
        try Files.removeTree(doomed)
        try Files.rename(checkpointPath(step: step), to: doomed)
        try Files.removeTree(doomed)
    }

    /// Points `model` at a checkpoint: the run is done.
    public func finish(step: Int) throws { try link("model", toCheckpoint: step) }

    private func link(_ name: String, toCheckpoint step: Int) throws {
        let staging = path.appending(".\(name).tmp")
        try Files.remove(staging)
        guard symlink("checkpoints/" + Self.checkpointName(step: step), staging.string) == 0 else {
            throw SystemError.last("create", staging)
        }
        try Files.rename(staging, to: path.appending(name))
        try Files.syncFolder(path)
    }

    private static func syncFiles(in folder: FilePath) throws {
        for name in try Files.list(folder) {
            let path = folder.appending(name)
            if Files.isDirectory(path) {
                try syncFiles(in: path)
                continue
            }
            let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw SystemError.last("open", path) }
            defer { close(descriptor) }
            guard fsync(descriptor) == 0 || errno == EINVAL else { throw SystemError.last("sync", path) }
        }
        try Files.syncFolder(folder)
    }
}
