internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Curation
internal import JSON
internal import SystemPackage

struct JudgementsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "judgements", abstract: "Add judgements of files to a dataset.",
        discussion: """
            Reads qrels as tvt-eval does: TREC's (query 0 document grade) and BEIR's (query-id, corpus-id, score, with \
            tabs and a header). Each file is a split of its name, without endings; --split names another. What the \
            split has already stays. Documents and queries are shared with the old version.

                tvt-store judgements nave qrels/test.tsv --as nave@judged
            """)

    @OptionGroup var deriving: DerivingOptions
    @Argument(help: "The dataset.") var name: String
    @Argument(help: ArgumentHelp("Files of judgements.", valueName: "file")) var files: [String]
    @Option(help: "The split of all files, instead of their names.") var split: String?
    @Flag(help: "Take a file's grade where the split has another one.") var replace = false
    @Flag(name: .customLong("ignore-unknown"), help: "Leave out judgements of what the dataset does not have.")
    var ignoresUnknown = false
    @Flag(name: .customLong("escape-ids"), help: "Ids in the files are percent-escaped.") var escapesIDs = false

    func run() throws {
        let store = try deriving.open()
        var addition = JudgementFiles(
            files.map { path in
                split.map { JudgementFiles.File(path: FilePath(path), split: $0) } ?? .init(path: FilePath(path))
            })
        addition.replaces = replace
        addition.ignoresUnknown = ignoresUnknown
        addition.hasEscapedIDs = escapesIDs
        let (derived, report) = try addition.derive(
            from: store.dataset(name), as: deriving.reference, in: store, tool: DerivingOptions.tool("judgements"))
        var rows = [["judgements added", grouped(report.addedCount)]]
        if report.replacedCount > 0 { rows.append(["grades replaced", grouped(report.replacedCount)]) }
        if report.repeatedCount > 0 { rows.append(["there already", grouped(report.repeatedCount)]) }
        if report.unknownCount > 0 { rows.append(["of unknown ids", grouped(report.unknownCount)]) }
        try deriving.report(derived, report.json, rows)
    }
}
