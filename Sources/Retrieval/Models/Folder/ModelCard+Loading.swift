internal import Base
internal import Records
internal import SystemPackage
internal import Tokenizers

extension ModelCard {
    /// A card, and what is found out with it.
    struct Loaded {
        var card: ModelCard
        /// What a user should know about how it came to be.
        var notes: [String] = []
        /// Folders of the modules that have weights, in order.
        var moduleFolders: [FilePath]
    }

    /// The card of a model folder: its `tvt.json`, else what sentence-transformers' files say, with overrides on top.
    ///
    /// - Parameter settingName: what the caller's users call a setting.
    /// - Throws: `Failure` (78) that names each thing that stays unknown; `InputError` for files that ask for something
    ///   we don't do.
    static func load(
        _ folder: ModelFolder, _ overrides: Overrides, model: TextModel, tokenizer: Tokenizer,
        settingName: (Setting) -> String
    ) throws -> Loaded {
        var loaded: Loaded
        if let written = folder.writtenCard {
            let stated = StatedPrompt(text: written.query.prompt, instruction: written.instruction)
            let (overrides, instruction) = try overrides.withPrompts(
                folder.namedPrompts, stated: stated, settingName: settingName)
            var card = written.with(overrides)
            card.instruction = instruction
            loaded = Loaded(
                card: try card.checked(folder, model),
                moduleFolders: card.weightedFolders.map { folder.description.appending($0) })
        } else {
            loaded = try SentenceTransformersFiles(folder.description, tokenizer).card(
                folder, overrides, model: model, tokenizer: tokenizer, settingName: settingName)
        }
        try loaded.card.checkLengths(model)
        return loaded
    }

    private func checked(_ folder: ModelFolder, _ model: TextModel) throws -> ModelCard {
        func error(_ field: String, _ reason: String) -> InputError {
            InputError(
                reason, at: Place(path: folder.description.appending(ModelCard.fileName).string, field: field),
                exitStatus: .badConfiguration)
        }
        guard family == folder.modelType else {
            throw error("family", "the card is for \(family), config.json for \(folder.modelType)")
        }
        do {
            let size = try vectorSize(hiddenSize: model.hiddenSize)
            var card = self
            // Another pooling than the card's makes other vectors.
            if folder.writtenCard?.pooling != pooling {
                card.dims = size
                card.truncateDim = truncateDim.flatMap { $0 < size ? $0 : nil }
            }
            guard card.dims == size else { throw error("dims", "\(dims) dims, but the model gives \(size)") }
            return card
        } catch let mismatch as Mismatch {
            let isOnTokens = mismatch.layer < tokenLayers.count
            throw error(isOnTokens ? "tokenHead" : "head", mismatch.reason)
        }
    }

    private func with(_ overrides: Overrides) -> ModelCard {
        var card = self
        card.pooling = overrides.pooling ?? pooling
        card.normalize = overrides.normalize ?? normalize
        card.query = query.with(overrides.query)
        card.document = document.with(overrides.document)
        card.endOfText = overrides.endOfText ?? endOfText
        card.attention = overrides.attention ?? attention
        return card
    }

    private func checkLengths(_ model: TextModel) throws {
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

extension ModelCard.Side {
    fileprivate func with(_ overrides: ModelCard.Overrides.Side) -> Self {
        Self(prompt: overrides.prompt ?? prompt, maxLength: overrides.maxLength ?? maxLength)
    }
}
