internal import ArgumentParser
internal import Store
internal import Base
internal import Browsing
internal import CommandLineKit
internal import JSON
internal import Remotes

/// What `tvt-store browse` starts in its place.
@main
struct BrowseTool: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-browse", abstract: "Serve what `tvt-store browse` asks for; see its --help.",
        version: tvtVersion)

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Argument(help: "The dataset.") var name: String
    @Option(
        in: NumberRange(0...65_535),
        help: ArgumentHelp("The port to listen on; 0 takes any that is free.", valueName: "n"))
    var port = 0
    @Option(help: ArgumentHelp("The address to listen on.", valueName: "address")) var host = "127.0.0.1"

    func run() throws {
        try BrowseServer.checkOpenFiles()
        let store = try openStore(location.location)
        let dataset = try store.dataset(name)
        let lease = try store.lease([dataset], purpose: "tvt-store browse")
        defer { withExtendedLifetime(lease) {} }
        if !BrowseServer.isLoopback(host) {
            log.warning("whoever can reach \(host) can read all of \(name): there is no password")
        }
        let printsJSON = common.json
        try BrowseServer(try BrowsedDataset(dataset, in: store), host: host, port: port).run { address, port in
            let json: JSONValue = ["address": .string(address), "port": JSONValue(port)]
            try writeToStandardOutput(printsJSON ? json.pretty() : address + "\n")
        }
        try Interruption.check()
    }
}
