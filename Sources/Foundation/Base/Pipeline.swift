internal import Glibc

/// Reads items, transforms them on workers, and writes the results in the order of reading.
///
/// At most `window` items are between `read` and `write` at any time, so memory is bounded by `window` × (item +
/// result). `read` and `write` run on the calling thread and may share state; the workers are threads of their own,
/// because a transform may block on I/O or run for seconds, and the cooperative pool must not wait for it.
/// The first error, of whatever stage, ends the pipeline and is rethrown when all workers have stopped. What was read before an
/// error of `read` is written before that is thrown, so that the error does not depend on the number of workers.
///
/// - Parameters:
///   - workers: threads that transform; with 0 everything runs on the calling thread.
///   - window: bound on items in flight; at least `workers`.
///   - read: the next item, or nil at the end.
public func orderedPipeline<Item: Sendable, Output: Sendable>(
    workers: Int, window: Int,
    read: () throws -> Item?,
    transform: @escaping @Sendable (Item) throws -> Output,
    write: (Output) throws -> Void
) throws {
    guard workers > 0 else {
        while let item = try read() { try write(transform(item)) }
        return
    }
    let pool = try OrderedWorkers(workers: workers, window: max(window, workers)) { transform }
    while true {
        try pool.makeRoom(write)
        let item: Item?
        do {
            item = try read()
        } catch {
            if !Interruption.isRequested { try pool.drain(write) }
            throw error
        }
        guard let item else { return try pool.drain(write) }
        try pool.submit(item, write: write)
    }
}

/// One POSIX thread that runs a closure.
public final class Thread: Sendable {
    private let handle: pthread_t

    /// - Throws: `Failure` where the system refuses another thread.
    public init(_ body: @escaping @Sendable () -> Void) throws {
        let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
        var handle = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        // Recursive parsers need more than some systems' default.
        pthread_attr_setstacksize(&attributes, 8 << 20)
        defer { pthread_attr_destroy(&attributes) }
        let result = pthread_create(
            &handle, &attributes,
            { context in
                Unmanaged<ThreadBody>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        guard result == 0 else {
            Unmanaged<ThreadBody>.fromOpaque(context).release()
            throw Failure(.io, "cannot start a thread: error \(result)")
        }
        self.handle = handle
    }

    public func join() { pthread_join(handle, nil) }
}

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Cores that are online.
public var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
