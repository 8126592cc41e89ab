internal import Glibc
public import SystemPackage

/// The right to write one file: a lock beside it, `.NAME.lock`, that is removed when this object goes.
///
/// A kill leaves the lock's file, but not the lock; the next writer takes it over, with the staging files that the dead
/// one left.
public final class OutputLock: Sendable {
    private let path: FilePath
    private let lock: FileLock

    /// - Parameters:
    ///   - companions: files that are written together with the target, under the same lock.
    ///   - purpose: what the holder is doing, for the message that others get.
    ///   - orStandardOutput: whether "-" in the place of the name writes to standard output, for the message.
    /// - Throws: `Failure` with status 75 that names the process that is writing the file, or with 73 where the path
    ///   names something that is not a regular file.
    public init(for target: FilePath, with companions: [FilePath] = [], purpose: String, orStandardOutput: Bool = false)
        throws
    {
        var status = stat()
        if stat(target.string, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw Failure(
                .cannotCreate, "\(target) is not a regular file, which a finished file could replace",
                advice: "Name a file" + (orStandardOutput ? "; - writes to standard output." : "."))
        }
        path = target.removingLastComponent().appending(".\(target.lastComponent?.string ?? "file").lock")
        lock = try FileLock(acquiring: path, purpose: purpose)
        for path in [target] + companions { try StagedFile.removeRemains(of: path) }
    }

    // The lock is still held here: nobody else's file can be meant.
    deinit { unlink(path.string) }
}
