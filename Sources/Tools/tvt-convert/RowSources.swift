internal import ArgumentParser
internal import CommandLineKit
internal import Ingest
internal import MappedSources
internal import SystemPackage

struct RowsArguments: ConversionArguments {
    static let configuration = CommandConfiguration(
        commandName: "rows",
        abstract: "Take queries and their documents from files with any columns: CSV, TSV, JSON, Parquet, Arrow.",
        discussion: """
            Without --query and the like it shows the columns, what they probably are, and the command that converts them; \
            nothing is written then, except with --yes.

                tvt-convert rows pairs.csv
                tvt-convert rows pairs.csv --query question --positive passage --hold-out 500 --dataset mine
                tvt-convert rows triplets.parquet --query anchor --positive positive --negative 'negative_*' --dataset mine
                tvt-convert rows bge.jsonl --query query --positive pos --negative neg --positive-score pos_scores \\
                    --negative-score neg_scores --dataset mine
                tvt-convert rows saved/ --split train --query q --positive passages.text --label passages.is_selected \\
                    --dataset mine
                tvt-convert rows triples.tsv --query q --positive-id pid --negative-id nid --corpus docs.jsonl --dataset mine
                tvt-convert rows test.tsv --query q --positive doc --label grade --judgements test --dataset mine-test

            Files are CSV, TSV, JSON Lines, JSON arrays, Parquet, Arrow files and streams, packed or not, told by their \
            first bytes; folders of them; and what save_to_disk wrote. A column may hold a text, a list of texts, or \
            objects, of which column.field names a field. Rows with the same query are one query with the links of all; \
            equal texts are one document. Columns that nothing names are left out, and named.
            """,
        aliases: ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "datasets"])

    @Argument(help: ArgumentHelp("Files of rows, folders of them, or folders of save_to_disk.", valueName: "file"))
    var sources: [String]

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("The column of the queries' texts, and columns of media beside it.", valueName: "column"))
    var query: [String] = []

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Columns of documents that answer the query: names or patterns.", valueName: "column"))
    var positive: [String] = []

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Columns of documents that do not: names or patterns, as 'neg_*'.", valueName: "column"))
    var negative: [String] = []

    @Option(name: .customLong("query-id"), help: ArgumentHelp("The column of the queries' ids.", valueName: "column"))
    var queryID: String?

    @Option(
        name: .customLong("positive-id"), parsing: .upToNextOption,
        help: ArgumentHelp("Columns of the documents' ids, one for each of --positive.", valueName: "column"))
    var positiveID: [String] = []

    @Option(
        name: .customLong("negative-id"), parsing: .upToNextOption,
        help: ArgumentHelp("The same for --negative.", valueName: "column"))
    var negativeID: [String] = []

    @Option(
        name: [.customLong("title"), .customLong("positive-title")], parsing: .upToNextOption,
        help: ArgumentHelp("Columns of the titles of --positive.", valueName: "column"))
    var positiveTitle: [String] = []

    @Option(
        name: .customLong("negative-title"), parsing: .upToNextOption,
        help: ArgumentHelp("Columns of the titles of --negative.", valueName: "column"))
    var negativeTitle: [String] = []

    @Option(
        name: [.customLong("score"), .customLong("positive-score")], parsing: .upToNextOption,
        help: ArgumentHelp("Columns of scores of --positive, kept with the links.", valueName: "column"))
    var positiveScore: [String] = []

    @Option(
        name: .customLong("negative-score"), parsing: .upToNextOption,
        help: ArgumentHelp("Columns of scores of --negative.", valueName: "column"))
    var negativeScore: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A column that says how relevant --positive is: above --label-above it is a positive, else a negative.",
            valueName: "column"))
    var label: String?

    @Option(name: .customLong("label-above"), help: ArgumentHelp("See --label (default: 0).", valueName: "x"))
    var labelAbove = 0.0

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Make judgements of this split instead of links to train on: the label is the grade, or else 1 for positives "
                + "and 0 for negatives.", valueName: "split"))
    var judgements: String?

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Files of documents that --positive-id and --negative-id refer to, where the rows have no texts of theirs.",
            valueName: "file"))
    var corpus: [String] = []

    @Option(name: .customLong("corpus-id"), help: ArgumentHelp("The column of their ids.", valueName: "column"))
    var corpusID: String?

    @Option(name: .customLong("corpus-text"), help: ArgumentHelp("The column of their texts.", valueName: "column"))
    var corpusText: String?

    @Option(name: .customLong("corpus-title"), help: ArgumentHelp("The column of their titles.", valueName: "column"))
    var corpusTitle: String?

    @Option(
        name: .customLong("hold-out"),
        help: ArgumentHelp(
            "Set n queries aside, chosen by --seed: their links become judgements of the split test. Queries of equal "
                + "text go together, so that there may be a few more.", valueName: "n"))
    var holdOutCount: Int?

    @Option(name: .long, help: ArgumentHelp("Of --hold-out (default: 42).", valueName: "n"))
    var seed = 42

    @OptionGroup var made: MadeRecordArguments
    @OptionGroup var reading: RowReadingArguments

    func validate() throws {
        guard holdOutCount ?? 1 > 0 else { throw ValidationError("--hold-out is at least 1") }
        guard seed >= 0 else { throw ValidationError("--seed is at least 0") }
        guard judgements?.isEmpty != true else { throw ValidationError("--judgements is the name of a split") }
        guard labelAbove.isFinite else { throw ValidationError("--label-above is a finite number") }
    }

    var options: RowOptions {
        var options = RowOptions()
        (options.query, options.queryID) = (query, queryID)
        (options.positives.texts, options.negatives.texts) = (positive, negative)
        (options.positives.ids, options.negatives.ids) = (positiveID, negativeID)
        (options.positives.titles, options.negatives.titles) = (positiveTitle, negativeTitle)
        (options.positives.scores, options.negatives.scores) = (positiveScore, negativeScore)
        (options.label, options.labelThreshold, options.judgements) = (label, labelAbove, judgements)
        (options.corpus, options.corpusID) = (corpus, corpusID)
        (options.corpusText, options.corpusTitle) = (corpusText, corpusTitle)
        (options.keep, options.madeIDs) = (made.keep, made.makeIDs)
        (options.images, options.videos, options.audios) = (made.image, made.video, made.audio)
        return options
    }

    var holdOut: HoldOut? { holdOutCount.map { HoldOut(queryCount: $0, seed: UInt64(seed)) } }

    func plan(assets: AssetFolder?) throws -> RowPlan {
        try RowPlan(sources.map { FilePath($0) }, options, reading.reading, assets: assets)
    }

    /// Options that a plan does not know, for the command that it shows.
    var otherWords: [String] {
        (holdOutCount.map { ["--hold-out", "\($0)"] } ?? []) + (seed == 42 ? [] : ["--seed", "\(seed)"])
    }

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        try Conversions.source(
            plan(assets: options.media?.source as? AssetFolder).source(holdOut: holdOut), into: destination,
            reference: reference, options: options)
    }
}

/// Reads a user's own files into the store, or shows what it would do.
struct TakeRows: ParsableCommand {
    static var configuration: CommandConfiguration { RowsArguments.configuration }

    @OptionGroup var arguments: RowsArguments
    @OptionGroup var reading: ReadingArguments
    @OptionGroup var own: OwnDataArguments

    func run() throws {
        let plan = try arguments.plan(assets: reading.assetFolder())
        let others = arguments.otherWords + reading.words + own.writing.output.words
        guard own.yes || plan.options == arguments.options && arguments.options.isMapped else {
            return try own.show(
                text: plan.text(dataset: own.writing.dataset, others: others),
                json: plan.json(dataset: own.writing.dataset, others: others))
        }
        if own.yes { try plan.checkGuess(dataset: own.writing.dataset, others: others) }
        try own.take(reading, suggestedName: plan.suggestedName) { store, dataset, options in
            try Conversions.source(
                plan.source(holdOut: arguments.holdOut), into: store, reference: dataset, options: options)
        }
    }
}
