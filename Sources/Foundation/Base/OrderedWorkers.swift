internal import Glibc

/// Workers for a stage that is fed by its caller: items go in one by one, outputs come out in the order of the items.
///
/// For a writer whose `append` is called from outside; a stage that reads by itself takes
/// ``orderedPipeline(workers:window:read:transform:write:)``. At most `window` items are in flight, so memory is bounded
/// by `window` × (item + output). Outputs are handed over on the calling thread. Not Sendable: one thread feeds it.
public final class OrderedWorkers<Item: Sendable, Output: Sendable> {
    /// What one worker does; made on the worker's own thread, so that it may own a context that is not Sendable.
    public typealias Transform = (Item) throws -> Output

    private let exchange: WorkExchange<Item, Output>
    private var threads: [Thread] = []
    private let window: Int
    private var submittedCount = 0
    private var writtenCount = 0

    public init(workers: Int, window: Int, makeTransform: @escaping @Sendable () throws -> Transform) throws {
        precondition(workers > 0 && window >= workers, "an item in flight for each worker")
        let exchange = WorkExchange<Item, Output>(window: window)
        self.exchange = exchange
        self.window = window
        for _ in 0..<workers {
            threads.append(
                try Thread {
                    let transform = Result { try makeTransform() }
                    while let (index, item) = exchange.takeItem() {
                        exchange.put(Result { try transform.get()(item) }, at: index)
                    }
                })
        }
    }

    deinit {
        exchange.close()
        for thread in threads { thread.join() }
    }

    /// Waits for the oldest outputs until another item may be in flight.
    func makeRoom(_ write: (Output) throws -> Void) throws {
        while submittedCount - writtenCount >= window { try writeOldest(write) }
    }

    /// Hands an item to the workers and writes what is ready; waits for the oldest output where the window is full.
    public func submit(_ item: Item, write: (Output) throws -> Void) throws {
        try makeRoom(write)
        exchange.put(item, at: submittedCount)
        submittedCount += 1
        while let output = exchange.takeReadyOutput(at: writtenCount) {
            writtenCount += 1
            try write(output.get())
        }
    }

    /// Waits for the oldest output that nobody has got; nil where there is none.
    public func takeOldest() throws -> Output? {
        guard writtenCount < submittedCount else { return nil }
        var oldest: Output?
        try writeOldest { oldest = $0 }
        return oldest
    }

    /// Waits for all outputs.
    public func drain(_ write: (Output) throws -> Void) throws {
        while writtenCount < submittedCount { try writeOldest(write) }
    }

    private func writeOldest(_ write: (Output) throws -> Void) throws {
        let output = exchange.waitForOutput(at: writtenCount)
        writtenCount += 1
        try write(output.get())
    }
}

/// The two queues between the caller and the workers.
///
/// `@unchecked Sendable`: all state is guarded by `mutex`.
private final class WorkExchange<Item: Sendable, Output: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let itemArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let outputArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Item?]
    private var outputs: [Result<Output, any Error>?]
    private var putCount = 0
    private var takenCount = 0
    private var isClosed = false

    init(window: Int) {
        items = Array(repeating: nil, count: window)
        outputs = Array(repeating: nil, count: window)
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
            items[index % items.count] = item
            putCount = index + 1
            pthread_cond_signal(itemArrived)
        }
    }

    /// The next item for a worker; nil when the work has ended.
    func takeItem() -> (Int, Item)? {
        locked {
            while takenCount == putCount, !isClosed { pthread_cond_wait(itemArrived, mutex) }
            guard !isClosed, let item = items[takenCount % items.count] else { return nil }
            items[takenCount % items.count] = nil
            takenCount += 1
            return (takenCount - 1, item)
        }
    }

    func put(_ output: Result<Output, any Error>, at index: Int) {
        locked {
            outputs[index % outputs.count] = output
            pthread_cond_signal(outputArrived)
        }
    }

    func takeReadyOutput(at index: Int) -> Result<Output, any Error>? {
        locked { outputs[index % outputs.count].take() }
    }

    func waitForOutput(at index: Int) -> Result<Output, any Error> {
        locked {
            while true {
                if let output = outputs[index % outputs.count].take() { return output }
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
