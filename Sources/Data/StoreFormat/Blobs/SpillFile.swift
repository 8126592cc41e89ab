internal import Base
internal import Glibc
package import SystemPackage

/// Per-record data that waits on disk, not in memory, until it is needed in order.
///
/// Reading goes through a buffer rather than a mapping, so that address space stays bounded as well.
package struct SpillFile: ~Copyable {
    private var output: OutputFile

    package init(creating path: FilePath) throws { output = try OutputFile(creating: path, mode: 0o600) }

    package mutating func write<Value: BitwiseCopyable>(_ values: [Value]) throws {
        try values.withUnsafeBytes { try output.write($0) }
    }

    package mutating func write<Value: BitwiseCopyable>(_ value: Value) throws {
        try withUnsafeBytes(of: value) { try output.write($0) }
    }

    /// Closes the file for writing.
    package consuming func finish() throws -> SpilledData {
        let path = output.path
        let count = output.position
        try output.close()
        return SpilledData(path: path, byteCount: count)
    }
}

/// A finished spill file.
package struct SpilledData: Sendable {
    let path: FilePath
    let byteCount: Int

    /// Hands out the contents in order, in blocks of at most `blockBytes`.
    ///
    /// - Precondition: `blockBytes` is a multiple of what the caller stores.
    func forEachBlock(
        of blockBytes: Int = 1 << 18, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { close(descriptor) }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: blockBytes, alignment: 64)
        defer { block.deallocate() }
        var rest = byteCount
        while rest > 0 {
            let wanted = min(rest, blockBytes)
            var filled = 0
            while filled < wanted {
                let count = read(descriptor, block.baseAddress! + filled, wanted - filled)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw SystemError("read", path, errno: count < 0 ? errno : EIO) }
                filled += count
            }
            try body(UnsafeRawBufferPointer(rebasing: block[0..<wanted]))
            rest -= wanted
        }
    }

    package func remove() throws { try Files.remove(path) }
}
