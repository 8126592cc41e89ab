public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Mining
public import Rankings
internal import Store
internal import SystemPackage

@main
struct TVTMine: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-mine",
        abstract: "Make better training sets from a run.",
        discussion: """
            Writes a new version of the dataset; its manifest records the run's digest, the options, the seed and \
            what was counted.
            """,
        version: tvtVersion,
        subcommands: [Filter.self, Negatives.self])
}

/// What both subcommands take.
struct MiningSource: ParsableArguments {
    @Argument(help: "The dataset.")
    var name: String

    @Option(
        name: .long,
        help: ArgumentHelp("Results for its queries over its corpus; .gz, .zst and .xz are read.", valueName: "run"))
    var run: String

    @Option(
        name: .long, help: ArgumentHelp("trec, tevatron or marco (default: by the first line).", valueName: "format"))
    var format: RunFormat?

    @Flag(name: .customLong("escape-ids"), help: "The run was written with --escape-ids.")
    var hasEscapedIDs = false

    @Option(name: .customLong("as"), help: ArgumentHelp("Name of the new version.", valueName: "ref"))
    var reference: String

    @OptionGroup var naming: NamingOptions

    @Flag(
        name: .customLong("ignore-unknown"),
        help: "Skip results whose document is not in the dataset, instead of failing; they keep their rank.")
    var ignoresUnknown = false

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard run != "-" else { throw ValidationError("the run must be a file: its digest is recorded") }
    }

    /// Runs one kind of mining and prints its report.
    func mine(
        _ derive: (Dataset, MiningRun, Store, Progress) throws -> (Dataset, json: JSONObject, text: String)
    ) throws {
        let store = try Store(opening: store.folder()).refusingKnownNames(naming.isNew)
        // Whatever could fail at the end fails at the start.
        try store.checkNewName(reference)
        let dataset = try store.dataset(name)
        let lease = try store.lease([dataset], purpose: "tvt-mine")
        defer { withExtendedLifetime(lease) {} }
        let run = try MiningRun(FilePath(run), format: format, hasEscapedIDs: hasEscapedIDs)
        let progress = Progress("mine", unit: "queries")
        let (derived, json, text) = try derive(dataset, run, store, progress)
        if common.json {
            var object = json
            object["reference"] = .string(reference)
            object["dataset"] = .string(derived.digest.description)
            try writeToStandardOutput(JSONValue.object(object.inSnakeCase).pretty())
        } else {
            try writeToStandardOutput(text + "\n\(reference) is now \(derived.digest)\n")
        }
    }
}

struct Filter: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep the queries that have a positive near the top of a run.",
        discussion: """
            Positives are the dataset's positive links and judgements above grade 0, of any split. Dropped queries are \
            counted by reason: best positive below the depth, no positive in the run, no positives known, query not in \
            the run.
            """)

    @OptionGroup var source: MiningSource

    @Option(name: .long, help: ArgumentHelp("The best positive's rank must be at most this.", valueName: "n"))
    var depth = 100

    func validate() throws {
        guard depth > 0 else { throw ValidationError("--depth is at least 1") }
    }

    func run() throws {
        try source.mine { dataset, run, store, progress in
            let filter = RecallFilter(depth: depth, ignoresUnknown: source.ignoresUnknown)
            let (derived, report) = try filter.derive(
                from: dataset, run: run, as: source.reference, in: store, tool: "tvt-mine filter \(tvtVersion)",
                progress: progress)
            return (derived, report.json, report.text)
        }
    }
}

struct Negatives: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give each query hard negatives from a run, in place of those it has.",
        discussion: """
            A query's results are looked at from the best down; each limit drops
            results, in this order:

              1. positives          links, and judgements above grade 0 in any
                                    split; the others are ranked from 1
              2. --depth            rank > n
              3. --skip-top         rank <= n
              4. --max-score        score > x
              5. --min-score        score < x
              6. --absolute-margin  score + x > p
              7. --relative-margin  score > p - |p| * x
              8. --exclude-duplicates
              9. --exclude-answers

            where p is the lowest, highest or mean score (--positive-ref) of the query's \
            positives in the run; positives that the run does not list are counted and \
            passed over. Then --count of the candidates left are taken (--strategy), and \
            --shortage says what happens where there are fewer.

            Random choices depend on the seed and the query's id only.
            """)

    @OptionGroup var source: MiningSource

    @Option(
        name: .long, help: ArgumentHelp("Candidates are the best n results that are not positives.", valueName: "n"))
    var depth = 100

    @Option(name: .long, help: ArgumentHelp("Negatives for each query.", valueName: "k"))
    var count: Int

    @Option(name: .long, help: ArgumentHelp("Seed of all random choices.", valueName: "s"))
    var seed: UInt64

    @Option(name: .customLong("skip-top"), help: ArgumentHelp("Leave out the best n non-positives.", valueName: "n"))
    var skipTop = 0

    @Option(
        name: .customLong("max-score"), parsing: .unconditional,
        help: ArgumentHelp("Drop candidates that score more.", valueName: "x"))
    var maxScore: Double?

    @Option(
        name: .customLong("min-score"), parsing: .unconditional,
        help: ArgumentHelp("Drop candidates that score less.", valueName: "x"))
    var minScore: Double?

    @Option(
        name: .customLong("absolute-margin"), parsing: .unconditional,
        help: ArgumentHelp("Drop candidates that come closer than x to the positive's score.", valueName: "x"))
    var absoluteMargin: Double?

    @Option(
        name: .customLong("relative-margin"), parsing: .unconditional,
        help: ArgumentHelp("Likewise, x as a part of the positive's score (0.05: at most 95 % of it).", valueName: "x"))
    var relativeMargin: Double?

    @Option(
        name: .customLong("positive-ref"),
        help: ArgumentHelp("Which of several positives' scores counts: min, max or mean.", valueName: "which"))
    var positiveReference: NegativeOptions.PositiveReference = .min

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With a margin, for queries without a positive in the run: drop their candidates, or keep them all.",
            valueName: "drop|keep"))
    var unscored: NegativeOptions.Unscored = .drop

    @Option(name: .long, help: ArgumentHelp("Take a random sample, or the top candidates.", valueName: "random|top"))
    var strategy: NegativeOptions.Strategy = .random

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Fewer candidates than --count: keep what there is, drop the query, or fill up with random documents that \
            the query's ranking does not list.
            """, valueName: "keep|drop|fill"))
    var shortage: NegativeOptions.Shortage = .keep

    @Flag(
        name: .customLong("exclude-duplicates"),
        help: "Drop candidates that say the same as a positive or as a better candidate.")
    var excludesDuplicates = false

    @Flag(
        name: .customLong("exclude-answers"),
        help: "Drop candidates whose title or text contains one of the query's answers (field \"answer\").")
    var excludesAnswers = false

    func validate() throws {
        guard depth > 0 else { throw ValidationError("--depth is at least 1") }
        guard count > 0 else { throw ValidationError("--count is at least 1") }
        guard (0..<depth).contains(skipTop) else { throw ValidationError("--skip-top is at least 0 and below --depth") }
        for (name, value) in [
            ("--max-score", maxScore), ("--min-score", minScore), ("--absolute-margin", absoluteMargin),
            ("--relative-margin", relativeMargin),
        ] {
            guard value?.isFinite ?? true else { throw ValidationError("\(name) is a finite number") }
        }
        if let minScore, let maxScore, minScore > maxScore {
            throw ValidationError("--min-score is above --max-score: nothing could be left")
        }
    }

    func run() throws {
        var options = NegativeOptions(depth: depth, count: count, seed: seed)
        options.skipTop = skipTop
        options.maxScore = maxScore
        options.minScore = minScore
        options.absoluteMargin = absoluteMargin
        options.relativeMargin = relativeMargin
        options.positiveReference = positiveReference
        options.unscored = unscored
        options.strategy = strategy
        options.shortage = shortage
        options.excludesDuplicates = excludesDuplicates
        options.excludesAnswers = excludesAnswers
        options.ignoresUnknown = source.ignoresUnknown
        try source.mine { dataset, run, store, progress in
            let (derived, report) = try NegativeMining(options).derive(
                from: dataset, run: run, as: source.reference, in: store, tool: "tvt-mine negatives \(tvtVersion)",
                progress: progress)
            return (derived, report.json, report.text)
        }
    }
}

extension RunFormat: ExpressibleByArgument {}
extension NegativeOptions.PositiveReference: ExpressibleByArgument {}
extension NegativeOptions.Unscored: ExpressibleByArgument {}
extension NegativeOptions.Strategy: ExpressibleByArgument {}
extension NegativeOptions.Shortage: ExpressibleByArgument {}
