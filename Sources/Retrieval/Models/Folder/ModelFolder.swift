internal import Base
internal import JSON
internal import SystemPackage
internal import Tensors
internal import Tokenizers

/// Where the parts of a model lie: its own folder in Hugging Face's layout, and that of an adapter.
struct ModelFolder {
    let path: FilePath
    /// `model_type` in `config.json`.
    let modelType: String
    let family: Family
    /// The folder whose files say how vectors are made: the adapter's where it has such files, as it was trained so.
    let description: FilePath
    let adapter: FilePath?
    private let tokenizerFolder: FilePath
    private let configPath: FilePath
    private let config: JSONValue

    init(_ path: FilePath, adapter: FilePath?) throws {
        for folder in [path, adapter].compactMap({ $0 }) where !Files.isDirectory(folder) {
            throw Failure(.missingInput, "\(folder) is not a folder")
        }
        self.path = path
        self.adapter = adapter
        configPath = path.appending("config.json")
        config = try JSONValue.parse(pythonFile: configPath)
        modelType = config["model_type"]?.string ?? "nothing"
        family = try Family.named(modelType, file: configPath)
        let describing = [ModelCard.fileName, SentenceTransformersFiles.modulesName]
        description =
            adapter.flatMap { folder in describing.contains { Files.exists(folder.appending($0)) } ? folder : nil }
            ?? path
        tokenizerFolder = Files.exists(description.appending("tokenizer.json")) ? description : path
    }

    /// What `config.json` says that the model was loaded from when it was saved.
    var configuredName: String? { config["_name_or_path"]?.string }
    /// The id of the token that ends a text.
    var endToken: Int? { config["eos_token_id"]?.integer }

    func tokenizer() throws -> Tokenizer {
        try Tokenizer(
            folder: tokenizerFolder, defaultClass: config["tokenizer_class"]?.string ?? family.tokenizerClass)
    }

    /// - Throws: `InputError` where `config.json` and the checkpoint do not fit each other exactly.
    func text(_ precision: Precision, _ device: Device) throws -> TextModel {
        let weights = try WeightFiles(path, names: family.names, precision: precision, device: device)
        let text = try family.build(ConfigurationReader(config, path: configPath), weights)
        try weights.finish()
        return text
    }

    /// The files that go into every copy of the model, beside weights and card.
    func descriptionFiles() throws -> [(name: String, bytes: [UInt8])] {
        let beside = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt"]
        return try ([configPath] + beside.map { tokenizerFolder.appending($0) })
            .filter { Files.exists($0) }
            .map { ($0.lastComponent!.string, try Files.readAll($0)) }
    }
}
