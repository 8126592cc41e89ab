internal import Base
public import Engine
public import Examples
internal import JSON
public import Models
public import Store
internal import SystemPackage
public import Tensors
internal import Tokenizers

/// A training config with everything it names found and opened: what a run, or a dry run, starts from.
public final class TrainingPlan {
    public let config: TrainingConfig
    public let source: ExampleSource
    /// The model as it is before training.
    public let start: EmbeddingModel
    public let stepCount: Int
    public let lock: Lock
    /// Prompt and limit of both sides for each part of the config.
    public let sides: [TrainingConfig.Sides<ModelCard.Side>]
    /// The card of the trained model.
    public let card: ModelCard
    public let device: Device
    /// What the golden vectors of the model's folder said; nil where it has none, or they were not asked.
    public let goldenReport: GoldenCheck.Report?
    /// Whether golden vectors are compared where a folder has them.
    public let checksGolden: Bool
    /// What checkpoints are written by, with its version.
    let tool: String
    private let reader: SlotReader

    /// - Parameters:
    ///   - checksGolden: refuse a model that does not give the golden vectors of its folder.
    ///   - tool: who trains, with its version: golden vectors of checkpoints name it.
    /// - Throws: `Failure` or `InputError` for all that is missing or does not fit.
    public init(
        _ config: TrainingConfig, store: Store, device: Device = .cpu, checksGolden: Bool = true,
        tool: String = "tvt-train"
    ) throws {
        self.config = config
        self.device = device
        self.checksGolden = checksGolden
        self.tool = tool
        let source = try ExampleSource(config, store: store)
        self.source = source
        reader = SlotReader(source)
        let start = try Self.load(config, from: FilePath(config.model), device)
        self.start = start
        goldenReport = checksGolden ? try GoldenCheck.run(start) : nil
        if let lora = config.lora { try Self.check(lora, start.text, config.places) }
        let weights = try EmbeddingModel.weightsDigest(start.folder)
        var card = start.card
        card.baseModel = weights
        self.card = card
        sides = config.datasets.map { part in
            var sides = TrainingConfig.Sides(query: card.query, document: card.document)
            sides.query.prompt = part.prompts.query ?? sides.query.prompt
            sides.document.prompt = part.prompts.document ?? sides.document.prompt
            return sides
        }
        try Self.checkLimits(sides, start.tokenizer, config.places)
        let stepCount = try config.stepCount(exampleCount: source.parts.reduce(0) { $0 + $1.exampleCount })
        self.stepCount = stepCount
        try config.checkWarmup(stepCount: stepCount)
        lock = Lock(
            config: config, stepCount: stepCount,
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

    private static func check(_ lora: TrainingConfig.LoRAOptions, _ model: TextModel, _ places: KeyPlaces) throws {
        try model.requireTargets(of: lora.configuration)
        let targets = model.linearLayers.filter { lora.configuration.isTarget($0.name) }
        guard let smallest = targets.min(by: { min($0.inputSize, $0.outputSize) < min($1.inputSize, $1.outputSize) }),
            lora.rank > min(smallest.inputSize, smallest.outputSize)
        else { return }
        throw places.failure(
            "lora.r",
            "must be at most \(min(smallest.inputSize, smallest.outputSize)), the smaller size of \(smallest.name), "
                + "not \(lora.rank)",
            advice: "A higher rank than that of the layer itself learns nothing more.")
    }

    /// - Throws: `Failure` (78) where prompt and special tokens fill the maximal length, so that all texts are equal.
    private static func checkLimits(
        _ sides: [TrainingConfig.Sides<ModelCard.Side>], _ tokenizer: Tokenizer, _ places: KeyPlaces
    ) throws {
        for (part, side) in sides.enumerated() {
            for (role, side) in [("query", side.query), ("document", side.document)] {
                guard let count = try side.tokensWithoutText(tokenizer) else { continue }
                throw places.failure(
                    "max_lengths.\(role)",
                    "is \(side.maxLength), and prompt and special tokens of a \(role) of dataset \(part) take \(count): "
                        + "nothing is left for the text",
                    advice: "Raise max_lengths.\(role), or shorten the prompt.")
            }
        }
    }

    /// A model folder, as the config wants it to be read.
    ///
    /// - Parameter type: of the weights; those that the optimizer changes are float32.
    static func load(
        _ config: TrainingConfig, from folder: FilePath, _ device: Device, type: ElementType = .float32
    ) throws -> EmbeddingModel {
        var overrides = ModelCard.Overrides(
            pooling: config.pooling, normalize: config.normalizes,
            query: .init(prompt: config.prompts.query, maxLength: config.maxLengths.query),
            document: .init(prompt: config.prompts.document, maxLength: config.maxLengths.document))
        overrides.preset = config.preset.flatMap(ModelPreset.named)
        return try EmbeddingModel(
            loading: folder, .training, overrides: overrides, type: type, device: device, settingName: key)
    }

    /// What a config calls a setting.
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
        let slots = ExampleOrder.slots(step: UInt64(step), slotsPerStep: config.queriesPerStep)
        let size = config.queriesPerStep / config.accumulation
        let examples = try reader.examples(at: slots)
        return try stride(from: 0, to: slots.count, by: size).map { try batch(Array(examples[$0..<($0 + size)])) }
    }

    func batch(_ examples: [Example]) throws -> TrainingBatch {
        try TrainingBatch(
            examples, sides: sides, tokenizer: start.tokenizer, masksKnownPositives: config.masksKnownPositives)
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
