internal import CGlibc
internal import Glibc
public import SystemPackage

/// A file being written, through one buffer.
public struct OutputFile: ~Copyable {
    public let path: FilePath
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var written = 0
    /// Bytes that are on their way to the device.
    private var pushed = 0

    /// Creates the file, which must not exist yet.
    ///
    /// - Parameter mode: permission bits, before the process's umask.
    public init(creating path: FilePath, mode: UInt32 = 0o666) throws {
        try self.init(path, flags: O_CREAT | O_EXCL, mode: mode)
    }

    /// Opens the file to write behind its end; creates it where there is none.
    public init(appendingTo path: FilePath) throws {
        try self.init(path, flags: O_CREAT | O_APPEND, mode: 0o666)
    }

    private init(_ path: FilePath, flags: Int32, mode: UInt32) throws {
        let descriptor = open(path.string, O_WRONLY | O_CLOEXEC | flags, mode)
        guard descriptor >= 0 else { throw SystemError.last("create", path) }
        self.path = path
        self.descriptor = descriptor
        buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    }

    deinit {
        Glibc.close(descriptor)
        buffer.deallocate()
    }

    /// Bytes written so far, those in the buffer included.
    public var position: Int { written + filled }

    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        if bytes.count > buffer.count - filled { try flush() }
        if bytes.count >= buffer.count { return try writeOut(bytes) }
        guard let source = bytes.baseAddress else { return }
        (buffer.baseAddress! + filled).copyMemory(from: source, byteCount: bytes.count)
        filled += bytes.count
    }

    public mutating func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    public mutating func write(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    public mutating func flush() throws {
        let pending = filled
        filled = 0
        try writeOut(UnsafeRawBufferPointer(rebasing: buffer[0..<pending]))
    }

    private mutating func writeOut(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, slice.baseAddress, slice.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError.last("write", path)
            }
            rest = rest.dropFirst(count)
            written += count
        }
    }

    /// Lets the device begin with what was written, so that ``sync()`` has less to wait for: call it now and then for a
    /// large file that will be synced.
    public mutating func startWriteback() {
        guard written - pushed >= Self.writebackBytes else { return }
        // Where the file system knows no such thing, nothing is lost.
        _ = sync_file_range(descriptor, pushed, written - pushed, UInt32(TVT_SYNC_FILE_RANGE_WRITE))
        pushed = written
    }

    private static let writebackBytes = 8 << 20

    /// Makes all that was written durable.
    public mutating func sync() throws {
        try flush()
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS else { throw SystemError.last("sync", path) }
    }

    /// Takes the file's lock, for as long as it is open.
    ///
    /// - Returns: false where the file was taken for the remains of a dead process and is removed.
    fileprivate func takeLock() -> Bool {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            // Where files cannot be locked, nobody removes any.
            return errno != EWOULDBLOCK
        }
        return Files.names(path, descriptor)
    }

    /// Flushes and closes; a file that is merely dropped may lack its last bytes.
    public consuming func close() throws { try flush() }
}

/// A file that gets its final name only when it is complete: written beside it, synced, renamed.
///
/// Dropping it without ``commit()`` removes what was written. A process that is killed leaves `.NAME.N.tmp`, which the next
/// writer of the same file removes: the kernel drops the lock that its writer held.
public struct StagedFile: ~Copyable {
    public let finalPath: FilePath
    private var output: OutputFile
    private var isCommitted = false

    /// - Throws: `Failure` (73) where a folder has the name; `SystemError`.
    public init(for finalPath: FilePath) throws {
        guard !Files.isDirectory(finalPath) else {
            throw Failure(.cannotCreate, "\(finalPath) is a folder", advice: "Name a file, in it or elsewhere.")
        }
        try Files.makeDirectory(finalPath.removingLastComponent())
        let output = try Self.staged(for: finalPath)
        self.finalPath = finalPath
        self.output = output
    }

    /// Others may write a file for the same name now; each has a number of its own.
    private static func staged(for finalPath: FilePath) throws -> OutputFile {
        let name = finalPath.lastComponent?.string ?? "file"
        func path(_ number: Int) -> FilePath {
            finalPath.removingLastComponent().appending(".\(name).\(number).tmp")
        }
        var number = 0
        while true {
            if try !isHeld(path(number)), let output = try created(path(number)) {
                number += 1
                while Files.exists(path(number)), try !isHeld(path(number)) { number += 1 }
                return output
            }
            number += 1
        }
    }

    /// Whether a living process writes to a staged file; one that nobody writes to is removed.
    private static func isHeld(_ path: FilePath) throws -> Bool {
        let descriptor = open(path.string, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        // What is not there can be created; what cannot be opened otherwise, creating it will tell.
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return true }
        // Its writer may have renamed it since it was opened, and another begun.
        if Files.names(path, descriptor) { try Files.remove(path) }
        return false
    }

    /// - Returns: nil where another process was quicker.
    private static func created(_ path: FilePath) throws -> OutputFile? {
        do {
            let output = try OutputFile(creating: path)
            if output.takeLock() { return output }
            return nil
        } catch let error as SystemError where error.errno == EEXIST {
            return nil
        }
    }

    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws { try output.write(bytes) }
    public mutating func write(_ bytes: [UInt8]) throws { try output.write(bytes) }

    /// Makes the file durable under its final name.
    ///
    /// - Parameter prepare: called with the path of the finished file before it gets its name, for what has to be in
    ///   place by then.
    public consuming func commit(_ prepare: (FilePath) throws -> Void = { _ in }) throws {
        try output.sync()
        try prepare(output.path)
        try Files.rename(output.path, to: finalPath)
        isCommitted = true
        try Files.syncFolder(finalPath.removingLastComponent())
    }

    deinit { if !isCommitted { unlink(output.path.string) } }

    /// Removes what killed processes left of their attempts to write a file.
    package static func removeRemains(of finalPath: FilePath) throws {
        let folder = finalPath.removingLastComponent()
        let prefix = ".\(finalPath.lastComponent?.string ?? "file")."
        for name in try Files.list(folder.isEmpty ? "." : folder) {
            guard name.hasPrefix(prefix), name.hasSuffix(".tmp"),
                UInt(name.dropFirst(prefix.count).dropLast(".tmp".count)) != nil
            else { continue }
            _ = try isHeld(folder.appending(name))
        }
    }
}
