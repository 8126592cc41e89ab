public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Evaluation
public import Rankings
internal import SystemPackage

@main
struct TVTEval: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-eval",
        abstract: "Measure a run against judgements, as trec_eval -c does.",
        discussion: """
            A judged query without results counts as zero. Results are ordered by score (as float32), then by docid, \
            both descending, whatever their ranks say; where all scores rise with the ranks, it warns. Documents without \
            a judgement are not relevant. What RUN.json beside a run of tvt-search says of its format and its ids holds.

            Measures: ndcg, ndcg@k, recall@k, mrr, mrr@k, map, map@k, precision@k, success@k, rprec, bpref, gm_map, \
            iprec_at_recall_0.10, set_P, set_recall, set_F, num_ret, num_rel, num_rel_ret. trec_eval's names mean the \
            same: ndcg_cut_10, recall_100, recip_rank, P_5, map_cut_10, success_1.

            With --model instead of --run, the dataset is encoded and searched first, by tvt-encode and tvt-search:

                tvt-eval --run after.run --qrels nave
                tvt-eval --run before.run --compare after.run --qrels nave
                tvt-eval --model all-MiniLM-L6-v2 --compare-model run/model --dataset mine
            """,
        version: tvtVersion)

    @Option(
        name: .customLong("run"),
        help: ArgumentHelp("The run; gz, zst and xz are recognised, - is stdin.", valueName: "file"))
    var runPath: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Judgements: a file (TREC qrels, or BEIR's TSV with its header), or a dataset of the store.",
            valueName: "file|name"))
    var qrels: String?

    @OptionGroup var models: ModelArguments

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Which judgements of the dataset (default: test, or the only ones).", valueName: "name"))
    var split: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Measures, separated by commas.", valueName: "list"))
    var metrics = Measure.standard.map(\.name).joined(separator: ",")

    @Flag(name: .customLong("per-query"), help: "Print the values of every query as well.")
    var perQuery = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A second run: its values, its differences from the first, and their significance.", valueName: "run"))
    var compare: String?

    @Option(
        in: NumberRange(1...100_000_000),
        help: ArgumentHelp("Permutations of the randomisation test of --compare (default: 10000).", valueName: "n"))
    var permutations: Int?

    @Option(
        in: .seeds, help: ArgumentHelp("Seed of the randomisation test of --compare (default: 0).", valueName: "n"))
    var seed: UInt64?

    @Option(name: .long, help: ArgumentHelp("table, markdown, json or trec.", valueName: "format"))
    var format: Report.Format?

    @Option(name: .shortAndLong, help: ArgumentHelp("Where the result goes; - is stdout.", valueName: "file"))
    var output = "-"

    @Option(
        name: .customLong("run-format"),
        help: ArgumentHelp("trec, tevatron or marco (default: by RUN.json, else by the lines).", valueName: "format"))
    var runFormat: RunFormat?

    @Flag(
        name: .customLong("escape-ids"),
        help: "The run's ids are percent-escaped; RUN.json says so where tvt-search wrote it.")
    var escapesIDs = false

    @Flag(
        name: .customLong("ignore-identical-ids"),
        help: "Leave out results whose document has the query's id, as BEIR does.")
    var ignoresIdenticalIDs = false

    @Option(
        name: .customLong("max-unknown"), in: NumberRange(0.0...1.0),
        help: ArgumentHelp(
            """
            The largest share of a run's queries that may be unknown to the judgements where judged queries have no \
            results, and of its results to the dataset; from 0 to 1. Unknown ids are always counted.
            """, valueName: "share"))
    var largestUnknownShare = UnknownTolerance.defaultShare

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (runPath == nil) == (qrels == nil), (runPath == nil) != (models.model == nil) else {
            throw ValidationError("either --run and --qrels say what to measure, or --model and --dataset do")
        }
        guard compare == nil || runPath != nil else {
            throw ValidationError("--compare goes with --run; with --model it is --compare-model")
        }
        guard models.model == nil || runFormat == nil && !escapesIDs else {
            throw ValidationError("--run-format and --escape-ids go with --run")
        }
        guard !common.json || format ?? .json == .json else {
            throw ValidationError("--json and --format \(format!.rawValue) exclude each other")
        }
        guard compare == nil || format != .trec else {
            throw ValidationError("trec_eval's format has no place for a comparison; use --format json")
        }
        guard runPath != "-" || compare != "-" else { throw ValidationError("only one run comes from stdin") }
    }

    func run() throws {
        let measures = try Measure.parse(list: metrics)
        let judgements = try Judgements(judgementsName, isDataset: models.model != nil, split: split, store: store)
        let entries = try runs().map { name, file, run in
            let unknown = try judgements.unknownIDs(
                of: run, file, UnknownTolerance(ignoresDocuments: true, largestShare: largestUnknownShare))
            let evaluation = Evaluation(
                run: run, qrels: judgements.qrels, measures: measures, ignoringIdenticalIDs: ignoresIdenticalIDs)
            noteLimits(of: evaluation, name, judgements)
            return Report.Entry(name: name, evaluation: evaluation, unknown: unknown)
        }
        if entries.count < 2 {
            for (name, isGiven) in [("--permutations", permutations != nil), ("--seed", seed != nil)] where isGiven {
                log.warning("\(name) does nothing without a comparison")
            }
        }
        let comparisons =
            entries.count < 2
            ? []
            : try Comparison.compare(
                entries[0].evaluation, entries[1].evaluation, permutations: permutations ?? 10_000, seed: seed ?? 0)
        let report = Report(
            qrels: judgementsName, entries: entries, comparisons: comparisons, includesQueries: perQuery)
        let text = report.text(format ?? (common.json ? .json : .table))
        guard output != "-" else { return try writeToStandardOutput(text) }
        try Files.replace(FilePath(output), with: Array(text.utf8))
        FinishedWork.note("\(output) is written")
    }

    private var judgementsName: String { qrels ?? models.dataset ?? "" }

    /// The runs that are measured, with their names: one, or two that are compared.
    private func runs() throws -> [(name: String, file: RunFile, run: Run)] {
        guard let runPath else { return try models.runs(split: split, store: store) }
        let paths = [runPath] + (compare.map { [$0] } ?? [])
        return try paths.map { path in
            let file = try RunFile(FilePath(path), format: runFormat, hasEscapedIDs: escapesIDs)
            return (TVTEval.name(of: path, among: paths), file, try Run(reading: file))
        }
    }

    /// Logs what makes a run's values other than they seem.
    private func noteLimits(of evaluation: Evaluation, _ name: String, _ judgements: Judgements) {
        if evaluation.resultCount == 0 {
            log.warning(
                "\(name) has no results for any judged query; do its query ids match those of \(judgementsName)?")
        } else if evaluation.longestRanking < judgements.dataset?.documentCount ?? .max {
            let deeper = evaluation.measures.filter { $0.cutoff ?? 0 > evaluation.longestRanking }.map(\.name)
            if !deeper.isEmpty {
                log.warning(
                    """
                    \(name): no judged query has more than \(evaluation.longestRanking) results, fewer than \
                    \(deeper.joined(separator: ", ")) \(deeper.count == 1 ? "looks" : "look") at
                    """)
            }
        }
        let count = evaluation.identicalIDCount
        if ignoresIdenticalIDs {
            if count == 0 { log.warning("--ignore-identical-ids: no result of \(name) has the id of its query") }
        } else if count > 0 {
            log.notice(
                """
                \(name): \(count) results have the id of their query; BEIR leaves such results out, as \
                --ignore-identical-ids does
                """)
        }
    }

    /// The file's name, or its path where two runs have the same name.
    private static func name(of path: String, among paths: [String]) -> String {
        let names = paths.map { FilePath($0).lastComponent?.string ?? $0 }
        guard Set(names).count == names.count else { return path }
        return FilePath(path).lastComponent?.string ?? path
    }
}

extension RunFormat: ExpressibleByArgument {}
extension Report.Format: ExpressibleByArgument {}
