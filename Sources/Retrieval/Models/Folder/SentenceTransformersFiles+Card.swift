internal import Base
internal import Records
internal import SystemPackage
internal import Tokenizers

extension SentenceTransformersFiles {
    /// The card that the files amount to, with the user's word on top.
    ///
    /// - Throws: `Failure` (78) that names what stays unknown.
    func card(
        _ folder: ModelFolder, _ overrides: ModelCard.Overrides, _ presets: PresetChoice, model: TextModel,
        tokenizer: Tokenizer, settingName: (ModelCard.Setting) -> String
    ) throws -> ModelCard.Loaded {
        var stated = stated(tokenizer, positions: model.maxLength)
        var places = places
        places[.attention] = folder.configuredDirection?.place
        stated.attention = folder.configuredDirection?.direction
        let base = presets.overFiles.or(presets.inGaps(places)).or(stated)
        let (overrides, instruction) = try overrides.withPrompts(
            folder.namedPrompts,
            stated: presets.prompt(
                .init(text: stated.query.prompt, instruction: nil), isStated: places[.prompt(.query)] != nil),
            settingName: settingName)
        let known = overrides.or(base)
        guard let pooling = known.pooling, let normalize = known.normalize, let query = known.query.side,
            let document = known.document.side
        else {
            throw Failure(
                .badConfiguration,
                "\(folder.path) has no \(ModelCard.fileName), and its files do not say how its vectors are made",
                advice: "say it: " + known.missing.map(settingName).joined(separator: ", ")
                    + (PresetChoice.advice(family: folder.modelType).map { "; \($0)" } ?? ""))
        }
        var card = ModelCard(
            family: folder.modelType, pooling: pooling, normalize: normalize, dims: model.hiddenSize, query: query,
            document: document)
        card.tokenLayers = tokenLayers
        card.layers = layers
        card.includesPrompt = includesPrompt
        card.endOfText = known.endOfText ?? .tokenizer
        card.attention = folder.attention
        card.instruction = instruction
        card.inputs = known.inputs
        let size = try vectorSize(card, model)
        card.dims = size
        card.truncateDim = truncateDim.flatMap { $0 < size ? $0 : nil }
        return ModelCard.Loaded(
            card: card,
            notes: notes(card, overrides, settingName) + presets.notes(overrides, stated: stated, places, settingName),
            sources: presets.sources(overrides, places), moduleFolders: moduleFolders)
    }

    private func vectorSize(_ card: ModelCard, _ model: TextModel) throws -> Int {
        if let poolingWidth, poolingWidth.count != tokenLayers.last?.outputSize ?? model.hiddenSize {
            throw poolingWidth.error
        }
        do {
            return try card.vectorSize(hiddenSize: model.hiddenSize)
        } catch {
            let isNorm = if case .layerNorm = card.weightedLayers[error.layer] { true } else { false }
            throw InputError(
                error.reason,
                at: Place(
                    path: moduleFolders[error.layer].appending("config.json").string,
                    field: isNorm ? "dimension" : "in_features"),
                exitStatus: .badConfiguration)
        }
    }

    /// What the files say, as far as they do.
    ///
    /// - Parameter positions: what every length is capped by.
    private func stated(_ tokenizer: Tokenizer, positions: Int) -> ModelCard.Overrides {
        let length = maxLength ?? tokenizer.modelMaxLength ?? (hasModules ? positions : nil)
        func side(_ prompt: String?, _ own: Int?) -> ModelCard.Overrides.Side {
            .init(
                // A folder with modules and without prompts is one of a version that knew none.
                prompt: prompt ?? (hasModules ? "" : nil), maxLength: (own ?? length).map { min($0, positions) })
        }
        return ModelCard.Overrides(
            pooling: pooling, normalize: normalize, query: side(prompts?.query, queryLength),
            document: side(prompts?.document, documentLength))
    }

    private func notes(
        _ card: ModelCard, _ overrides: ModelCard.Overrides, _ settingName: (ModelCard.Setting) -> String
    ) -> [String] {
        var notes: [String] = []
        let documentPrompt = otherPrompts.first { $0.name == "passage" || $0.name == "corpus" }
        if let documentPrompt, card.document.prompt.isEmpty, overrides.document.prompt == nil {
            notes.append(
                "the model's prompt \"\(documentPrompt.name)\" (\(escaped(documentPrompt.text.utf8))) is put before no "
                    + "document, as in sentence-transformers' encode_document; "
                    + "\(settingName(.prompt(.document))) would put it there")
        }
        if similarity == "cosine", !card.givesUnitVectors, overrides.normalize == nil {
            let reason = card.normalize ? "truncate_dim cuts them" : "it has no Normalize module"
            notes.append(
                "the model's similarity is the cosine, but its vectors do not have length 1 (\(reason)), and search "
                    + "takes inner products; \(settingName(card.normalize ? .dims : .normalize)) would scale them")
        }
        return notes
    }
}
