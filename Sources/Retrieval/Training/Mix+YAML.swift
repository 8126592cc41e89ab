internal import Base
internal import Examples
internal import Models
public import SystemPackage
internal import YAML
internal import Yams

extension Mix {
    /// Reads the mix from a file; `overrides` are `key=value` pairs as `--set` takes them.
    ///
    /// A key is a dotted path (`optimizer.learning_rate`, `datasets.0.name`); a value is YAML.
    /// - Throws: `Failure` with status 78 that names file, line and key.
    public init(file: FilePath, overrides: [String] = []) throws {
        try self.init(yaml: try Files.readText(file), path: file.string, overrides: overrides)
    }

    /// Reads the mix from YAML text; `path` is named in errors.
    public init(yaml: String, path: String, overrides: [String] = []) throws {
        var source = YAMLSource(file: path, noun: "a mix")
        var root = try source.root(of: yaml)
        for override in overrides {
            let setting = try Setting(override)
            try setting.apply(to: &root)
            source.overridden.append(setting.path.joined(separator: "."))
        }
        try self.init(root, source: source)
    }

    private init(_ root: Node, source: YAMLSource) throws {
        let top = try YAMLSection(root, path: "", keys: Self.keys, source: source)
        let length = try Self.length(top)
        let parts = try top.list("datasets") ?? []
        guard !parts.isEmpty else { throw top.failure("datasets", "must list at least one dataset") }
        self.init(
            model: try top.required("model"),
            datasets: try parts.enumerated().map { try Part($1, number: $0, source: source) },
            length: length)
        try readExamples(top)
        if let optimizer = try top.section("optimizer", keys: OptimizerOptions.keys) {
            self.optimizer = try OptimizerOptions(optimizer)
        }
        if let lora = try top.section("lora", keys: LoRAOptions.keys) { self.lora = try LoRAOptions(lora) }
        try checkWhole(top)
    }

    private static let keys = [
        "model", "datasets", "passages_per_query", "queries_per_step", "accumulation", "steps", "epochs", "seed",
        "dtype", "temperature", "mask_known_positives", "sampling", "shortage", "without_positives", "max_lengths",
        "prompts", "pooling", "normalize", "dropout", "optimizer", "lora", "chunk_tokens", "checkpoint_every",
    ]

    private static func length(_ top: YAMLSection) throws -> Length {
        let steps = try top.integer("steps", atLeast: 1)
        let epochs = try top.positive("epochs")
        switch (steps, epochs) {
        case (let steps?, nil): return .steps(steps)
        case (nil, let epochs?): return .epochs(epochs)
        default: throw top.failure("steps", "or \"epochs\" must be given, and not both")
        }
    }

    private mutating func readExamples(_ top: YAMLSection) throws {
        passagesPerQuery = try top.integer("passages_per_query", atLeast: 1) ?? passagesPerQuery
        queriesPerStep = try top.integer("queries_per_step", atLeast: 1) ?? queriesPerStep
        accumulation = try top.integer("accumulation", atLeast: 1) ?? accumulation
        seed = UInt64(try top.integer("seed", atLeast: 0) ?? Int(seed))
        precision = try top.choice("dtype", of: Precision.self) ?? precision
        temperature = try top.positive("temperature") ?? temperature
        masksKnownPositives = try top.bool("mask_known_positives") ?? masksKnownPositives
        sampling = try top.choice("sampling", of: SamplingPolicy.self) ?? sampling
        shortage = try top.choice("shortage", of: Shortage.self) ?? shortage
        withoutPositives = try top.choice("without_positives", of: WithoutPositives.self) ?? withoutPositives
        if let lengths = try top.section("max_lengths", keys: ["query", "document"]) {
            maxLengths = Sides(
                query: try lengths.integer("query", atLeast: 3), document: try lengths.integer("document", atLeast: 3))
        }
        prompts = try Sides(prompts: top)
        pooling = try top.choice("pooling", of: Pooling.self)
        normalizes = try top.bool("normalize")
        usesModelDropout = try top.bool("dropout") ?? usesModelDropout
        chunkTokens = try top.integer("chunk_tokens", atLeast: 1)
        checkpointEvery = try top.integer("checkpoint_every", atLeast: 0) ?? checkpointEvery
    }

    /// What no single key can get wrong alone.
    private func checkWhole(_ top: YAMLSection) throws {
        guard queriesPerStep % accumulation == 0 else {
            throw top.failure(
                "accumulation", "must divide queries_per_step: \(queriesPerStep) / \(accumulation) is not whole")
        }
        let weighted = datasets.count { $0.weight != nil }
        guard weighted == 0 || weighted == datasets.count else {
            throw top.failure("datasets", "must all have a weight, or none: then examples are drawn by size")
        }
        if weighted > 0, case .epochs = length {
            throw top.failure(
                "epochs", "has no meaning for weighted datasets", advice: "Give the length in steps instead.")
        }
        if lora != nil, precision == .bf16 {
            throw top.failure(
                "dtype", "bf16 cannot go with lora yet", advice: "Train the adapter in f32, or all weights in bf16.")
        }
        if sampling == .tevatron, shortage == .fill {
            throw top.failure(
                "shortage", "fill cannot go with sampling: tevatron, which repeats negatives instead")
        }
    }
}

extension Mix.Sides where Value == String? {
    fileprivate init(prompts parent: YAMLSection) throws {
        let section = try parent.section("prompts", keys: ["query", "document"])
        self.init(query: try section?.string("query"), document: try section?.string("document"))
    }
}

extension Mix.Part {
    fileprivate init(_ node: Node, number: Int, source: YAMLSource) throws {
        let section = try YAMLSection(
            node, path: "datasets.\(number)", keys: ["name", "weight", "prompts"], source: source)
        self.init(
            reference: try section.required("name"),
            weight: try section.integer("weight", atLeast: 1).map(UInt64.init))
        prompts = try Mix.Sides(prompts: section)
    }
}

extension Mix.OptimizerOptions {
    fileprivate static let keys = [
        "learning_rate", "schedule", "warmup_steps", "betas", "epsilon", "weight_decay", "clip_norm",
    ]

    fileprivate init(_ section: YAMLSection) throws {
        self.init()
        learningRate = try section.positive("learning_rate") ?? learningRate
        schedule = try section.choice("schedule", of: LearningRateSchedule.self) ?? schedule
        warmupStepCount = try section.integer("warmup_steps", atLeast: 0) ?? warmupStepCount
        epsilon = try section.positive("epsilon") ?? epsilon
        weightDecay = try section.number("weight_decay", in: 0...) ?? weightDecay
        clipNorm = try section.number("clip_norm", in: 0...) ?? clipNorm
        if let betas = try section.list("betas") {
            let values = betas.compactMap { $0.scalar.flatMap { Double($0.string) } }.filter { (0..<1).contains($0) }
            guard betas.count == 2, values.count == 2 else {
                throw section.failure("betas", "must be two numbers from 0 up to but not 1")
            }
            (beta1, beta2) = (values[0], values[1])
        }
    }
}

extension Mix.LoRAOptions {
    fileprivate static let keys = ["r", "alpha", "dropout", "targets"]

    fileprivate init(_ section: YAMLSection) throws {
        self.init()
        rank = try section.integer("r", atLeast: 1) ?? rank
        alpha = try section.positive("alpha") ?? alpha
        dropout = try section.fraction("dropout") ?? dropout
        if let nodes = try section.list("targets") {
            let names = nodes.compactMap { $0.scalar?.string }.filter { !$0.isEmpty }
            guard !names.isEmpty, names.count == nodes.count else {
                throw section.failure("targets", "must be a list of layer names")
            }
            targets = names
        }
    }
}

/// One `--set key=value`.
private struct Setting {
    let path: [String]
    let value: Node

    init(_ text: String) throws {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw Failure(
                .usage, "--set \(text): not of the form key=value",
                advice: "For example --set optimizer.learning_rate=1e-4 or --set datasets.0.name=nave-train@mined.")
        }
        path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let yaml = String(text[text.index(after: equals)...])
        do {
            value = try Yams.compose(yaml: yaml) ?? Node("")
        } catch {
            throw Failure(.usage, "--set \(text): the value is not YAML: \(error)")
        }
    }

    func apply(to root: inout Node) throws { root = try replacing(path[...], in: root) }

    private func replacing(_ rest: ArraySlice<String>, in node: Node) throws -> Node {
        guard let first = rest.first else { return value }
        switch node {
        case .mapping(var mapping):
            let inner = mapping[first] ?? Node([(Node, Node)]())
            mapping[first] = try replacing(rest.dropFirst(), in: inner)
            return .mapping(mapping)
        case .sequence(var sequence):
            guard let index = Int(first), sequence.indices.contains(index) else {
                throw Failure(.usage, "--set \(path.joined(separator: ".")): there is no element \"\(first)\"")
            }
            sequence[index] = try replacing(rest.dropFirst(), in: sequence[index])
            return .sequence(sequence)
        default:
            throw Failure(.usage, "--set \(path.joined(separator: ".")): \"\(first)\" is below a plain value")
        }
    }
}
