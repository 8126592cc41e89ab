public import ArgumentParser
internal import Base
public import Browsing
public import CommandLineKit
internal import JSON
internal import Remotes
public import Store

/// Which dataset is served, and where.
public struct BrowseOptions: ParsableArguments {
    @OptionGroup public var location: StoreOption
    @OptionGroup public var common: CommonOptions
    @Argument(help: "The dataset.") public var name: String
    @Option(
        in: NumberRange(0...65_535),
        help: ArgumentHelp("The port to listen on; 0 takes any that is free.", valueName: "n"))
    public var port = 0
    @Option(help: ArgumentHelp("The address to listen on.", valueName: "address")) public var host = "127.0.0.1"

    public init() {}

    /// Serves until the process is interrupted; then throws.
    ///
    /// - Parameter model: makes what shows a model's view of a dataset's records, once the dataset is open.
    public func serve(model: (Dataset) throws -> (any ModelView)? = { _ in nil }) throws {
        try BrowseServer.checkOpenFiles()
        let store = try openStore(location.location)
        let dataset = try store.dataset(name)
        let lease = try store.lease([dataset], purpose: "tvt-store browse")
        defer { withExtendedLifetime(lease) {} }
        let view = try model(dataset)
        if !BrowseServer.isLoopback(host) {
            log.warning("whoever can reach \(host) can read all of \(name): there is no password")
        }
        let printsJSON = common.json
        let server = BrowseServer(try BrowsedDataset(dataset, in: store), model: view, host: host, port: port)
        try server.run { address, port in
            let json: JSONValue = ["address": .string(address), "port": JSONValue(port)]
            try writeToStandardOutput(printsJSON ? json.pretty() : address + "\n")
        }
        try Interruption.check()
    }
}
