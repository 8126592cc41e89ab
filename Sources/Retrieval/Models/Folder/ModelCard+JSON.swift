public import JSON
internal import Base
internal import Records
public import SystemPackage

extension ModelCard {
    /// Fields that most models have no use for are left out where they say nothing: cards of earlier versions, and their
    /// digests, stay what they are.
    public var json: JSONValue {
        func side(_ side: Side) -> JSONValue {
            ["prompt": .string(side.prompt), "maxLength": JSONValue(side.maxLength)]
        }
        let modes = pooling.modes.map { JSONValue.string($0.rawValue) }
        var fields: JSONObject = [
            "schema": .string(ModelCard.schema), "family": .string(family),
            "pooling": modes.count == 1 ? modes[0] : .array(modes),
            "normalize": .bool(normalize), "dims": JSONValue(dims), "query": side(query), "document": side(document),
            "rendering": .string(RecordText.rule),
        ]
        fields["truncateDim"] = truncateDim.map { JSONValue($0) }
        fields["baseModel"] = baseModel.map { .string($0.description) }
        if !tokenLayers.isEmpty { fields["tokenHead"] = .array(tokenLayers.map { HeadLayer.dense($0).json }) }
        if !layers.isEmpty { fields["head"] = .array(layers.map(\.json)) }
        if !includesPrompt { fields["includePrompt"] = false }
        if endOfText != .tokenizer { fields["eos"] = .string(endOfText.rawValue) }
        fields["attention"] = attention.map { .string($0.rawValue) }
        fields["instruction"] = instruction.map { ["template": .string($0.template), "task": .string($0.task)] }
        if !inputs.isEmpty { fields["inputs"] = .object(inputs.json) }
        return .object(fields)
    }

    /// Reads `tvt.json`.
    ///
    /// - Throws: `InputError` for a missing, malformed or unknown field.
    public init(file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        guard try reader.string("schema") == ModelCard.schema else {
            throw reader.error("schema", "only \(ModelCard.schema) can be read")
        }
        func side(_ field: String) throws -> Side {
            let side = try reader.section(field)
            let result = Side(prompt: try side.string("prompt"), maxLength: try side.count("maxLength"))
            try side.refuseUnread()
            return result
        }
        let family = try reader.string("family")
        let pooling = try Self.poolings(reader)
        let normalize = try reader.bool("normalize")
        let dims = try reader.count("dims")
        self.init(
            family: family, pooling: pooling, normalize: normalize, dims: dims,
            truncateDim: try reader.optionalCount("truncateDim", in: 1...dims), query: try side("query"),
            document: try side("document"))
        guard try reader.string("rendering") == RecordText.rule else {
            throw reader.error("rendering", "only \(RecordText.rule) is supported")
        }
        if let base = reader["baseModel"] {
            guard let text = base.string, text.hasPrefix("sha256:"),
                let digest = SHA256Digest(hex: String(text.dropFirst(7)))
            else { throw reader.error("baseModel", "sha256:<64 hexadecimal digits> is expected") }
            baseModel = digest
        }
        try readRareFields(reader)
        try reader.refuseUnread()
    }

    private static func poolings(_ reader: ConfigurationReader) throws -> Poolings {
        let names =
            reader["pooling"]?.array == nil ? [try reader.string("pooling")] : try reader.strings("pooling") ?? []
        let modes = names.compactMap(Pooling.init(rawValue:))
        guard modes.count == names.count, let poolings = Poolings(modes) else {
            throw reader.error(
                "pooling",
                "\(Poolings.modeNames), or a list of them, is expected, not \(names.joined(separator: ", "))"
            )
        }
        return poolings
    }

    private mutating func readRareFields(_ reader: ConfigurationReader) throws {
        for layer in try reader.sections("tokenHead") {
            guard case .dense(let dense) = try HeadLayer(layer) else {
                throw layer.error("type", "only dense is supported before pooling")
            }
            tokenLayers.append(dense)
        }
        layers = try reader.sections("head").map { try HeadLayer($0) }
        includesPrompt = try reader.bool("includePrompt", default: true)
        endOfText = try reader.choice("eos") ?? .tokenizer
        attention = try reader.choice("attention")
        if reader["inputs"] != nil { inputs = try InputSettings(reader.section("inputs")) }
        guard reader["instruction"] != nil else { return }
        let section = try reader.section("instruction")
        let (template, task) = (try section.string("template"), try section.string("task"))
        try section.refuseUnread()
        guard let instruction = Instruction(template: template, task: task) else {
            throw section.error("template", "{task} is expected once, and {q} at the end")
        }
        guard instruction.prompt.utf8.elementsEqual(query.prompt.utf8) else {
            throw reader.error("instruction", "query.prompt is not what template and task make")
        }
        self.instruction = instruction
    }
}

extension ConfigurationReader {
    /// The objects of a list, all of whose fields must be read as well; none where the field is not there.
    func sections(_ field: String) throws -> [ConfigurationReader] {
        guard let value = self[field] else { return [] }
        guard let array = value.array, array.allSatisfy({ $0.object != nil }) else {
            throw error(field, "a list of objects is expected")
        }
        return array.enumerated().map { section($1, named: "\(field).\($0)") }
    }

    /// One of a few words; nil where the field is not there.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ field: String) throws -> Choice? {
        guard self[field] != nil else { return nil }
        guard let choice = Choice(rawValue: try string(field)) else {
            throw error(field, "\(Choice.allCases.map(\.rawValue).joined(separator: " or ")) is expected")
        }
        return choice
    }
}

extension HeadLayer {
    fileprivate var json: JSONValue {
        switch self {
        case .dense(let dense):
            var fields: JSONObject = [
                "type": "dense", "inputSize": JSONValue(dense.inputSize), "outputSize": JSONValue(dense.outputSize),
                "bias": .bool(dense.hasBias), "activation": .string(dense.activation.rawValue),
            ]
            if dense.addsInput { fields["addsInput"] = true }
            return .object(fields)
        case .layerNorm(let size): return ["type": "layerNorm", "size": JSONValue(size)]
        case .normalize: return ["type": "normalize"]
        }
    }

    fileprivate init(_ reader: ConfigurationReader) throws {
        switch try reader.string("type") {
        case "dense":
            guard let activation: Models.Dense.Activation = try reader.choice("activation") else {
                throw reader.error("activation", "the field is missing")
            }
            self = .dense(
                Dense(
                    inputSize: try reader.count("inputSize", in: HeadLayer.sizeRange),
                    outputSize: try reader.count("outputSize", in: HeadLayer.sizeRange),
                    hasBias: try reader.bool("bias"), activation: activation,
                    addsInput: try reader.bool("addsInput", default: false)))
        case "layerNorm": self = .layerNorm(size: try reader.count("size", in: HeadLayer.sizeRange))
        case "normalize": self = .normalize
        case let other: throw reader.error("type", "a layer of type \"\(other)\" is not known")
        }
        try reader.refuseUnread()
    }

    /// Of vectors, several poolings side by side included.
    static let sizeRange = 1...1_048_576
}
