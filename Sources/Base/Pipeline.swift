internal import Glibc
internal import Synchronization

/// Reads items, transforms them on workers, and writes the results in the order of reading.
///
/// At most `window` items are between `read` and `write` at any time, so memory is bounded by `window` × (item +
/// result). `read` and `write` run on the calling thread and may share state; the workers are threads of their own,
/// because a transform may block on I/O or run for seconds, and the cooperative pool must not wait for it.
/// The first error, of whatever stage, ends the pipeline and is rethrown when all workers have stopped.
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
    let exchange = PipelineExchange<Item, Output>()
    var threads: [Thread] = []
    defer {
        exchange.close()
        for thread in threads { thread.join() }
    }
    for _ in 0..<workers {
        threads.append(
            try Thread {
                while let (index, item) = exchange.takeItem() {
                    exchange.put(Result { try transform(item) }, at: index)
                }
            })
    }
    var readCount = 0
    var writtenCount = 0
    var isAtEnd = false
    while true {
        while !isAtEnd, readCount - writtenCount < max(window, workers) {
            guard let item = try read() else {
                isAtEnd = true
                break
            }
            exchange.put(item, at: readCount)
            readCount += 1
            // What is ready goes out before more is read.
            while writtenCount < readCount, let output = exchange.takeReadyOutput(at: writtenCount) {
                try write(output.get())
                writtenCount += 1
            }
        }
        guard writtenCount < readCount else { return }
        try write(exchange.waitForOutput(at: writtenCount).get())
        writtenCount += 1
    }
}

/// The two queues between the calling thread and the workers.
///
/// `@unchecked Sendable`: all state is guarded by `mutex`, which the conditions need to be a pthread one.
private final class PipelineExchange<Item: Sendable, Output: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let itemArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let outputArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [(Int, Item)?] = []
    private var nextItem = 0
    private var outputs: [Int: Result<Output, any Error>] = [:]
    private var isClosed = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(itemArrived, nil)
        pthread_cond_init(outputArrived, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(itemArrived)
        pthread_cond_destroy(outputArrived)
        mutex.deallocate()
        itemArrived.deallocate()
        outputArrived.deallocate()
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    func put(_ item: Item, at index: Int) {
        locked {
            items.append((index, item))
            pthread_cond_signal(itemArrived)
        }
    }

    /// The next item for a worker; nil when the pipeline has ended.
    func takeItem() -> (Int, Item)? {
        locked {
            while nextItem == items.count, !isClosed { pthread_cond_wait(itemArrived, mutex) }
            guard !isClosed else { return nil }
            // A taken item is let go at once: where the reader stays ahead, the queue never runs empty.
            let item = items[nextItem].take()
            nextItem += 1
            if nextItem == items.count || nextItem == 64 {
                items.removeFirst(nextItem)
                nextItem = 0
            }
            return item
        }
    }

    func put(_ output: Result<Output, any Error>, at index: Int) {
        locked {
            outputs[index] = output
            pthread_cond_signal(outputArrived)
        }
    }

    func takeReadyOutput(at index: Int) -> Result<Output, any Error>? {
        locked { outputs.removeValue(forKey: index) }
    }

    func waitForOutput(at index: Int) -> Result<Output, any Error> {
        locked {
            while true {
                if let output = outputs.removeValue(forKey: index) { return output }
                pthread_cond_wait(outputArrived, mutex)
            }
        }
    }

    func close() {
        locked {
            isClosed = true
            pthread_cond_broadcast(itemArrived)
        }
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
