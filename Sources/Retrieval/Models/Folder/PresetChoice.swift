internal import Base
internal import JSON
internal import SystemPackage
internal import Tokenizers

/// The preset that a folder is read with, if any.
struct PresetChoice {
    let preset: ModelPreset?
    /// What names the preset's model; nil where the user asked for the preset.
    let namedAt: Place?
    private let positions: Int

    /// - Parameter asked: the user's word; without it, the folder's files are looked at.
    /// - Throws: `Failure` (78) where the preset that was asked for is for models of other families.
    init(_ folder: ModelFolder, asked: ModelPreset?, positions: Int) throws {
        self.positions = positions
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
    private var said: ModelCard.Overrides { preset?.overrides(positions: positions) ?? ModelCard.Overrides() }

    /// What wins over the folder's files.
    var overFiles: ModelCard.Overrides { isAsked ? said : ModelCard.Overrides() }

    /// What fills the gaps that the files leave.
    ///
    /// - Parameter places: of the settings that they say.
    func inGaps(_ places: [ModelCard.Setting: Place]) -> ModelCard.Overrides {
        isAsked ? ModelCard.Overrides() : said.keeping { places[$0] == nil }
    }

    /// Where each setting comes from.
    func sources(_ user: ModelCard.Overrides, _ places: [ModelCard.Setting: Place]) -> [ModelCard.Setting: ModelCard
        .Source]
    {
        var sources: [ModelCard.Setting: ModelCard.Source] = [:]
        for setting in ModelCard.Setting.sayable {
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
        case .prompt: .standard("no file says one")
        case .maxLength: .standard("the positions that the model has")
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

    /// A tokenizer that does not end texts as the preset's model was trained.
    func note(_ tokenizer: Tokenizer, endToken: Int?) throws -> String? {
        guard let preset, preset.endsWithEndToken, let endToken else { return nil }
        var ids: [Int32] = []
        try Array("a".utf8).withUnsafeBytes { _ = try tokenizer.encode($0, maxLength: nil, into: &ids) }
        guard ids.last.map(Int.init) != endToken else { return nil }
        return "by the preset \(preset.name) every text ends with the end token \(endToken), and its vector is taken; "
            + "this folder's tokenizer does not append it"
    }
}
