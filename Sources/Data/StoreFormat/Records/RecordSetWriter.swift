internal import Base
internal import SystemPackage
internal import Zstandard

/// Writes the records of one kind: frames on workers, shards in order, and all that a commit needs to know of them.
///
/// Memory: `window` batches of about a mebibyte, the training sample, the open shard's index. Nothing per record.
package final class RecordSetWriter {
    package let kind: RecordKind
    private let options: WriterOptions
    private let scratch: ScratchFolder
    package private(set) var count = 0

    // The batch being filled.
    private var batch: RecordBatch
    private var frameStart = 0
    private static let batchBytes = 1 << 20
    /// A record's place in its frame is a u32.
    private static let largestRecord = 1 << 30

    /// Batches that wait until there are enough to train the dictionary on; nil once it is decided.
    private var untrained: [RecordBatch]? = []
    private var untrainedBytes = 0
    private var dictionary: [UInt8]?
    private var workers: OrderedWorkers<RecordBatch, EncodedBatch>?

    // What comes back from the workers.
    private var shard: ShardWriter?
    private var shards: [StagedShard] = []
    private var idHashes: SpillFile?
    private var logical = LogicalDigestBuilder()
    private var lengths = LengthStatistics()

    package init(kind: RecordKind, options: WriterOptions, scratch: ScratchFolder) throws {
        self.kind = kind
        self.options = options
        self.scratch = scratch
        batch = RecordBatch(kind: kind, capacity: Self.batchBytes + options.frameBytes)
        idHashes = try SpillFile(creating: scratch.path("\(kind).hashes"))
    }

    /// - Parameters:
    ///   - id: what the record is found by.
    ///   - record: its line, without a newline; must begin with the id's field.
    /// - Returns: the record's ordinal.
    package func append(id: UnsafeRawBufferPointer, record: UnsafeRawBufferPointer) throws -> Int {
        guard let line = StoredLine(record, kind: kind), line.hasID(id) else {
            throw Failure(
                .bug,
                "a \(kind.singular)'s record does not begin with its \(kind.idField) \(escaped(id)): "
                    + escaped(record.prefix(60)))
        }
        guard record.count < Self.largestRecord else {
            throw Failure(
                .badData, "the \(kind.singular) \(escaped(id)) has \(record.count) bytes; the limit is 1 GiB")
        }
        guard count < Int(UInt32.max) else { throw Failure(.badData, "a dataset holds at most 2^32 − 1 \(kind)") }
        let frameBytes = batch.bytes.count - frameStart
        if frameBytes > 0, frameBytes + record.count + 1 > options.frameBytes { try closeFrame() }
        batch.bytes.append(contentsOf: record)
        batch.bytes.append(UInt8(ascii: "\n"))
        batch.recordEnds.append(UInt32(batch.bytes.count))
        lengths.add(record.count)
        count += 1
        return count - 1
    }

    private func closeFrame() throws {
        batch.frameRecordEnds.append(UInt32(batch.recordEnds.count))
        frameStart = batch.bytes.count
        if frameStart >= Self.batchBytes { try closeBatch() }
    }

    private func closeBatch() throws {
        guard !batch.recordEnds.isEmpty else { return }
        var full = RecordBatch(kind: kind, capacity: Self.batchBytes + options.frameBytes)
        swap(&full, &batch)
        frameStart = 0
        if untrained != nil {
            untrainedBytes += full.bytes.count
            untrained?.append(full)
            if untrainedBytes >= options.sampledBytes { try startCompressing() }
        } else {
            try submit(full)
        }
        try Interruption.check()
    }

    private func startCompressing() throws {
        let waiting = untrained ?? []
        untrained = nil
        let trained = trainDictionary(on: waiting)
        dictionary = trained
        let level = options.compressionLevel
        let shared = try trained.map { try CompressionDictionary($0, level: level) }
        workers = try OrderedWorkers(workers: max(1, options.workers), window: 2 * max(1, options.workers)) {
            var compressor = try Compressor(level: level, dictionary: shared)
            return { try $0.encode(with: &compressor) }
        }
        for batch in waiting { try submit(batch) }
    }

    /// Trains on records taken evenly from what was read so far; nil where there is too little to gain from.
    private func trainDictionary(on batches: [RecordBatch]) -> [UInt8]? {
        let total = batches.reduce(0) { $0 + $1.bytes.count }
        let wanted = min(total, options.sampleBytes)
        // libzstd's advice: a hundredth of the sample.
        let capacity = min(options.dictionaryBytes, wanted / 100)
        guard capacity >= 1024 else { return nil }
        var samples: [UInt8] = []
        samples.reserveCapacity(wanted)
        var sizes: [Int] = []
        var position = 0
        for batch in batches {
            var start = 0
            for recordEnd in batch.recordEnds {
                let end = Int(recordEnd)
                position += end - start
                // Taken as long as the sample lags behind its share of what has passed.
                if samples.count < position * wanted / total, samples.count + end - start <= wanted {
                    samples.append(contentsOf: batch.bytes[start..<end])
                    sizes.append(end - start)
                }
                start = end
            }
        }
        return samples.withUnsafeBytes {
            Zstandard.trainDictionary(
                samples: $0, sampleSizes: sizes, capacity: capacity, level: options.compressionLevel)
        }
    }

    private func submit(_ batch: RecordBatch) throws { try workers?.submit(batch) { try write($0) } }

    /// Puts an encoded batch into the open shard, and into the next ones as each is full.
    private func write(_ batch: EncodedBatch) throws {
        try idHashes?.write(batch.idHashes)
        batch.leaves.withUnsafeBytes { logical.add($0, ends: batch.leafEnds) }
        var frame = 0
        var start = 0
        while frame < batch.frameSizes.count {
            if shard == nil { try openShard() }
            let first = frame
            var position = shard?.position ?? 0
            var records = shard?.recordCount ?? 0
            let firstRecord = first == 0 ? 0 : Int(batch.frameRecordEnds[first - 1])
            var end = start
            while frame < batch.frameSizes.count, position < options.shardBytes, records < options.recordsPerShard {
                position += Int(batch.frameSizes[frame])
                end += Int(batch.frameSizes[frame])
                frame += 1
                records = (shard?.recordCount ?? 0) + Int(batch.frameRecordEnds[frame - 1]) - firstRecord
            }
            if frame > first {
                try shard?.append(batch, frames: first..<frame, bytes: start..<end)
                start = end
            }
            if position >= options.shardBytes || records >= options.recordsPerShard { try closeShard() }
        }
    }

    private func openShard() throws {
        let blob = try scratch.blob("\(kind)-\(shards.count).tvz")
        shard = try ShardWriter(blob, kind: ShardKind(kind), dictionary: dictionary)
    }

    private func closeShard() throws {
        guard let full = shard.take() else { return }
        shards.append(try full.finish())
    }

    /// Ends the appending: all shards are staged. The id index is built by ``StagedRecords/buildIndex(scratch:)``.
    package func finish() throws -> StagedRecords {
        if batch.recordEnds.count > Int(batch.frameRecordEnds.last ?? 0) {
            batch.frameRecordEnds.append(UInt32(batch.recordEnds.count))
        }
        try closeBatch()
        if untrained != nil { try startCompressing() }
        try workers?.drain { try write($0) }
        workers = nil
        try closeShard()
        // An error that the caller caught and went on from must not become a dataset with a hole.
        guard shards.reduce(0, { $0 + $1.shard.recordCount }) == count else {
            throw Failure(.bug, "some \(kind) are lost, because an earlier error was ignored")
        }
        var dictionaryBlob: StagedBlob?
        if let dictionary, !shards.isEmpty {
            var blob = try scratch.blob("\(kind).dictionary")
            try blob.write(dictionary)
            dictionaryBlob = try blob.finish()
        }
        guard let hashes = try idHashes.take()?.finish() else { throw Failure(.bug, "the \(kind) were finished twice") }
        return StagedRecords(
            kind: kind, count: count, shards: shards, dictionary: dictionaryBlob,
            logicalDigest: logical.finish(kind: kind, count: count), idHashes: hashes, lengths: lengths)
    }
}
