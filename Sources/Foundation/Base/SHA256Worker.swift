/// SHA-256 of bytes that come in pieces; once there are many, on a thread of its own.
///
/// Hashing takes about as long as all else that a writer or a reader does with its bytes. Few bytes are hashed by the
/// caller: a thread would cost more than it saves. Memory: `window` pieces. Not Sendable: one thread feeds it.
public final class SHA256Worker {
    private let threadByteCount: Int
    private let window: Int
    private var own = SHA256Stream()
    private var byteCount = 0
    /// Takes pieces in order, then nil, which it answers with the digest.
    private var workers: OrderedWorkers<[UInt8]?, SHA256Digest?>?

    /// - Parameters:
    ///   - threadByteCount: how many bytes are hashed before a thread is started.
    ///   - window: pieces that may wait for it.
    public init(threadByteCount: Int = 4 << 20, window: Int = 3) {
        self.threadByteCount = threadByteCount
        self.window = window
    }

    public func update(_ piece: consuming [UInt8]) throws {
        byteCount += piece.count
        if let workers {
            try workers.submit(piece) { _ in }
        } else {
            piece.withUnsafeBytes { own.update($0) }
            if byteCount >= threadByteCount { try startThread() }
        }
    }

    private func startThread() throws {
        let begun = SendableStream(stream: own)
        workers = try OrderedWorkers(workers: 1, window: window) {
            var stream = begun.stream
            return { piece in
                guard let piece else { return stream.finalize() }
                piece.withUnsafeBytes { stream.update($0) }
                return nil
            }
        }
    }

    /// The digest of all pieces; nothing may follow.
    public func finalize() throws -> SHA256Digest {
        guard let workers else { return own.finalize() }
        var digest: SHA256Digest?
        try workers.submit(nil) { digest = $0 ?? digest }
        try workers.drain { digest = $0 ?? digest }
        guard let digest else { preconditionFailure("the last piece is answered") }
        return digest
    }

    /// `@unchecked Sendable`: a value that its maker does not use any more.
    private struct SendableStream: @unchecked Sendable {
        let stream: SHA256Stream
    }
}
