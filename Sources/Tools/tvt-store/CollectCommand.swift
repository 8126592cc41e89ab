internal import ArgumentParser
internal import Store
internal import Base
internal import CommandLineKit
internal import JSON
internal import StoreMaintenance

struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Take away the blobs that nothing needs any more.",
        discussion: """
            Needed is what a reference names, what a reference named within the last days (the reflog knows), and what \
            a running job holds. The rest moves into trash/, and from there it is deleted when it has waited long \
            enough; until then `tvt-store tag DIGEST NAME` brings a version back. Blobs that are young, or as young as \
            a living writer, are never touched. What dead processes left is removed as well.

            Without --apply nothing is changed. Exit status 65 where a manifest cannot be read, so that it is not \
            known what is needed; 75 while a writer holds the lock.
            """)

    @OptionGroup var options: StoreOptions
    @Flag(help: "Do it. Without this the command only says what it would do.") var apply = false
    @Flag(name: .customLong("dry-run"), help: "Only say what would be done; this is the default.") var dryRun = false
    @Option(
        name: .customLong("reflog-days"), in: .times,
        help: ArgumentHelp("Keep versions that a reference named within this time.", valueName: "days"))
    var reflogDays = 14.0
    @Option(
        name: .customLong("trash-days"), in: .times,
        help: ArgumentHelp("How long blobs wait in the trash.", valueName: "days"))
    var trashDays = 7.0
    @Option(
        name: .customLong("min-age-hours"), in: .times,
        help: ArgumentHelp("Leave younger blobs alone.", valueName: "hours"))
    var minAgeHours = 24.0

    func validate() throws {
        if apply && dryRun { throw ValidationError("--apply and --dry-run contradict each other") }
    }

    func run() throws {
        var collection = GarbageOptions()
        collection.reflogSeconds = reflogDays * 86400
        collection.trashSeconds = trashDays * 86400
        collection.youngSeconds = minAgeHours * 3600
        collection.applies = apply
        let progress = Progress("gc", unit: "files")
        let report = try options.openFolder().collectGarbage(collection) { progress.advance(by: $0) }
        progress.finish()
        try Printed.json(json(report), if: options.common.json) { text(report) }
    }

    private func json(_ report: GarbageReport) -> JSONValue {
        func tally(_ tally: GarbageReport.Tally) -> JSONValue {
            ["count": JSONValue(tally.count), "bytes": JSONValue(tally.bytes)]
        }
        return [
            "applied": .bool(apply),
            "roots": [
                "references": JSONValue(report.references), "reflog": JSONValue(report.reflogVersions),
                "leases": .array(report.leases.map { .string($0) }),
            ],
            "reachable": tally(report.reachable), "young": tally(report.young), "trashed": tally(report.trashed),
            "restored": tally(report.restored), "waiting": tally(report.waiting), "deleted": tally(report.deleted),
            "quarantined": tally(report.quarantined), "quarantine_deleted": tally(report.quarantineDeleted),
            "dead_writers": JSONValue(report.deadWriters), "dead_leases": JSONValue(report.deadLeases),
            "orphans": JSONValue(report.orphans), "strangers": .array(report.strangers.map { .string($0) }),
        ]
    }

    private func text(_ report: GarbageReport) -> String {
        var rows: [[String]] = []
        func add(_ label: String, _ tally: GarbageReport.Tally) {
            guard tally.count > 0 else { return }
            rows.append([label, grouped(tally.count), byteSize(tally.bytes)])
        }
        add("needed", report.reachable)
        add("not needed, but young", report.young)
        add(apply ? "moved into the trash" : "would move into the trash", report.trashed)
        add(apply ? "back from the trash" : "would come back from the trash", report.restored)
        add("waiting in the trash", report.waiting)
        add(apply ? "deleted" : "would be deleted", report.deleted)
        add("in quarantine", report.quarantined)
        add(apply ? "deleted from quarantine" : "would be deleted from quarantine", report.quarantineDeleted)
        var text = Printed.table(rows, right: [1, 2])
        for lease in report.leases { text += "held by \(lease)\n" }
        let dead = report.deadWriters + report.deadLeases + report.orphans
        if dead > 0 {
            text += "left by dead processes: \(report.deadWriters) writers, \(report.deadLeases) leases, "
            text += "\(report.orphans) files\n"
        }
        for stranger in report.strangers { text += "not ours, left alone: \(stranger)\n" }
        return apply ? text : text + "Nothing was changed; --apply does it.\n"
    }
}

extension NumberRange where Number == Double {
    /// Days, or hours.
    fileprivate static var times: NumberRange { NumberRange(0...1_000_000) }
}
