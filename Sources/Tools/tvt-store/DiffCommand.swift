internal import Analysis
internal import Store
internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show how two versions differ: records and links, by id.",
        discussion: """
            Added, removed and changed documents and queries (a changed one has the same id and other contents), and \
            added, removed and rescored links of positives, negatives and each split of judgements, with all links of \
            records that are on one side only. Equal logical digests answer at once; shards that both versions share \
            are not read.
            Exit status: 0 where the data is equal, 1 where it differs, if only in its order; 64 and above for errors.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The old version.") var old: String
    @Argument(help: "The new version.") var new: String
    @Option(in: .shownItems, help: "How many examples of each kind are shown.") var limit = 10

    func run() throws {
        let store = try options.open()
        let (old, new) = (try store.dataset(old), try store.dataset(new))
        let progress = Progress("diff", unit: "records", total: old.documentCount + old.queryCount)
        let diff = try DatasetDiff(from: old, to: new, limit: limit, progress: progress)
        if !diff.isEqual { progress.finish() }
        try Printed.json(diff.json, if: options.common.json) { Self.text(diff) }
        if !diff.isEqual { throw ExitCode(1) }
    }

    private static func text(_ diff: DatasetDiff) -> String {
        guard !diff.isEqual else { return "equal: \(diff.old.manifest.logicalDigest)\n" }
        var rows = [["", "OLD", "NEW", "ADDED", "REMOVED", "CHANGED"]]
        for (label, records) in [("documents", diff.documents), ("queries", diff.queries)] {
            rows.append(
                [label]
                    + [
                        records.oldCount, records.newCount, records.addedCount, records.removedCount,
                        records.changedCount,
                    ].map(grouped))
        }
        for table in diff.links {
            rows.append(
                [table.name]
                    + [table.oldCount, table.newCount, table.addedCount, table.removedCount, table.rescoredCount]
                    .map(grouped))
        }
        var text = Printed.table(rows, right: [1, 2, 3, 4, 5])
        for (label, records) in [("documents", diff.documents), ("queries", diff.queries)] {
            if records.isReordered { text += "\(label) stand in another order\n" }
            for (sign, ids, count) in [
                ("+", records.added, records.addedCount), ("-", records.removed, records.removedCount),
                ("~", records.changed, records.changedCount),
            ] where !ids.isEmpty {
                text += "\n\(label) \(["+": "added", "-": "removed", "~": "changed"][sign] ?? ""):\n"
                text += ids.map { "  \(sign) \(escaped($0))\n" }.joined() + rest(count - ids.count)
            }
        }
        for table in diff.links {
            if table.reorderedQueryCount > 0 {
                text +=
                    "\n\(table.name) of \(grouped(table.reorderedQueryCount)) queries stand in another order\n"
            }
            guard !table.changed.isEmpty else { continue }
            text += "\n\(table.name) changed:\n"
            for query in table.changed {
                text += "  query \(escaped(query.id))\n"
                for (sign, ids) in [("+", query.added), ("-", query.removed), ("~", query.rescored)] {
                    text += ids.map { "    \(sign) \(escaped($0))\n" }.joined()
                }
            }
            text += rest(table.changedQueryCount - table.changed.count)
        }
        return text
    }

    private static func rest(_ count: Int) -> String {
        count > 0 ? "  and \(grouped(count)) more (--limit shows more)\n" : ""
    }
}
