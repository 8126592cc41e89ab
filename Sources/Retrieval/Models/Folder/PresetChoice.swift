internal import Base
internal import JSON
internal import SystemPackage
internal import Tensors
internal import Tokenizers

/// The preset that a folder is read with, if any.
struct PresetChoice {
    let preset: ModelPreset?
    /// What names the preset's model; nil where the user asked for the preset.
    let namedAt: Place?
    /// What the preset says of this model, as far as it counts.
    private var said = ModelCard.Overrides()

    static let none = PresetChoice()

    private init() { (preset, namedAt) = (nil, nil) }

    /// - Parameter asked: the user's word; without it, the folder's files are looked at.
    /// - Throws: `Failure` (78) where the preset that was asked for is for models of other families.
    init(_ folder: ModelFolder, asked: ModelPreset?) throws {
        if let asked {
            guard asked.families.contains(folder.modelType) else {
                throw Failure(
                    .badConfiguration,
                    "the preset \(asked.name) is for models of type \(asked.families.joined(separator: ", ")); "
                        + "\(folder.path) holds one of type \(folder.modelType)",
                    advice: PresetChoice.advice(family: folder.modelType))
            }
            (preset, namedAt) = (asked, nil)
            return
        }
        let named = try ModelNames.inFiles(of: folder).lazy
            .compactMap { name, place in ModelPreset.of(model: name).map { ($0, place) } }
            .first { $0.0.families.contains(folder.modelType) }
        (preset, namedAt) = (named?.0, named?.1)
    }

    /// The presets that a model of a family may be read with.
    static func advice(family: String) -> String? {
        let names = ModelPreset.all.filter { $0.families.contains(family) }.map(\.name)
        return names.isEmpty ? nil : "presets for this type: \(names.joined(separator: ", "))"
    }

    private var isAsked: Bool { preset != nil && namedAt == nil }

    /// Fits the preset to the model that it is for. A card leaves no gaps that a preset would fill unasked.
    mutating func fit(_ model: TextModel, _ tokenizer: Tokenizer, _ folder: ModelFolder) {
        guard let preset, isAsked || folder.writtenCard == nil else { return }
        said = preset.overrides(positions: model.maxLength)
        // A tokenizer that ends texts itself needs no word, and one that would end them otherwise gets none: a note tells.
        let ends = tokenizer.endOfTextID.map { folder.endTokens.isEmpty || folder.endTokens.contains(Int($0)) } ?? false
        if tokenizer.endsTexts || !ends { said.endOfText = nil }
    }

    /// What tokens see of each other, if the preset says it and wins over the folder's files.
    func attention(isStated: Bool) -> AttentionDirection? { isAsked || !isStated ? preset?.attention : nil }

    /// What a folder says about the prompt of queries, or the preset in its place.
    func prompt(_ stated: ModelCard.StatedPrompt, isStated: Bool) -> ModelCard.StatedPrompt {
        guard let text = said.query.prompt, isAsked || !isStated else { return stated }
        return ModelCard.StatedPrompt(text: text, instruction: preset?.instruction)
    }

    /// What wins over the folder's files.
    var overFiles: ModelCard.Overrides { isAsked ? said : ModelCard.Overrides() }

    /// What fills the gaps that the files leave.
    ///
    /// - Parameter places: of the settings that they say.
    func inGaps(_ places: [ModelCard.Setting: Place]) -> ModelCard.Overrides {
        isAsked ? ModelCard.Overrides() : said.keeping { places[$0] == nil }
    }

    /// Where each setting comes from.
    func sources(
        _ user: ModelCard.Overrides, _ places: [ModelCard.Setting: Place]
    ) -> [ModelCard.Setting: ModelCard.Source] {
        var sources: [ModelCard.Setting: ModelCard.Source] = [:]
        for setting in ModelCard.Setting.sayable + ModelCard.Setting.others {
            sources[setting] = source(setting, user, places)
        }
        return sources
    }

    private func source(
        _ setting: ModelCard.Setting, _ user: ModelCard.Overrides, _ places: [ModelCard.Setting: Place]
    ) -> ModelCard.Source {
        if user.value(of: setting) != nil { return .user }
        if let preset, said.value(of: setting) != nil, isAsked || places[setting] == nil {
            return .preset(preset.name, namedAt: namedAt)
        }
        if let place = places[setting] { return .file(place) }
        return switch setting {
        // It stands in the prompt, or is what the prompt was made of.
        case .instruction: source(.prompt(.query), user, places)
        case .prompt: .standard("no file says one")
        case .maxLength: .standard("the positions that the model has")
        case .attention: .standard("what models of this family do")
        case .endOfText: .standard("the tokenizer's files")
        default: .standard("no file says anything else")
        }
    }

    /// What the preset changes.
    ///
    /// - Parameter stated: what would hold without it.
    func notes(
        _ user: ModelCard.Overrides, stated: ModelCard.Overrides, _ places: [ModelCard.Setting: Place],
        _ settingName: (ModelCard.Setting) -> String
    ) -> [String] {
        guard let preset else { return [] }
        let changed = ModelCard.Setting.sayable.filter { setting in
            guard user.value(of: setting) == nil, let value = said.value(of: setting) else { return false }
            return (isAsked || places[setting] == nil) && stated.value(of: setting) != value
        }
        if let namedAt {
            guard !changed.isEmpty else { return [] }
            let values = changed.map { "\($0) \(escaped(said.value(of: $0)!.utf8))" }.joined(separator: ", ")
            return [
                "\(values): from the preset \(preset.name), whose model \(namedAt) names; "
                    + "\(settingName(changed[0])) says otherwise"
            ]
        }
        return changed.compactMap { setting in
            places[setting].map {
                "\(setting) is \(escaped(said.value(of: setting)!.utf8)) after the preset \(preset.name), and "
                    + "\(escaped((stated.value(of: setting) ?? "").utf8)) in \($0)"
            }
        }
    }

    /// Texts that do not end as the preset's model was trained, where nobody wants that.
    func note(
        _ user: ModelCard.Overrides, _ card: ModelCard, _ tokenizer: Tokenizer, endTokens: [Int]
    ) throws -> String? {
        guard let preset, preset.endOfText == .append, user.endOfText == nil, let endToken = endTokens.first else {
            return nil
        }
        let texts = try RoleTokenizer(ModelCard.Side(prompt: "", maxLength: 16), of: card, tokenizer)
        var ids: [Int32] = []
        try Array("a".utf8).withUnsafeBytes { _ = try texts.append($0, to: &ids) }
        guard let last = ids.last, !endTokens.contains(Int(last)) else { return nil }
        return "by the preset \(preset.name) every text ends with the end token \(endToken), and its vector is taken; "
            + "this folder's texts do not end with it"
    }
}
