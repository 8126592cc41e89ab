public import Records

extension ModelCard {
    /// What is said about a model from outside its folder; nil is nothing.
    public struct Overrides: Sendable, Equatable {
        /// What is said about the texts of one role.
        public struct Side: Sendable, Equatable {
            public var prompt: String?
            /// A prompt by its name in `config_sentence_transformers.json`, instead of a prompt.
            public var promptName: String?
            public var maxLength: Int?

            public init(prompt: String? = nil, promptName: String? = nil, maxLength: Int? = nil) {
                self.prompt = prompt
                self.promptName = promptName
                self.maxLength = maxLength
            }
        }

        public var pooling: Poolings?
        public var normalize: Bool?
        public var query: Side
        public var document: Side
        public var endOfText: EndOfText?
        public var attention: AttentionDirection?
        /// A task in words, which the model's template makes the prompt of queries of, instead of a prompt.
        public var instruction: String?
        public var inputs: InputSettings
        /// Asked for by the user: it says what the other fields do not, over what the folder says.
        public var preset: ModelPreset?

        public init(
            pooling: Poolings? = nil, normalize: Bool? = nil, query: Side = Side(), document: Side = Side(),
            endOfText: EndOfText? = nil, attention: AttentionDirection? = nil, instruction: String? = nil,
            inputs: InputSettings = .init(), preset: ModelPreset? = nil
        ) {
            self.pooling = pooling
            self.normalize = normalize
            self.query = query
            self.document = document
            self.endOfText = endOfText
            self.attention = attention
            self.instruction = instruction
            self.inputs = inputs
            self.preset = preset
        }

        func side(_ role: Role) -> Side { role == .query ? query : document }

        /// These, and where they say nothing, the others.
        func or(_ other: Overrides) -> Overrides {
            Overrides(
                pooling: pooling ?? other.pooling, normalize: normalize ?? other.normalize,
                query: query.or(other.query), document: document.or(other.document),
                endOfText: endOfText ?? other.endOfText, attention: attention ?? other.attention,
                instruction: instruction ?? other.instruction, inputs: inputs.or(other.inputs),
                preset: preset ?? other.preset)
        }

        /// Everything that a card needs and nobody said.
        var missing: [Setting] {
            var missing: [Setting] = []
            if pooling == nil { missing.append(.pooling) }
            if normalize == nil { missing.append(.normalize) }
            for (role, side) in [(Role.query, query), (.document, document)] {
                if side.prompt == nil { missing.append(.prompt(role)) }
                if side.maxLength == nil { missing.append(.maxLength(role)) }
            }
            return missing
        }
    }

    /// A thing to know about a model: programs have their own names for them.
    public enum Setting: Sendable, Hashable, CustomStringConvertible {
        case pooling, normalize, dims, truncateDim, endOfText, attention, instruction, inputs
        /// Layers before pooling, and behind it.
        case tokenLayers, layers
        case includesPrompt
        case prompt(Role)
        case promptName(Role)
        case maxLength(Role)

        public var description: String {
            switch self {
            case .pooling: "pooling"
            case .normalize: "normalize"
            case .dims: "dims"
            case .truncateDim: "truncateDim"
            case .endOfText: "eos"
            case .attention: "attention"
            case .instruction: "instruction"
            case .inputs: "inputs"
            case .tokenLayers: "tokenHead"
            case .layers: "head"
            case .includesPrompt: "includePrompt"
            case .prompt(let role): "\(role.rawValue).prompt"
            case .promptName(let role): "\(role.rawValue).promptName"
            case .maxLength(let role): "\(role.rawValue).maxLength"
            }
        }
    }
}

extension ModelCard.Overrides.Side {
    func or(_ other: Self) -> Self {
        Self(
            prompt: prompt ?? other.prompt, promptName: promptName ?? other.promptName,
            maxLength: maxLength ?? other.maxLength)
    }

    /// A card's side, once both are known.
    var side: ModelCard.Side? {
        guard let prompt, let maxLength else { return nil }
        return ModelCard.Side(prompt: prompt, maxLength: maxLength)
    }
}
