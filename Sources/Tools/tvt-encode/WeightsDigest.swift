internal import Base
internal import Models
internal import Synchronization
internal import SystemPackage

/// The digest of a model's weights, made on a thread of its own while the model is loaded: both take seconds for files of
/// gigabytes.
///
/// Where loading fails it is given up.
final class WeightsDigest {
    private let thread: Thread
    private let shared = Shared()
    private var isJoined = false

    private final class Shared: Sendable {
        let digest = Mutex<Result<SHA256Digest, any Error>?>(nil)
        let isWanted = Atomic(true)
    }

    init(startingWith folder: FilePath) throws {
        let shared = shared
        thread = try Thread {
            let result = Result {
                try EmbeddingModel.weightsDigest(folder) { shared.isWanted.load(ordering: .relaxed) }
            }
            shared.digest.withLock { $0 = result }
        }
    }

    deinit {
        shared.isWanted.store(false, ordering: .relaxed)
        join()
    }

    /// Waits for it.
    func get() throws -> SHA256Digest {
        join()
        guard let digest = shared.digest.withLock({ $0 }) else { throw Failure(.bug, "the digest was not made") }
        return try digest.get()
    }

    private func join() {
        if !isJoined { thread.join() }
        isJoined = true
    }
}
