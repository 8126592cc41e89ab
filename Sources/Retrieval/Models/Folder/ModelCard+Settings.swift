internal import Records

extension ModelCard.Setting {
    /// Those that a user, a preset or a folder's files may say, each for itself.
    public static let sayable: [ModelCard.Setting] = [
        .pooling, .normalize, .prompt(.query), .prompt(.document), .maxLength(.query), .maxLength(.document),
        .endOfText, .attention, .inputs,
    ]

    /// Those that only files say, and the instruction, which comes with the prompt of queries.
    static let others: [ModelCard.Setting] = [.instruction, .truncateDim, .tokenLayers, .layers, .includesPrompt]
}

// What is said, by setting: so that where it comes from is found out in one place for all of them.
extension ModelCard.Overrides {
    /// All that a card says.
    init(_ card: ModelCard) {
        func side(_ side: ModelCard.Side) -> Side { Side(prompt: side.prompt, maxLength: side.maxLength) }
        self.init(
            pooling: card.pooling, normalize: card.normalize, query: side(card.query), document: side(card.document),
            endOfText: card.endOfText, attention: card.attention, inputs: card.inputs)
    }

    /// The value as text; nil where nothing is said, and for what cannot be said from outside.
    func value(of setting: ModelCard.Setting) -> String? {
        switch setting {
        case .pooling: pooling?.rawValue
        case .normalize: normalize.map { $0 ? "true" : "false" }
        case .prompt(let role): side(role).prompt
        case .promptName(let role): side(role).promptName
        case .maxLength(let role): side(role).maxLength.map { "\($0)" }
        case .endOfText: endOfText?.rawValue
        case .attention: attention?.rawValue
        case .instruction: instruction
        case .inputs: inputs.summary
        case .dims, .truncateDim, .tokenLayers, .layers, .includesPrompt: nil
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
            query: kept(.query), document: kept(.document), endOfText: isKept(.endOfText) ? endOfText : nil,
            attention: isKept(.attention) ? attention : nil, inputs: isKept(.inputs) ? inputs : InputSettings())
    }
}
