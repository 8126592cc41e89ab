public import Base
public import JSON
public import Records
public import SystemPackage

/// What must be known to use a model as it was trained, beside its weights: `tvt.json`.
///
/// Anything a checkpoint does not say is asked for; nothing is guessed.
public struct ModelCard: Sendable, Equatable {
    public static let fileName = "tvt.json"
    static let schema = "tvt.model-card/1"

    /// How the texts of one role are treated.
    public struct Side: Sendable, Equatable {
        /// Put before the text, as it is.
        public var prompt: String
        /// In tokens, special ones included; longer texts are cut.
        public var maxLength: Int

        public init(prompt: String, maxLength: Int) {
            self.prompt = prompt
            self.maxLength = maxLength
        }
    }

    /// `bert`, …: which of our models reads the weights.
    public var family: String
    public var pooling: Pooling
    /// Whether vectors are scaled to length 1.
    public var normalize: Bool
    /// Components of a vector as the model makes it.
    public var dims: Int
    /// Keep so many leading components of each vector, without scaling it again; nil keeps all.
    public var truncateDim: Int?
    public var query: Side
    public var document: Side
    /// Digest of the weights that training started from; nil where unknown.
    public var baseModel: SHA256Digest?

    /// Components of a vector as it is given out.
    public var outputDims: Int { truncateDim ?? dims }
    /// Whether vectors have length 1 as they are given out.
    public var givesUnitVectors: Bool { normalize && outputDims == dims }

    public init(
        family: String, pooling: Pooling, normalize: Bool, dims: Int, truncateDim: Int? = nil, query: Side,
        document: Side, baseModel: SHA256Digest? = nil
    ) {
        self.family = family
        self.pooling = pooling
        self.normalize = normalize
        self.dims = dims
        self.truncateDim = truncateDim
        self.query = query
        self.document = document
        self.baseModel = baseModel
    }

    public func side(_ role: Role) -> Side { role == .query ? query : document }

    public var json: JSONValue {
        func side(_ side: Side) -> JSONValue {
            ["prompt": .string(side.prompt), "maxLength": JSONValue(side.maxLength)]
        }
        var fields: JSONObject = [
            "schema": .string(ModelCard.schema), "family": .string(family), "pooling": .string(pooling.rawValue),
            "normalize": .bool(normalize), "dims": JSONValue(dims), "query": side(query), "document": side(document),
            "rendering": .string(RecordText.rule),
        ]
        fields["truncateDim"] = truncateDim.map { JSONValue($0) }
        fields["baseModel"] = baseModel.map { .string($0.description) }
        return .object(fields)
    }

    /// Identifies the card among all cards.
    public var digest: SHA256Digest { SHA256Digest.of(json.canonical()) }

    /// Reads `tvt.json`.
    ///
    /// - Throws: `InputError` for a missing, malformed or unknown field.
    public init(file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        guard try reader.string("schema") == ModelCard.schema else {
            throw reader.error("schema", "only \(ModelCard.schema) can be read")
        }
        family = try reader.string("family")
        guard let pooling = Pooling(rawValue: try reader.string("pooling")) else {
            throw reader.error("pooling", "mean, cls or last is expected")
        }
        self.pooling = pooling
        normalize = try reader.bool("normalize")
        dims = try reader.count("dims")
        truncateDim = try reader.optionalCount("truncateDim", in: 1...dims)
        func side(_ field: String) throws -> Side {
            let side = try reader.section(field)
            let result = Side(prompt: try side.string("prompt"), maxLength: try side.count("maxLength"))
            try side.refuseUnread()
            return result
        }
        query = try side("query")
        document = try side("document")
        guard try reader.string("rendering") == RecordText.rule else {
            throw reader.error("rendering", "only \(RecordText.rule) is supported")
        }
        if let base = reader["baseModel"] {
            guard let text = base.string, text.hasPrefix("sha256:"),
                let digest = SHA256Digest(hex: String(text.dropFirst(7)))
            else { throw reader.error("baseModel", "sha256:<64 hexadecimal digits> is expected") }
            baseModel = digest
        }
        try reader.refuseUnread()
    }
}
