internal import Base
internal import Glibc
internal import JSON
public import SystemPackage

/// The folder of one training run.
///
///     lock.json              all that decides the result
///     metrics.jsonl          a line a step; metrics.before-restart-1.jsonl, … of processes that left no checkpoint
///     checkpoints/step-000064/   complete, verified models; with what is needed to go on from them
///     model                  link to the last checkpoint, once the run is done
///
/// Everything appears under its name only when complete: a checkpoint is written to a hidden folder and renamed. The
/// folder is locked while the object lives.
public final class RunFolder {
    public let path: FilePath
    public let lock: Lock
    private let held: FileLock

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
        for name in try Files.list(checkpointsPath) where name.hasPrefix(".") {
            try Files.removeTree(checkpointsPath.appending(name))
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

    /// Writes a checkpoint through `body` and publishes it under its name.
    ///
    /// - Parameter body: fills the folder that it is given, and throws if what it wrote does not read back.
    public func publishCheckpoint(step: Int, _ body: (FilePath) throws -> Void) throws {
        let staging = checkpointsPath.appending("." + Self.checkpointName(step: step) + ".tmp")
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

    /// Removes all but the last `count` checkpoints; the last one, and that of a finished run, always stay.
    public func keepCheckpoints(_ count: Int) throws {
        for step in try checkpointSteps().dropLast(max(1, count)) { try removeCheckpoint(step: step) }
    }

    /// Renamed first: a kill in the middle must not leave half a checkpoint under a checkpoint's name.
    private func removeCheckpoint(step: Int) throws {
        let doomed = checkpointsPath.appending("." + Self.checkpointName(step: step) + ".old")
        try Files.removeTree(doomed)
        try Files.rename(checkpointPath(step: step), to: doomed)
        try Files.removeTree(doomed)
    }

    /// Points `model` at a checkpoint: the run is done.
    public func finish(step: Int) throws {
        let staging = path.appending(".model.tmp")
        try Files.remove(staging)
        guard symlink("checkpoints/" + Self.checkpointName(step: step), staging.string) == 0 else {
            throw SystemError.last("create", staging)
        }
        try Files.rename(staging, to: modelPath)
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
