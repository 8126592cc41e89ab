internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Remotes
internal import Store
internal import StoreMaintenance
internal import SystemPackage

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Restore damaged or missing blobs.",
        discussion: """
            Every blob is checked by its SHA-256. One that is not what its name says moves to quarantine/ with the \
            reason; equal bytes take its place from another store (--from), or are made again: dictionaries, \
            indexes, the tails of shards, the frame of links, the OCI manifest, the catalog.

            --salvage saves what is readable of a dataset whose blobs stay incomplete as a new version, and writes a \
            list of all that is lost. Exit status 65 while anything is still bad or missing.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "One dataset (default: all).") var name: String?
    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            "Another store that may have the blobs: a folder, https://… or s3://…; may be repeated.", valueName: "store"
        ))
    var from: [String] = []
    @Flag(name: .customLong("dry-run"), help: "Only say what is wrong and what could be done.") var dryRun = false
    @Flag(help: "Save the readable records of NAME under --as where blobs stay incomplete.") var salvage = false
    @Option(name: .customLong("as"), help: ArgumentHelp("The name of the salvaged version.", valueName: "ref"))
    var reference: String?
    @OptionGroup var naming: NamingOptions

    func validate() throws {
        if salvage != (reference != nil) { throw ValidationError("--salvage and --as go together") }
        if naming.isNew, reference == nil { throw ValidationError("--new goes with --as") }
        if salvage, name == nil { throw ValidationError("--salvage needs the dataset's name") }
        if salvage, dryRun { throw ValidationError("--salvage and --dry-run contradict each other") }
        if salvage, reference == name { throw ValidationError("--as must not be the damaged dataset itself") }
    }

    func run() throws {
        let store = try options.openFolder().refusingKnownNames(naming.isNew)
        let sources = try from.map { place -> any BlobSource in
            if place.contains("://") { return RemoteSource(try openRemote(place)) }
            return StoreSource(try Store(opening: FilePath(place)))
        }
        let progress = Progress("repair", unit: "bytes", total: try store.verifiedBytes(name))
        let report = try store.repair(
            name, from: sources, salvageReference: reference, tool: "tvt-store repair \(tvtVersion)", isDryRun: dryRun
        ) { progress.advance(by: $0) }
        progress.finish()
        try Printed.json(Self.json(report), if: options.common.json) { Self.text(report) }
        guard report.stillBad == 0 else {
            throw Failure(
                .badData, "\(report.stillBad) blobs in \(store.root) are still bad or missing",
                advice: dryRun
                    ? "Run it without --dry-run."
                    : from.isEmpty
                        ? "Name a store that may have them with --from, or save the rest with --salvage --as REF."
                        : "Name another store with --from, or save the rest with --salvage --as REF.")
        }
    }

    private static func describe(_ outcome: RepairReport.Outcome) -> String {
        switch outcome {
        case .fetched(let source): "fetched from \(source)"
        case .rebuilt: "made again"
        case .replaced: "replaced by a new one"
        case .wouldFetch(let source): "can be fetched from \(source)"
        case .wouldTryToRebuild: "would be made again, if that is possible"
        case .unrepaired: "not repaired"
        }
    }

    private static func json(_ report: RepairReport) -> JSONValue {
        var json: JSONObject = [
            "datasets": JSONValue(report.datasetCount), "blobs": JSONValue(report.blobCount),
            "bytes": JSONValue(report.blobBytes), "still_bad": JSONValue(report.stillBad),
            "items": .array(
                report.items.map { item in
                    [
                        "dataset": .string(item.dataset), "blob": .string(item.blob.description),
                        "role": .string(item.role), "fault": .string(item.fault),
                        "outcome": .string(describe(item.outcome)),
                    ]
                }),
        ]
        if let salvage = report.salvage {
            json["salvage"] = [
                "reference": .string(salvage.reference),
                "digest": salvage.digest.map { .string($0.description) } ?? .null,
                "documents": JSONValue(salvage.documents), "queries": JSONValue(salvage.queries),
                "lost_documents": JSONValue(salvage.lostDocuments), "lost_queries": JSONValue(salvage.lostQueries),
                "lost_links": JSONValue(salvage.lostLinks), "lost_media": JSONValue(salvage.lostMedia),
                "lost_list": .string(salvage.lostList),
            ]
        }
        return .object(json)
    }

    private static func text(_ report: RepairReport) -> String {
        var text = ""
        for item in report.items {
            text += "\(item.dataset), \(item.role) \(item.blob): \(item.fault); \(describe(item.outcome))\n"
        }
        text += "\(report.datasetCount) datasets, \(report.blobCount) blobs, \(byteSize(report.blobBytes)): "
        text += report.items.isEmpty ? "all good\n" : "\(report.items.count) were bad, \(report.stillBad) still are\n"
        if let salvage = report.salvage, let digest = salvage.digest {
            text += "\(salvage.reference) is now \(digest): \(grouped(salvage.documents)) documents "
            text += "(\(grouped(salvage.lostDocuments)) lost), \(grouped(salvage.queries)) queries "
            text += "(\(grouped(salvage.lostQueries)) lost), \(grouped(salvage.lostLinks)) links lost"
            text += salvage.lostMedia > 0 ? ", \(grouped(salvage.lostMedia)) items of media lost\n" : "\n"
            text += "what is lost: \(salvage.lostList)\n"
        }
        return text
    }
}
