public import Base
public import Records

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

    /// What stands behind the last token of a text.
    public enum EndOfText: String, Sendable, CaseIterable {
        /// What the tokenizer puts there.
        case tokenizer
        /// The tokenizer's `eos_token`, where the tokenizer itself puts nothing there; the text is cut to make place.
        case append
    }

    /// `bert`, …: which of our models reads the weights.
    public var family: String
    public var pooling: Poolings
    /// Whether vectors are scaled to length 1, after all layers.
    public var normalize: Bool
    /// Components of a vector as the model makes it.
    public var dims: Int
    /// Keep so many leading components of each vector, without scaling it again; nil keeps all.
    public var truncateDim: Int?
    public var query: Side
    public var document: Side
    /// Digest of the weights that training started from; nil where unknown.
    public var baseModel: SHA256Digest?
    /// Layers over the hidden states of each token, before pooling.
    public var tokenLayers: [HeadLayer.Dense] = []
    /// Layers over vectors, behind pooling; a last scaling to length 1 is ``normalize``.
    public var layers: [HeadLayer] = []
    /// Whether the tokens of a prompt are pooled as well.
    public var includesPrompt = true
    public var endOfText = EndOfText.tokenizer
    /// What tokens see of each other; nil for what `config.json` says.
    public var attention: AttentionDirection?
    /// What the prompt of queries was made of.
    public var instruction: Instruction?
    /// Of a model that sees or hears: how its inputs are put together.
    public var inputs = InputSettings()

    /// Components of a vector as it is given out.
    public var outputDims: Int { truncateDim ?? dims }
    /// Whether vectors have length 1 as they are given out.
    public var givesUnitVectors: Bool { normalize && outputDims == dims }

    public init(
        family: String, pooling: Poolings, normalize: Bool, dims: Int, truncateDim: Int? = nil, query: Side,
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

    /// Identifies the card among all cards.
    public var digest: SHA256Digest { SHA256Digest.of(json.canonical()) }
}
