internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc
internal import JSON
internal import Records
internal import Store

/// What `Benchmarks/store_peer.py media-read` measures of the peers, in the same units.
struct MediaRead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media-read",
        abstract: "Open a dataset and read its items at random, verified, by the digests that its documents name.")

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Argument var name: String
    @Option(help: "Random reads of each kind.") var reads = 10_000
    @Option(help: "Rounds; the rates are medians.") var runs = 3

    func validate() throws {
        guard runs > 0, reads > 0 else { throw ValidationError("counts are at least 1") }
    }

    func run() throws {
        let start = Clock.seconds()
        let dataset = try Store(opening: location.path).dataset(name)
        let count = dataset.mediaCount
        guard count > 0 else { throw Failure(.missingInput, "\(name) has no media") }
        var bytes = 0
        try dataset.withMedia(0) { bytes &+= $0.count }
        let opening = Clock.seconds() - start
        var random = SplitMix64(seed: 1)
        let numbers = (0..<reads).map { _ in Int(random.next(below: UInt64(count))) }
        let digests = try numbers.map { try dataset.mediaDigest($0) }

        var latencies: [Double] = []
        var readBytes = 0
        for number in numbers {
            let before = Clock.seconds()
            try dataset.withMedia(number) { readBytes &+= $0.count }
            latencies.append(Clock.seconds() - before)
        }
        latencies.sort()
        let byNumber = try median(of: runs) {
            try wallSeconds { for number in numbers { try dataset.withMedia(number) { bytes &+= $0.count } } }
        }
        let byDigest = try median(of: runs) {
            try wallSeconds { for digest in digests { _ = try dataset.withMedia(digest) { bytes &+= $0.count } } }
        }
        let largest = try numbers.map { try dataset.mediaByteCount($0) }.max() ?? 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: largest, alignment: 64)
        defer { buffer.deallocate() }
        let intoBuffer = try median(of: runs) {
            try wallSeconds { for number in numbers { bytes &+= try dataset.readMedia(number, into: buffer) } }
        }
        // A document by its id, then the item that it names: what a training step does.
        let documents = (0..<reads).map { _ in Int(random.next(below: UInt64(max(1, dataset.documentCount)))) }
        let throughRecords = try median(of: runs) {
            try wallSeconds {
                for document in documents {
                    guard let digest = try dataset.document(document).image?.digest else { continue }
                    _ = try dataset.withMedia(digest) { bytes &+= $0.count }
                }
            }
        }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let json: JSONValue = [
            "items": JSONValue(count), "openMilliseconds": JSONValue(opening * 1e3),
            "p50Microseconds": JSONValue(latencies[reads / 2] * 1e6),
            "p99Microseconds": JSONValue(latencies[reads * 99 / 100] * 1e6),
            "itemsPerSecond": JSONValue(Double(reads) / byNumber),
            "gigabytesPerSecond": JSONValue(Double(readBytes) / 1e9 / byNumber),
            "byDigest": JSONValue(Double(reads) / byDigest), "intoBuffer": JSONValue(Double(reads) / intoBuffer),
            "throughRecords": JSONValue(Double(reads) / throughRecords),
            "rawBytes": JSONValue(dataset.manifest.media?.rawBytes ?? 0),
            "storedBytes": JSONValue(dataset.manifest.blobs.reduce(0) { $0 + $1.size }),
            "peakMiB": JSONValue(Double(usage.ru_maxrss) / 1024), "bytesRead": JSONValue(bytes),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }
}
