public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Ingest
internal import JSON
public import MappedSources
internal import Store

extension RowOptions.MadeIDs: ExpressibleByArgument {}

/// How files of rows are read.
struct RowReadingArguments: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The split, of a folder that has several.", valueName: "name"))
    var split: String?

    @Option(
        name: .long,
        help: ArgumentHelp("comma, tab, semicolon, pipe or a character (default: told from the file).", valueName: "c"))
    var delimiter: String?

    @Flag(
        name: .customLong("quotes"), inversion: .prefixedNo,
        help: "Whether fields of delimited text stand in quotes (default: told from the file).")
    var quotes: Bool?

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Names of the columns, where the first row of delimited text is none of names.", valueName: "name"))
    var columns: [String] = []

    var reading: RowReading {
        var reading = RowReading()
        (reading.delimiter, reading.quotes, reading.columns, reading.split) = (delimiter, quotes, columns, split)
        return reading
    }
}

/// Columns with images, videos and sounds, and ids.
struct MadeRecordArguments: ParsableArguments {
    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Columns to keep in the record: names, patterns, or name=new name.", valueName: "column"))
    var keep: [String] = []

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Columns of images: bytes, or paths with --assets.", valueName: "column"))
    var image: [String] = []

    @Option(name: .long, parsing: .upToNextOption, help: ArgumentHelp("Columns of videos.", valueName: "column"))
    var video: [String] = []

    @Option(name: .long, parsing: .upToNextOption, help: ArgumentHelp("Columns of sounds.", valueName: "column"))
    var audio: [String] = []

    @Option(
        name: .customLong("make-ids"),
        help: ArgumentHelp(
            "Where ids come from that no column has: content, so that equal records are one; or row.", valueName: "how")
    )
    var makeIDs: RowOptions.MadeIDs = .content
}

/// What becomes of a user's own files.
struct OwnDataArguments: ParsableArguments {
    @Flag(
        name: .long,
        help: ArgumentHelp(
            "Convert by the guess, without showing it first; without --dataset its name is made of the file's. Guesses that "
                + "may lose rows or turn pairs round are refused."))
    var yes = false

    @OptionGroup var writing: OptionalDatasetArguments
    @OptionGroup var common: CommonOptions

    func show(text: String, json: JSONValue) throws {
        try writeToStandardOutput(common.json ? json.pretty() : text)
    }

    func take(
        _ reading: ReadingArguments, suggestedName: String,
        _ convert: (Store, String, IngestOptions) throws -> IngestReport
    ) throws {
        // With --yes the name is the one of the command that is shown without it.
        guard let dataset = writing.dataset ?? (yes ? suggestedName : nil) else {
            throw Failure(
                .usage, "--dataset is needed: the name of the new dataset",
                advice: "For example --dataset \(suggestedName).")
        }
        var options = try reading.options()
        try writing.output.complete(&options)
        let store = try Store.create(at: writing.output.store.folder()).refusingKnownNames(
            writing.output.naming.isNew)
        let report = try convert(store, dataset, options)
        try writeToStandardOutput(common.json ? report.json.pretty() : report.summary)
    }
}
