internal import Base
internal import Glibc
package import StoreFormat
package import SystemPackage

/// A writer's own folder under `tmp/`, gone with the writer.
///
/// Its lock file tells others that the writer lives. What a killed process left is removed by the next session.
package final class WriterSession: Sendable {
    private let observer: CommitObserver?
    private let folder: FilePath
    private let lockPath: FilePath
    private let lock: FileLock

    package init(store: Store, purpose: String) throws {
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

    /// What lies in `tmp/`.
    package struct Census {
        /// When the oldest living writer began, in seconds since 1970; nil for none.
        package var oldestStart: Double?
        /// Lock files of dead writers.
        package var dead: [String] = []
        /// Files and folders without a writer.
        package var orphans: [String] = []
    }

    /// Looks at all sessions; removes those of dead writers, and what has no writer, if asked to.
    ///
    /// - Parameter own: the caller's session, which does not count.
    package static func census(in tmp: FilePath, removing: Bool, except own: WriterSession?) throws -> Census {
        var census = Census()
        guard Files.isDirectory(tmp) else { return census }
        // A look without consequences does without, on a read-only disk too.
        let gate =
            removing
            ? try FileLock(acquiring: tmp.appending("gate"), purpose: "looking for dead writers", wait: true) : nil
        defer { withExtendedLifetime(gate) {} }
        let names = try Files.list(tmp)
        let locks = Set(names.filter { $0.hasSuffix(".lock") })
        for name in names where name != "gate" && name != StoreLayout.incomingName {
            if let own, name == own.folder.lastComponent?.string || name == own.lockPath.lastComponent?.string {
                continue
            }
            let path = tmp.appending(name)
            if locks.contains(name) {
                switch try FileLock.probe(path) {
                case .free: census.dead.append(name)
                case .held:
                    let start = try Files.modificationTime(path)
                    census.oldestStart = min(census.oldestStart ?? start, start)
                case .missing: continue
                }
            } else if !locks.contains(name + ".lock") {
                census.orphans.append(name)
            }
        }
        guard removing else { return census }
        for name in census.dead {
            try Files.removeTree(tmp.appending(String(name.dropLast(5))))
            try Files.remove(tmp.appending(name))
        }
        for name in census.orphans { try Files.removeTree(tmp.appending(name)) }
        return census
    }

    /// The session's folder, which keeps the session.
    package var scratch: ScratchFolder { ScratchFolder(folder, observer: observer, owner: self) }
}

extension Store {
    /// A folder of one's own to write in, gone when nobody holds it any longer.
    ///
    /// - Parameter purpose: what others are told that have to wait, such as `writing nave`.
    /// - Throws: `Failure` with status 73 for a store on a server; `SystemError`.
    package func scratchFolder(for purpose: String) throws -> ScratchFolder {
        try WriterSession(store: self, purpose: purpose).scratch
    }
}
