internal import Archives
internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Ingest
internal import JSON
internal import RawSources
internal import SystemPackage

struct ReadSource: ParsableCommand {
    enum Layout: String, ExpressibleByArgument { case members, csv, tsv, array }

    static let configuration = CommandConfiguration(
        commandName: "read", abstract: "Read a raw source to its end: MB a second of processor time, memory.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "A zip, a tar or a folder; or a file that may be packed.") var path: String
    @Option(help: "members of an archive; rows of csv or tsv (without quoting); objects of a JSON array.")
    var layout: Layout = .members
    @Option(help: "The array's name in the file's object.") var member: String?

    func run() throws {
        var counts = (items: 0, bytes: 0)
        let processor = try processSeconds { counts = try read() }
        let json: JSONValue = [
            "items": JSONValue(counts.items), "bytes": JSONValue(counts.bytes),
            "processorSeconds": JSONValue(processor),
            "megabytesPerProcessorSecond": JSONValue(Double(counts.bytes) / 1e6 / processor),
            "peakMegabytes": JSONValue(peakMegabytes()),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }

    private func read() throws -> (items: Int, bytes: Int) {
        switch layout {
        case .members:
            let reader = try MemberReader(FilePath(path), hashing: true)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
            defer { buffer.deallocate() }
            var counts = (items: 0, bytes: 0)
            while try reader.next() != nil {
                counts.items += 1
                while true {
                    let count = try reader.read(into: buffer)
                    if count == 0 { break }
                    counts.bytes += count
                }
            }
            _ = try reader.finish()
            return counts
        case .csv: return try rows(DelimitedReader(InputStream(FilePath(path)), .csv()))
        case .tsv: return try rows(DelimitedReader(InputStream(FilePath(path)), .tsv(columns: ["id", "text"])))
        case .array: return try rows(JSONArrayReader(InputStream(FilePath(path)), member: member))
        }
    }

    private func rows(_ source: some BatchSource) throws -> (items: Int, bytes: Int) {
        var count = 0
        while let batch = try source.nextBatch() {
            if let fault = batch.faults.first { throw fault.error }
            count += batch.newlineCount
        }
        return (count, source.parsedByteCount)
    }
}
