internal import Base
internal import JSON
public import Records
public import SystemPackage

/// A few texts with the vectors that a model gave when its folder was written: `tvt.golden.json`.
public struct GoldenVectors: Sendable, Equatable {
    public static let fileName = "tvt.golden.json"
    static let schema = "tvt.golden/1"

    /// One text.
    public struct Entry: Sendable, Equatable {
        public var role: Role
        /// Without its prompt.
        public var text: String
        /// Token ids with the prompt before the text.
        public var ids: [Int32]
        /// Float32 whatever the model computed in, before anything is cut off (Matryoshka).
        public var vector: [Float]

        public init(role: Role, text: String, ids: [Int32], vector: [Float]) {
            self.role = role
            self.text = text
            self.ids = ids
            self.vector = vector
        }
    }

    /// The types that vectors may have been made with.
    public enum Kind: String, Sendable, CaseIterable { case f32, f16, bf16 }

    /// What made the file, with its version.
    public var tool: String
    public var kind: Kind
    public var dims: Int
    /// As the card has them.
    public var pooling: String
    public var normalize: Bool
    public var queryPrompt: String
    public var documentPrompt: String
    public var endOfText = ModelCard.EndOfText.tokenizer
    /// Nil for what `config.json` says.
    public var attention: AttentionDirection?
    public var entries: [Entry]

    public init(
        tool: String, kind: Kind, dims: Int, pooling: String, normalize: Bool, queryPrompt: String,
        documentPrompt: String, entries: [Entry]
    ) {
        self.tool = tool
        self.kind = kind
        self.dims = dims
        self.pooling = pooling
        self.normalize = normalize
        self.queryPrompt = queryPrompt
        self.documentPrompt = documentPrompt
        self.entries = entries
    }

    public func prompt(_ role: Role) -> String { role == .query ? queryPrompt : documentPrompt }

    /// Writes the file in one step.
    public func write(to file: FilePath) throws { try Files.replace(file, with: json.canonical() + [0x0A]) }

    /// Fields that most models have no use for are left out where they say nothing, as in a card.
    var json: JSONValue {
        var fields: JSONObject = [
            "schema": .string(GoldenVectors.schema), "tool": .string(tool), "dtype": .string(kind.rawValue),
            "dims": JSONValue(dims), "pooling": .string(pooling), "normalize": .bool(normalize),
            "prompts": ["query": .string(queryPrompt), "document": .string(documentPrompt)],
            "texts": .array(
                entries.map { entry in
                    [
                        "role": .string(entry.role.rawValue), "text": .string(entry.text),
                        "ids": .array(entry.ids.map { JSONValue(Int($0)) }),
                        "vector": .array(entry.vector.map(GoldenVectors.shortest)),
                    ]
                }),
        ]
        if endOfText != .tokenizer { fields["eos"] = .string(endOfText.rawValue) }
        fields["attention"] = attention.map { .string($0.rawValue) }
        return .object(fields)
    }

    /// The double with the fewest digits that reads back as the same float.
    private static func shortest(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }
}
