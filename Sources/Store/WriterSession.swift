internal import Base
internal import Glibc
internal import SystemPackage

/// A writer's own folder under `tmp/`, gone with the writer.
///
/// Its lock file tells others that the writer lives. What a killed process left is removed by the next session.
final class WriterSession: Sendable {
    private let observer: CommitObserver?
    private let folder: FilePath
    private let lockPath: FilePath
    private let lock: FileLock

    init(store: Store, purpose: String) throws {
        try store.checkWritable()
        observer = store.observer
        let tmp = store.layout.tmp
        try Files.makeDirectory(tmp)
        // Held for the few calls below only, so that no session is taken for dead while it begins.
        let gate = try FileLock(acquiring: tmp.appending("gate"), purpose: "starting a writer", wait: true)
        defer { withExtendedLifetime(gate) {} }
        Self.removeDeadSessions(in: tmp)
        var generator = SystemRandomNumberGenerator()
        let name = "\(getpid())-\(String(generator.next(), radix: 16))"
        folder = tmp.appending(name)
        lockPath = tmp.appending(name + ".lock")
        lock = try FileLock(acquiring: lockPath, purpose: purpose)
        try Files.makeDirectory(folder)
    }

    deinit {
        try? Files.removeTree(folder)
        try? Files.remove(lockPath)
    }

    private static func removeDeadSessions(in tmp: FilePath) {
        // A session that cannot be removed now is no reason to fail; the next writer tries again.
        for name in (try? Files.list(tmp)) ?? [] where name.hasSuffix(".lock") {
            let lockPath = tmp.appending(name)
            guard let lock = try? FileLock(acquiring: lockPath, purpose: "removing what a dead writer left") else {
                continue
            }
            try? Files.removeTree(tmp.appending(String(name.dropLast(5))))
            try? Files.remove(lockPath)
            withExtendedLifetime(lock) {}
        }
    }

    /// A path in the session's folder.
    func path(_ name: String) -> FilePath { folder.appending(name) }

    func blob(_ name: String) throws -> BlobWriter { try BlobWriter(creating: path(name), observer: observer) }
}
