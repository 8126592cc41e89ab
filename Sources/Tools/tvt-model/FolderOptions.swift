internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import ModelCommandLine
internal import Models
internal import SystemPackage
internal import Tensors

/// Which folder, and how it is loaded.
struct FolderOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The model's folder, or its repository's in the Hub's cache.", valueName: "folder"),
        transform: HubSnapshot.path)
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
            settingName: \.flag)
    }
}

/// An adapter over the model, for commands that look at it.
struct AdapterOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, merged into the weights.", valueName: "dir"))
    var adapter: String?
}
