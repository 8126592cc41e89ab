internal import Base

/// The order of examples without two of one query, or of one positive, in a batch.
///
/// Some batches in a row, ``windowBatches`` at most, are a window: of any part, in one stage of the order, or of one part
/// where batches are. The examples of a window are cut into batches again (`DisjointBatches`), which takes no more than that
/// none of their queries and positives comes more often than there are batches; then the window has the examples that it had, and
/// one without any conflict is as it was. What comes more often is replaced by another example of its part, chosen by
/// hash; the replaced one comes again in the next epoch.
///
/// So the example of a slot is a function of the order and of what the examples of its window hold, and a run goes on at
/// any slot. Not Sendable: it keeps the last windows; one for each thread.
struct UniqueBatches {
    /// What must not come twice in a batch.
    struct Content: Hashable {
        let query: ContentHash
        let positive: ContentHash
    }

    struct Taken {
        let entry: ExampleOrder.Entry
        var isReplacement = false
    }

    /// More would even out more; a window is looked at whole before its first batch.
    static let windowBatches: UInt64 = 8
    /// Examples that are looked at together for a replacement.
    private static let candidateCount = 64
    private static let replacementKey: UInt64 = 0x7265_706c_6163_6503

    private let source: ExampleSource
    private let batchSize: UInt64
    /// By part, or of all.
    private var windows: [Int: (first: UInt64, taken: [Taken])] = [:]

    init(_ source: ExampleSource) {
        self.source = source
        batchSize = UInt64(source.options.queriesPerBatch)
    }

    /// - Parameter contents: of the records of some entries.
    /// - Throws: what reading the window's records throws; `Failure` where a part has too few different examples.
    mutating func entry(
        at slot: UInt64, contents: ([ExampleOrder.Entry]) throws -> [Content]
    ) throws -> Taken {
        let order = source.order
        let size = Self.windowBatches * batchSize
        if source.options.batching == .byDataset {
            let (part, number) = order.place(of: slot)
            let first = number / size * size
            if windows[part]?.first != first {
                let entries = (first..<(first + size)).map { order.entry(ofPart: part, number: $0) }
                windows[part] = (first, try cut(entries, from: first, contents))
            }
            return windows[part]!.taken[Int(number - first)]
        }
        let stage = order.stage(of: slot)
        let first = stage.lowerBound + (slot - stage.lowerBound) / size * size
        if windows[-1]?.first != first {
            var walk = ExampleOrder.Walk(order, from: first)
            let entries = (0..<min(size, stage.upperBound - first)).map { _ in walk.next() }
            windows[-1] = (first, try cut(entries, from: first, contents))
        }
        return windows[-1]!.taken[Int(slot - first)]
    }

    /// The entries of a window in batches without a conflict.
    ///
    /// - Parameter first: the window's name.
    private func cut(
        _ entries: [ExampleOrder.Entry], from first: UInt64, _ contents: ([ExampleOrder.Entry]) throws -> [Content]
    ) throws -> [Taken] {
        let batchCount = entries.count / Int(batchSize)
        var taken = entries.map { Taken(entry: $0) }
        var found = try contents(entries)
        var room = Room(perKey: batchCount)
        let surplus = found.indices.filter { !room.take(found[$0]) }
        var streams: [[UInt64]: Candidates] = [:]
        for index in surplus {
            let entry = entries[index]
            let key = [UInt64(entry.part), entry.epoch]
            var stream = streams[key] ?? candidates(entry, first)
            guard let next = try stream.next(contents, where: { room.take($0) }) else {
                throw tooFew(entry.part, batchCount)
            }
            streams[key] = stream
            taken[index] = Taken(entry: next.entry, isReplacement: true)
            found[index] = next.content
        }
        guard batchCount > 1 else { return taken }
        let batches = DisjointBatches.batches(
            queries: Self.numbers(found.map(\.query)), positives: Self.numbers(found.map(\.positive)),
            batchCount: batchCount)
        // In the order of the slots, batch by batch.
        return batches.indices.sorted { (batches[$0], $0) < (batches[$1], $1) }.map { taken[$0] }
    }

    private func candidates(_ entry: ExampleOrder.Entry, _ window: UInt64) -> Candidates {
        Candidates(
            part: entry.part, epoch: entry.epoch,
            examples: Permutation(
                count: source.order.counts[entry.part], seed: source.order.seed, Self.replacementKey,
                UInt64(entry.part),
                entry.epoch, window))
    }

    private func tooFew(_ part: Int, _ batchCount: Int) -> Failure {
        let reference = source.parts[part].options.reference
        return Failure(
            .badData,
            "dataset \(reference): its examples have too few different queries and positives to fill batches of "
                + "\(batchSize) queries, each query and each positive once (unique_in_batch)",
            advice: "Lower batch_queries or the dataset's weight, or leave out unique_in_batch.")
    }

    /// Equal hashes get equal numbers, from 0.
    private static func numbers(_ hashes: [ContentHash]) -> [Int] {
        var numbers: [ContentHash: Int] = [:]
        return hashes.map { hash in
            let number = numbers[hash] ?? numbers.count
            numbers[hash] = number
            return number
        }
    }

    /// How often queries and positives are in a window.
    private struct Room {
        let perKey: Int
        private var queries: [ContentHash: Int] = [:]
        private var positives: [ContentHash: Int] = [:]

        init(perKey: Int) { self.perKey = perKey }

        /// Counts an example, unless one of its two is there as often as may be.
        mutating func take(_ content: Content) -> Bool {
            let (query, positive) = (queries[content.query, default: 0], positives[content.positive, default: 0])
            guard query < perKey, positive < perKey else { return false }
            queries[content.query] = query + 1
            positives[content.positive] = positive + 1
            return true
        }
    }

    /// Examples of a part in an order of the window's own, each once.
    private struct Candidates {
        let part: Int
        let epoch: UInt64
        let examples: Permutation
        private var next: UInt64 = 0
        private var read: [(entry: ExampleOrder.Entry, content: Content)] = []

        init(part: Int, epoch: UInt64, examples: Permutation) {
            self.part = part
            self.epoch = epoch
            self.examples = examples
        }

        mutating func next(
            _ contents: ([ExampleOrder.Entry]) throws -> [Content], where isFitting: (Content) -> Bool
        ) throws -> (entry: ExampleOrder.Entry, content: Content)? {
            while true {
                while let candidate = read.popLast() {
                    if isFitting(candidate.content) { return candidate }
                }
                try Interruption.check()
                let end = min(next + UInt64(UniqueBatches.candidateCount), examples.count)
                guard next < end else { return nil }
                let entries = (next..<end).map { ExampleOrder.Entry(part: part, epoch: epoch, example: examples[$0]) }
                next = end
                read = Array(zip(entries, try contents(entries)).map { ($0, $1) }.reversed())
            }
        }
    }
}
