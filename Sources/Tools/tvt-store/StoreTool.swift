internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Remotes
internal import Store
internal import StoreFormat

@main
struct StoreTool: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-store",
        abstract: "Look into a store of datasets and keep it in order.",
        discussion: """
            A dataset is named by a reference (pixmo-docs, pixmo-docs@filtered) or by its digest (sha256:…).
            --store (or $TVT_STORE) may be the address of a store on a server, which can be read in place: \
            https://host/path, s3://bucket/prefix. What was read is kept in a cache.
            Exit status: 64 usage, 65 damaged or bad data, 66 no such store, dataset or id, 69 a server does not \
            answer, 73 cannot create, 74 I/O, 75 locked by another writer.
            """,
        version: tvtVersion,
        subcommands: [
            InitCommand.self, ListCommand.self, ShowCommand.self, StatsCommand.self, GetCommand.self,
            CatCommand.self, MediaCommand.self, LogCommand.self, TagCommand.self, RemoveCommand.self,
            VerifyCommand.self,
            ReflogCommand.self, CollectCommand.self, CompactCommand.self, RepairCommand.self,
            DiffCommand.self, DedupCommand.self, OverlapCommand.self, BrowseCommand.self,
            JudgementsCommand.self, SplitCommand.self, HoldOutCommand.self, SampleCommand.self, MergeCommand.self,
            PushCommand.self, PullCommand.self, CacheCommand.self, ExportCommand.self, ImportCommand.self,
        ])
}

extension WriterOptions {
    mutating func apply(_ storage: StorageOptions) {
        if storage.portable { dictionaryBytes = 0 }
        if let frameBytes = storage.frameBytes { self.frameBytes = frameBytes }
    }
}

/// The options of every subcommand.
struct StoreOptions: ParsableArguments {
    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions

    func open() throws -> Store { try openStore(location.location) }

    /// For commands that have no business with a store on a server.
    func openFolder() throws -> Store { try Store(opening: location.folder()) }
}
