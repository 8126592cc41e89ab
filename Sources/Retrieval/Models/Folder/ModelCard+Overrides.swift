public import Records

extension ModelCard {
    /// What is said about a model from outside its folder; nil is nothing.
    public struct Overrides: Sendable, Equatable {
        /// What is said about the texts of one role.
        public struct Side: Sendable, Equatable {
            public var prompt: String?
            public var maxLength: Int?

            public init(prompt: String? = nil, maxLength: Int? = nil) {
                self.prompt = prompt
                self.maxLength = maxLength
            }
        }

        public var pooling: Pooling?
        public var normalize: Bool?
        public var query: Side
        public var document: Side
        /// Asked for by the user: it says what the other fields do not, over what the folder says.
        public var preset: ModelPreset?

        public init(
            pooling: Pooling? = nil, normalize: Bool? = nil, query: Side = Side(), document: Side = Side()
        ) {
            self.pooling = pooling
            self.normalize = normalize
            self.query = query
            self.document = document
        }

        /// These, and where they say nothing, the others.
        func or(_ other: Overrides) -> Overrides {
            Overrides(
                pooling: pooling ?? other.pooling, normalize: normalize ?? other.normalize,
                query: query.or(other.query), document: document.or(other.document))
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
        case pooling, normalize, dims
        case prompt(Role)
        case maxLength(Role)

        public var description: String {
            switch self {
            case .pooling: "pooling"
            case .normalize: "normalize"
            case .dims: "dims"
            case .prompt(let role): "\(role.rawValue).prompt"
            case .maxLength(let role): "\(role.rawValue).maxLength"
            }
        }
    }
}

extension ModelCard.Overrides.Side {
    func or(_ other: Self) -> Self { Self(prompt: prompt ?? other.prompt, maxLength: maxLength ?? other.maxLength) }

    /// A card's side, once both are known.
    var side: ModelCard.Side? {
        guard let prompt, let maxLength else { return nil }
        return ModelCard.Side(prompt: prompt, maxLength: maxLength)
    }
}
