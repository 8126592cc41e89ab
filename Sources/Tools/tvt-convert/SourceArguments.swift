internal import ArgumentParser
internal import CommandLineKit
internal import Ingest
internal import RawSources
internal import SystemPackage

/// Files and folders of a source.
struct SourceArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("Files, or folders with the files as they are published.", valueName: "source"))
    var sources: [String]

    func validate() throws { try checkStandardInput(sources) }

    var paths: [FilePath] { sources.map { FilePath($0) } }
}

/// What an adapter of a published set takes.
protocol RawSourceArguments: ConversionArguments {
    func source() throws -> RawSource
}

extension RawSourceArguments {
    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        try Conversions.source(source(), into: destination, reference: reference, options: options)
    }
}

/// Which splits may be trained on.
struct PositivesOption: ParsableArguments {
    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Splits whose judgements above 0 also become the queries' positives, to train on (default: train). All splits "
                + "stay judgements.", valueName: "split"))
    var positives: [String] = []

    /// Nil where none is named.
    var splits: [String]? { positives.isEmpty ? nil : positives }
}
