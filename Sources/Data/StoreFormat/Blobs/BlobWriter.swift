internal import Base
internal import Glibc
package import SystemPackage

/// A blob being written in a writer's folder, hashed on its way.
///
/// Memory: 256 KiB; from 4 MiB on, where a thread of its own hashes, `hashWindow` times as much.
package struct BlobWriter: ~Copyable {
    private var output: OutputFile
    private let hash: SHA256Worker
    private var buffer: [UInt8] = []
    private static let bufferBytes = 1 << 18

    private let observer: CommitObserver?

    /// - Parameter hashWindow: pieces that may wait to be hashed: enough for what is written at one go.
    package init(creating path: FilePath, hashWindow: Int = 3, observer: CommitObserver? = nil) throws {
        hash = SHA256Worker(window: hashWindow)
        self.observer = observer
        output = try OutputFile(creating: path, mode: 0o644)
        buffer.reserveCapacity(Self.bufferBytes)
    }

    package var position: Int { output.position + buffer.count }

    package mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        if buffer.count + bytes.count > Self.bufferBytes { try flush() }
        if bytes.count >= Self.bufferBytes {
            try output.write(bytes)
            output.startWriteback()
            for start in stride(from: 0, to: bytes.count, by: Self.bufferBytes) {
                try hash.update(Array(bytes[start..<min(start + Self.bufferBytes, bytes.count)]))
            }
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    package mutating func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    private mutating func flush() throws {
        guard !buffer.isEmpty else { return }
        // Taken out, because a closure over one property borrows them all; and given away to be hashed.
        var pending: [UInt8] = []
        swap(&pending, &buffer)
        try pending.withUnsafeBytes { try output.write($0) }
        output.startWriteback()
        try hash.update(pending)
        buffer.reserveCapacity(Self.bufferBytes)
    }

    /// Makes the file durable and read-only.
    package consuming func finish() throws -> StagedBlob {
        try flush()
        let size = output.position
        let path = output.path
        let digest = try hash.finalize()
        guard chmod(path.string, 0o444) == 0 else { throw SystemError.last("protect", path) }
        try output.sync()
        observer?("blob staged")
        return StagedBlob(descriptor: BlobDescriptor(digest: digest, size: size), path: path)
    }
}

/// A finished blob that does not yet have its final name.
package struct StagedBlob: Sendable {
    package let descriptor: BlobDescriptor
    package let path: FilePath
}
