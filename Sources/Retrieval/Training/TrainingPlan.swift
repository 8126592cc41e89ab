internal import Base
public import Engine
public import Examples
internal import Inputs
internal import JSON
public import Models
internal import Records
public import Store
internal import SystemPackage
public import Tensors

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
    /// What makes inputs of both sides, likewise.
    let planners: [TrainingConfig.Sides<InputPlanner>]
    /// What the model is measured on while it trains; nil for nothing.
    public let validation: ValidationSet?
    /// Whether the model's folder has no weights, so that what training would take can be counted, and nothing trained.
    public let isOutline: Bool
    /// The card of the trained model.
    public let card: ModelCard
    public let device: Device
    /// Where frozen weights lie between uses.
    public let residency: WeightResidency
    /// What the golden vectors of the model's folder said; nil where it has none, or they were not asked.
    public let goldenReport: GoldenCheck.Report?
    /// Whether golden vectors are compared where a folder has them.
    public let checksGolden: Bool
    /// What checkpoints are written by, with its version.
    let tool: String
    /// Nil where the loss has no teacher.
    let teacher: TeacherScores?
    /// Nil where the loss has no guide.
    let guide: GuideVectors?
    private let reader: SlotReader

    /// - Parameters:
    ///   - residency: other than resident only beside an adapter.
    ///   - checksGolden: refuse a model that does not give the golden vectors of its folder.
    ///   - allowsOutline: take a folder that has no weights; see ``isOutline``.
    ///   - tool: who trains, with its version: golden vectors of checkpoints name it.
    /// - Throws: `Failure` or `InputError` for all that is missing or does not fit.
    public init(
        _ config: TrainingConfig, store: Store, device: Device = .cpu, residency: WeightResidency = .resident,
        checksGolden: Bool = true, allowsOutline: Bool = false, tool: String = "tvt-train"
    ) throws {
        guard residency == .resident || config.lora != nil else {
            throw Failure(
                .usage, "weights that are trained stay in memory, and without \"lora\" all are",
                advice: "Leave --weights streamed out, or train an adapter.")
        }
        self.device = device
        self.residency = residency
        self.checksGolden = checksGolden
        self.tool = tool
        // A name that is none is found out before a large model is read.
        for part in config.datasets { _ = try store.dataset(part.reference) }
        let folder = FilePath(config.model)
        isOutline = try allowsOutline && Files.exists(folder) && !EmbeddingModel.hasWeights(folder)
        let start =
            try isOutline
            ? Self.outline(config, of: folder, Self.loadedType(config))
            : Self.load(config, from: folder, device, residency)
        self.start = start
        let form = try InputForm(start, settingName: Self.key)
        var examples = config.examples
        examples.readsMedia = form.media != nil && !config.ignoresMedia
        examples.ignoresMedia = form.media != nil && config.ignoresMedia
        let source = try ExampleSource(examples, store: store)
        self.source = source
        reader = SlotReader(source)
        goldenReport = checksGolden && !isOutline ? try GoldenCheck.run(start) : nil
        // The lock names what is trained, whoever chose it.
        var config = config
        try Self.check(config.frozen, start, isAdapted: config.lora != nil, config.places)
        if let lora = config.lora {
            config.lora?.targets = lora.targets ?? start.text.defaultTargets(except: config.frozen)
            try Self.check(config.lora!, start.text, except: config.frozen, config.places)
        }
        try Self.checkOptimizerState(config, start)
        guard config.towerCache == 0 || !config.frozen.isDisjoint(with: [.vision, .audio]) else {
            throw config.places.failure(
                "tower_cache", "keeps what frozen towers make, and \"freeze\" names none",
                advice: "freeze: [vision], for example; else leave it out.")
        }
        self.config = config
        let weights = isOutline ? nil : try EmbeddingModel.weightsDigest(start.folder)
        var card = start.card
        card.baseModel = weights
        self.card = card
        let sides = config.datasets.map { part in
            var sides = TrainingConfig.Sides(query: card.query, document: card.document)
            sides.query.prompt = part.prompts.query ?? sides.query.prompt
            sides.document.prompt = part.prompts.document ?? sides.document.prompt
            sides.query.maxLength = part.maxLengths.query ?? sides.query.maxLength
            sides.document.maxLength = part.maxLengths.document ?? sides.document.maxLength
            return sides
        }
        self.sides = sides
        try Self.checkLengths(config, start)
        let tokenizer = start.tokenizer
        func makePlanners(
            _ dataset: Dataset, _ sides: TrainingConfig.Sides<ModelCard.Side>
        ) throws -> TrainingConfig.Sides<InputPlanner> {
            func planner(_ side: ModelCard.Side, _ role: Role) throws -> InputPlanner {
                InputPlanner(
                    try RoleTokenizer(side, of: card, tokenizer), role, form, ignoresMedia: config.ignoresMedia,
                    mediaAdvice: "ignore_media: true in the config takes the text alone"
                ) { digest, body in try dataset.withMedia(digest, body) != nil }
            }
            return .init(query: try planner(sides.query, .query), document: try planner(sides.document, .document))
        }
        planners = try zip(sides, source.parts).map { try makePlanners($1.dataset, $0) }
        try Self.checkLimits(planners, config.places)
        let stepCount = try config.stepCount(exampleCount: source.parts.reduce(0) { $0 + $1.exampleCount })
        self.stepCount = stepCount
        try config.checkWarmup(stepCount: stepCount)
        try config.checkStages(source.order, stepCount: stepCount)
        try config.checkWidths(dims: card.dims)
        guide =
            try config.loss.terms.falseNegatives.judge == .guide
            ? GuideVectors(config.loss.guide, source, config.places) : nil
        teacher = try config.loss.usesTeacher ? TeacherScores(config.loss, source, config.places) : nil
        let planners = self.planners
        validation = try config.validation.map { options in
            try ValidationSet(options, config, source, planners, store: store) { dataset in
                // One that is not trained on has the prompts and limits of the card.
                let planners = try makePlanners(dataset, .init(query: card.query, document: card.document))
                try Self.checkLimits([planners], config.places)
                return planners
            }
        }
        lock = Lock(
            config: config, stepCount: stepCount,
            modelFiles: (weights.map { [("weights", $0)] } ?? []) + [
                ("tokenizer.json", start.tokenizer.digest),
                ("config.json", try SHA256Digest.ofFile(start.folder.appending("config.json"))),
            ] + (form.media == nil ? [] : try start.processorDigest().map { [("processors", $0)] } ?? []),
            datasets: source.parts.map {
                Lock.ResolvedPart(
                    reference: $0.options.reference, digest: $0.dataset.digest, exampleCount: $0.exampleCount,
                    weight: $0.weight)
            },
            card: card.json, teacherRuns: teacher?.runDigests ?? [], guideVectors: guide?.digests ?? [],
            validation: validation?.lock)
    }

    /// - Throws: `Failure` (78) for a part that the model does not have, and where nothing is left to train.
    private static func check(
        _ frozen: Set<ModelPart>, _ model: EmbeddingModel, isAdapted: Bool, _ places: KeyPlaces
    ) throws {
        let parts = model.text.parts
        for part in ModelPart.allCases where frozen.contains(part) && !parts.contains(part) {
            throw places.failure(
                "freeze", "names \(part), which a model of type \(model.card.family) does not have",
                advice: "Its parts are \(parts.map(\.rawValue).joined(separator: ", ")).")
        }
        guard !frozen.isSuperset(of: parts) || (!isAdapted && !model.head.parameters.isEmpty) else {
            throw places.failure("freeze", "leaves nothing to train")
        }
    }

    private static func check(
        _ lora: TrainingConfig.LoRAOptions, _ model: TextModel, except frozen: Set<ModelPart>, _ places: KeyPlaces
    ) throws {
        let targets = try model.targetLayers(of: lora.configuration(for: model), except: frozen)
        guard let smallest = targets.min(by: { min($0.inputSize, $0.outputSize) < min($1.inputSize, $1.outputSize) }),
            lora.rank > min(smallest.inputSize, smallest.outputSize)
        else { return }
        throw places.failure(
            "lora.r",
            "must be at most \(min(smallest.inputSize, smallest.outputSize)), the smaller size of \(smallest.name), "
                + "not \(lora.rank)",
            advice: "A higher rank than that of the layer itself learns nothing more.")
    }

    /// - Throws: `Failure` (78) for lengths of a dataset beyond the positions that the model has; those of all datasets
    ///   are checked with its card.
    private static func checkLengths(_ config: TrainingConfig, _ model: EmbeddingModel) throws {
        for (number, part) in config.datasets.enumerated() {
            for (role, length) in [("query", part.maxLengths.query), ("document", part.maxLengths.document)] {
                guard let length, length > model.text.maxLength else { continue }
                throw config.places.failure(
                    "datasets.\(number).max_lengths.\(role)",
                    "is \(length); the model has positions for \(model.text.maxLength)")
            }
        }
    }

    /// - Throws: `Failure` (78) where prompt and special tokens fill the maximal length, so that all texts are equal.
    private static func checkLimits(
        _ planners: [TrainingConfig.Sides<InputPlanner>], _ places: KeyPlaces
    ) throws {
        for (part, sides) in planners.enumerated() {
            for planner in [sides.query, sides.document] {
                let (role, tokenizer) = (planner.role.rawValue, planner.tokenizer)
                guard let count = try tokenizer.tokensWithoutText() else { continue }
                throw places.failure(
                    "max_lengths.\(role)",
                    "is \(tokenizer.side.maxLength), and prompt and special tokens of a \(role) of dataset \(part) take \(count): "
                        + "nothing is left for the text",
                    advice: "Raise max_lengths.\(role), or shorten the prompt.")
            }
        }
    }

    /// A model folder, as the config wants it to be read.
    ///
    /// - Parameter type: of the weights. Nil: float32 where the optimizer changes them, and the one that is computed in
    ///   where they are frozen beside an adapter.
    static func load(
        _ config: TrainingConfig, from folder: FilePath, _ device: Device, _ residency: WeightResidency,
        type: ElementType? = nil
    ) throws -> EmbeddingModel {
        try EmbeddingModel(
            loading: folder, .training, overrides: overrides(config), type: type ?? loadedType(config),
            residency: residency, device: device,
            settingName: key)
    }

    /// Of the weights that are opened: float32 where the optimizer changes them.
    private static func loadedType(_ config: TrainingConfig) -> ElementType {
        config.lora != nil && config.precision == .bf16 ? .bfloat16 : .float32
    }

    private static func outline(
        _ config: TrainingConfig, of folder: FilePath, _ type: ElementType
    ) throws -> EmbeddingModel {
        try EmbeddingModel(withoutWeightsOf: folder, overrides: overrides(config), type: type, settingName: key)
    }

    /// The model without weights, in the type that it is computed with, adapters attached: what a step takes is tried out
    /// with it.
    func outline() throws -> EmbeddingModel {
        let model = try Self.outline(
            config, of: start.folder, config.precision == .bf16 ? .bfloat16 : .float32)
        if let lora = config.lora {
            try model.text.addAdapters(lora.configuration(for: model.text), seed: config.seed, except: config.frozen)
        }
        return model
    }

    /// What passes of the run drop; the seed is the run's.
    func dropout(of model: TextModel) -> Dropout {
        var dropout = config.usesModelDropout ? model.configuredDropout : .none
        dropout.adapter = config.lora?.dropout ?? 0
        dropout.seed = config.seed
        return dropout
    }

    private static func overrides(_ config: TrainingConfig) -> ModelCard.Overrides {
        ModelCard.Overrides(
            pooling: config.pooling, normalize: config.normalizes,
            query: .init(
                prompt: config.prompts.query, promptName: config.promptNames.query, maxLength: config.maxLengths.query),
            document: .init(
                prompt: config.prompts.document, promptName: config.promptNames.document,
                maxLength: config.maxLengths.document),
            endOfText: config.endOfText, attention: config.attention, instruction: config.instruction,
            inputs: config.inputs, preset: config.preset.flatMap(ModelPreset.named))
    }

    /// The parts that have something to train: those that are not frozen and, with adapters, have layers that get one.
    func trainedParts() throws -> Set<ModelPart> {
        try Set(TrainedPart.all(self).filter { $0.numberCount > 0 }.map(\.part))
    }

    /// What the graphs of a pass of some inputs take.
    func estimatedTraces(
        _ inputs: [ModelInput], _ encoder: BlockwiseEncoder, _ trained: Set<ModelPart>
    ) throws -> TraceEstimate {
        encoder.estimatedTraces(
            try PassSize(inputs, of: encoder.model), chunkTokens: config.chunkTokens, trained: trained, precision)
    }

    /// How the weights that are computed with are kept, and the type that is computed in.
    var precision: Precision { Precision(config.precision == .bf16 ? .bfloat16 : .float32, on: device) }

    /// What a config calls a setting.
    private static func key(_ setting: ModelCard.Setting) -> String {
        switch setting {
        case .pooling: "pooling: mean|cls|last|…"
        case .normalize: "normalize: true|false"
        case .dims: "tvt-encode --dims N"
        case .endOfText: "eos: append|tokenizer"
        case .attention: "attention: causal|bidirectional"
        case .instruction: "instruction"
        case .inputs: "inputs: {chat: true|false, …}"
        case .prompt(let role): "prompts.\(role.rawValue): TEXT"
        case .promptName(let role): "prompt_names.\(role.rawValue)"
        case .maxLength(let role): "max_lengths.\(role.rawValue): N"
        case .truncateDim, .tokenLayers, .layers, .includesPrompt: setting.description
        }
    }

    /// Whether media are decoded and given to the model.
    public var readsMedia: Bool { planners.contains { $0.query.readsMedia || $0.query.givesStandIns } }

    /// The micro-batches of a step (from 0); media are not decoded.
    public func batches(step: Int) throws -> [TrainingBatch] { try batching.batches(examples(step: step)) }

    /// The examples of a step (from 0), in the order of their slots.
    func examples(step: Int) throws -> [Example] {
        try reader.examples(at: ExampleOrder.slots(step: UInt64(step), slotsPerStep: config.queriesPerStep))
    }

    /// The loss of the run.
    public var loss: ContrastiveLoss { config.makeLoss(renormalizes: card.normalize) }

    var batching: Batching {
        Batching(
            planners: planners, references: source.parts.map(\.options.reference),
            masksKnownPositives: config.masksKnownPositives, teacher: teacher,
            guide: guide,
            size: config.queriesPerStep / config.accumulation)
    }

    /// Bytes of free memory under which traces are kept: half of what the system, or the GPU's driver, calls available.
    func traceBudget() -> Int {
        if device != .cpu { return ((try? device.memory)?.free ?? 0) / 2 }
        guard let text = try? Files.readText("/proc/meminfo") else { return 0 }
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            let digits = line.filter(\.isNumber)
            return (Int(digits) ?? 0) * 1024 / 2
        }
        return 0
    }
}
