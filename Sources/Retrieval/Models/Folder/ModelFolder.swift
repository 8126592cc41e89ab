internal import Base
internal import JSON
internal import SystemPackage
internal import Tensors
internal import Tokenizers

/// Where the parts of a model lie: its own folder in Hugging Face's layout, and that of an adapter.
struct ModelFolder {
    static let configName = "config.json"

    let path: FilePath
    /// `model_type` in `config.json`.
    let modelType: String
    let family: Family
    /// The folder whose files say how vectors are made: the adapter's where it has such files, as it was trained so.
    let description: FilePath
    let adapter: FilePath?
    /// `tvt.json`; nil where there is none.
    let writtenCard: ModelCard?
    /// The prompts of `config_sentence_transformers.json`.
    let namedPrompts: [(name: String, text: String)]
    /// What the user asked for, or the folder's files name.
    private(set) var presets = PresetChoice.none
    /// What tokens see of each other, where something else than `config.json` says it.
    private(set) var attention: AttentionDirection?
    /// What `config.json` says about it, and where; nil where it says nothing.
    let configuredDirection: (direction: AttentionDirection, place: Place)?
    private let transformer: FilePath
    private let tokenizerFolder: FilePath
    let configPath: FilePath
    /// As it stands in the file, but for what tokens see of each other where that was said elsewhere.
    private var config: JSONValue
    private var isConfigChanged = false

    /// - Parameter overrides: what the user says, whatever the folder says.
    init(
        _ path: FilePath, adapter: FilePath?, _ overrides: ModelCard.Overrides,
        settingName: (ModelCard.Setting) -> String
    ) throws {
        for folder in [path, adapter].compactMap({ $0 }) { try Self.requireFolder(folder) }
        self.path = path
        self.adapter = adapter
        transformer = try SentenceTransformersFiles.transformer(of: path)
        configPath = transformer.appending(Self.configName)
        config = try JSONValue.parse(pythonFile: configPath)
        modelType = config["model_type"]?.string ?? "nothing"
        family = try Family.named(modelType, file: configPath)
        let describing = [ModelCard.fileName, SentenceTransformersFiles.modulesName]
        description =
            adapter.flatMap { folder in describing.contains { Files.exists(folder.appending($0)) } ? folder : nil }
            ?? path
        let described = try SentenceTransformersFiles.transformer(of: description)
        tokenizerFolder = Files.exists(described.appending("tokenizer.json")) ? described : transformer
        let cardPath = description.appending(ModelCard.fileName)
        writtenCard = Files.exists(cardPath) ? try ModelCard(file: cardPath) : nil
        namedPrompts = try SentenceTransformersFiles.prompts(of: description)
        let field = family.directionField
        let stated = field?.direction(config.object ?? [:])
        configuredDirection =
            if let field, let stated { (stated, Place(path: configPath.string, field: field.name)) } else { nil }
        presets = try PresetChoice(self, asked: overrides.preset)
        let isStated = writtenCard != nil || stated != nil
        attention = overrides.attention ?? presets.attention(isStated: isStated) ?? writtenCard?.attention
        if let attention { try setDirection(attention, settingName) }
    }

    private mutating func setDirection(
        _ direction: AttentionDirection, _ settingName: (ModelCard.Setting) -> String
    ) throws {
        guard let field = family.directionField else {
            let choosing = Family.all.filter { $0.directionField != nil }.flatMap(\.modelTypes).sorted()
            throw Failure(
                .badConfiguration, "\(settingName(.attention)): models of type \(modelType) leave no choice",
                advice: "Those of \(choosing.joined(separator: ", ")) do.")
        }
        let changed = JSONValue.object(field.applying(direction, to: config.object ?? [:]))
        (config, isConfigChanged) = (changed, changed != config)
    }

    /// What tokens see of each other; nil where the family leaves no choice.
    var direction: AttentionDirection? {
        family.directionField.map { $0.direction(config.object ?? [:]) ?? Family.DirectionField.standard }
    }

    /// What `config.json` says that the model was loaded from when it was saved.
    var configuredName: String? { config["_name_or_path"]?.string }
    /// Ids of the tokens that may end a text.
    var endTokens: [Int] {
        let value = config["eos_token_id"]
        return value?.integer.map { [$0] } ?? value?.array?.compactMap(\.integer) ?? []
    }

    /// That of the family that reads the texts.
    private var tokenizerClass: String {
        guard family.readsPartsOfOthers, let name = config["text_config"]?["model_type"]?.string else {
            return family.tokenizerClass
        }
        return Family.all.first { $0.modelTypes.contains(name) }?.tokenizerClass ?? family.tokenizerClass
    }

    func tokenizer() throws -> Tokenizer {
        try Tokenizer(
            folder: tokenizerFolder, defaultClass: config["tokenizer_class"]?.string ?? tokenizerClass,
            modelClass: tokenizerClass)
    }

    /// - Parameter outline: notes the model's tensors down, which are not read then.
    /// - Throws: `InputError` where `config.json` and the checkpoint do not fit each other exactly.
    func text(
        _ precision: Precision, _ residency: WeightResidency, _ device: Device, outline: WeightOutline? = nil
    ) throws -> TextModel {
        let weights =
            try outline.map {
                WeightFiles($0, transformer, names: family.names, precision: precision, device: device)
            } ?? WeightFiles(transformer, names: family.names, precision: precision, residency, device: device)
        let text = try family.build(ConfigurationReader(config, path: configPath), weights)
        try weights.finish()
        text.otherParts = try weights.unusedParts()
        return text
    }

    /// The files that go into every copy of the model, beside weights and card.
    func descriptionFiles() throws -> [(name: String, bytes: [UInt8])] {
        let beside = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"]
        let config = isConfigChanged ? Array(self.config.pretty().utf8) : try Files.readAll(configPath)
        return [(Self.configName, config)]
            + (try beside.map { tokenizerFolder.appending($0) }
                .filter { Files.exists($0) }
                .map { ($0.lastComponent!.string, try Files.readAll($0)) })
            + (try Self.processorFiles(in: transformer))
    }

    /// The files that say how media become inputs, and how inputs are written.
    private static func processorFiles(in folder: FilePath) throws -> [(name: String, bytes: [UInt8])] {
        var names = [
            "preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json",
            "chat_template.jinja", "chat_template.json",
        ].filter { Files.exists(folder.appending($0)) }
        let others = "additional_chat_templates"
        if Files.isDirectory(folder.appending(others)) {
            names += try Files.list(folder.appending(others)).filter { $0.hasSuffix(".jinja") }.sorted()
                .map { "\(others)/\($0)" }
        }
        return try names.map { ($0, try Files.readAll(folder.appending($0))) }
    }

    /// A digest of these files; nil where there are none.
    static func processorDigest(of folder: FilePath) throws -> SHA256Digest? {
        let files = try processorFiles(in: folder)
        guard !files.isEmpty else { return nil }
        var digest = SHA256Stream()
        for (name, bytes) in files {
            Array(name.utf8).withUnsafeBytes { digest.update($0) }
            SHA256Digest.of(bytes).bytes.withUnsafeBytes { digest.update($0) }
        }
        return digest.finalize()
    }

    private static func requireFolder(_ path: FilePath) throws {
        guard Files.isDirectory(path) else { throw Failure(.missingInput, "\(path) is not a folder") }
    }

    /// All weight files of a folder, in a fixed order: the text model's, and those of the modules behind it.
    static func weightFiles(of folder: FilePath) throws -> [FilePath] {
        try requireFolder(folder)
        return try WeightFiles.paths(SentenceTransformersFiles.transformer(of: folder))
            + SentenceTransformersFiles.headWeights(of: folder)
    }

    /// Makes a copy's `config.json` name the type that its weights are stored in: transformers 5 reads them in the type
    /// that stands there, and would round what was trained of a 16-bit model.
    static func nameType(_ type: ElementType, in file: FilePath) throws {
        let config = try JSONValue.parse(pythonFile: file)
        let renamed = named(type, config)
        if renamed != config { try Files.replace(file, with: renamed.pretty()) }
    }

    private static func named(_ type: ElementType, _ config: JSONValue) -> JSONValue {
        guard var fields = config.object else { return config }
        // The second name is that of version 4.
        for field in ["dtype", "torch_dtype"] where fields[field]?.string != nil { fields[field] = .string("\(type)") }
        fields["text_config"] = fields["text_config"].map { named(type, $0) }
        return .object(fields)
    }
}
