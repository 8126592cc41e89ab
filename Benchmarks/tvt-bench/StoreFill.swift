internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store
internal import StoreFormat
internal import SystemPackage

struct StoreFill: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store-fill", abstract: "Write a dataset and print the rate of its lines.")

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Option(name: .customLong("as")) var reference: String
    @Option(help: "Synthetic documents to write.") var documents = 100_000
    @Option(help: "Mean bytes of text of a synthetic document.") var bytes = 100
    @Option(help: "Take the lines of this v2 corpus, whose docid comes first, instead.") var from: String?
    @Option(help: "Synthetic queries with links, for reading examples.") var queries = 0
    @Option(help: "Share of the queries that have a positive.") var linkedShare = 1.0
    @Option(help: "Threads that compress.") var workers = 2
    @Option(help: "zstd's level.") var level = WriterOptions().compressionLevel
    @Option(help: "Bytes of records that share a frame; 1 gives each record its own.") var frameBytes = WriterOptions()
        .frameBytes

    func run() throws {
        let store = try Store.create(at: location.path)
        var options = WriterOptions()
        options.workers = workers
        options.frameBytes = frameBytes
        options.compressionLevel = level
        let writer = try store.writer(
            reference: reference, provenance: Provenance(tool: "tvt-bench \(tvtVersion)"), options: options)
        var rawBytes = 0
        var wall = 0.0
        let process = try processSeconds {
            wall = try wallSeconds {
                rawBytes = try from.map { try copy($0, to: writer) } ?? synthesise(to: writer)
                try synthesiseQueries(to: writer)
                _ = try writer.commit()
            }
        }
        let json: JSONValue = [
            "documents": JSONValue(writer.documentCount), "rawBytes": JSONValue(rawBytes),
            "wallSeconds": JSONValue(wall), "processSeconds": JSONValue(process),
            "megabytesPerSecond": JSONValue(Double(rawBytes) / 1e6 / wall),
            "megabytesPerProcessSecond": JSONValue(Double(rawBytes) / 1e6 / process),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }

    /// Words drawn by a seeded generator, common ones often, so that the text compresses about as prose does.
    private func synthesise(to writer: DatasetWriter) throws -> Int {
        var random = SplitMix64(seed: 7)
        let words = (0..<5000).map { _ in
            (0..<(2 + random.next(below: 8))).map { _ in UInt8(97 + random.next(below: 26)) } + [32]
        }
        var line: [UInt8] = []
        var total = 0
        for number in 0..<documents {
            let id = Array("doc-\(number)".utf8)
            line.removeAll(keepingCapacity: true)
            line += Array("{\"docid\":\"".utf8) + id + Array("\",\"document_text\":\"".utf8)
            let end = line.count + bytes / 2 + Int(random.next(below: UInt64(bytes + 1)))
            while line.count < end {
                let unit = random.nextUnit()
                line += words[Int(unit * unit * unit * 5000)]
            }
            line += Array("\"}".utf8)
            total += line.count + 1
            try id.withUnsafeBytes { id in
                try line.withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
            }
        }
        return total
    }

    private func copy(_ path: String, to writer: DatasetWriter) throws -> Int {
        let file = try MappedFile(FilePath(path))
        file.advise(.sequential)
        let bytes = file.bytes
        let prefix = Array("{\"docid\":\"".utf8).count
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 10) ?? bytes.count
            let record = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            // The ids of the benchmark's corpora have no escapes.
            let idEnd = record[prefix...].firstIndex(of: UInt8(ascii: "\"")) ?? record.count
            try writer.appendDocument(id: UnsafeRawBufferPointer(rebasing: record[prefix..<idEnd]), record: record)
            start = end + 1
        }
        return bytes.count
    }
}
