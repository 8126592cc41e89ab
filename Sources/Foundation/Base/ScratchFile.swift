internal import Glibc
public import SystemPackage

/// A file without a name, gone with the process.
public final class ScratchFile {
    public let descriptor: Int32
    private let folder: FilePath
    public private(set) var byteCount = 0

    /// - Parameter folder: nil for that of temporary files (`$TMPDIR`, else `/tmp`), and not the store, which may be read-only.
    public init(in folder: FilePath? = nil) throws {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        let folder = folder ?? FilePath(named.isEmpty ? "/tmp" : named)
        self.folder = folder
        let pattern = folder.appending("tvt-" + Files.uniqueEnding)
        var template = Array(pattern.string.utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw SystemError.last("create", pattern) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    deinit { close(descriptor) }

    /// By which it can be opened once more, as long as this object lives.
    public var path: FilePath { FilePath("/proc/self/fd/\(descriptor)") }

    public func append(_ bytes: UnsafeRawBufferPointer) throws {
        try write(bytes, at: byteCount)
        byteCount += bytes.count
    }

    /// Puts bytes at an offset, whatever was there, beside those that were appended.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        try transfer(bytes.count, "write") { done in
            pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
        }
    }

    /// Fills the buffer from an offset on.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        try transfer(buffer.count, "read") { done in
            pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
        }
    }

    /// Calls until so many bytes are through.
    ///
    /// - Parameter call: goes on after the bytes that are done; returns how many more are, or -1 with errno.
    private func transfer(_ byteCount: Int, _ what: String, _ call: (_ done: Int) -> Int) throws {
        var done = 0
        while done < byteCount {
            let count = call(done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw SystemError("\(what) a scratch file in", folder, errno: count < 0 ? errno : EIO)
            }
            done += count
        }
    }

    /// Makes the file this large, zeros first, with its disk space reserved, and maps it for reading and writing.
    public func map(byteCount: Int) throws -> UnsafeMutableRawBufferPointer {
        self.byteCount = byteCount
        guard byteCount > 0 else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        // Writing through a mapping to a disk that is full would end the process; here it is an error.
        let result = posix_fallocate(descriptor, 0, off_t(byteCount))
        guard result == 0 else { throw SystemError("reserve \(byteCount) bytes in", folder, errno: result) }
        guard let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            address != MAP_FAILED
        else { throw SystemError.last("map a scratch file in", folder) }
        return UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }
}
