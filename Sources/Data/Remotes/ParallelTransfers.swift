internal import Base
internal import Synchronization

/// Moves blobs in parallel; the first failure stops all.
enum ParallelTransfers {
    /// Thrown within a transfer once another one has failed; never seen outside.
    private struct Stopped: Error {}

    private final class State: Sendable {
        let failure = Mutex<(any Error)?>(nil)
        let isStopped = Atomic<Bool>(false)
    }

    /// - Parameters:
    ///   - body: moves one item; calls its second argument now and then, which throws once the work is to stop.
    /// - Returns: the results in the order of the items.
    static func run<Item: Sendable, Result: Sendable>(
        _ items: [Item], jobCount: Int, _ body: @escaping @Sendable (Item, () throws -> Void) throws -> Result
    ) throws -> [Result] {
        let state = State()
        var waiting = items.makeIterator()
        var results: [Result] = []
        do {
            try orderedPipeline(
                workers: min(jobCount, max(1, items.count)), window: 2 * jobCount, read: { waiting.next() },
                transform: { item in
                    func check() throws { if state.isStopped.load(ordering: .relaxed) { throw Stopped() } }
                    try check()
                    do {
                        return try body(item, check)
                    } catch {
                        if !(error is Stopped) { state.failure.withLock { if $0 == nil { $0 = error } } }
                        state.isStopped.store(true, ordering: .relaxed)
                        throw error
                    }
                },
                write: { results.append($0) })
        } catch {
            throw state.failure.withLock { $0 } ?? error
        }
        return results
    }
}
