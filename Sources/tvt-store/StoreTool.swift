internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Store

@main
struct StoreTool: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-store",
        abstract: "Look into a store of datasets and keep it in order.",
        discussion: """
            A dataset is named by a reference (pixmo-docs, pixmo-docs@filtered) or by its digest (sha256:…).
            Exit status: 64 usage, 65 damaged or bad data, 66 no such store, dataset or id, 73 cannot create, \
            74 I/O, 75 locked by another writer.
            """,
        version: tvtVersion,
        subcommands: [
            InitCommand.self, ListCommand.self, ShowCommand.self, StatsCommand.self, GetCommand.self,
            CatCommand.self, LogCommand.self, TagCommand.self, RemoveCommand.self, VerifyCommand.self,
            ReflogCommand.self, CollectCommand.self, CompactCommand.self, RepairCommand.self,
            CatCommand.self, LogCommand.self, DiffCommand.self, DedupCommand.self,
            OverlapCommand.self, TagCommand.self, RemoveCommand.self, VerifyCommand.self,
        ])
}

/// The options of every subcommand.
struct StoreOptions: ParsableArguments {
    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions

    func open() throws -> Store { try Store(opening: location.path) }
}
