internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Curation
internal import JSON
internal import Store
internal import StoreFormat

struct SampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample", abstract: "Take a smaller version: some queries, and the documents that they need.",
        discussion: """
            Every document stays that a query of the sample is linked to, by positives, negatives or judgements, so that \
            nothing points nowhere; --documents adds others, up to so many in all. What is drawn depends on the seed \
            and the ids alone: a larger sample contains a smaller one.

                tvt-store sample nave --as nave@small --queries 500 --documents 5000 --seed 1
            """)

    @OptionGroup var deriving: DerivingOptions
    @Argument(help: "The dataset.") var name: String
    @Option(help: ArgumentHelp("How many: \(Amount.words) (default: all).", valueName: "n")) var queries: Amount?
    @Option(
        help: ArgumentHelp("How many in all: \(Amount.words) (default: those that are linked).", valueName: "n"))
    var documents: Amount?
    @Option(help: "What is drawn depends on it.") var seed: UInt32
    @OptionGroup var storage: StorageOptions

    func validate() throws {
        guard queries != nil || documents != nil else { throw ValidationError("say how much: --queries, --documents") }
    }

    func run() throws {
        let store = try deriving.open()
        var writing = WriterOptions()
        writing.apply(storage)
        let sample = Sample(queries: queries, documents: documents, seed: UInt64(seed))
        let (derived, report) = try sample.derive(
            from: store.dataset(name), as: deriving.reference, in: store, tool: DerivingOptions.tool("sample"),
            options: writing)
        let rows = [
            ["queries", grouped(report.queryCount)],
            [
                "documents",
                "\(grouped(report.documentCount)), \(grouped(report.linkedCount)) of them linked",
            ],
            ["positives", grouped(report.positiveCount)], ["negatives", grouped(report.negativeCount)],
            ["judgements", grouped(report.judgementCount)],
        ]
        try deriving.report(derived, report.json, rows)
    }
}
