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
    public let pooling: Poolings
    /// Nil where only the folder can say.
    public let normalize: Bool?
    public let query: ModelCard.Side
    public let document: ModelCard.Side
    /// `append` where every text ends with the model's end token, whose vector is taken; nil where the tokenizer says all.
    public let endOfText: ModelCard.EndOfText?
    /// What tokens see of each other; nil where that is what `config.json` says.
    public let attention: AttentionDirection?
    /// Of models that see or hear.
    public let inputs: InputSettings
    /// Where the values were read.
    public let source: String

    init(
        _ name: String, _ models: [String], _ families: [String], _ pooling: Poolings, normalize: Bool?,
        query: ModelCard.Side, document: ModelCard.Side, endOfText: ModelCard.EndOfText? = nil,
        attention: AttentionDirection? = nil, inputs: InputSettings = .init(), source: String
    ) {
        self.name = name
        self.models = models
        self.families = families
        self.pooling = pooling
        self.normalize = normalize
        self.query = query
        self.document = document
        self.endOfText = endOfText
        self.attention = attention
        self.inputs = inputs
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
            pooling: pooling, normalize: normalize, query: side(query), document: side(document),
            endOfText: endOfText, attention: attention, inputs: inputs)
    }

    /// What the prompt of queries is made of, where it is a task in words.
    public var instruction: Instruction? { Instruction(prompt: query.prompt) }
}
