public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Export
internal import Ingest
internal import JSON
internal import Store
internal import SystemPackage

extension ExportFormat: ExpressibleByArgument {}
extension ExportOptions.Packing: ExpressibleByArgument {}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a whole dataset into a folder, in a layout that other tools read.",
        discussion: """
            v2: corpus.jsonl, queries.jsonl with their links, qrels/. beir: the same three for BEIR's tools, which \
            know no links. webdataset: tars of samples. Images, videos and sounds lie in media/ of v2 and beside their \
            records in samples. What a layout has no place for is counted and said. The folder appears when it is \
            complete; `tvt-store import` takes it back.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(help: ArgumentHelp("The layout: v2, beir or webdataset.", valueName: "layout")) var format: ExportFormat
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The folder, which must not exist yet or be empty.", valueName: "dir"))
    var output: String
    @Option(help: ArgumentHelp("Compress JSON Lines: none, gz or zst.", valueName: "kind"))
    var compress: ExportOptions.Packing = .none
    @Option(
        name: .customLong("shard-bytes"), in: NumberRange(1...(1 << 40)),
        help: ArgumentHelp("How large a tar may grow.", valueName: "n"))
    var shardBytes = ExportOptions().shardBytes
    @Option(in: .threads, help: ArgumentHelp("Threads that read (default: all cores).", valueName: "n"))
    var workers: Int?
    @Option(
        help: ArgumentHelp(
            "Write the positives of beir as judgements of this split, with grade 1 (default: they are left out).",
            valueName: "split"))
    var positives: String?
    @Flag(name: .customLong("no-media"), help: "Leave images, videos and sounds out; records keep their digests.")
    var leavesMedia = false
    @Flag(help: "Replace the folder of an earlier export.") var force = false

    func validate() throws {
        guard positives == nil || format == .beir else {
            throw ValidationError("--positives is for beir; the other layouts have a place for positives")
        }
        guard compress == .none || format != .webdataset else {
            throw ValidationError("--compress is for JSON Lines; tars are written as they are")
        }
    }

    func run() throws {
        let store = try options.open()
        let dataset = try store.dataset(name)
        let lease = try store.lease([dataset], purpose: "tvt-store export")
        defer { withExtendedLifetime(lease) {} }
        var settings = ExportOptions()
        settings.packing = compress
        settings.shardBytes = shardBytes
        settings.replaces = force
        settings.positivesSplit = positives
        settings.includesMedia = !leavesMedia
        settings.tool = "tvt-store \(tvtVersion)"
        if let workers { settings.workers = workers }
        let report = try Conversions.export(dataset, as: format, to: FilePath(output), options: settings)
        for (what, count) in report.omissions {
            if what == "media", leavesMedia {
                log.notice("--no-media: \(count) items are not written")
            } else {
                log.warning("\(format.rawValue) has no place for \(what): \(count) are not written")
            }
        }
        try Printed.json(report.json, if: options.common.json) { report.summary }
    }
}

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take a dataset from the folder of an export, or one of the same layout.",
        discussion: """
            The layout is told by what is in the folder. Where there is an export.json, what is read is compared with \
            what it tells, and differences are said. For other sources, and to leave out bad records: tvt-convert.
            """)

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Argument(help: "The folder.") var folder: String
    @Option(name: .long, help: ArgumentHelp("Name of the new dataset.", valueName: "name")) var dataset: String
    @Option(help: ArgumentHelp("The layout: v2, beir or webdataset (default: what is there).", valueName: "layout"))
    var format: ExportFormat?
    @Option(help: ArgumentHelp("Licence of the data (default: what export.json tells).", valueName: "text"))
    var licence: String?
    @Option(in: .threads, help: ArgumentHelp("Threads that parse (default: all cores).", valueName: "n"))
    var workers: Int?
    @OptionGroup var naming: NamingOptions
    @OptionGroup var recordLimit: RecordLimitOption
    @OptionGroup var storage: StorageOptions

    func run() throws {
        var settings = IngestOptions()
        settings.tool = "tvt-store import \(tvtVersion)"
        settings.licence = licence
        settings.writing.apply(storage)
        if let workers { settings.workers = workers }
        settings.recordByteLimit = recordLimit.maxRecordBytes.count
        let store = try Store.create(at: location.folder()).refusingKnownNames(naming.isNew)
        let report = try Conversions.folder(
            FilePath(folder), as: format, into: store, reference: dataset, options: settings)
        try Printed.json(report.json, if: common.json) { report.summary }
    }
}
