internal import Base
public import Examples
internal import JSON
public import Models
public import Store
internal import SystemPackage
public import Tensors

/// A mix with everything it names found and opened: what a run, or a dry run, starts from.
public final class TrainingPlan {
    public let mix: Mix
    public let source: ExampleSource
    /// The model as it is before training.
    public let start: EmbeddingModel
    public let stepCount: Int
    public let lock: Lock
    /// Prompt and limit of both sides for each part of the mix.
    public let sides: [Mix.Sides<ModelCard.Side>]
    /// The card of the trained model.
    public let card: ModelCard
    public let device: Device

    /// - Throws: `Failure` or `InputError` for all that is missing or does not fit.
    public init(_ mix: Mix, store: Store, device: Device = .cpu) throws {
        self.mix = mix
        self.device = device
        let source = try ExampleSource(mix, store: store)
        self.source = source
        let start = try Self.load(mix, from: FilePath(mix.model), device)
        self.start = start
        if let lora = mix.lora { try start.text.requireTargets(of: lora.configuration) }
        let weights = try EmbeddingModel.weightsDigest(start.folder)
        var card = start.card
        card.baseModel = weights
        self.card = card
        sides = mix.datasets.map { part in
            var sides = Mix.Sides(query: card.query, document: card.document)
            sides.query.prompt = part.prompts.query ?? sides.query.prompt
            sides.document.prompt = part.prompts.document ?? sides.document.prompt
            return sides
        }
        let stepCount = mix.stepCount(exampleCount: source.parts.reduce(0) { $0 + $1.exampleCount })
        self.stepCount = stepCount
        lock = Lock(
            mix: mix, stepCount: stepCount,
            modelFiles: [
                ("weights", weights), ("tokenizer.json", start.tokenizer.digest),
                ("config.json", try SHA256Digest.ofFile(start.folder.appending("config.json"))),
            ],
            datasets: source.parts.map {
                Lock.ResolvedPart(
                    reference: $0.options.reference, digest: $0.dataset.digest, exampleCount: $0.exampleCount,
                    weight: $0.weight)
            },
            card: card.json)
    }

    /// A model folder, as the mix wants it to be read.
    ///
    /// - Parameter type: of the weights; those that the optimizer changes are float32.
    static func load(
        _ mix: Mix, from folder: FilePath, _ device: Device, type: ElementType = .float32
    ) throws -> EmbeddingModel {
        let overrides = ModelCard.Overrides(
            pooling: mix.pooling, normalize: mix.normalizes,
            query: .init(prompt: mix.prompts.query, maxLength: mix.maxLengths.query),
            document: .init(prompt: mix.prompts.document, maxLength: mix.maxLengths.document))
        return try EmbeddingModel(
            loading: folder, .training, overrides: overrides, type: type, device: device, settingName: key)
    }

    /// What a mix calls a setting.
    private static func key(_ setting: ModelCard.Setting) -> String {
        switch setting {
        case .pooling: "pooling: mean|cls|last"
        case .normalize: "normalize: true|false"
        case .dims: "tvt-encode --dims N"
        case .prompt(let role): "prompts.\(role.rawValue): TEXT"
        case .maxLength(let role): "max_lengths.\(role.rawValue): N"
        }
    }

    /// The micro-batches of a step (from 0).
    public func batches(step: Int) throws -> [TrainingBatch] {
        let slots = ExampleOrder.slots(step: UInt64(step), slotsPerStep: mix.queriesPerStep)
        let size = mix.queriesPerStep / mix.accumulation
        let examples = try source.examples(at: slots)
        return stride(from: 0, to: slots.count, by: size).map { batch(Array(examples[$0..<($0 + size)])) }
    }

    func batch(_ examples: [Example]) -> TrainingBatch {
        TrainingBatch(
            examples, sides: sides, tokenizer: start.tokenizer, masksKnownPositives: mix.masksKnownPositives)
    }

    /// Bytes of free memory under which traces are kept: half of what the system calls available.
    static func traceBudget() -> Int {
        guard let text = try? Files.readText("/proc/meminfo") else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            let digits = line.filter(\.isNumber)
            return (Int(digits) ?? 0) * 1024 / 2
        }
        return 0
    }
}
