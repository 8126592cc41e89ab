public import ArgumentParser
internal import Store
internal import Base
internal import CommandLineKit
public import Evaluation
public import Rankings
internal import Remotes
internal import SystemPackage

@main
struct TVTEval: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-eval",
        abstract: "Measure a run against judgements, as trec_eval -c does.",
        discussion: """
            A judged query without results counts as zero. Results are ordered by score (as float32), then by docid, \
            both descending, whatever their ranks say. Documents without a judgement are not relevant.

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

    @Option(name: .long, help: ArgumentHelp("Permutations of the randomisation test.", valueName: "n"))
    var permutations = 10_000

    @Option(name: .long, help: ArgumentHelp("Seed of the randomisation test.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(name: .long, help: ArgumentHelp("table, markdown, json or trec.", valueName: "format"))
    var format: Report.Format?

    @Option(
        name: .customLong("run-format"),
        help: ArgumentHelp("trec, tevatron or marco (default: told from the first line).", valueName: "format"))
    var runFormat: RunFormat?

    @Flag(name: .customLong("escape-ids"), help: "The run was written with --escape-ids.")
    var escapesIDs = false

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
        guard permutations > 0 else { throw ValidationError("--permutations is at least 1") }
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
        let judgements = try readJudgements()
        let entries = try runs().map { name, run in
            Report.Entry(name: name, evaluation: Evaluation(run: run, qrels: judgements, measures: measures))
        }
        for entry in entries where entry.evaluation.resultCount == 0 {
            log.warning(
                "\(entry.name) has no results for any judged query; do its query ids match those of \(judgementsName)?")
        }
        let comparisons =
            entries.count < 2
            ? []
            : Comparison.compare(
                entries[0].evaluation, entries[1].evaluation, permutations: permutations, seed: seed)
        let report = Report(
            qrels: judgementsName, entries: entries, comparisons: comparisons, includesQueries: perQuery)
        try writeToStandardOutput(report.text(format ?? (common.json ? .json : .table)))
    }

    private var judgementsName: String { qrels ?? models.dataset ?? "" }

    /// The runs that are measured, with their names: one, or two that are compared.
    private func runs() throws -> [(name: String, run: Run)] {
        guard let runPath else { return try models.runs(split: split, store: store) }
        let paths = [runPath] + (compare.map { [$0] } ?? [])
        return try paths.map { path in
            (
                TVTEval.name(of: path, among: paths),
                try Run(reading: FilePath(path), format: runFormat, escapedIDs: escapesIDs)
            )
        }
    }

    private func readJudgements() throws -> Qrels {
        let qrels = judgementsName
        let file = FilePath(qrels)
        if models.model == nil, split == nil, Files.exists(file), !Files.isDirectory(file) {
            return try Qrels(reading: file)
        }
        guard store.location.contains("://") || Files.exists(FilePath(store.location)) else {
            throw Failure(
                .missingInput, "there is neither a file \(qrels) nor a store \(store.location) with such a dataset",
                advice: "name the store with --store or $TVT_STORE")
        }
        return try StoredQrels.read(openStore(store.location).dataset(qrels), split: split)
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
