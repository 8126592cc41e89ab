internal import Glibc
public import SystemPackage

/// An exclusive lock on a path, held by this process until the object is released.
///
/// The kernel drops it when the process dies, so a kill never leaves a stale lock. Who holds it is written inside.
public final class FileLock: Sendable {
    private let descriptor: Int32

    /// - Parameters:
    ///   - purpose: what the holder is doing, for the message that others get.
    ///   - wait: block until the lock is free.
    /// - Throws: `Failure` with status 75 that names the holder.
    public init(acquiring path: FilePath, purpose: String, wait: Bool = false) throws {
        try Files.makeDirectory(path.removingLastComponent())
        descriptor = try Self.locked(path, wait: wait)
        let holder = "process \(getpid()) (\(purpose), since \(Clock.timestamp()))"
        ftruncate(descriptor, 0)
        _ = Array(holder.utf8).withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// - Returns: the descriptor of the file that is locked and has the path.
    private static func locked(_ path: FilePath, wait: Bool) throws -> Int32 {
        while true {
            let opened = open(path.string, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
            guard opened >= 0 else { throw SystemError.last("create", path) }
            var result: Int32
            repeat { result = flock(opened, LOCK_EX | (wait ? 0 : LOCK_NB)) } while result != 0 && errno == EINTR
            guard result == 0 else {
                let reason = errno
                defer { close(opened) }
                guard reason == EWOULDBLOCK else { throw SystemError("lock", path, errno: reason) }
                var holder = [UInt8](repeating: 0, count: 400)
                let count = max(0, pread(opened, &holder, holder.count, 0))
                // Further lines are what holders tell each other.
                let line = holder[0..<count].prefix { $0 != UInt8(ascii: "\n") }
                let text = String(validating: line, as: UTF8.self) ?? ""
                throw Failure(
                    .locked, "\(path) is locked by \(text.isEmpty ? "another process" : text)",
                    advice: "Wait until it has finished, or stop it, then run the same command again.")
            }
            // The one who had it may have removed the file since we opened it; others would lock the next one.
            if Files.names(path, opened) { return opened }
            close(opened)
        }
    }

    /// Replaces what the lock's file says about its holder.
    public func describe(_ contents: [UInt8]) {
        ftruncate(descriptor, 0)
        _ = contents.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// Whether somebody holds the lock on a path.
    public enum State: Sendable { case free, held, missing }

    /// Looks whether the lock is free, and changes nothing: what a dead holder wrote stays.
    ///
    /// Others that look at the same time do not take this for a holder; whoever acquires it in this instant does.
    public static func probe(_ path: FilePath) throws -> State {
        let opened = open(path.string, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else {
            if errno == ENOENT { return .missing }
            throw SystemError.last("open", path)
        }
        defer { close(opened) }
        if flock(opened, LOCK_SH | LOCK_NB) == 0 { return .free }
        guard errno == EWOULDBLOCK else { throw SystemError.last("lock", path) }
        return .held
    }

    deinit { close(descriptor) }
}
