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
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, slice.baseAddress, slice.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError.last("write a scratch file in", folder)
            }
            rest = rest.dropFirst(count)
            byteCount += count
        }
    }

    /// Puts bytes at an offset, whatever was there, beside those that were appended.
    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var written = 0
        while written < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw SystemError("write a scratch file in", folder, errno: count < 0 ? errno : EIO)
            }
            written += count
        }
    }

    /// Fills the buffer from an offset on.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        var filled = 0
        while filled < buffer.count {
            let count = pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(offset + filled))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw SystemError("read a scratch file in", folder, errno: count < 0 ? errno : EIO)
            }
            filled += count
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
