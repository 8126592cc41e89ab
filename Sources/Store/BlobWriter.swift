internal import Base
internal import Glibc
internal import SystemPackage

/// A blob being written in a writer's folder, hashed on its way.
struct BlobWriter: ~Copyable {
    private var output: OutputFile
    private var hash = SHA256Stream()
    private var buffer: [UInt8] = []
    private static let bufferBytes = 1 << 18

    private let observer: CommitObserver?

    init(creating path: FilePath, observer: CommitObserver? = nil) throws {
        self.observer = observer
        output = try OutputFile(creating: path, mode: 0o644)
        buffer.reserveCapacity(Self.bufferBytes)
    }

    var path: FilePath { output.path }
    var position: Int { output.position + buffer.count }

    mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        if buffer.count + bytes.count > Self.bufferBytes { try flush() }
        if bytes.count >= Self.bufferBytes {
            hash.update(bytes)
            try output.write(bytes)
            output.startWriteback()
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    mutating func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    private mutating func flush() throws {
        // Taken out for the time of writing, because a closure over one property borrows them all.
        var pending: [UInt8] = []
        swap(&pending, &buffer)
        defer {
            pending.removeAll(keepingCapacity: true)
            swap(&pending, &buffer)
        }
        try pending.withUnsafeBytes {
            hash.update($0)
            try output.write($0)
        }
        output.startWriteback()
    }

    /// Makes the file durable and read-only.
    consuming func finish() throws -> StagedBlob {
        try flush()
        let size = output.position
        let path = output.path
        guard chmod(path.string, 0o444) == 0 else { throw SystemError.last("protect", path) }
        try output.sync()
        observer?("blob staged")
        return StagedBlob(descriptor: BlobDescriptor(digest: hash.finalize(), size: size), path: path)
    }
}

/// A finished blob that does not yet have its final name.
struct StagedBlob: Sendable {
    let descriptor: BlobDescriptor
    let path: FilePath
}
