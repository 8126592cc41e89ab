internal import Base
internal import Models
internal import YAML

extension TrainingConfig {
    /// Every key of the file: parsed and explained from here alone.
    static let keys: [YAMLKey<TrainingConfig>] = [
        YAMLKey("model", "a folder", "The model to start from, relative to the working directory. Required.") {
            $1.model = try $0.required("model")
        },
        YAMLKey(
            "datasets", "a list of 1 to \(partCount.bounds.upperBound)", "What the examples are drawn from. Required.",
            read: { $1.datasets = try parts($0) },
            children: { _, path in Part.keys.descriptions(of: Part(reference: ""), path: path + ".0") }),
        .number(
            "passages_per_query", \.passagesPerQuery, in: NumberRange(1...1024),
            "The positives and the hard negatives of an example together."),
        .number(
            "positives_per_query", \.positivesPerQuery, in: NumberRange(1...1024),
            "How many of them are positives, where a query has so many; needs loss.positives: all."),
        .number("queries_per_step", \.queriesPerStep, in: NumberRange(1...65_536), "Examples of an optimizer step."),
        .number(
            "accumulation", \.accumulation, in: NumberRange(1...65_536),
            "Equal micro-batches that a step is cut into; each has its own in-batch negatives."),
        mixingKey, batchingKey, batchQueriesKey, uniqueInBatchKey,
        YAMLKey("steps", "\(Int.noun) \(stepCounts)", "How long to train; this or epochs is required."),
        YAMLKey(
            "epochs", "\(Double.noun) \(epochCounts)", "Passes over all examples; only for datasets without weights.",
            read: { $1.length = try length($0) }),
        .number(
            "seed", \.seed, in: .seeds, "Of the order of examples, the choice of passages, dropout and LoRA's start."),
        .choice(
            "dtype", \.precision,
            "What the model computes in (float32 where the processor has no bfloat16), and with lora what the weights beside "
                + "the adapter are kept in; what is trained stays float32, and so does its optimizer state unless optimizer.state "
                + "says otherwise."
        ),
        .number(
            "temperature", \.temperature, in: NumberRange(1e-4...1e4), "What similarities are divided by in the loss."),
        learnedTemperatureKey,
        lossKey,
        .flag(
            "mask_known_positives", \.masksKnownPositives,
            "Leave a query's other positives, and passages of equal content, out of the denominator."),
        .choice(
            "sampling", \.sampling,
            "How passages are chosen: each as often as others, or as the original Tevatron does."),
        .choice(
            "shortage", \.shortage,
            "Queries with fewer negatives than wanted: take those there are, draw from the corpus, or refuse."),
        .choice("without_positives", \.withoutPositives, "Queries without a positive: refuse, or leave out and count."),
        .choice(
            "blank_texts", \.blankTexts,
            "Texts of nothing but white space, control and zero-width characters: train on them as they are and count "
                + "them, leave them out before the first step and count them, or refuse."),
        .flag(
            "ignore_media", \.ignoresMedia,
            "Train on the text alone of records that also have an image, a video or a sound; else they are refused."),
        .section("max_lengths", \.maxLengths, Sides.lengthKeys, "Tokens; longer texts are cut. Default: the model's."),
        .section("prompts", \.prompts, Sides.promptKeys, "Put before each text. Default: the model's."),
        .section(
            "prompt_names", \.promptNames, Sides.promptNameKeys,
            "The model's prompts by their names, where those named query and document are not what is wanted."),
        .text(
            "instruction", \.instruction,
            "A task in words, which the model's template makes the prompt of queries of, as Instruct: TASK, Query:."),
        .choice(
            "eos", \.endOfText,
            "What ends a text: what the tokenizer puts there, or its eos_token where it puts nothing. Default: the model's."
        ),
        .choice(
            "attention", \.attention,
            "What tokens of a decoder see of each other. Default: the model's."),
        YAMLKey("pooling", Poolings.values, "From token vectors to one. Default: the model's.") {
            guard let text = try $0.string("pooling") else { return }
            guard let poolings = Poolings(rawValue: text) else {
                throw $0.failure("pooling", "must be \(Poolings.values), not \(escaped(text.utf8))")
            }
            $1.pooling = poolings
        },
        .flag("normalize", \.normalizes, "Scale vectors to length 1. Default: the model's."),
        .text(
            "preset", \.preset,
            "Prompts, lengths, pooling and scaling of a published model, by the name that `tvt-model show` has for them; "
                + "they win over the model's files, and the keys above over them."),
        .section(
            "inputs", \.inputs, InputSettings.keys,
            "How text and media are put together for a model that sees or hears. Default: as the model's card says."),
        .flag("dropout", \.usesModelDropout, "Train with the dropout of the model's config.json."),
        YAMLKey(
            "freeze", "a list of \(ModelPart.allCases.map(\.rawValue).joined(separator: ", "))",
            "Parts of the model that stay as they are, in full training and with lora, whose adapters then stay out of "
                + "them: the text model; the towers for images and for sounds; what makes features of their rows. "
                + "Default: none."
        ) {
            guard let nodes = try $0.list("freeze") else { return }
            let parts = nodes.compactMap { $0.scalar.flatMap { ModelPart(rawValue: $0.string) } }
            guard !parts.isEmpty, parts.count == nodes.count, Set(parts).count == parts.count else {
                let names = ModelPart.allCases.map(\.rawValue).joined(separator: ", ")
                throw $0.failure("freeze", "must be a list of \(names), each once")
            }
            $1.frozen = Set(parts)
        },
        validationKey, eventsKey,
        .section("optimizer", \.optimizer, OptimizerOptions.keys, "AdamW and its schedule."),
        .section(
            "lora", \.lora, defaults: LoRAOptions(), LoRAOptions.keys,
            "Train an adapter, W x + (alpha / r) B A x; without this key all weights are trained."),
        .number(
            "tower_cache", \.towerCache, in: NumberRange(0...16_777_216),
            "MiB of what frozen towers make of media that are kept in memory for later epochs; 0 computes it each time."
        ),
        .number(
            "chunk_tokens", \.chunkTokens, in: NumberRange(1...(1 << 24)),
            "Most tokens that go through a block at once; bounds memory. Default: all of a micro-batch."),
        .number(
            "checkpoint_every", \.checkpointEvery, in: NumberRange(0...1_000_000_000),
            "Steps between checkpoints; 0 for none by steps. The end of a run always writes one."),
        .number(
            "checkpoint_every_minutes", \.checkpointEveryMinutes, in: NumberRange(0...10_000),
            "Minutes between checkpoints; 0 for none by time."),
        .number(
            "keep_checkpoints", \.keptCheckpointCount, in: NumberRange(1...10_000),
            "How many of the last checkpoints stay."),
    ]

    static let partCount = NumberRange(1...1024)
    static let stepCounts = NumberRange(1...1_000_000_000)
    static let epochCounts = NumberRange(above: 0.0, through: 1e6)
    /// Of the matrix of similarities, queries × passages of a micro-batch.
    static let mostSimilarities = 1 << 30

    private static func parts(_ top: YAMLSection) throws -> [Part] {
        let nodes = try top.list("datasets") ?? []
        guard !nodes.isEmpty else { throw top.failure("datasets", "must list at least one dataset") }
        guard partCount.contains(nodes.count) else {
            throw top.failure("datasets", "must list \(partCount) datasets, not \(nodes.count)")
        }
        return try nodes.enumerated().map { number, node in
            let section = try top.section(node, "datasets.\(number)", keys: Part.keys.map(\.name))
            var part = Part(reference: "")
            try section.read(Part.keys, into: &part)
            return part
        }
    }

    private static func length(_ top: YAMLSection) throws -> Length {
        let steps = try top.number("steps", in: stepCounts)
        let epochs = try top.number("epochs", in: epochCounts)
        switch (steps, epochs) {
        case (let steps?, nil): return .steps(steps)
        case (nil, let epochs?): return .epochs(epochs)
        default: throw top.failure("steps", "or \"epochs\" must be given, and not both")
        }
    }
}

extension TrainingConfig.Sides where Value == String? {
    fileprivate static var promptKeys: [YAMLKey<Self>] {
        [.text("query", \.query, "For queries."), .text("document", \.document, "For documents.")]
    }

    fileprivate static var promptNameKeys: [YAMLKey<Self>] {
        [.text("query", \.query, "That of queries."), .text("document", \.document, "That of documents.")]
    }
}

extension TrainingConfig.Sides where Value == Int? {
    private static var lengths: NumberRange<Int> { NumberRange(3...1_048_576) }
    static var lengthKeys: [YAMLKey<Self>] {
        [
            .number("query", \.query, in: lengths, "Of a query, special tokens and prompt included."),
            .number("document", \.document, in: lengths, "Of a document."),
        ]
    }
}

extension InputSettings {
    fileprivate static var keys: [YAMLKey<InputSettings>] {
        Key.allCases.map { key in
            YAMLKey(key.rawValue, key.values, key.explanation) {
                guard let text = try $0.string(key.rawValue) else { return }
                do {
                    try $1.set(key, to: text)
                } catch {
                    throw $0.failure(key.rawValue, "must be \(key.values), not \(escaped(text.utf8))")
                }
            }
        }
    }
}

extension TrainingConfig.Part {
    fileprivate static let keys: [YAMLKey<TrainingConfig.Part>] = [
        YAMLKey("name", "name, name@tag or sha256:…", "A dataset of the store. Required.") {
            $1.reference = try $0.required("name")
        },
        .number(
            "weight", \.weight, in: NumberRange(1e-9...1e9),
            "Share of the examples, by the sum of the weights; for all datasets or none. Default: by size."),
        .section("prompts", \.prompts, TrainingConfig.Sides.promptKeys, "Instead of those of the config."),
        maxLengthsKey, passagesKey, afterStepKey, untilStepKey, afterEpochKey, untilEpochKey,
    ]
}

extension TrainingConfig.OptimizerOptions {
    fileprivate static let keys: [YAMLKey<TrainingConfig.OptimizerOptions>] = [
        .number("learning_rate", \.learningRate, in: NumberRange(above: 0, through: 10), "At its peak."),
        .choice("schedule", \.schedule, "Of the learning rate, after the warm-up."),
        .number(
            "warmup_steps", \.warmupStepCount, in: NumberRange(0...1_000_000_000),
            "Steps in which the learning rate rises to its peak; at most all."),
        YAMLKey(
            "betas", "two numbers from 0 to below 1", "Decay of AdamW's moments."
        ) {
            guard let nodes = try $0.list("betas") else { return }
            let range = NumberRange(0.0..<1.0)
            let values = nodes.compactMap { $0.scalar.flatMap { try? range.number(of: $0.string) } }
            guard nodes.count == 2, values.count == 2 else {
                throw $0.failure("betas", "must be two numbers \(range)")
            }
            ($1.beta1, $1.beta2) = (values[0], values[1])
        } text: {
            "[\($0.beta1), \($0.beta2)]"
        },
        .number("epsilon", \.epsilon, in: NumberRange(1e-16...1), "Added to the root of the second moment."),
        .number(
            "weight_decay", \.weightDecay, in: NumberRange(0...10), "Decoupled; not of biases and of LayerNorm."),
        .number(
            "clip_norm", \.clipNorm, in: NumberRange(0...1e9), "Largest norm of all gradients; 0 does not clip."),
        .choice(
            "state", \.state,
            "What AdamW's two moments are kept in between steps: float32; bfloat16, rounded stochastically, half the "
                + "memory; or 8 bits with a scale for each 256 numbers, a quarter, except of weights of fewer than 4,096 "
                + "numbers."),
    ]
}

extension TrainingConfig.LoRAOptions {
    fileprivate static let keys: [YAMLKey<TrainingConfig.LoRAOptions>] = [
        .number("r", \.rank, in: NumberRange(1...65_536), "Rank; at most the size of the smallest layer."),
        .number("alpha", \.alpha, in: NumberRange(above: 0, through: 1e6), "Scale: alpha / r."),
        .number("dropout", \.dropout, in: NumberRange(0.0..<1.0), "On the adapter's input."),
        YAMLKey(
            "targets", "a list of names",
            "Last parts of the names of the layers that get an adapter. Default: all of the model's blocks."
        ) {
            guard let nodes = try $0.list("targets") else { return }
            let names = nodes.compactMap { $0.scalar?.string }.filter { !$0.isEmpty }
            guard !names.isEmpty, names.count == nodes.count else {
                throw $0.failure("targets", "must be a list of layer names")
            }
            $1.targets = names
        },
    ]
}
