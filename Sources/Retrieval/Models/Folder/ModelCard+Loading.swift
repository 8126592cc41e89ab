internal import Base
internal import Records
internal import SystemPackage
internal import Tokenizers

extension ModelCard {
    /// The card of a model folder: its `tvt.json`, else what sentence-transformers' files say, with overrides on top.
    ///
    /// - Parameter settingName: what the caller's users call a setting.
    /// - Throws: `Failure` (78) that names each thing that stays unknown; `InputError` for files that ask for something
    ///   we don't do.
    static func load(
        _ folder: ModelFolder, _ overrides: Overrides, model: TextModel, tokenizer: Tokenizer,
        settingName: (Setting) -> String
    ) throws -> Loaded {
        let presets = try PresetChoice(folder, asked: overrides.preset, positions: model.maxLength)
        let file = folder.description.appending(fileName)
        var loaded =
            try Files.exists(file)
            ? ModelCard(file: file).checked(folder.modelType, model, file)
                .loaded(from: file, overrides, presets, settingName: settingName)
            : SentenceTransformersFiles(folder.description, tokenizer).card(
                folder, overrides, presets, model: model, tokenizer: tokenizer, settingName: settingName)
        if let note = try presets.note(tokenizer, endToken: folder.endToken) { loaded.notes.append(note) }
        try loaded.card.checkLengths(model)
        return loaded
    }

    private func checked(_ family: String, _ model: TextModel, _ file: FilePath) throws -> ModelCard {
        func error(_ field: String, _ reason: String) -> InputError {
            InputError(reason, at: Place(path: file.string, field: field), exitStatus: .badConfiguration)
        }
        guard self.family == family else {
            throw error("family", "the card is for \(self.family), config.json for \(family)")
        }
        guard dims == model.hiddenSize else {
            throw error("dims", "\(dims) dims, but the model gives \(model.hiddenSize)")
        }
        return self
    }

    /// The card of a file with what wins over it.
    private func loaded(
        from file: FilePath, _ overrides: Overrides, _ presets: PresetChoice, settingName: (Setting) -> String
    ) -> Loaded {
        let places = Dictionary(
            uniqueKeysWithValues: Setting.sayable.map { ($0, Place(path: file.string, field: $0.description)) })
        return Loaded(
            card: with(overrides.or(presets.overFiles)),
            notes: presets.notes(overrides, stated: Overrides(self), places, settingName),
            sources: presets.sources(overrides, places))
    }

    private func with(_ overrides: Overrides) -> ModelCard {
        var card = self
        card.pooling = overrides.pooling ?? pooling
        card.normalize = overrides.normalize ?? normalize
        card.query = query.with(overrides.query)
        card.document = document.with(overrides.document)
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
