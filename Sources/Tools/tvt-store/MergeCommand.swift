public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Curation
internal import JSON
internal import Store
internal import StoreFormat

extension Merge.Conflicts: ExpressibleByArgument {}

struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Make one dataset of several.",
        discussion: """
            Documents, and queries, of one id and equal content are one; links and judgements of a query are united. A \
            negative that another dataset has among the query's positives is left out, and counted. An id that stands for \
            different contents is a conflict: an error (65) that names the first ten, unless --conflicts says otherwise.

                tvt-store merge nave squad --as both --conflicts prefix
            """)

    @OptionGroup var deriving: DerivingOptions
    @Argument(help: ArgumentHelp("The datasets, at least two.", valueName: "name")) var names: [String]
    @Option(
        help: ArgumentHelp(
            "error; prefix: later ones get the id NAME/id; first: later ones are left out, and their links go to the first.",
            valueName: "what"))
    var conflicts: Merge.Conflicts = .error
    @OptionGroup var storage: StorageOptions

    func validate() throws {
        guard names.count >= 2 else { throw ValidationError("name two datasets or more") }
    }

    func run() throws {
        let store = try deriving.open()
        var writing = WriterOptions()
        writing.apply(storage)
        let datasets = try names.map { try store.dataset($0) }
        let lease = try store.lease(datasets, purpose: "tvt-store merge")
        defer { withExtendedLifetime(lease) {} }
        let (derived, report) = try Merge(conflicts: conflicts).derive(
            from: datasets, as: deriving.reference, in: store, tool: DerivingOptions.tool("merge"), options: writing)
        if report.dropsScores { log.warning("scores of links are left out: not all datasets have them") }
        var rows = [
            [
                "documents",
                "\(grouped(report.documentCount)), \(grouped(report.equalDocuments)) were in several",
            ],
            ["queries", "\(grouped(report.queryCount)), \(grouped(report.equalQueries)) were in several"],
        ]
        func add(_ name: String, _ count: Int) { if count > 0 { rows.append([name, grouped(count)]) } }
        add("documents in conflict (\(conflicts.rawValue))", report.conflictingDocuments)
        add("queries in conflict (\(conflicts.rawValue))", report.conflictingQueries)
        add("negatives that are positives", report.droppedNegatives)
        add("judgements repeated", report.repeatedJudgements)
        add("judgements in conflict", report.conflictingJudgements)
        try deriving.report(derived, report.json, rows)
    }
}
