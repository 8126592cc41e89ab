public import Base
public import JSON
public import SystemPackage

/// What must be known to use a model as it was trained, beside its weights: `tvt.json`.
///
/// Anything a checkpoint does not say is asked for; nothing is guessed.
public struct ModelCard: Sendable, Equatable {
    public static let fileName = "tvt.json"
    static let schema = "tvt.model-card/1"

    /// A text's part in retrieval; each has its own prompt and limit.
    public enum Role: String, Sendable, CaseIterable { case query, document }

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
    /// Components of a vector.
    public var dims: Int
    public var query: Side
    public var document: Side
    /// Digest of the weights that training started from; nil where unknown.
    public var baseModel: SHA256Digest?

    /// How a document with a title becomes a text: the only way there is, here and in training.
    public static let rendering = "title + \" \" + text"

    public init(
        family: String, pooling: Pooling, normalize: Bool, dims: Int, query: Side, document: Side,
        baseModel: SHA256Digest? = nil
    ) {
        self.family = family
        self.pooling = pooling
        self.normalize = normalize
        self.dims = dims
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
            "rendering": .string(ModelCard.rendering),
        ]
        fields["baseModel"] = baseModel.map { .string($0.description) }
        return .object(fields)
    }

    /// Identifies the card among all cards.
    public var digest: SHA256Digest { SHA256Digest.of(json.canonical()) }

    /// Reads `tvt.json`.
    ///
    /// - Throws: `InputError` for a missing, malformed or unknown field.
    public init(file: FilePath) throws {
        let value = try JSONValue.parse(file: file)
        let reader = ConfigurationReader(value, path: file)
        guard try reader.string("schema") == ModelCard.schema else {
            throw reader.error("schema", "only \(ModelCard.schema) can be read")
        }
        family = try reader.string("family")
        guard let pooling = Pooling(rawValue: try reader.string("pooling")) else {
            throw reader.error("pooling", "mean, cls or last belongs here")
        }
        self.pooling = pooling
        guard let normalize = reader["normalize"]?.bool else {
            throw reader.error("normalize", "true or false belongs here")
        }
        self.normalize = normalize
        dims = try reader.count("dims")
        func side(_ field: String) throws -> Side {
            guard let value = reader[field] else { throw reader.error(field, "the field is missing") }
            let side = ConfigurationReader(value, path: file)
            let result = Side(prompt: try side.string("prompt"), maxLength: try side.count("maxLength"))
            try side.refuseUnread(except: [])
            return result
        }
        query = try side("query")
        document = try side("document")
        guard try reader.string("rendering") == ModelCard.rendering else {
            throw reader.error("rendering", "only \(ModelCard.rendering) is supported")
        }
        if let base = reader["baseModel"], !base.isNull {
            guard let text = base.string, text.hasPrefix("sha256:"),
                let digest = SHA256Digest(hex: String(text.dropFirst(7)))
            else { throw reader.error("baseModel", "sha256:<64 hexadecimal digits> belongs here") }
            baseModel = digest
        }
        try reader.refuseUnread(except: [])
    }

    /// What the user says about a model, overriding its files.
    public struct Overrides: Sendable, Equatable {
        public var pooling: Pooling?
        public var normalize: Bool?
        public var queryPrompt: String?
        public var documentPrompt: String?
        public var queryMaxLength: Int?
        public var documentMaxLength: Int?

        public init() {}
    }

    /// The card of a model folder: its `tvt.json`, else what sentence-transformers' files say, with overrides on top.
    ///
    /// - Throws: `Failure` (78) that names the flag, or the mix's key, for each thing that stays unknown; `InputError`
    ///   for files that ask for something we don't do.
    static func load(
        _ folder: FilePath, _ overrides: Overrides, _ purpose: EmbeddingModel.Purpose, family: String,
        model: any TextModel
    ) throws -> ModelCard {
        let file = folder.appending(fileName)
        var known = overrides
        if Files.exists(file) {
            var card = try ModelCard(file: file)
            guard card.family == family else {
                throw InputError(
                    "the card is for \(card.family), config.json for \(family)",
                    at: Place(path: file.string, field: "family"))
            }
            guard card.dims == model.hiddenSize else {
                throw InputError(
                    "\(card.dims) dims, but the model gives \(model.hiddenSize)",
                    at: Place(path: file.string, field: "dims"))
            }
            card.pooling = overrides.pooling ?? card.pooling
            card.normalize = overrides.normalize ?? card.normalize
            card.query.prompt = overrides.queryPrompt ?? card.query.prompt
            card.document.prompt = overrides.documentPrompt ?? card.document.prompt
            card.query.maxLength = overrides.queryMaxLength ?? card.query.maxLength
            card.document.maxLength = overrides.documentMaxLength ?? card.document.maxLength
            try card.check(model)
            return card
        }
        try known.fill(from: SentenceTransformersFiles(folder), modelMaxLength: model.maxLength)
        guard let pooling = known.pooling, let normalize = known.normalize,
            let queryPrompt = known.queryPrompt, let documentPrompt = known.documentPrompt,
            let queryMaxLength = known.queryMaxLength, let documentMaxLength = known.documentMaxLength
        else {
            throw Failure(
                .badConfiguration, "\(folder) has no \(fileName), and its files do not say how its vectors are made",
                advice: known.question(purpose))
        }
        let card = ModelCard(
            family: family, pooling: pooling, normalize: normalize, dims: model.hiddenSize,
            query: Side(prompt: queryPrompt, maxLength: queryMaxLength),
            document: Side(prompt: documentPrompt, maxLength: documentMaxLength))
        try card.check(model)
        return card
    }

    private func check(_ model: any TextModel) throws {
        for role in Role.allCases {
            let maxLength = side(role).maxLength
            guard maxLength > 0 && maxLength <= model.maxLength else {
                throw Failure(
                    .badConfiguration,
                    "a maximal length of \(maxLength) for a \(role); the model has positions for \(model.maxLength)")
            }
        }
    }
}

extension ModelCard.Overrides {
    /// Asks for what is unknown: by the flags of tvt-encode, or by the keys of a mix.
    fileprivate func question(_ purpose: EmbeddingModel.Purpose) -> String {
        let all: [(isKnown: Bool, flag: String, key: String)] = [
            (pooling != nil, "--pooling mean|cls|last", "pooling: mean|cls|last"),
            (normalize != nil, "--normalize or --no-normalize", "normalize: true|false"),
            (queryPrompt != nil, "--query-prompt TEXT", "prompts.query: TEXT"),
            (documentPrompt != nil, "--document-prompt TEXT", "prompts.document: TEXT"),
            (queryMaxLength != nil, "--query-max-length N", "max_lengths.query: N"),
            (documentMaxLength != nil, "--document-max-length N", "max_lengths.document: N"),
        ]
        let unknown = all.filter { !$0.isKnown }
        return switch purpose {
        case .encoding: "say it: " + unknown.map(\.flag).joined(separator: ", ")
        case .training: "say it in the mix: " + unknown.map(\.key).joined(separator: ", ")
        }
    }
}
