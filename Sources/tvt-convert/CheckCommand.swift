internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Ingest
internal import JSON
internal import Validation

struct CheckSources: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a source to its end, write nothing, and tell all that is wrong with it.",
        discussion: """
            Takes the arguments of the conversion of the same name. Errors are what would stop the conversion: files that \
            cannot be read, bad records, ids that come twice, links and judgements that lead nowhere, media that are \
            missing or broken. Warnings are fields that differ between files, empty texts and doubtful encodings. Then \
            lengths and languages of texts, links and media are told. Ends with status 65 where there are errors.
            """,
        subcommands: [
            Check<V1Arguments>.self, Check<V2Arguments>.self, Check<TevatronArguments>.self,
            Check<BEIRArguments>.self, Check<WebDatasetArguments>.self, Check<PixmoArguments>.self,
            Check<ColPaliArguments>.self,
        ])
}

/// Reads a source and keeps nothing of it.
struct Check<Arguments: ConversionArguments>: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Arguments.configuration.commandName, abstract: Arguments.configuration.abstract,
            discussion: Arguments.configuration.discussion)
    }

    @OptionGroup var arguments: Arguments
    @OptionGroup var reading: ReadingArguments
    @OptionGroup var common: CommonOptions

    @Option(
        name: .long, help: ArgumentHelp("Show the first n problems of each kind; all are counted.", valueName: "n"))
    var limit = 20

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit is at least 0") }
    }

    func run() throws {
        let validation = Validation(keptCount: limit)
        let ingest = try arguments.convert(to: validation, reference: "check", options: reading.options())
        let report = validation.report
        if common.json {
            var object = report.json
            object["duplicatesMerged"] = JSONValue(ingest.duplicatesMerged)
            object["seconds"] = .number(ingest.seconds)
            try writeToStandardOutput(JSONValue.object(object).pretty())
        } else {
            try writeToStandardOutput(
                report.summary
                    + "read \(byteSize(Double(ingest.parsedBytes))), \(ingest.duplicatesMerged) repeated documents, "
                    + "\(duration(ingest.seconds))\n")
        }
        if report.errorCount > 0 { throw ExitCode(ExitStatus.badData.rawValue) }
    }
}
