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
        var presets = folder.presets
        presets.fit(model, tokenizer, folder)
        var loaded =
            try folder.writtenCard?.loaded(folder, overrides, presets, model, settingName)
            ?? SentenceTransformersFiles(folder.description, tokenizer).card(
                folder, overrides, presets, model: model, tokenizer: tokenizer, settingName: settingName)
        let note = try presets.note(overrides, loaded.card, tokenizer, endTokens: folder.endTokens)
        if let note { loaded.notes.append(note) }
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

    /// The card of a file with what wins over it.
    private func loaded(
        _ folder: ModelFolder, _ overrides: Overrides, _ presets: PresetChoice, _ model: TextModel,
        _ settingName: (Setting) -> String
    ) throws -> Loaded {
        let file = folder.description.appending(ModelCard.fileName)
        let places = places(in: file, attention: folder.configuredDirection?.place)
        var stated = Overrides(self)
        stated.attention = attention ?? folder.configuredDirection?.direction
        let (overrides, instruction) = try overrides.withPrompts(
            folder.namedPrompts,
            stated: presets.prompt(StatedPrompt(text: query.prompt, instruction: instruction), isStated: true),
            settingName: settingName)
        var card = with(overrides.or(presets.overFiles))
        card.instruction = instruction
        return Loaded(
            card: try card.checked(folder, model),
            notes: presets.notes(overrides, stated: stated, places, settingName),
            sources: presets.sources(overrides, places), moduleFolders: try moduleFolders(in: folder.description))
    }

    /// Where a card says what; what holds because a field is not there has no place.
    private func places(in file: FilePath, attention configuration: Place?) -> [Setting: Place] {
        var silent: Set<Setting> = []
        if endOfText == .tokenizer { silent.insert(.endOfText) }
        if attention == nil { silent.insert(.attention) }
        if instruction == nil { silent.insert(.instruction) }
        if truncateDim == nil { silent.insert(.truncateDim) }
        if tokenLayers.isEmpty { silent.insert(.tokenLayers) }
        if layers.isEmpty { silent.insert(.layers) }
        if includesPrompt { silent.insert(.includesPrompt) }
        if inputs.isEmpty { silent.insert(.inputs) }
        var places: [Setting: Place] = [:]
        for setting in Setting.sayable + Setting.others where !silent.contains(setting) {
            places[setting] = Place(path: file.string, field: setting.description)
        }
        if attention == nil { places[.attention] = configuration }
        return places
    }

    /// Folders of the layers that have weights: those of `modules.json`, beside which a card may have been written, else
    /// those that a copy of ours has.
    func moduleFolders(in folder: FilePath) throws -> [FilePath] {
        let named = try SentenceTransformersFiles.weightedModules(of: folder)
        return named.count == weightedFolders.count ? named : weightedFolders.map { folder.appending($0) }
    }

    private func with(_ overrides: Overrides) -> ModelCard {
        var card = self
        card.pooling = overrides.pooling ?? pooling
        card.normalize = overrides.normalize ?? normalize
        card.query = query.with(overrides.query)
        card.document = document.with(overrides.document)
        card.endOfText = overrides.endOfText ?? endOfText
        card.attention = overrides.attention ?? attention
        card.inputs = overrides.inputs.or(inputs)
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
