internal import Base
internal import Examples
internal import Models
public import SystemPackage
internal import YAML
internal import Yams

extension TrainingConfig {
    /// Reads the config from a file; `overrides` are `key=value` pairs as `--set` takes them.
    ///
    /// A key is a dotted path (`optimizer.learning_rate`, `datasets.0.name`); a value is YAML.
    /// - Throws: `Failure` with status 78 that names file, line and key.
    public init(file: FilePath, overrides: [String] = []) throws {
        try self.init(yaml: try Files.readText(file), path: file.string, overrides: overrides)
    }

    /// Reads the config from YAML text; `path` is named in errors, with lines if somebody wrote them.
    public init(yaml: String, path: String, overrides: [String] = [], hasLines: Bool = true) throws {
        var source = YAMLSource(file: path, noun: "a config", hasLines: hasLines)
        var root = try source.root(of: yaml)
        for override in overrides {
            let setting = try Setting(override)
            try setting.apply(to: &root)
            source.overridden.append(setting.path.joined(separator: "."))
        }
        try self.init(root, source: source)
    }

    private init(_ root: Node, source: YAMLSource) throws {
        let top = try YAMLSection(root, path: "", keys: Self.keys.map(\.name), source: source)
        self.init(model: "", datasets: [], length: .steps(1))
        try top.read(Self.keys, into: &self)
        places.file = source.file
        for key in Self.keys.descriptions(of: self) {
            places.placesByPath[key.path] = source.place(of: key.path, in: root)
        }
        try checkWhole(top)
    }

    /// - Throws: `Failure` (78) where the warm-up is longer than the run.
    func checkWarmup(stepCount: Int) throws {
        guard optimizer.warmupStepCount <= stepCount else {
            throw places.failure(
                "optimizer.warmup_steps",
                "must be at most the \(stepCount) steps of the run, not \(optimizer.warmupStepCount)")
        }
    }

    /// What no single key can get wrong alone.
    private func checkWhole(_ top: YAMLSection) throws {
        guard queriesPerStep % accumulation == 0 else {
            throw top.failure(
                "accumulation", "must divide queries_per_step: \(queriesPerStep) / \(accumulation) is not whole")
        }
        let queryCount = queriesPerStep / accumulation
        guard queryCount * queryCount * mostPassagesPerQuery <= Self.mostSimilarities else {
            throw top.failure(
                "queries_per_step",
                "must be lower: \(queriesPerStep) queries of \(mostPassagesPerQuery) passages, in \(accumulation) micro-batches, "
                    + "make more than \(Self.mostSimilarities) similarities of a micro-batch",
                advice: "Raise accumulation, or lower queries_per_step or passages_per_query.")
        }
        if let preset, ModelPreset.named(preset) == nil {
            throw top.failure("preset", "must be one of \(ModelPreset.names.joined(separator: ", "))")
        }
        if case .steps(let steps) = length { try checkWarmup(stepCount: steps) }
        let weighted = datasets.count { $0.weight != nil }
        guard weighted == 0 || weighted == datasets.count else {
            throw top.failure("datasets", "must all have a weight, or none: then examples are drawn by size")
        }
        if weighted > 0, case .epochs = length {
            throw top.failure(
                "epochs", "has no meaning for weighted datasets", advice: "Give the length in steps instead.")
        }
        try checkMixing(top)
        try checkLoss()
        if sampling == .tevatron, shortage == .fill {
            throw top.failure(
                "shortage", "fill cannot go with sampling: tevatron, which repeats negatives instead")
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
