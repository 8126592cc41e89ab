internal import Analysis
internal import Store
internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON

struct OverlapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overlap", abstract: "Report what a training set shares with evaluation sets.",
        discussion: """
            Queries of TRAIN with positives, and those positives, are compared with the judged queries and documents of \
            each EVAL (with its positives, where it has no judgements). A record is shared if its contents are equal \
            (all fields but the id), or its text is after lower-casing and folding of white space and punctuation; with \
            --near also if the 5-grams (words of documents, characters of queries) have a Jaccard similarity of at least \
            --threshold. Titles are left out. Records with image, video or audio are compared by their contents only.
            The exit status is 0 whatever is found.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The training set.") var training: String
    @Argument(help: "Evaluation sets.") var evaluations: [String]
    @Option(help: "Only these judgements of the evaluation sets (default: all splits).") var split: String?
    @Flag(help: "Also look for similar texts.") var near = false
    @Option(in: NumberRange(above: 0, through: 1), help: "With --near, the minimum similarity.") var threshold = 0.8
    @Option(in: .seeds, help: "With --near, the seed of the hash functions.") var seed: UInt64 = 42
    @Option(in: .shownItems, help: "How many examples of each kind are shown.") var limit = 5

    func run() throws {
        let store = try options.open()
        let training = try store.dataset(training)
        let datasets = try evaluations.map { try store.dataset($0) }
        var settings = OverlapOptions()
        settings.isNear = near
        settings.threshold = threshold
        settings.seed = seed
        settings.limit = limit
        settings.split = split
        let total = ([training] + datasets).reduce(0) { $0 + $1.documentCount + $1.queryCount }
        let progress = Progress("overlap", unit: "records", total: total)
        let overlap = try Overlap(training: training, evaluations: datasets, options: settings, progress: progress)
        progress.finish()
        try Printed.json(overlap.json, if: options.common.json) { Self.text(overlap, near: near) }
    }

    private static func text(_ overlap: Overlap, near: Bool) -> String {
        var text = "\(overlap.training.reference): \(grouped(overlap.trainingQueryCount)) queries, "
        text += "\(grouped(overlap.trainingDocumentCount)) positive documents\n\n"
        let levels = OverlapLevel.allCases.filter { near || $0 != .near }
        var rows = [
            ["EVAL", "", "COMPARED", "SHARED", "%"] + levels.map { $0.name.uppercased() } + ["RELEVANT", "OF TRAIN"]
        ]
        for evaluation in overlap.evaluations {
            for (label, side) in [("queries", evaluation.queries), ("documents", evaluation.documents)] {
                let share = side.count == 0 ? 0 : 100 * Double(side.sharedCount) / Double(side.count)
                rows.append(
                    [
                        label == "queries" ? evaluation.dataset.reference : "", label, grouped(side.count),
                        grouped(side.sharedCount), decimal(share, digits: 1),
                    ] + levels.map { grouped(side.shared[$0.rawValue]) }
                        + [
                            label == "documents" ? grouped(side.sharedRelevantCount) : "",
                            grouped(side.trainingCount),
                        ])
            }
        }
        text += Printed.table(rows, right: Set(2..<(7 + levels.count)))
        for evaluation in overlap.evaluations {
            for (label, side) in [("queries", evaluation.queries), ("documents", evaluation.documents)]
            where !side.examples.isEmpty {
                text += "\n\(label) of \(evaluation.dataset.reference) in \(overlap.training.reference):\n"
                for example in side.examples {
                    let similarity = example.similarity.map { " \(decimal($0, digits: 2))" } ?? ""
                    text += "  \(example.level.name)\(similarity): \(escaped(example.evaluationID)) "
                    text += "is \(escaped(example.trainingID))\n"
                }
            }
        }
        return text
    }
}
