public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Mining

struct Negatives: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give each query hard negatives from a run, in place of those it has.",
        discussion: """
            A query's results are looked at from the best down; each limit drops
            results, in this order:

              1. positives          links, and judgements above grade 0 in any
                                    split, with the duplicates of them that
                                    tvt-store dedup found (--near-images finds
                                    those of images), and the document with
                                    the query's id (--own-documents); the
                                    others are ranked from 1
              2. --depth            rank > n
              3. --skip-top         rank <= n
              4. --max-score        score > x
              5. --min-score        score < x
              6. --absolute-margin  score + x > p
              7. --relative-margin  score > p - |p| * x
              8. --exclude-duplicates
              9. --own-documents    documents with the query's text
             10. --exclude-answers

            where p is the lowest, highest or mean score (--positive-ref) of the query's \
            positives in the run; positives that the run does not list are counted and \
            passed over. Then --count of the candidates left are taken (--strategy), and \
            --shortage says what happens where there are fewer.

            Random choices depend on the seed and the query's id only.

            Example:
              tvt-mine negatives nave --run nave.run --count 7 --seed 42 --as nave@mined
            """)

    @OptionGroup var source: MiningSource

    @Option(
        in: NumberRange(1...1_000_000_000),
        help: ArgumentHelp("Candidates are the best n results that are not positives.", valueName: "n"))
    var depth = 100

    @Option(in: NumberRange(1...1_000_000), help: ArgumentHelp("Negatives for each query.", valueName: "k"))
    var count: Int

    @Option(in: .seeds, help: ArgumentHelp("Seed of all random choices.", valueName: "s"))
    var seed: UInt64

    @Option(
        name: .customLong("skip-top"), in: NumberRange(0...1_000_000_000),
        help: ArgumentHelp("Leave out the best n non-positives.", valueName: "n"))
    var skipTop = 0

    @Option(
        name: .customLong("max-score"), in: .scores, parsing: .unconditional,
        help: ArgumentHelp("Drop candidates that score more.", valueName: "x"))
    var maxScore: Double?

    @Option(
        name: .customLong("min-score"), in: .scores, parsing: .unconditional,
        help: ArgumentHelp("Drop candidates that score less.", valueName: "x"))
    var minScore: Double?

    @Option(
        name: .customLong("absolute-margin"), in: .scores, parsing: .unconditional,
        help: ArgumentHelp("Drop candidates that come closer than x to the positive's score.", valueName: "x"))
    var absoluteMargin: Double?

    @Option(
        name: .customLong("relative-margin"), in: .scores, parsing: .unconditional,
        help: ArgumentHelp("Likewise, x as a part of the positive's score (0.05: at most 95 % of it).", valueName: "x"))
    var relativeMargin: Double?

    @Option(
        name: .customLong("positive-ref"),
        help: ArgumentHelp(
            "With a margin, which of several positives' scores counts: min, max or mean (default: min).",
            valueName: "which"))
    var positiveReference: NegativeOptions.PositiveReference?

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            With a margin, for queries without a positive in the run: drop their candidates, or keep them all \
            (default: drop).
            """, valueName: "drop|keep"))
    var unscored: NegativeOptions.Unscored?

    @Option(name: .long, help: ArgumentHelp("Take a random sample, or the top candidates.", valueName: "random|top"))
    var strategy: NegativeOptions.Strategy = .random

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Fewer candidates than --count: keep what there is, drop the query, or fill up with random documents that \
            the query's ranking does not list; blank ones are passed over, and counted.
            """, valueName: "keep|drop|fill"))
    var shortage: NegativeOptions.Shortage = .keep

    @Flag(
        name: .customLong("exclude-duplicates"),
        help: "Drop candidates that say the same as a positive or as a better candidate.")
    var excludesDuplicates = false

    @Flag(
        name: .customLong("exclude-answers"),
        help: """
            Drop candidates whose title or text contains one of the query's answers (fields \"answer\" and \"answers\").
            """)
    var excludesAnswers = false

    @Option(
        name: .customLong("own-documents"),
        help: ArgumentHelp(
            """
            A query's own document, the one with its id or one with its text: exclude it from the negatives, keep it, or \
            exclude it where ids of queries and documents overlap.
            """, valueName: "auto|exclude|keep"))
    var ownDocuments: NegativeOptions.OwnDocuments = .auto

    func validate() throws {
        guard (0..<depth).contains(skipTop) else { throw ValidationError("--skip-top is at least 0 and below --depth") }
        if let minScore, let maxScore, minScore > maxScore {
            throw ValidationError("--min-score is above --max-score: nothing could be left")
        }
    }

    func run() throws {
        if absoluteMargin == nil, relativeMargin == nil {
            for (name, isGiven) in [("--positive-ref", positiveReference != nil), ("--unscored", unscored != nil)]
            where isGiven { log.warning("\(name) does nothing without --absolute-margin or --relative-margin") }
        }
        try source.mine { dataset, run, store, progress in
            let (derived, report) = try NegativeMining(options).derive(
                from: dataset, run: run, as: source.reference, in: store, tool: "tvt-mine negatives \(tvtVersion)",
                progress: progress)
            for note in report.notes { log.notice("\(note)") }
            return (derived, report.json, report.text)
        }
    }

    private var options: NegativeOptions {
        var options = NegativeOptions(depth: depth, count: count, seed: seed)
        options.skipTop = skipTop
        options.maxScore = maxScore
        options.minScore = minScore
        options.absoluteMargin = absoluteMargin
        options.relativeMargin = relativeMargin
        options.positiveReference = positiveReference ?? .min
        options.unscored = unscored ?? .drop
        options.strategy = strategy
        options.shortage = shortage
        options.excludesDuplicates = excludesDuplicates
        options.excludesAnswers = excludesAnswers
        options.ownDocuments = ownDocuments
        options.tolerance = source.tolerance
        return options
    }
}

extension NegativeOptions.PositiveReference: ExpressibleByArgument {}
extension NegativeOptions.Unscored: ExpressibleByArgument {}
extension NegativeOptions.Strategy: ExpressibleByArgument {}
extension NegativeOptions.Shortage: ExpressibleByArgument {}
extension NegativeOptions.OwnDocuments: ExpressibleByArgument {}

extension NumberRange where Number == Double {
    /// Scores of a run, and differences of them.
    fileprivate static var scores: NumberRange { NumberRange(-1e30...1e30) }
}
