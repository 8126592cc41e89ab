internal import Glibc
public import SystemPackage

/// A file that is read at given places, without a mapping: one that shrinks meanwhile is an error and no signal.
public struct InputFile: ~Copyable {
    public let path: FilePath
    /// In bytes, when it was opened.
    public let byteCount: Int
    private let descriptor: Int32

    /// - Throws: `SystemError`; `EISDIR` for what is no regular file.
    public init(_ path: FilePath) throws {
        // What is no regular file may not be waited for: a pipe that nobody writes to.
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            throw SystemError("read", path, errno: EISDIR)
        }
        self.path = path
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
    }

    deinit { Glibc.close(descriptor) }

    /// The open descriptor, for a reader that leaves its position alone.
    public func withDescriptor<Result>(_ body: (Int32) throws -> Result) rethrows -> Result { try body(descriptor) }

    /// Fills the buffer with the bytes from `offset` on.
    ///
    /// - Throws: `SystemError`; with `EIO` where the file ends before.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        var filled = 0
        while filled < buffer.count {
            let count = pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, offset + filled)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemError("read", path, errno: count < 0 ? errno : EIO) }
            filled += count
        }
    }

    public func read(_ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        try bytes.withUnsafeMutableBytes { try read(at: range.lowerBound, into: $0) }
        return bytes
    }

    /// Hands out the contents in order, in blocks of `blockBytes` and a last one.
    public func forEachBlock(
        of blockBytes: Int = 1 << 20, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, min(blockBytes, byteCount)), alignment: 64)
        defer { block.deallocate() }
        var offset = 0
        while offset < byteCount {
            let part = UnsafeMutableRawBufferPointer(rebasing: block[0..<min(block.count, byteCount - offset)])
            try read(at: offset, into: part)
            try body(UnsafeRawBufferPointer(part))
            offset += part.count
        }
    }
}
