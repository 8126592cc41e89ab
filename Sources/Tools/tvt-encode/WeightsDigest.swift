internal import Base
internal import Models
internal import Synchronization
internal import SystemPackage

/// The digest of a model's weights, made on a thread of its own while the model is loaded: both take seconds for files of
/// gigabytes.
///
/// Where loading fails nobody waits for it.
final class WeightsDigest {
    private let thread: Thread
    private let made = Made()

    private final class Made: Sendable {
        let digest = Mutex<Result<SHA256Digest, any Error>?>(nil)
    }

    init(startingWith folder: FilePath) throws {
        let made = made
        thread = try Thread {
            let result = Result { try EmbeddingModel.weightsDigest(folder) }
            made.digest.withLock { $0 = result }
        }
    }

    /// Waits for it; to be asked once.
    func get() throws -> SHA256Digest {
        thread.join()
        guard let digest = made.digest.withLock({ $0 }) else { throw Failure(.bug, "the digest was not made") }
        return try digest.get()
    }
}
