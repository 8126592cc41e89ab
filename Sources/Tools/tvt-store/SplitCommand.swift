internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Curation
internal import JSON
internal import SystemPackage

/// Where a split's judgements come from.
struct JudgementSource: ParsableArguments {
    @Option(
        name: .customLong("from"),
        help: ArgumentHelp("The split whose judgements move (default: the only one).", valueName: "split"))
    var from: String?
    @Flag(name: .customLong("from-positives"), help: "Make the judgements of the queries' positives, with grade 1.")
    var fromPositives = false

    func validate() throws {
        guard from == nil || !fromPositives else { throw ValidationError("--from or --from-positives, not both") }
    }

    var judgements: QuerySplit.Judgements { fromPositives ? .positives : .split(from) }
}

struct SplitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "split", abstract: "Put a dataset's queries into splits: by files of ids, or drawn.",
        discussion: """
            A split is a set of judgements with a name. The judgements of the queries that a split gets move there from \
            the split that they are in; those of other queries stay. The training set (positives and negatives) is \
            left as it is: `hold-out` takes queries out of it. What is drawn depends on the seed and the ids alone.

                tvt-store split nave --as nave@split --from all --ids dev=dev.txt --ids test=test.txt
                tvt-store split nave --as nave@split --from all --draw dev=0.1 --draw test=500 --seed 1
            """)

    @OptionGroup var deriving: DerivingOptions
    @Argument(help: "The dataset.") var name: String
    @Option(
        help: ArgumentHelp(
            "A split, and the file of its queries' ids, one a line; - is stdin.", valueName: "split=file"))
    var ids: [NamedValue] = []
    @Option(help: ArgumentHelp("A split, and \(Amount.words).", valueName: "split=n")) var draw: [NamedValue] = []
    @Option(help: "What is drawn depends on it.") var seed: UInt32?
    @OptionGroup var source: JudgementSource
    @Flag(name: .customLong("ignore-unknown"), help: "Leave out ids that the dataset does not have.")
    var ignoresUnknown = false

    func validate() throws { _ = try rule() }

    private func rule() throws -> QuerySplit.Rule {
        guard ids.isEmpty != draw.isEmpty else { throw ValidationError("say which queries: --ids or --draw, not both") }
        guard draw.isEmpty else {
            guard let seed else { throw ValidationError("--draw needs a --seed") }
            let amounts = try draw.map { named in
                guard let amount = Amount(argument: named.value) else {
                    throw ValidationError("--draw \(named.name)=\(named.value): \(Amount.words)")
                }
                return (split: named.name, amount: amount)
            }
            return .drawn(amounts, seed: UInt64(seed))
        }
        guard seed == nil else { throw ValidationError("--seed is for --draw") }
        return .files(ids.map { (split: $0.name, path: FilePath($0.value)) })
    }

    func run() throws {
        let store = try deriving.open()
        var operation = QuerySplit(try rule())
        operation.judgements = source.judgements
        operation.ignoresUnknown = ignoresUnknown
        let (derived, report) = try operation.derive(
            from: store.dataset(name), as: deriving.reference, in: store, tool: DerivingOptions.tool("split"))
        try deriving.report(derived, report.json, report.rows)
    }
}

struct HoldOutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold-out",
        abstract: "Take queries out of the training set, and make a split of them to evaluate on.",
        discussion: """
            The queries are drawn by seed and id among those that have judgements, or positives with --from-positives. \
            Their positives and negatives leave the training set, and their judgements form the new split; queries \
            and documents stay where they are. Queries that stay in training and say the same are counted.

                tvt-store hold-out nave-train --as nave-train@held --queries 0.1 --split dev --from-positives --seed 1
            """)

    @OptionGroup var deriving: DerivingOptions
    @Argument(help: "The dataset.") var name: String
    @Option(help: ArgumentHelp("How many: \(Amount.words).", valueName: "n")) var queries: Amount
    @Option(help: "The name of the new split.") var split: String
    @Option(help: "What is drawn depends on it.") var seed: UInt32
    @OptionGroup var source: JudgementSource

    func run() throws {
        let store = try deriving.open()
        let operation = HoldOut(split: split, amount: queries, seed: UInt64(seed), judgements: source.judgements)
        let (derived, report) = try operation.derive(
            from: store.dataset(name), as: deriving.reference, in: store, tool: DerivingOptions.tool("hold-out"))
        try deriving.report(derived, report.json, report.rows)
    }
}
