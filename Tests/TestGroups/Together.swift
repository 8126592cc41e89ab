internal import Foundation
internal import Processes
internal import Synchronization
public import Tensors

/// Runs a body for each rank of a group, on threads that stand for its processes.
///
/// Each computes on one thread, as processes do that share a machine's cores. The first one's store, which the others ask who
/// has ended, stays until all are done.
///
/// - Parameter seconds: that an exchange may wait. Where the first one's fails, the others' may have to wait for as long, since its
///   connections stay with its store.
/// - Returns: what the bodies give, by rank.
public func together<Value: Sendable>(
    _ size: Int, seconds: Double = 60, _ body: @escaping @Sendable (ProcessGroup) throws -> Value
) throws -> [Result<Value, any Error>] {
    let port = try LocalProcesses.freePort()
    let results = Mutex([Int: Result<Value, any Error>]())
    for rank in 0..<size {
        let thread = Thread {
            var group: ProcessGroup?
            let result = Result {
                let joined = try ProcessGroup(
                    rank: rank, of: size, host: "127.0.0.1", port: port, hostsStore: rank == 0, prefix: "test",
                    joinSeconds: 60, seconds: seconds)
                group = joined
                return try Compute.onOneThread { try body(joined) }
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
