internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store
internal import StoreFormat
internal import StoreMaintenance

struct CompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Rewrite many or small shards into full ones.",
        discussion: """
            The new version holds the same data (an equal logical digest) in full shards with a newly trained \
            dictionary; the old one becomes its parent and stays until it is collected. Links and id indexes are \
            shared by both. Where there is nothing to gain the command says so and changes nothing. --portable and \
            --frame-bytes rewrite everything, however the shards are.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(
        name: .customLong("as"), help: ArgumentHelp("The new version's name (default: the same).", valueName: "ref"))
    var reference: String?
    @OptionGroup var naming: NamingOptions
    @Flag(name: .customLong("dry-run"), help: "Only say what would be rewritten.") var dryRun = false
    @OptionGroup var storage: StorageOptions
    @Option(
        name: .customLong("shard-bytes"), in: NumberRange(1...(1 << 40)),
        help: ArgumentHelp("How large a shard may grow.", valueName: "n"))
    var shardBytes: Int?

    func validate() throws {
        if naming.isNew, reference == nil { throw ValidationError("--new goes with --as") }
    }

    func run() throws {
        let store = try options.openFolder().refusingKnownNames(naming.isNew)
        var writing = WriterOptions()
        writing.apply(storage)
        if let shardBytes { writing.shardBytes = shardBytes }
        let manifest = try store.dataset(name).manifest
        let progress = Progress(
            "compact", unit: "bytes", total: manifest.documents.rawBytes + manifest.queries.rawBytes)
        let report = try store.compact(
            name, as: reference, tool: "tvt-store compact \(tvtVersion)",
            isForced: storage.frameBytes != nil || storage.portable, isDryRun: dryRun, options: writing
        ) { progress.advance(by: $0) }
        progress.finish()
        try Printed.json(Self.json(report), if: options.common.json) { text(report) }
    }

    private static func json(_ report: CompactReport) -> JSONValue {
        [
            "before": .string(report.before.description),
            "after": report.after.map { .string($0.description) } ?? .null,
            "reference": .string(report.reference), "needed": .bool(report.isNeeded),
            "tables": .array(
                report.tables.map { table in
                    [
                        "kind": .string(table.kind), "reason": table.reason.map { .string($0) } ?? .null,
                        "shards_before": JSONValue(table.shardsBefore), "shards_after": JSONValue(table.shardsAfter),
                        "bytes_before": JSONValue(table.bytesBefore), "bytes_after": JSONValue(table.bytesAfter),
                    ]
                }),
        ]
    }

    private func text(_ report: CompactReport) -> String {
        var text = ""
        for table in report.tables {
            guard let reason = table.reason else {
                text += "\(table.kind): nothing to do\n"
                continue
            }
            text += "\(table.kind): \(reason)"
            if report.after != nil {
                text += "; \(table.shardsBefore) → \(table.shardsAfter) shards, "
                text += "\(byteSize(table.bytesBefore)) → \(byteSize(table.bytesAfter))"
            }
            text += "\n"
        }
        if let after = report.after { return text + "\(report.reference) is now \(after)\n" }
        if !report.isNeeded { return text + "\(name) is compact already.\n" }
        return text + (dryRun ? "Nothing was changed.\n" : "Nothing would be gained, so nothing was changed.\n")
    }
}
