public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
public import Models
internal import SystemPackage
internal import Tensors

/// Which folder, and how it is loaded.
struct FolderOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The model's folder.", valueName: "folder"))
    var folder: String

    @Option(in: .threads, help: ArgumentHelp("Threads that compute (default: all cores).", valueName: "n"))
    var threads: Int?

    @OptionGroup var common: CommonOptions

    var path: FilePath { FilePath(folder) }

    /// - Parameter type: of the weights in memory.
    func load(
        _ purpose: EmbeddingModel.Purpose, overrides: ModelCard.Overrides = .init(), adapter: String? = nil,
        type: ElementType = .float32
    ) throws -> EmbeddingModel {
        Compute.threadCount = threads ?? processorCount
        return try EmbeddingModel(
            loading: path, purpose, overrides: overrides, adapter: adapter.map { FilePath($0) }, type: type,
            settingName: Self.flag)
    }

    /// What a setting is called on the command line of `import` and of tvt-encode.
    private static func flag(_ setting: ModelCard.Setting) -> String {
        switch setting {
        case .pooling: "--pooling mean|cls|last|…"
        case .normalize: "--normalize or --no-normalize"
        case .dims: "tvt-encode --dims N"
        case .endOfText: "--append-eos or --no-append-eos"
        case .attention: "--attention"
        case .instruction: "--instruction"
        case .prompt(let role): "--\(role.rawValue)-prompt TEXT"
        case .promptName(let role): "--\(role.rawValue)-prompt-name"
        case .maxLength(let role): "--\(role.rawValue)-max-length N"
        case .truncateDim, .tokenLayers, .layers, .includesPrompt: setting.description
        }
    }
}

/// Compares a model with its golden vectors, for commands that go on from it.
struct GoldenOption: ParsableArguments {
    @Flag(
        name: .customLong("no-golden-check"),
        help: "Do not compare the vectors of tvt.golden.json with those that the model gives.")
    var skipsGoldenCheck = false

    func check(_ model: EmbeddingModel) throws {
        let file = GoldenCheck.file(of: model)
        guard !skipsGoldenCheck else {
            if Files.exists(file) { log.notice("\(file) is not checked (--no-golden-check)") }
            return
        }
        if let note = try GoldenCheck.run(model)?.note { log.notice("\(file): \(note)") }
    }
}

/// An adapter over the model, for commands that look at it.
struct AdapterOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, merged into the weights.", valueName: "dir"))
    var adapter: String?
}

extension ModelPreset: ExpressibleByArgument {
    public init?(argument: String) {
        guard let preset = ModelPreset.named(argument) else { return nil }
        self = preset
    }

    public static var allValueStrings: [String] { names }
    public var defaultValueDescription: String { name }
}

extension Poolings: ExpressibleByArgument {}
extension AttentionDirection: ExpressibleByArgument {}
