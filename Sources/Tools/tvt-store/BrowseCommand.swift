internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc

struct BrowseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "browse", abstract: "Look through a dataset in a browser.",
        discussion: """
            Serves a page on this machine and prints its address: queries with their positives, negatives and \
            judgements side by side, documents, images, sounds and videos, how the dataset was made, and its numbers. \
            Ctrl-C ends it (130). Nothing is written, and nothing is fetched that records name elsewhere.
            --model shows beside each record what that model is given of it: the text as prompt and template write it and \
            where it is cut, tokens, pictures as they are resized and cut, the frames that are taken of a video, the \
            spectrogram of a sound. Weights are not read.
            The page needs no network. Whoever reaches the port can read the dataset, so it listens on this machine only \
            unless --host says otherwise. A port that is taken is 73.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(
        in: NumberRange(0...65_535),
        help: ArgumentHelp("The port to listen on; 0 takes any that is free.", valueName: "n"))
    var port = 0
    @Option(
        help: ArgumentHelp("The address to listen on; 0.0.0.0 is all of this machine's.", valueName: "address"))
    var host = "127.0.0.1"

    @OptionGroup(title: "What a model is given") var view: ModelViewOptions

    /// The server is a program of its own, so that this one starts in milliseconds; so is the one that knows models, which
    /// takes seconds to start.
    func run() throws {
        let programName = view.model == nil ? "tvt-browse" : "tvt-browse-model"
        let program = Files.executable().removingLastComponent().appending(programName)
        var arguments = [
            programName, "--store", options.location.location, "--port", String(port), "--host", host, "--log-level",
            options.common.logLevel,
        ]
        if options.common.json { arguments.append("--json") }
        if options.common.quiet { arguments.append("--quiet") }
        arguments += view.arguments + ["--", name]
        let copies = arguments.map { strdup($0) } + [nil]
        execv(program.string, copies)
        throw SystemError.last("start", program)
    }
}
