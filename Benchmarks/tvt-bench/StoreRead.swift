internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store

struct StoreRead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store-read", abstract: "Read a dataset in four ways and print the rates per second of one core.")

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Argument var name: String
    @Option(help: "Random reads of each kind.") var reads = 100_000
    @Option var runs = 5

    func run() throws {
        let opening = try median(of: runs) {
            try processSeconds {
                let dataset = try Store(opening: location.path).dataset(name)
                _ = try dataset.documentRecord(0)
            }
        }
        let dataset = try Store(opening: location.path).dataset(name)
        let count = dataset.documentCount
        guard count > 0 else { throw Failure(.missingInput, "\(name) has no documents") }
        var random = SplitMix64(seed: 1)
        let ordinals = (0..<reads).map { _ in Int(random.next(below: UInt64(count))) }
        var ids = ByteColumn()
        for ordinal in ordinals { ids.append(try dataset.documentID(ordinal)) }
        let reader = try RecordReader(dataset)
        var checksum = 0

        let byOrdinal = try median(of: runs) {
            try processSeconds {
                for ordinal in ordinals { checksum &+= try reader.withDocumentRecord(ordinal) { $0.count } }
            }
        }
        let byID = try median(of: runs) {
            try processSeconds {
                for index in 0..<reads {
                    let ordinal = try ids.withBytes(at: index) { try reader.documentOrdinal(id: $0) }
                    guard let ordinal else { throw Failure(.bug, "an id of the dataset is not found") }
                    checksum &+= try reader.withDocumentRecord(ordinal) { $0.count }
                }
            }
        }
        let batched = try median(of: runs) {
            try processSeconds {
                for start in stride(from: 0, to: reads, by: 256) {
                    for ordinal in ordinals[start..<min(start + 256, reads)].sorted() {
                        checksum &+= try reader.withDocumentRecord(ordinal) { $0.count }
                    }
                }
            }
        }
        var scanned = 0
        let scanning = try median(of: runs) {
            scanned = 0
            return try processSeconds {
                try dataset.forEachDocumentRecord(in: 0..<count) { _, line in scanned += line.count + 1 }
            }
        }
        let json: JSONValue = [
            "documents": JSONValue(count), "openAndFirstReadMilliseconds": JSONValue(opening * 1e3),
            "readsPerSecondByOrdinal": JSONValue(Double(reads) / byOrdinal),
            "readsPerSecondByID": JSONValue(Double(reads) / byID),
            "readsPerSecondInBatchesOf256": JSONValue(Double(reads) / batched),
            "scanMegabytesPerSecond": JSONValue(Double(scanned) / 1e6 / scanning),
            "rawBytes": JSONValue(dataset.manifest.documents.rawBytes),
            "storedBytes": JSONValue(dataset.manifest.blobs.reduce(0) { $0 + $1.size }),
            "checksum": JSONValue(checksum),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }
}
