internal import Base
internal import JSON
public import SystemPackage
public import Tensors

/// The weighted mean of the weights of models that training made of one: `θ = Σ wᵢ θᵢ / Σ wᵢ`.
///
/// Source: Wortsman et al. 2022, "Model soups", arXiv 2203.05482; of embedding models and what they were trained from,
/// Xiao et al. 2023, "LM-Cocktail", arXiv 2311.13534.
public struct ModelAverage {
    /// One of the models.
    public struct Part {
        public let model: EmbeddingModel
        /// What it counts, beside the others' weights.
        public let weight: Double

        /// - Parameters:
        ///   - model: from ``ModelAverage/load(_:overrides:settingName:)``.
        ///   - weight: above 0.
        public init(_ model: EmbeddingModel, weight: Double = 1) {
            precondition(weight > 0 && weight.isFinite, "a weight is a number above 0")
            self.model = model
            self.weight = weight
        }
    }

    /// What was written.
    public struct Report: Sendable {
        /// `‖θᵢ − θ₁‖ / ‖θ₁‖` of each model, over all numbers: 0 of the first.
        public let distances: [Double]
    }

    private let parts: [Part]
    /// Each of every model, in order.
    private var tensors: [[StoredTensor]]
    /// Tensors that no vector depends on, and that not all models have: the mean has none of them.
    public private(set) var leftOut: [String]
    /// The model whose description is written.
    private var first: EmbeddingModel { parts[0].model }

    /// A model whose weights stay in their files.
    public static func load(
        _ folder: FilePath, overrides: ModelCard.Overrides = .init(),
        settingName: (ModelCard.Setting) -> String = \.description
    ) throws -> EmbeddingModel {
        let isAdapter = Files.exists(folder.appending("adapter_config.json"))
        if isAdapter,
            ![WeightFiles.singleName, WeightFiles.indexName].contains(where: { Files.exists(folder.appending($0)) })
        {
            throw Failure(
                .badConfiguration, "\(folder) is an adapter; `tvt-model merge` makes a model of it and of its base")
        }
        return try EmbeddingModel(
            loading: folder, .training, overrides: overrides, residency: .streamed, settingName: settingName)
    }

    /// - Throws: `Failure` (78) where models differ in anything but their weights: shapes, tokenizers, or in how vectors are
    ///   made of texts.
    public init(_ parts: [Part]) throws {
        precondition(parts.count > 1, "there is something to average")
        self.parts = parts
        let first = parts[0].model
        try Self.requireAlike(parts.map(\.model))
        let all = parts.map { StoredTensor.all(of: $0.model) }
        let byName = all.map { Dictionary($0.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }) }
        var known: Set<String> = []
        (tensors, leftOut) = ([], [])
        for name in all.joined().map(\.name) where known.insert(name).inserted {
            let found = byName.map { $0[name] }
            let own = found.compactMap { $0 }
            if own.count == parts.count, own.allSatisfy({ $0.isLike(own[0]) }) {
                tensors.append(own)
                continue
            }
            guard !own.contains(where: \.isNeeded) else {
                let other = found.firstIndex { $0?.shape != found[0]?.shape }!
                let shapes = [other, 0].map { found[$0].map { "\($0.shape)" } ?? "missing" }
                throw Self.difference(parts[other].model, first, "tensor \(name) is \(shapes[0]) and \(shapes[1])")
            }
            leftOut.append(name)
        }
    }

    private static func difference(_ model: EmbeddingModel, _ first: EmbeddingModel, _ what: String) -> Failure {
        Failure(
            .badConfiguration, "\(model.folder) and \(first.folder) cannot be averaged: \(what)",
            advice: "Average models that were trained from one, and are used alike.")
    }

    private static func requireAlike(_ models: [EmbeddingModel]) throws {
        let descriptions = try models.map { try Description($0) }
        for (model, own) in zip(models, descriptions).dropFirst() {
            if let difference = own.difference(from: descriptions[0]) {
                throw Self.difference(model, models[0], difference)
            }
        }
    }

    /// Bytes that ``write(type:to:advance:)`` reads.
    public var byteCount: Int { tensors.joined().reduce(0) { $0 + $1.byteCount } }

    /// Writes a complete model folder; one tensor of each model is in memory at a time. The first model's head is that of
    /// the mean afterwards.
    ///
    /// The folder must not exist; writing it elsewhere and renaming it into place is the caller's part.
    ///
    /// - Parameters:
    ///   - type: of the written weights; sums are made in float32, and the head's weights stay so.
    ///   - advance: told how many bytes were read.
    /// - Throws: `Failure` (78) where weights have so little in common that they cannot come from one model, or where a
    ///   number is too large for the type.
    public func write(
        type: ElementType, to target: FilePath, advance: (_ byteCount: Int) -> Void = { _ in }
    ) throws -> Report {
        precondition(type.isFloatingPoint && type.byteCount <= 4, "weights are numbers of 4 bytes at most")
        try Files.makeDirectory(target)
        var comparison = WeightComparison(parts.count)
        func compare(_ values: [Tensor], _ name: String, isNeeded: Bool) throws {
            let ofTensor = try WeightComparison(values)
            comparison.add(ofTensor)
            guard isNeeded, values[0].shape.count > 1 else { return }
            for (number, part) in parts.enumerated() where ofTensor.cosine(of: number) < Self.leastCosine {
                throw Self.difference(
                    part.model, first,
                    "the cosine of tensor \(name) is \(decimal(ofTensor.cosine(of: number), digits: 4)), as of models "
                        + "without a common origin")
            }
        }
        let plans = tensors.map { models in
            SafetensorsWriter.Plan(
                name: models[0].name, shape: models[0].shape,
                type: models[0].type.isFloatingPoint ? type : models[0].type)
        }
        try withoutGradients {
            try SafetensorsWriter.write(
                plans, metadata: RandomModel.metadata(parts.map(\.model.folder)),
                to: target.appending(WeightFiles.singleName)
            ) { number in
                try Interruption.check()
                let stored = tensors[number]
                defer {
                    for tensor in stored { tensor.leaveMemory() }
                    advance(stored.reduce(0) { $0 + $1.byteCount })
                }
                let values = try stored.map { try $0.values().to(.float32) }
                guard plans[number].type.isFloatingPoint else {
                    // What counts or numbers something has no mean.
                    if let other = try WeightComparison(values).firstDifferent {
                        throw Self.difference(parts[other].model, first, "tensor \(plans[number].name) differs")
                    }
                    return try stored[0].values()
                }
                try compare(values, plans[number].name, isNeeded: stored.contains(where: \.isNeeded))
                return try mean(values).rounded(to: type, name: plans[number].name)
            }
            let heads = parts.map(\.model.head.parameters)
            for (number, parameter) in heads[0].enumerated() {
                let values = try heads.map { try $0[number].wholeValues() }
                try compare(values, parameter.name, isNeeded: true)
                try parameter.replace(mean(values))
            }
        }
        var card = first.card
        if parts.contains(where: { $0.model.card.baseModel != card.baseModel }) { card.baseModel = nil }
        try first.saveDescription(card, to: target)
        try ModelFolder.nameType(type, in: target.appending(ModelFolder.configName))
        return Report(distances: parts.indices.map { comparison.distance(of: $0) })
    }

    /// Matrices of two trainings from different random numbers have a cosine near 0, be it of a model or of a tower alone
    /// (norms and biases have not: they begin alike); those of a model and of what it was trained from one near 1.
    private static let leastCosine = 0.5

    /// - Parameter values: float32, of each model.
    private func mean(_ values: [Tensor]) throws -> Tensor {
        let total = parts.reduce(0) { $0 + $1.weight }
        return try zip(values, parts).reduce(Tensor.zeros(values[0].shape)) { sum, part in
            try sum.adding(part.0.multiplied(by: part.1.weight / total))
        }
    }
}

/// What must be alike of models that are averaged.
private struct Description {
    /// First the card, which says in a user's words what the other files say in theirs.
    private let parts: [(file: String, value: JSONValue)]

    init(_ model: EmbeddingModel) throws {
        parts = [
            ("the card", Self.card(model)), (ModelFolder.configName, try Self.config(model)),
            ("tokenizer.json", try Self.tokenizer(model)),
        ]
    }

    /// The card without what a run adds and the model that it began with has not.
    private static func card(_ model: EmbeddingModel) -> JSONValue {
        var card = model.card
        card.baseModel = nil
        card.attention = model.attention
        return card.json
    }

    /// `config.json` without the type of the numbers, what wrote them, and which class: heads of language models
    /// have no part in vectors.
    private static func config(_ model: EmbeddingModel) throws -> JSONValue {
        func removing(_ value: JSONValue) -> JSONValue {
            guard var fields = value.object else { return value }
            for name in ["dtype", "torch_dtype", "architectures", "transformers_version", "_name_or_path"] {
                fields[name] = nil
            }
            return .object(JSONObject(fields.map { ($0.key, removing($0.value)) }))
        }
        return try removing(JSONValue.parse(pythonFile: model.configuration))
    }

    /// `tokenizer.json` without what is left over there from somebody's last call, and counts for nothing.
    private static func tokenizer(_ model: EmbeddingModel) throws -> JSONValue {
        var fields = try JSONValue.parse(model.tokenizer.configurationBytes, path: "tokenizer.json").object ?? [:]
        for name in ["truncation", "padding"] { fields[name] = nil }
        return .object(fields)
    }

    /// The first one, with both values where they are short; nil where there is none.
    func difference(from other: Description) -> String? {
        for (own, wanted) in zip(parts, other.parts) {
            guard let field = own.value.differences(from: wanted.value).first else { continue }
            let values = [own.value, wanted.value].map { value in
                let found = field.split(separator: ".").reduce(value) { $0[String($1)] ?? .null }
                return String(decoding: found.canonical(), as: UTF8.self)
            }
            // A key with a dot in it, as of a token, is not found so.
            let isShown = values[0] != values[1] && values.allSatisfy { $0.utf8.count <= 80 }
            return "\(own.file) differs in \(field)" + (isShown ? ": \(values[0]) and \(values[1])" : "")
        }
        return nil
    }
}

/// A tensor of a model's own weight file: everything but the head's.
private struct StoredTensor {
    let name: String
    let shape: [Int]
    /// In the file, or in memory.
    let type: ElementType
    /// Whether vectors depend on it.
    let isNeeded: Bool
    let values: () throws -> Tensor
    /// Takes the values out of memory; they come back from their file.
    let leaveMemory: () -> Void

    var byteCount: Int { shape.reduce(type.byteCount, *) }

    private init(_ parameter: Parameter, isNeeded: Bool) {
        (name, shape, type) = (parameter.name, parameter.tensor.shape, parameter.tensor.elementType)
        self.isNeeded = isNeeded
        values = { try parameter.wholeValues() }
        leaveMemory = { parameter.leaveMemory() }
    }

    private init(_ part: (name: String, tensor: Tensor)) {
        (name, shape, type) = (part.name, part.tensor.shape, part.tensor.elementType)
        isNeeded = false
        values = { part.tensor }
        leaveMemory = {}
    }

    /// Whether a mean can be made of both.
    func isLike(_ other: StoredTensor) -> Bool {
        shape == other.shape && type.isFloatingPoint == other.type.isFloatingPoint
    }

    static func all(of model: EmbeddingModel) -> [StoredTensor] {
        let text = model.text
        return (text.activeParameters + text.fixedParameters).map { StoredTensor($0, isNeeded: true) }
            + text.passiveParameters.map { StoredTensor($0, isNeeded: false) }
            + text.otherParts.map { StoredTensor($0) }
    }
}

/// How far models' weights lie from the first one's.
private struct WeightComparison {
    /// Sums of squares of each model's numbers, and of their differences from the first's.
    private var squares: [Double]
    private var differences: [Double]

    init(_ modelCount: Int) {
        squares = Array(repeating: 0, count: modelCount)
        differences = squares
    }

    /// - Parameter values: a tensor of each model, float32.
    init(_ values: [Tensor]) throws {
        self.init(values.count)
        for (number, tensor) in values.enumerated() {
            let (size, distance) = (try tensor.norm().item(), try tensor.subtracting(values[0]).norm().item())
            // Limits that numbers are clipped to may be infinite.
            guard size.isFinite, distance.isFinite else { continue }
            squares[number] = size * size
            differences[number] = distance * distance
        }
    }

    mutating func add(_ other: WeightComparison) {
        for number in squares.indices {
            squares[number] += other.squares[number]
            differences[number] += other.differences[number]
        }
    }

    /// The first model whose numbers are others than the first's.
    var firstDifferent: Int? { differences.firstIndex { $0 != 0 } }

    /// `‖θ − θ₁‖ / ‖θ₁‖`
    func distance(of number: Int) -> Double { (differences[number] / squares[0]).squareRoot() }

    /// NaN where all numbers of one are 0.
    func cosine(of number: Int) -> Double {
        (squares[0] + squares[number] - differences[number]) / (2 * (squares[0] * squares[number]).squareRoot())
    }
}
