public import ArgumentParser
public import Base
internal import Glibc

/// A `tvt-…` executable or one of its subcommands: a `ParsableCommand` whose errors end the process with the exit
/// status that they carry.
///
/// The root command of a tool is marked `@main`; subcommands conform to `ParsableCommand` as usual.
public protocol Tool: ParsableCommand {
    /// What must happen before anything else does in the process; nothing by default.
    static func prepareProcess()

    /// The error for a first argument that is not a subcommand, of a tool that has some.
    static func failure(forUnknownSubcommand word: String) -> Failure
}

extension Tool {
    public static func prepareProcess() {}

    public static func failure(forUnknownSubcommand word: String) -> Failure {
        let near = names(near: word, among: subcommandNames, atMost: 3)
        return Failure(
            .usage, "there is no subcommand \"\(word)\"",
            advice: (near.isEmpty ? "" : "Did you mean \(near.joined(separator: ", "))? ")
                + "`\(toolName) --help` lists all.")
    }

    /// Names and aliases.
    public static var subcommandNames: [String] {
        configuration.subcommands.flatMap { command in
            [command.configuration.commandName ?? command._commandName] + command.configuration.aliases
        }
    }

    public static func main() {
        prepareProcess()
        Interruption.install()
        // A pipe that nobody reads and a file beyond `ulimit -f` are errors of the call: what is half done is removed on
        // the way out, and a log that nobody reads stops nothing.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        do {
            try checkArguments()
            try checkSubcommand()
            var command = try parseAsRoot()
            try command.run()
        } catch {
            end(with: error)
        }
    }

    /// ArgumentParser would take the word for an argument of the tool, and complain of the options behind it.
    private static func checkSubcommand() throws {
        guard !configuration.subcommands.isEmpty, configuration.defaultSubcommand == nil,
            let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), word != "help",
            !subcommandNames.contains(word)
        else { return }
        throw failure(forUnknownSubcommand: word)
    }

    /// Swift would repair bytes that are not UTF-8, and the tool would read or make a file of another name.
    private static func checkArguments() throws {
        func check(_ text: UnsafePointer<CChar>, _ what: String) throws {
            let bytes = UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
            guard String(validating: bytes, as: UTF8.self) == nil else { return }
            throw Failure(
                .usage, "\(what) is not valid UTF-8: \(escaped(bytes))",
                advice: "Go into the folder and name it by \".\", or reach it through a link with another name.")
        }
        for number in 1..<max(1, Int(CommandLine.argc)) {
            if let argument = CommandLine.unsafeArgv[number] { try check(argument, "argument \(number)") }
        }
        if let store = getenv("TVT_STORE") { try check(store, "$TVT_STORE") }
    }

    /// Prints the error on stderr and ends the process with its status.
    static func end(with error: any Error) -> Never {
        let status = ExitStatus(for: error)
        switch error {
        case is OutputClosed:
            if let finished = FinishedWork.summary { writeToStandardError("\(toolName): \(finished)\n") }
            endByBrokenPipe()
        case let error as any StatusError:
            let finished = FinishedWork.summary.map { "  \($0)\n" } ?? ""
            writeToStandardError("\(toolName): \(status == .interrupted ? "" : "error: ")\(error)\n\(finished)")
        default:
            // ArgumentParser's own errors (unknown option, help request) know how to present themselves.
            let code = exitCode(for: error)
            guard code == .failure, !(error is ExitCode) else { end(with: fullMessage(for: error), code.rawValue) }
            writeToStandardError("\(toolName): error: \(error)\n")
        }
        leave(status.rawValue)
    }

    /// Ends the process without what `exit` does: a server's threads may still be at work, and must not find the objects of
    /// libraries destroyed under them.
    private static func leave(_ status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }

    /// Prints what ArgumentParser has to say: help on stdout, misuse on stderr.
    private static func end(with message: String, _ status: Int32) -> Never {
        if status != 0 {
            if !message.isEmpty { writeToStandardError(message + "\n") }
        } else if !message.isEmpty {
            do { try writeToStandardOutput(message + "\n") } catch { end(with: error) }
        }
        leave(status)
    }

    /// Ends as a process does that lets SIGPIPE end it.
    private static func endByBrokenPipe() -> Never {
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        signal(SIGPIPE, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &pipe, nil)
        raise(SIGPIPE)
        leave(ExitStatus.io.rawValue)
    }

    private static var toolName: String { configuration.commandName ?? _commandName }
}

/// The version of all tools; recorded in manifests.
public let tvtVersion = "0.1.0"
