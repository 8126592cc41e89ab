public import ArgumentParser
internal import Store
internal import Base
internal import CommandLineKit
internal import JSON
internal import Models
internal import Remotes
internal import SystemPackage
internal import Tensors
public import Training

@main
struct TVTTrain: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-train",
        abstract: "Train a retriever on datasets of a store, as a mix describes it.",
        discussion: """
            The run folder gets lock.json, metrics.jsonl, checkpoints/ and, when the run is done, model: a link to its \
            last checkpoint, which tvt-encode takes as --model (or --adapter, where the mix says lora).

            A run that was killed goes on with --resume from its last checkpoint. SIGINT and SIGTERM end it after the \
            step under way, with a checkpoint; a second one ends it at once.

            Without a mix, --dataset and --model stand for one of them, with epochs: 1, dropout: true and \
            without_positives: skip (queries that were held out have none); --set changes values of it:

                tvt-train --dataset mine --model all-MiniLM-L6-v2 --output run
                tvt-train --dataset mine --model all-MiniLM-L6-v2 --output run --set epochs=3 --set optimizer.learning_rate=2e-5
            """,
        version: tvtVersion)

    static func prepareProcess() {
        ThreadWaits.shorten()
        Heap.keepFreed(byteCount: Int(Int32.max))
    }

    @Option(name: .long, help: ArgumentHelp("The mix: a YAML file, see manifests/.", valueName: "file"))
    var manifest: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Instead of a mix: the dataset to train on, by name. Repeat for several.", valueName: "name"))
    var dataset: [String] = []

    @Option(name: .long, help: ArgumentHelp("With --dataset: the model to start from.", valueName: "dir"))
    var model: String?

    @Option(
        name: .long, help: ArgumentHelp("The run folder; new or empty, or a run's with --resume.", valueName: "dir"))
    var output: String?

    @Flag(name: .long, help: "Go on with the run in --output, where there is one.")
    var resume = false

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Replace a value of the mix, as optimizer.learning_rate=1e-4.", valueName: "key=value"))
    var set: [String] = []

    @Option(name: .long, help: ArgumentHelp("cpu or cuda[:i].", valueName: "device"))
    var device = "cpu"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Between forward and backward keep every block's graph (keep), only its input (recompute), or what fits "
                + "into half of the free memory (auto). The result is the same.", valueName: "auto|keep|recompute"))
    var trace = TrainingRun.TraceChoice.auto

    @Option(name: .long, help: ArgumentHelp("CPU threads (default: one for each core).", valueName: "n"))
    var threads: Int?

    @Flag(name: .customLong("dry-run"), help: "Print examples, token counts and memory, and train nothing.")
    var dryRun = false

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    mutating func validate() throws {
        guard (manifest == nil) != dataset.isEmpty else {
            throw ValidationError("either --manifest says what to train on, or --dataset and --model do")
        }
        guard dataset.isEmpty == (model == nil) else { throw ValidationError("--dataset and --model go together") }
        if output == nil && !dryRun { throw ValidationError("--output is needed, except with --dry-run") }
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    }

    mutating func run() throws {
        try Files.checkWorkingFolder()
        if let threads { Compute.threadCount = threads }
        let mix =
            try manifest.map { try Mix(file: FilePath($0), overrides: set) }
            ?? Mix(training: model!, on: dataset, overrides: set)
        let store = try openStore(store.location)
        let plan = try TrainingPlan(mix, store: store, device: Device.named(device))
        for note in plan.start.notes { log.notice("\(mix.model): \(note)") }
        if mix.precision == .bf16, let note = Precision(.bfloat16, on: plan.device).note {
            log.notice("dtype: bf16: \(note)")
        }
        if dryRun {
            let result = try DryRun(plan)
            return try writeToStandardOutput(common.json ? result.json.pretty() : result.text)
        }
        let run = try TrainingRun(plan, output: FilePath(output!), resume: resume, trace: trace)
        let lease = try store.lease(plan.source.parts.map(\.dataset), purpose: "tvt-train")
        defer { withExtendedLifetime(lease) {} }
        let report = try run.run()
        try writeToStandardOutput(common.json ? report.json.pretty() : Self.text(report))
    }

    private static func text(_ report: TrainingRun.Report) -> String {
        var text = "\(report.model): \(report.stepCount) steps in \(duration(report.seconds))"
        if report.resumedAfter > 0 { text += ", after \(report.resumedAfter) of an earlier process" }
        if let first = report.metrics.first, let last = report.metrics.last {
            text += "; loss \(rounded(first.loss)) → \(rounded(last.loss))"
        }
        text += "\ntruncated \(report.truncatedCount) of \(report.sequenceCount) texts\n"
        for (reference, counts) in report.counts {
            text += "\(reference): \(counts.queries) queries; without positives \(counts.withoutPositives), "
            text += "short of negatives \(counts.shortOfNegatives), without negatives \(counts.withoutNegatives)\n"
        }
        return text
    }

    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}

extension TrainingRun.TraceChoice: ExpressibleByArgument {}
