internal import Base

/// How the models of one publication are used: what their folders often leave unsaid.
///
/// Applied where a folder's own files name one of the models, and then only to what they leave open; or where the user
/// asks for it, and then over what they say. What the user says of a single setting wins over both.
public struct ModelPreset: Sendable, Equatable {
    /// What the user calls it.
    public let name: String
    /// The models it belongs to, as `owner/name`.
    public let models: [String]
    /// Values of `model_type` in their `config.json`.
    public let families: [String]
    public let pooling: Pooling
    /// Nil where only the folder can say.
    public let normalize: Bool?
    public let query: ModelCard.Side
    public let document: ModelCard.Side
    /// Whether every text ends with the model's end token, whose vector is taken; the tokenizer must append it.
    public let endsWithEndToken: Bool
    /// Where the values were read.
    public let source: String

    init(
        _ name: String, _ models: [String], _ families: [String], _ pooling: Pooling, normalize: Bool?,
        query: ModelCard.Side, document: ModelCard.Side, endsWithEndToken: Bool = false, source: String
    ) {
        self.name = name
        self.models = models
        self.families = families
        self.pooling = pooling
        self.normalize = normalize
        self.query = query
        self.document = document
        self.endsWithEndToken = endsWithEndToken
        self.source = source
    }

    /// - Returns: nil where there is none of this name.
    public static func named(_ name: String) -> ModelPreset? { all.first { $0.name.utf8.elementsEqual(name.utf8) } }

    /// Every name, for messages and `--help`.
    public static var names: [String] { all.map(\.name) }

    /// The preset that belongs to a model.
    ///
    /// - Parameter model: `owner/name`, or the name alone.
    static func of(model: String) -> ModelPreset? {
        all.first { preset in
            preset.models.contains { known in
                known == model || known.split(separator: "/").last.map(String.init) == model
            }
        }
    }

    /// What the preset says, as far as a model has positions for it.
    func overrides(positions: Int) -> ModelCard.Overrides {
        func side(_ side: ModelCard.Side) -> ModelCard.Overrides.Side {
            .init(prompt: side.prompt, maxLength: min(side.maxLength, positions))
        }
        return ModelCard.Overrides(
            pooling: pooling, normalize: normalize, query: side(query), document: side(document))
    }
}
