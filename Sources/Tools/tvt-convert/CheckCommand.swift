internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Ingest
internal import Inspection
internal import JSON
internal import MappedSources
internal import RawSources
internal import SystemPackage
internal import Validation

struct CheckSources: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a source to its end, write nothing, and tell all that is wrong with it.",
        discussion: """
            Takes files, archives or folders, whose layout is told by their names and first rows; or the name of a \
            conversion with its arguments. Errors are what would stop the conversion: files that cannot be read, bad \
            records, ids that come twice, links and judgements that lead nowhere, media that are missing or broken. \
            Warnings are files that are not read, parts that are missing, fields that differ between files, blank texts and \
            doubtful encodings. Then lengths and languages of texts, links and media are shown. Ends with status 65 where \
            there are errors.
            """,
        subcommands: [CheckGuessed.self, Check<RowsArguments>.self, Check<CorpusArguments>.self]
            + allConversions.map { checkingCommand($0) },
        defaultSubcommand: CheckGuessed.self)
}

private func checkingCommand<Arguments: ConversionArguments>(_: Arguments.Type) -> any ParsableCommand.Type {
    Check<Arguments>.self
}

/// How a check reads, and what it tells.
struct CheckOptions: ParsableArguments {
    @OptionGroup var reading: ReadingArguments
    @OptionGroup var common: CommonOptions

    @Option(
        in: .shownItems, help: ArgumentHelp("Show the first n problems of each kind; all are counted.", valueName: "n"))
    var limit = 20

    /// - Parameter unread: files beside the source.
    func check(_ source: some ConversionArguments, as layout: String, unread: [FilePath] = []) throws {
        let validation = Validation(keptCount: limit)
        if !unread.isEmpty { validation.warn(.unreadFile, unread.map(\.string)) }
        let ingest = try source.convert(to: validation, reference: "check", options: reading.options(mediaCheck: .full))
        let report = validation.report
        if common.json {
            var object = report.json
            object["layout"] = .string(layout)
            object["duplicates_merged"] = JSONValue(ingest.duplicatesMerged)
            object["seconds"] = .number(ingest.seconds)
            try writeToStandardOutput(JSONValue.object(object).pretty())
        } else {
            try writeToStandardOutput(
                report.summary
                    + "read as \(layout): \(byteSize(ingest.parsedBytes)), \(ingest.duplicatesMerged) repeated "
                    + "documents, \(duration(ingest.seconds))\n")
        }
        if report.errorCount > 0 { throw ExitCode(ExitStatus.badData.rawValue) }
    }
}

/// Reads a source of a known layout and keeps nothing of it.
struct Check<Arguments: ConversionArguments>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: name, abstract: Arguments.configuration.abstract,
            discussion: Arguments.configuration.discussion)
    }

    private static var name: String { Arguments.configuration.commandName ?? "" }

    @OptionGroup var arguments: Arguments
    @OptionGroup var options: CheckOptions

    func run() throws { try options.check(arguments, as: Self.name) }
}

/// Reads a source whose layout is told by its names and first rows.
struct CheckGuessed: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guess", abstract: "Files, archives or folders whose layout is found out (the default).")

    @Argument(help: ArgumentHelp("Files, archives or folders.", valueName: "source"))
    var sources: [String]

    @OptionGroup var options: CheckOptions

    func run() throws {
        let guess = try guess()
        let name = guess.arguments[0]
        func check<Arguments: ConversionArguments>(_: Arguments.Type) throws {
            guard let arguments = try? Arguments.parse(Array(guess.arguments.dropFirst())) else {
                throw Failure(
                    .usage, "\(sources.joined(separator: " ")): this looks like a part of \(name)",
                    advice: "Name all of it: tvt-convert check \(name) --help says what that is.")
            }
            try options.check(arguments, as: name, unread: guess.unread)
        }
        guard let conversion = allConversions.first(where: { $0.configuration.commandName == name }) else {
            throw Failure(.bug, "no conversion \(name)")
        }
        try check(conversion)
    }

    /// The conversion that fits, with its arguments.
    ///
    /// - Throws: `Failure` with status 64 where none does; of files of rows it names the columns.
    private func guess() throws -> SourceGuess {
        let paths = sources.map { FilePath($0) }
        do {
            return try SourceGuess(paths)
        } catch let failure as Failure where failure.exitStatus == .usage {
            guard let plan = try? RowPlan(paths, RowOptions()), plan.columnNames.count > 1 else { throw failure }
            throw Failure(
                .usage, "\(failure.message); the columns are \(plan.columnNames.joined(separator: ", "))",
                advice: "`tvt-convert rows \(sources.joined(separator: " "))` shows how to take rows with any columns, "
                    + "`tvt-convert check rows …` checks them.")
        }
    }
}
