internal import Records

extension ModelCard.Setting {
    /// Those that a user, a preset or a folder's files may say.
    public static let sayable: [ModelCard.Setting] = [
        .pooling, .normalize, .prompt(.query), .prompt(.document), .maxLength(.query), .maxLength(.document),
    ]
}

// What is said, by setting: so that where it comes from is found out in one place for all of them.
extension ModelCard.Overrides {
    /// All that a card says.
    init(_ card: ModelCard) {
        func side(_ side: ModelCard.Side) -> Side { Side(prompt: side.prompt, maxLength: side.maxLength) }
        self.init(
            pooling: card.pooling, normalize: card.normalize, query: side(card.query), document: side(card.document))
    }

    func side(_ role: Role) -> Side { role == .query ? query : document }

    /// The value as text; nil where nothing is said, and for what cannot be said from outside.
    func value(of setting: ModelCard.Setting) -> String? {
        switch setting {
        case .pooling: pooling?.rawValue
        case .normalize: normalize.map { $0 ? "true" : "false" }
        case .prompt(let role): side(role).prompt
        case .maxLength(let role): side(role).maxLength.map { "\($0)" }
        default: nil
        }
    }

    /// What is said of some settings alone.
    func keeping(_ isKept: (ModelCard.Setting) -> Bool) -> ModelCard.Overrides {
        func kept(_ role: Role) -> Side {
            let whole = side(role)
            return Side(
                prompt: isKept(.prompt(role)) ? whole.prompt : nil,
                maxLength: isKept(.maxLength(role)) ? whole.maxLength : nil)
        }
        return ModelCard.Overrides(
            pooling: isKept(.pooling) ? pooling : nil, normalize: isKept(.normalize) ? normalize : nil,
            query: kept(.query), document: kept(.document))
    }
}
