internal import Foundation
internal import Processes
internal import Synchronization
public import Tensors

/// Runs a body for each rank of a group, on threads that stand for its processes.
///
/// The first one's store, which the others ask who has ended, stays until all are done.
///
/// - Returns: what the bodies give, by rank.
public func together<Value: Sendable>(
    _ size: Int, _ body: @escaping @Sendable (ProcessGroup) throws -> Value
) throws -> [Result<Value, any Error>] {
    let port = try LocalProcesses.freePort()
    let results = Mutex([Int: Result<Value, any Error>]())
    for rank in 0..<size {
        let thread = Thread {
            var group: ProcessGroup?
            let result = Result {
                try computeAlone()
                let joined = try ProcessGroup(
                    rank: rank, of: size, host: "127.0.0.1", port: port, hostsStore: rank == 0, prefix: "test",
                    joinSeconds: 60, seconds: 60)
                group = joined
                return try body(joined)
            }
            if rank > 0 { group = nil }
            results.withLock { $0[rank] = result }
            while rank == 0, results.withLock({ $0.count }) < size { usleep(1000) }
            withExtendedLifetime(group) {}
        }
        // As that of a main thread.
        thread.stackSize = 8 << 20
        thread.start()
    }
    while results.withLock({ $0.count }) < size { usleep(1000) }
    return results.withLock { found in (0..<size).map { found[$0]! } }
}

/// Has the calling thread compute without others, as processes do that share a machine: several teams of threads on the same
/// cores spend most of their time waiting for one another.
private func computeAlone() throws {
    // libtorch gives a thread its number of threads with the first operation.
    _ = try Tensor.zeros([1 << 16]).adding(1)
    typealias SetThreads = @convention(c) (CInt) -> Void
    guard let function = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "omp_set_num_threads") else { return }
    unsafeBitCast(function, to: SetThreads.self)(1)
}
