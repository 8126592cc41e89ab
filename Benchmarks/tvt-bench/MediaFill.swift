internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Records
internal import Store
internal import StoreFormat
internal import SystemPackage

struct MediaFill: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media-fill",
        abstract: "Write the files of a folder as items of a dataset, a document each, and print the rate.")

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Option(name: .customLong("as")) var reference: String
    @Option(help: "Folder with the files.") var from: String
    @Option(help: "Threads that read and hash.") var workers = 2

    func run() throws {
        let store = try Store.create(at: location.path)
        let folder = FilePath(from)
        let names = try Files.list(folder)
        guard !names.isEmpty else { throw Failure(.missingInput, "\(folder) is empty") }
        let writer = try store.writer(
            reference: reference, provenance: Provenance(tool: "tvt-bench \(tvtVersion)"))
        var next = 0
        var rawBytes = 0
        var wall = 0.0
        let process = try processSeconds {
            wall = try wallSeconds {
                try orderedPipeline(
                    workers: workers, window: 4 * workers,
                    read: { () -> String? in
                        guard next < names.count else { return nil }
                        next += 1
                        return names[next - 1]
                    },
                    transform: { name in (name, try MediaItem(contentsOf: folder.appending(name))) },
                    write: { (name, item) in
                        rawBytes += item.byteCount
                        try writer.add(item, as: .image)
                        let document = Document(id: Array(name.utf8), image: item.reference())
                        var line: [UInt8] = []
                        document.appendJSONLine(to: &line)
                        try document.id.withUnsafeBytes { id in
                            try line.withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
                        }
                    })
                _ = try writer.commit()
            }
        }
        let json: JSONValue = [
            "items": JSONValue(writer.mediaCount), "rawBytes": JSONValue(rawBytes), "wallSeconds": JSONValue(wall),
            "processSeconds": JSONValue(process), "megabytesPerSecond": JSONValue(Double(rawBytes) / 1e6 / wall),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }
}
