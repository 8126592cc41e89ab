internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc
internal import JSON
internal import Store
internal import Synchronization

/// What `Benchmarks/store_peer.py` measures of the peers, in the same units.
struct StoreRead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store-read",
        abstract: "Open a dataset and read it: at random, by id, in batches, shuffled, in order. Wall time.")

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Argument var name: String
    @Option(help: "Random reads of each kind.") var reads = 100_000
    @Option(help: "Rounds; the rates are medians, the first round's opening and first reads are told apart.") var runs =
        3
    @Option(help: "Threads that read batches.") var threads = 2
    @Flag(help: "Only what does not read every document: no scan and no shuffled pass.") var points = false

    func validate() throws {
        guard runs > 0, reads > 0, threads > 0 else { throw ValidationError("counts are at least 1") }
    }

    func run() throws {
        let start = Clock.seconds()
        let dataset = try Store(opening: location.path).dataset(name)
        _ = try dataset.documentRecord(0)
        let opening = Clock.seconds() - start
        let count = dataset.documentCount
        guard count > 0 else { throw Failure(.missingInput, "\(name) has no documents") }
        var random = SplitMix64(seed: 1)
        let ordinals = (0..<reads).map { _ in Int(random.next(below: UInt64(count))) }
        let reader = try RecordReader(dataset)
        var bytes = 0

        // The first reads of the process; cold where the caller has emptied the page cache.
        let firstReads = ordinals.prefix(2000)
        let first = try wallSeconds {
            for ordinal in firstReads { bytes &+= try reader.withDocumentRecord(ordinal) { $0.count } }
        }
        var latencies: [Double] = []
        latencies.reserveCapacity(reads)
        for ordinal in ordinals {
            let before = Clock.seconds()
            bytes &+= try reader.withDocumentRecord(ordinal) { $0.count }
            latencies.append(Clock.seconds() - before)
        }
        latencies.sort()

        let byOrdinal = try rate(of: reads) {
            for ordinal in ordinals { bytes &+= try reader.withDocumentRecord(ordinal) { $0.count } }
        }
        var ids = ByteColumn()
        for ordinal in ordinals { ids.append(try reader.documentID(ordinal)) }
        let byID = try rate(of: reads) {
            for index in 0..<reads {
                let ordinal = try ids.withBytes(at: index) { try reader.documentOrdinal(id: $0) }
                guard let ordinal else { throw Failure(.bug, "an id of the dataset is not found") }
                bytes &+= try reader.withDocumentRecord(ordinal) { $0.count }
            }
        }
        let batched = try rate(of: reads) { try readBatches(of: 256, ordinals, dataset) }
        var shuffled: Double?
        var scanned: Double?
        if !points {
            let order = Permutation(count: UInt64(count), seed: 3, 0)
            shuffled = try rate(of: count) {
                for place in 0..<UInt64(count) {
                    bytes &+= try reader.withDocumentRecord(Int(order[place])) { $0.count }
                }
            }
            scanned = try rate(of: dataset.manifest.documents.rawBytes) {
                try dataset.forEachDocumentRecord(in: 0..<count) { _, line in bytes &+= line.count }
            }
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let json: JSONValue = [
            "documents": JSONValue(count), "openMilliseconds": JSONValue(opening * 1e3),
            "firstReadMicroseconds": JSONValue(first / Double(firstReads.count) * 1e6),
            "byOrdinal": JSONValue(byOrdinal),
            "p50Microseconds": JSONValue(latencies[reads / 2] * 1e6),
            "p99Microseconds": JSONValue(latencies[reads * 99 / 100] * 1e6),
            "byID": JSONValue(byID), "inBatchesOf256": JSONValue(batched),
            "shuffled": shuffled.map { JSONValue($0) } ?? .null,
            "scanMegabytesPerSecond": scanned.map { JSONValue($0 / 1e6) } ?? .null,
            "rawBytes": JSONValue(dataset.manifest.documents.rawBytes),
            "storedBytes": JSONValue(dataset.manifest.blobs.reduce(0) { $0 + $1.size }),
            "peakMiB": JSONValue(Double(usage.ru_maxrss) / 1024), "bytesRead": JSONValue(bytes),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }

    /// Units of work a second, the median of all rounds.
    private func rate(of work: Int, _ body: () throws -> Void) throws -> Double {
        Double(work) / (try median(of: runs) { try wallSeconds(body) })
    }

    /// Batches are dealt out to threads, each with a reader of its own; a batch is read in the order of its ordinals.
    private func readBatches(of size: Int, _ ordinals: [Int], _ dataset: Dataset) throws {
        let starts = Array(stride(from: 0, to: ordinals.count, by: size))
        let workers = try OrderedWorkers<Int, Int>(workers: threads, window: 4 * threads) {
            let reader = try RecordReader(dataset)
            return { start in
                var bytes = 0
                for ordinal in ordinals[start..<min(start + size, ordinals.count)].sorted() {
                    bytes &+= try reader.withDocumentRecord(ordinal) { $0.count }
                }
                return bytes
            }
        }
        var bytes = 0
        for start in starts { try workers.submit(start) { bytes &+= $0 } }
        try workers.drain { bytes &+= $0 }
    }
}
