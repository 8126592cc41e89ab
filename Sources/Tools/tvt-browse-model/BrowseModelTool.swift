internal import ArgumentParser
internal import Base
internal import BrowseCommandLine
internal import CommandLineKit
internal import ModelCommandLine
internal import Models
internal import SystemPackage

/// What `tvt-store browse --model` starts in its place.
@main
struct BrowseModelTool: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-browse-model",
        abstract: "Serve what `tvt-store browse --model` asks for; see its --help.", version: tvtVersion)

    @OptionGroup var options: BrowseOptions

    @Option(
        name: .long,
        help: ArgumentHelp("The model's folder, or its repository's in the Hub's cache.", valueName: "dir"),
        transform: HubSnapshot.path)
    var model: String

    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, for its card.", valueName: "dir"))
    var adapter: String?

    @OptionGroup var card: CardOptions

    @Flag(name: .customLong("ignore-media"), help: "Show what the model is given of the text alone.")
    var ignoresMedia = false

    func run() throws {
        try options.serve { dataset in
            let described = try EmbeddingModel(
                withoutWeightsOf: FilePath(model), overrides: card.overrides, adapter: adapter.map { FilePath($0) },
                settingName: \.flag)
            for note in described.notes { log.notice("\(model): \(note)") }
            return try RecordPreviews(described, dataset, ignoresMedia: ignoresMedia)
        }
    }
}
