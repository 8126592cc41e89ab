public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Encoding
internal import ModelCommandLine
public import Models
internal import Processes
internal import SystemPackage
internal import Tensors

/// Which model computes, and how.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The model's folder, or its repository's in the Hub's cache.", valueName: "dir"),
        transform: HubSnapshot.path)
    var model: String

    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, merged into the weights.", valueName: "dir"))
    var adapter: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Type of the weights: f32, f16, bf16 (computed in f32 on a CPU that does not multiply it), or int8: linear \
            layers in 8 bits, compared with f32 on some records before anything is encoded.
            """,
            valueName: "type"))
    var dtype: EncodingType = .f32

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Keep the weights in memory, laid out for speed (resident), or in their files, from where each block's are read \
            for each batch (streamed): for models larger than memory, and best with many --batch-tokens. The vectors are the \
            same.
            """,
            valueName: "resident|streamed"))
    var weights = WeightResidency.resident

    @Option(
        name: .long,
        help: ArgumentHelp(
            "cpu, cuda or cuda:N. Of several processes each takes the GPU of its number on this machine with cuda.",
            valueName: "device"))
    var device = "cpu"

    @Option(
        in: .threads,
        help: ArgumentHelp(
            "Threads that compute (default: all cores; of several processes on a machine, each has its share).",
            valueName: "n"))
    var threads: Int?

    @Option(
        in: .workers,
        help: ArgumentHelp(
            "Threads that read and tokenise records, and as many that decode media, ahead of those that compute (default: "
                + "half of the cores, 4 at most). The vectors are the same.", valueName: "n"))
    var workers: Int?

    @Option(
        in: NumberRange(1...65_536),
        help: ArgumentHelp(
            "Keep the first n components (Matryoshka models), scaled to length 1 again if the model's vectors are.",
            valueName: "n"))
    var dims: Int?

    @Option(
        name: .customLong("batch-tokens"), in: NumberRange(1...(1 << 24)),
        help: ArgumentHelp("The most tokens of a batch.", valueName: "n"))
    var batchTokens: Int?

    @OptionGroup var card: CardOptions
    @OptionGroup var golden: GoldenOption

    @Flag(name: .customLong("ignore-media"), help: "Encode the text of records that also have media.")
    var ignoresMedia = false

    /// - Parameters:
    ///   - type: other than ``dtype``, where something is compared with it.
    ///   - place: of this process, where several share the machine's cores.
    func load(as type: EncodingType? = nil, in place: ProcessPlace? = nil) throws -> EmbeddingModel {
        let dtype = type ?? self.dtype
        let device = try Device.named(device, localRank: place?.requireLocalRank())
        Compute.threadCount = threads ?? max(1, processorCount / (place?.localSize ?? 1))
        weights.prepareHeap()
        let loaded = try EmbeddingModel(
            loading: FilePath(model), .encoding, overrides: card.overrides, adapter: adapter.map { FilePath($0) },
            type: dtype.elementType, quantizes: dtype == .int8, residency: weights, device: device, settingName: \.flag)
        guard dims ?? 1 <= loaded.card.dims else {
            throw Failure(.usage, "--dims \(dims ?? 0): the model gives \(loaded.card.dims)")
        }
        for note in loaded.notes { log.notice("\(model): \(note)") }
        if let note = loaded.precision.note { log.notice("--dtype \(dtype.rawValue): \(note)") }
        try golden.check(loaded)
        return loaded
    }

    func encoderOptions(processesOnThisMachine count: Int = 1) -> DatasetEncoder.Options {
        var options = DatasetEncoder.Options()
        options.workerCount = max(1, options.workerCount / count)
        options.dims = dims
        if let batchTokens { options.tokenBudget = batchTokens }
        if let workers { options.workerCount = workers }
        return options
    }
}

extension EncodingType: ExpressibleByArgument {}
extension WeightResidency: ExpressibleByArgument {}
