internal import Base
internal import Glibc
internal import SystemPackage

/// One of many spill files that are written side by side, hence with a small buffer.
final class PartitionFile {
    private let path: FilePath
    private var descriptor: Int32
    private var buffer: [UInt8] = []
    private var written = 0
    private static let bufferBytes = 32 << 10

    init(creating path: FilePath) throws {
        self.path = path
        descriptor = open(path.string, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError.last("create", path) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func append(_ hash: UInt64, _ ordinal: UInt32) throws {
        if buffer.isEmpty { buffer.reserveCapacity(Self.bufferBytes) }
        buffer.append(littleEndian: hash)
        buffer.append(littleEndian: ordinal)
        if buffer.count > Self.bufferBytes - 12 { try flush() }
    }

    private func flush() throws {
        var offset = 0
        while offset < buffer.count {
            let count = buffer.withUnsafeBytes { write(descriptor, $0.baseAddress! + offset, $0.count - offset) }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError.last("write", path)
            }
            offset += count
        }
        written += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    func finish() throws -> SpilledData {
        try flush()
        buffer = []
        close(descriptor)
        descriptor = -1
        return SpilledData(path: path, byteCount: written)
    }
}
