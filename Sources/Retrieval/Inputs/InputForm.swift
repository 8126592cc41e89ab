internal import Base
internal import JSON
public import Models
internal import SystemPackage
internal import Templates

/// How the inputs of one model are written: by its chat template or one part after another, and with which media.
///
/// Shared freely between threads.
public struct InputForm: Sendable {
    /// What becomes of media; nil for a model of texts alone.
    public let media: MediaPlanner?
    let settings: InputSettings
    let template: ChatTemplate?
    /// What templates may ask for: the special tokens of the tokenizer's files.
    let variables: JSONObject
    /// The most tokens of an input, those of media included.
    let positionCount: Int

    /// - Parameter settingName: what the user calls a setting.
    /// - Throws: `InputError` for files of processors and templates that are not supported; `Failure` (78) where the folder
    ///   has a chat template, and nothing says whether it is used, or the other way round.
    public init(_ model: EmbeddingModel, settingName: (ModelCard.Setting) -> String = \.description) throws {
        let settings = model.card.inputs
        self.settings = settings
        positionCount = model.text.maxLength
        media = try MediaPlanner(model)
        if media == nil, let key = Self.keysOfMedia.first(where: { settings.text(of: $0) != nil }) {
            throw Failure(
                .badConfiguration, "inputs: \(key.rawValue) is about media, and the model takes none",
                advice: "Leave it out.")
        }
        let folder = model.processorFolder
        let usesTemplate = settings.chat ?? false
        // Models of texts are used without one unless somebody says otherwise.
        if media != nil, settings.chat == nil, try ChatTemplate.find(in: folder, for: .processor) != nil {
            throw Failure(
                .badConfiguration,
                "\(folder) has a chat template, and nothing says whether inputs are written by it",
                advice: "Say it: \(settingName(.inputs)), with chat=true or chat=false; or name a preset.")
        }
        guard usesTemplate else {
            for (key, isSaid) in [
                (InputSettings.Key.system, settings.system != nil),
                (.generationPrompt, settings.generationPrompt == true), (.promptPlace, settings.promptPlace == .system),
                (.end, settings.end != nil), (.videoAudio, settings.videoAudio == true),
            ] where isSaid {
                throw Failure(
                    .badConfiguration, "inputs: \(key.rawValue) is of a chat template, and none is used",
                    advice: "\(settingName(.inputs)), with chat=true, uses the model's.")
            }
            (template, variables) = (nil, [:])
            return
        }
        let found =
            try ChatTemplate.find(in: folder, for: .processor) ?? ChatTemplate.find(in: folder, for: .tokenizer)
        guard let found else {
            throw Failure(
                .badConfiguration, "inputs are to be written by a chat template, and the model has none",
                advice: "\(settingName(.inputs)), with chat=false, puts prompt, media and text one after another.")
        }
        template = found.template
        variables = try Self.specialTokens(in: folder)
    }

    /// What only media give a meaning to.
    private static let keysOfMedia: [InputSettings.Key] = [
        .mediaPlace, .imageSize, .imagePixels, .frameCount, .frameRate, .frameSize, .framePixels, .queryImage,
    ]

    /// `bos_token` and others, as `tokenizer_config.json` has them.
    private static func specialTokens(in folder: FilePath) throws -> JSONObject {
        let path = folder.appending("tokenizer_config.json")
        guard Files.exists(path) else { return [:] }
        let file = try JSONValue.parse(pythonFile: path)
        var tokens = JSONObject()
        for name in ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"] {
            tokens[name] = (file[name]?.string ?? file[name]?["content"]?.string).map { .string($0) }
        }
        return tokens
    }
}
