public import ArgumentParser
internal import Store
internal import Base
internal import Collectives
internal import CommandLineKit
internal import JSON
public import Models
internal import Processes
internal import Remotes
internal import SystemPackage
internal import Tensors
public import Training

@main
struct TVTTrain: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-train",
        abstract: "Train a retriever on datasets of a store, as a training config describes it.",
        discussion: """
            The run folder gets lock.json, metrics.jsonl, events/ for TensorBoard, checkpoints/ and, when the run is done, \
            report.html and model: a link to its last checkpoint, which tvt-encode takes as --model (or --adapter, where the config says lora). Each checkpoint \
            carries tvt.golden.json, a few texts with their vectors, which whoever loads it checks.

            A checkpoint is written every 10 minutes and at the end. A run that was killed resumes with --resume from \
            its last checkpoint, with the losses of a run that was not. SIGINT and SIGTERM give up the step under way \
            and write a checkpoint of the steps before it; a second one ends the process at once. A record that the model \
            cannot be given, as one with a broken image, ends the run with such a checkpoint too (65).

            With validation: in the config the model is measured while it trains, and best is a link to the checkpoint that \
            was the best. `tvt-train watch run` shows where a run stands.

            Without a config, --dataset and --model stand for one, with epochs: 1, dropout: true and without_positives: \
            skip (queries that were held out have none); --set changes values of it:

                tvt-train --dataset mine --model all-MiniLM-L6-v2 --output run
                tvt-train --dataset mine --model all-MiniLM-L6-v2 --output run --set epochs=3 --set optimizer.learning_rate=2e-5

            --memory chooses how the run is computed, so that a process takes at most so much; --dry-run shows what it would \
            take, and lists the plans:

                tvt-train --dataset mine --model all-MiniLM-L6-v2 --dry-run --memory 24GiB
                tvt-train --dataset mine --model all-MiniLM-L6-v2 --output run --memory 24GiB

            A config for a model folder all-MiniLM-L6-v2 and a dataset nave-train of the store, and a run of it:

            \(example)

            Keys of a config. An unknown key and a value outside of its range are errors (status 78) that name the \
            line, before anything is read:

            \(TrainingConfig.help(width: 78, indent: "  "))
            """,
        version: tvtVersion,
        subcommands: [WatchRun.self])

    static func prepareProcess() {
        Heap.keepFreed(byteCount: Int(Int32.max))
        TensorMemory.useOwnHeap()
    }

    private static let example = """
          cat > train.yaml <<'END'
          model: all-MiniLM-L6-v2
          datasets:
            - name: nave-train
          steps: 70
          optimizer:
            learning_rate: 1e-4
            warmup_steps: 7
          END
          tvt-train --config train.yaml --output run
        """

    @Option(
        name: [.customLong("config"), .customLong("manifest")],
        help: ArgumentHelp("The training config: a YAML file of the keys above.", valueName: "file"))
    var configFile: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Instead of a config: the dataset to train on, by name. Repeat for several.", valueName: "name"))
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
        help: ArgumentHelp("Replace a value of the config, as optimizer.learning_rate=1e-4.", valueName: "key=value"))
    var set: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "cpu or cuda[:i]. Of several processes each takes the GPU of its number on this machine with cuda.",
            valueName: "device"))
    var device = "cpu"

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Between forward and backward keep every block's graph (keep), only its input (recompute), its input in a file "
                + "of the run's folder or, of a GPU, in the machine's memory (offload), or what fits "
                + "into half of the free memory (auto). The result is the same.",
            valueName: "auto|keep|recompute|offload"))
    var trace = TrainingRun.TraceChoice.auto

    @Option(
        in: NumberRange(1...1024),
        help: ArgumentHelp(
            "With --trace recompute or offload: keep the graphs of the last n blocks all the same. The result is the same.",
            valueName: "n"))
    var keptBlocks: Int?

    @Option(
        in: NumberRange(ByteCount(64 << 20)...ByteCount(1 << 46)),
        help: ArgumentHelp(
            "Choose the fastest plan with which a process takes at most so much (bytes, KiB, MiB, GiB or TiB, as 24GiB), and "
                + "say which: what --trace, --kept-blocks, --weights and, of several processes, --shard leave open, and "
                + "chunk_tokens. --dry-run lists the plans.", valueName: "size"))
    var memory: ByteCount?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Beside an adapter, keep frozen weights in memory (resident), or in their files, from where each block's are read "
                + "when it runs (streamed): for models larger than memory. The result is the same. Default: resident, or "
                + "what --memory takes.", valueName: "resident|streamed"))
    var weights: WeightResidency?

    @Option(in: .threads, help: ArgumentHelp("CPU threads of a process (default: one for each core).", valueName: "n"))
    var threads: Int?

    @Option(
        in: NumberRange(1...256),
        help: ArgumentHelp(
            "Train with so many processes on this machine, which share each micro-batch: the losses of one process, but for "
                + "the order of sums. torchrun --no-python, srun and mpirun start them on several (MASTER_ADDR, MASTER_PORT).",
            valueName: "n"))
    var processes: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What each of several processes has only a share of: nothing (none), the optimizer's state (optimizer), sums of "
                + "gradients as well (gradients), or weights as well, a block's being gathered when it runs (weights). Losses "
                + "stay the same, and a run may be resumed with another choice. Default: none, or what --memory takes.",
            valueName: "none|optimizer|gradients|weights"))
    var shard: Sharding?

    @Option(
        in: .workers,
        help: ArgumentHelp(
            "Threads each that read, that tokenise, and that decode media, ahead of those that compute (default: one, one, "
                + "and half of the cores, 4 at most). Steps and losses are the same.", valueName: "n"))
    var workers: Int?

    @Flag(
        name: .customLong("no-golden-check"),
        help: "Do not compare the vectors of tvt.golden.json with those that the model, or the checkpoint, gives.")
    var skipsGoldenCheck = false

    @Flag(
        name: .customLong("dry-run"),
        help:
            "Print examples, token counts and the memory of a process, and train nothing; also for --processes, --device and weights that are not here."
    )
    var dryRun = false

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    /// Not `validate`, which is called for a subcommand as well.
    private func checkOptions() throws {
        guard (configFile == nil) != dataset.isEmpty else {
            throw ValidationError("either --config says what to train on, or --dataset and --model do")
        }
        guard dataset.isEmpty == (model == nil) else { throw ValidationError("--dataset and --model go together") }
        if output == nil && !dryRun { throw ValidationError("--output is needed, except with --dry-run") }
        if let keptBlocks, trace != .recompute, trace != .offload {
            throw ValidationError(
                "--kept-blocks \(keptBlocks) goes with --trace recompute or offload, not with \(trace.rawValue)")
        }
    }

    mutating func run() throws {
        try checkOptions()
        let launched = try LaunchedProcess.current()
        if let launched, let processes, launched.size > 1 {
            throw ValidationError(
                "--processes \(processes): a launcher has started \(launched.size) processes already (this is \(launched.rank))"
            )
        }
        if let processes, processes > 1, !dryRun {
            let status = try LocalProcesses(
                count: processes, option: "--processes",
                resuming: "A run goes on from its last checkpoint with --resume."
            ).run()
            guard status == 0 else { throw ExitCode(status) }
            return
        }
        let processCount = dryRun ? processes ?? launched?.size ?? 1 : launched?.size ?? 1
        if let shard, shard > .none, processCount == 1 {
            log.notice("--shard \(shard.rawValue): one process has nobody to share with, and holds everything")
        }
        let isFirst = launched?.rank ?? 0 == 0
        if !isFirst {
            // What the first says, all would.
            ProgressStyle.current = .quiet
            setLogLevel(.error)
        }
        let localSize = launched?.localSize ?? 1
        if let threads {
            Compute.threadCount = threads
        } else if localSize > 1 {
            Compute.threadCount = max(1, processorCount / localSize)
        }
        var config =
            try configFile.map { try TrainingConfig(file: FilePath($0), overrides: set) }
            ?? TrainingConfig(training: model!, on: dataset, overrides: set)
        config.model = try HubSnapshot.path(config.model)
        let store = try openStore(store.location)
        var wish = MemoryWish(
            trace: trace.policy(keptBlocks: keptBlocks), residency: weights, sharding: shard, budget: memory?.count,
            workers: workers)
        var plan = try open(config, store, &wish)
        if skipsGoldenCheck { log.notice("golden vectors are not checked (--no-golden-check)") }
        if let note = plan.goldenReport?.note { log.notice("\(config.model): \(note)") }
        for note in plan.start.notes { log.notice("\(config.model): \(note)") }
        if config.precision == .bf16, let note = Precision(.bfloat16, on: plan.device).note {
            log.notice("dtype: bf16: \(note)")
        }
        if plan.isOutline {
            log.notice("\(config.model) has no weights: memory is what those that its config.json describes would take")
        }
        if dryRun {
            if workers != nil, !plan.readsMedia { log.notice("--workers: nothing is read ahead of --dry-run") }
            let result = try DryRun(plan, memory: wish, processCount: processCount)
            return try writeToStandardOutput(common.json ? result.json.pretty() : result.text)
        }
        let together = try launched.map { try $0.join() }
        if let together, plan.device != .cpu, let reason = try together.exchangeOverNCCL(on: plan.device) {
            log.notice("GPUs exchange over the CPU's memory, and not over NCCL (\(reason))")
        }
        let chosen = try memory.map { _ in try plan.memoryChoice(wish, with: together) }
        if let chosen {
            log.notice("\(TrainingMemory.reason(chosen, budget: memory!.count))")
            if chosen.plan.residency != plan.residency { plan = try open(config, store, chosen.plan.residency) }
        }
        plan.residency.prepareHeap()
        // What was tried out is not needed any more.
        Compute.trimHeap()
        let sharding = chosen?.plan.sharding ?? shard ?? .none
        let group = together.map { TrainingGroup($0, localSize: launched?.localSize, sharding: sharding) }
        let run = try TrainingRun(
            plan, output: FilePath(output!), resume: resume, trace: trace, memory: chosen?.plan ?? fixedPlan(plan),
            workers: workers, group: group)
        let lease = try store.lease(plan.source.parts.map(\.dataset), purpose: "tvt-train")
        defer { withExtendedLifetime(lease) {} }
        let report = try run.run()
        guard isFirst else { return }
        if let best = report.best, best.step != report.metrics.last?.step {
            log.notice("the best checkpoint, after step \(best.step), is \(output!)/best; model is the last one")
        }
        if report.blankCount > 0 {
            log.warning(
                """
                \(report.blankCount) of \(report.sequenceCount) texts were blank and trained on as they are; \
                blank_texts: skip leaves them out
                """)
        }
        if report.ignoredMediaCount > 0 {
            log.notice(
                "media of \(report.ignoredMediaCount) of \(report.sequenceCount) queries and passages were not seen")
        }
        if report.replacedCount > 0 {
            log.notice(
                """
                \(report.replacedCount) examples were replaced by others of their dataset, as no batch may have a query or \
                a positive twice (unique_in_batch)
                """)
        }
        try writeToStandardOutput(common.json ? report.json.pretty() : Self.text(report))
    }

    /// What is trained, with its weights where the user wants them; where that is left to `--memory`, in their files, which
    /// takes the least.
    private func open(_ config: TrainingConfig, _ store: Store, _ wish: inout MemoryWish) throws -> TrainingPlan {
        var streamed: TrainingPlan?
        if memory != nil, weights == nil, config.lora != nil, device == "cpu" {
            do {
                streamed = try open(config, store, .streamed)
            } catch let failure as Failure where failure.exitStatus == .usage {
                // Its files hold other numbers than are computed with.
                wish.residency = .resident
            }
        }
        return try checked(streamed ?? open(config, store, weights ?? .resident))
    }

    private func open(
        _ config: TrainingConfig, _ store: Store, _ residency: WeightResidency
    ) throws -> TrainingPlan {
        try TrainingPlan(
            config, store: store, device: chosenDevice(), residency: residency, checksGolden: !skipsGoldenCheck,
            allowsOutline: dryRun, tool: "tvt-train \(tvtVersion)")
    }

    /// - Throws: `Failure` (64) where more blocks are to be kept than there are.
    private func checked(_ plan: TrainingPlan) throws -> TrainingPlan {
        let count = plan.start.text.stages.count + plan.start.text.towers.reduce(0) { $0 + $1.stages.count }
        guard let keptBlocks, keptBlocks > count else { return plan }
        throw Failure(
            .usage, "--kept-blocks \(keptBlocks): the model has \(count) blocks",
            advice: "--trace keep keeps all of them.")
    }

    /// What a dry run counts does not need the device.
    private func chosenDevice() throws -> Device {
        do {
            return try Device.named(
                device, localRank: dryRun ? nil : LaunchedProcess.current()?.place.requireLocalRank())
        } catch let failure as Failure where dryRun && failure.exitStatus == .badConfiguration {
            log.notice("--device \(device) is not here: memory is what the CPU would take")
            return .cpu
        }
    }

    /// The plan of `--trace` and `--kept-blocks`; nil where each step decides.
    private func fixedPlan(_ plan: TrainingPlan) -> MemoryPlan? {
        trace.policy(keptBlocks: keptBlocks).map {
            MemoryPlan(trace: $0, chunkTokens: plan.config.chunkTokens, residency: plan.residency)
        }
    }

    private static func text(_ report: TrainingRun.Report) -> String {
        let count = report.stoppedEarly ? "\(report.metrics.count) of \(report.stepCount)" : "\(report.stepCount)"
        var text = "\(report.model): \(count) steps in \(duration(report.seconds))"
        if report.resumedAfter > 0 { text += ", after \(report.resumedAfter) of an earlier process" }
        if let first = report.metrics.first, let last = report.metrics.last {
            text += "; loss \(rounded(first.loss)) → \(rounded(last.loss))"
        }
        if let last = report.validations.last {
            text += "\nafter step \(last.step): "
            text += last.values.map { "\($0.name) \(rounded($0.value))" }.joined(separator: ", ")
            if let best = report.best { text += "; the best after step \(best.step)" }
            if report.stoppedEarly { text += ", so that the run ended early" }
        }
        text += "\ntruncated \(report.truncatedCount) of \(report.sequenceCount) texts, blank \(report.blankCount)\n"
        if let unscored = report.unscoredCount { text += "without scores of the teacher \(unscored) queries\n" }
        for (reference, counts) in report.counts { text += "\(reference): \(counts.text)\n" }
        return text
    }

    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}

extension TrainingRun.TraceChoice: ExpressibleByArgument {}
extension WeightResidency: ExpressibleByArgument {}
extension Sharding: ExpressibleByArgument {}
