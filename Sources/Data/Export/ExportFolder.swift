internal import Base
internal import Ingest
internal import SystemPackage

/// A folder that appears when it is complete: filled beside its place under a hidden name, then renamed.
///
/// Dropping it without ``commit()`` removes what was written. What a killed process left is removed by the next one that
/// writes the same folder; two at once exclude each other.
final class ExportFolder {
    /// Where the files go until the end.
    let staging: FilePath
    private let target: FilePath
    /// Where the folder of an earlier export is for a moment.
    private let earlier: FilePath
    private let replaces: Bool
    private var lock: FileLock?
    private var isCommitted = false
    private static let lockName = ".lock"

    /// - Parameter replaces: whether an earlier export may be there.
    /// - Throws: `Failure` with status 73 for a folder that must not be touched, 75 where somebody else writes it.
    init(_ target: FilePath, replaces: Bool) throws {
        guard let last = target.lastComponent, last.kind == .regular else {
            throw Failure(.usage, "\(target) cannot be the folder of an export", advice: "Name a folder of its own.")
        }
        self.target = target
        self.replaces = replaces
        staging = target.removingLastComponent().appending(".\(last.string).export.tmp")
        earlier = target.removingLastComponent().appending(".\(last.string).export.old")
        try checkTarget()
        try Files.makeDirectory(staging)
        lock = try FileLock(acquiring: staging.appending(Self.lockName), purpose: "writing \(target)")
        for name in try Files.list(staging) where name != Self.lockName {
            try Files.removeTree(staging.appending(name))
        }
        if Files.exists(earlier) {
            if Files.exists(target) { try Files.removeTree(earlier) } else { try Files.rename(earlier, to: target) }
            try checkTarget()
        }
    }

    deinit {
        guard !isCommitted, lock != nil else { return }
        try? Files.removeTree(staging)
    }

    func path(_ name: String) -> FilePath { staging.appending(name) }

    private func checkTarget() throws {
        guard Files.exists(target) else { return }
        guard Files.isDirectory(target) else {
            throw Failure(.cannotCreate, "\(target) is a file", advice: "Name a folder that does not exist yet.")
        }
        let names = try Files.list(target)
        guard !names.isEmpty else { return }
        guard replaces else {
            throw Failure(
                .cannotCreate, "\(target) is not empty",
                advice: "Name another folder; --force replaces the folder of an earlier export.")
        }
        guard names.contains(FolderFiles.summaryName) else {
            throw Failure(
                .cannotCreate, "\(target) holds something else than an export",
                advice: "--force replaces only folders with an \(FolderFiles.summaryName): name another folder.")
        }
    }

    /// Gives the folder its name.
    ///
    /// An earlier export steps aside first. A kill between the two renames leaves no folder of the name, and the earlier
    /// one comes back with the next run.
    ///
    /// - Parameter syncsAll: whether there are files that were written without being synced.
    func commit(syncsAll: Bool) throws {
        // All at once, because there may be millions.
        if syncsAll { try Files.syncFileSystem(of: staging) }
        try checkTarget()
        let isThere = try Files.exists(target) && !Files.list(target).isEmpty
        if isThere { try Files.rename(target, to: earlier) }
        try Files.remove(staging.appending(Self.lockName))
        try Files.rename(staging, to: target)
        isCommitted = true
        lock = nil
        try Files.syncFolder(target.removingLastComponent())
        try Files.removeTree(earlier)
    }
}
