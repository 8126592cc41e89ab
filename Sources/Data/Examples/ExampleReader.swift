internal import Base
internal import Synchronization

/// The examples of a run of slots, in their order, read ahead by worker threads.
///
/// The caller pulls; each pull that ends a window of slots hands new ones to the workers, as long as what waits for the
/// caller is within the options' bounds. So a slow caller stops the workers, and a fast one waits for them. Examples and
/// errors are those of ``ExampleSource/example(at:)``, whatever the number of workers; an error is thrown in the place
/// of its example, after all earlier ones, and ends the reader.
///
/// To go on later, make a reader `from` the ``slot`` that this one has come to. Not Sendable: one thread pulls.
public final class ExampleReader {
    public struct Options: Sendable {
        /// Threads that read; with 0 everything happens on the calling thread.
        public var workers: Int
        /// Most slots that are read together. Larger windows decompress fewer frames twice.
        public var windowSlots = 256
        /// Most windows under way or waiting.
        public var windows = 6
        /// Bytes of texts or records that may wait for the caller, or be under way by the last window's mean, before no
        /// new window is begun.
        public var lookAheadBytes = 32 << 20

        /// Whether to read no more from the disk than what is asked for; nil: where the datasets are larger than half of
        /// the memory that is free.
        public var readsScattered: Bool?

        public init(workers: Int? = nil) { self.workers = workers ?? processorCount }
    }

    public let source: ExampleSource
    /// Of the example that ``next()`` gives; the end of the range where there is none left.
    public private(set) var slot: UInt64
    private let options: Options
    private let end: UInt64
    private let stride: UInt64
    private var walk: ExampleOrder.Walk
    private var windowSlots = ExampleReader.firstWindowSlots
    /// Of the last window, on average.
    private var exampleBytes = 0
    /// Windows that are done, the oldest first.
    private var ready: [WindowReader.Window] = []
    private var current = WindowReader.Window()
    private var given = 0
    private var underWayCount = 0
    private var failure: (any Error)?
    private let inlineReader: WindowReader?
    private let parked = ParkedBytes()
    // Last, so that it stops its threads before anything that they use goes.
    private let pool: OrderedWorkers<[Slot], WindowReader.Window>?

    private typealias Slot = (slot: UInt64, entry: ExampleOrder.Entry)
    /// The first window is small, so that the first example comes soon.
    private static let firstWindowSlots = 16

    /// - Parameters:
    ///   - slots: of all ranks; its end is not read.
    ///   - rank: takes the slots that leave this remainder when divided by `rankCount`.
    public init(
        _ source: ExampleSource, slots: Range<UInt64>, rank: Int = 0, rankCount: Int = 1, options: Options = Options()
    ) throws {
        precondition(
            options.workers >= 0 && options.windowSlots > 0 && options.windows > 0 && options.lookAheadBytes > 0)
        self.source = source
        self.options = options
        walk = ExampleOrder.Walk(source.order, from: slots.lowerBound, rank: rank, rankCount: rankCount)
        end = slots.upperBound
        stride = UInt64(rankCount)
        slot = min(walk.slot, end)
        if options.readsScattered ?? (Self.storedBytes(source) > Self.freeMemory() / 2) {
            for part in source.parts { try part.dataset.expectScatteredReads() }
        }
        guard options.workers > 0 else {
            inlineReader = WindowReader(source, readsAhead: true)
            pool = nil
            return
        }
        inlineReader = nil
        let parked = parked
        pool = try OrderedWorkers(workers: options.workers, window: max(options.windows, options.workers)) {
            let reader = WindowReader(source, readsAhead: true)
            return { slots in
                let window = try reader.read(slots)
                parked.add(window.byteCount)
                return window
            }
        }
    }

    private static func storedBytes(_ source: ExampleSource) -> Int {
        source.parts.reduce(0) {
            $0 + $1.dataset.manifest.documents.storedBytes + $1.dataset.manifest.queries.storedBytes
        }
    }

    /// What the system calls available; as much as there can be where it does not say.
    private static func freeMemory() -> Int {
        let text = (try? Files.readText("/proc/meminfo")) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 } ?? .max
    }

    /// The next example; nil at the end of the slots.
    ///
    /// - Throws: `Failure` with status 130 after an interruption; otherwise what reading this example throws, and the
    ///   same again on every later call.
    public func next() throws -> Example? {
        while true {
            if given < current.examples.count {
                let example = current.examples[given]
                given += 1
                slot = min(example.slot + stride, end)
                parked.remove(example.byteCount)
                return example
            }
            failure = failure ?? current.failure
            if let failure { throw failure }
            do {
                guard try takeWindow() else { return nil }
            } catch {
                failure = error
                throw error
            }
        }
    }

    /// Bytes of the examples that are read and wait for the caller.
    public var waitingBytes: Int { parked.count }

    /// Makes the oldest window current; false where there is none.
    private func takeWindow() throws -> Bool {
        try Interruption.check()
        given = 0
        current = WindowReader.Window()
        guard let pool else {
            guard let slots = nextSlots(), let reader = inlineReader else { return false }
            current = try reader.read(slots)
            parked.add(current.byteCount)
            adaptWindow()
            return true
        }
        while hasRoom, let slots = nextSlots() {
            underWayCount += 1
            try pool.submit(slots) { collect($0) }
        }
        if ready.isEmpty {
            guard let window = try pool.takeOldest() else { return false }
            collect(window)
        }
        current = ready.removeFirst()
        adaptWindow()
        return true
    }

    /// Whether another window may be begun.
    private var hasRoom: Bool {
        // Always one, however large: the caller has nothing else to wait for.
        if ready.count + underWayCount == 0 { return true }
        // Before the size of an example is known, no more than can be read at once.
        let most = exampleBytes == 0 ? min(options.workers, options.windows) : options.windows
        return ready.count + underWayCount < most
            && parked.count + underWayCount * windowSlots * exampleBytes < options.lookAheadBytes
    }

    private func collect(_ window: WindowReader.Window) {
        underWayCount -= 1
        ready.append(window)
    }

    /// Windows grow to what the options allow, as long as all of them together keep within the bound on bytes.
    private func adaptWindow() {
        guard !current.examples.isEmpty else { return }
        exampleBytes = max(1, current.byteCount / current.examples.count)
        let fitting = options.lookAheadBytes / max(options.windows, options.workers) / exampleBytes
        windowSlots = max(1, min(2 * windowSlots, options.windowSlots, fitting))
    }

    private func nextSlots() -> [Slot]? {
        var slots: [Slot] = []
        while slots.count < min(windowSlots, options.windowSlots), walk.slot < end {
            let slot = walk.slot
            slots.append((slot, walk.next()))
        }
        return slots.isEmpty ? nil : slots
    }
}

/// A count that workers raise and the caller lowers.
private final class ParkedBytes: Sendable {
    private let bytes = Atomic<Int>(0)

    var count: Int { bytes.load(ordering: .relaxed) }
    func add(_ count: Int) { bytes.add(count, ordering: .relaxed) }
    func remove(_ count: Int) { bytes.subtract(count, ordering: .relaxed) }
}
