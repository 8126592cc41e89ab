internal import ArgumentParser
internal import BrowseCommandLine
internal import CommandLineKit

/// What `tvt-store browse` starts in its place.
@main
struct BrowseTool: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-browse", abstract: "Serve what `tvt-store browse` asks for; see its --help.",
        version: tvtVersion)

    @OptionGroup var options: BrowseOptions

    func run() throws { try options.serve() }
}
