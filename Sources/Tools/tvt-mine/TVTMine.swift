public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Mining
public import Rankings
internal import Store
internal import SystemPackage

@main
struct TVTMine: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-mine",
        abstract: "Make better training sets from a run.",
        discussion: """
            Writes a new version of the dataset; its manifest records the run's digest, the options, the seed and \
            what was counted. What RUN.json beside a run of tvt-search says of its format and its ids holds.

            Example:
              tvt-mine filter nave --run nave.run --depth 100 --as nave@filtered
              tvt-mine negatives nave --run nave.run --count 7 --seed 42 --as nave@mined
            """,
        version: tvtVersion,
        subcommands: [Filter.self, Negatives.self])
}

/// What both subcommands take.
struct MiningSource: ParsableArguments {
    @Argument(help: "The dataset.")
    var name: String

    @Option(
        name: .long,
        help: ArgumentHelp("Results for its queries over its corpus; .gz, .zst and .xz are read.", valueName: "run"))
    var run: String

    @Option(
        name: .long,
        help: ArgumentHelp("trec, tevatron or marco (default: by RUN.json, else by the lines).", valueName: "format"))
    var format: RunFormat?

    @Flag(
        name: .customLong("escape-ids"),
        help: "The run's ids are percent-escaped; RUN.json says so where tvt-search wrote it.")
    var hasEscapedIDs = false

    @Option(name: .customLong("as"), help: ArgumentHelp("Name of the new version.", valueName: "ref"))
    var reference: String

    @OptionGroup var naming: NamingOptions

    @Flag(
        name: .customLong("ignore-unknown"),
        help: "Skip results whose document is not in the dataset, instead of failing; they keep their rank.")
    var ignoresUnknown = false

    @Option(
        name: .customLong("max-unknown"), in: NumberRange(0.0...1.0),
        help: ArgumentHelp(
            """
            The largest share of a run's queries that may be unknown where it lacks queries of the dataset, and of its \
            results with --ignore-unknown; from 0 to 1. Unknown ids are always counted.
            """, valueName: "share"))
    var largestUnknownShare = UnknownTolerance.defaultShare

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard run != "-" else { throw ValidationError("the run must be a file: its digest is recorded") }
    }

    var tolerance: UnknownTolerance {
        UnknownTolerance(ignoresDocuments: ignoresUnknown, largestShare: largestUnknownShare)
    }

    /// Runs one kind of mining and prints its report.
    func mine(
        _ derive: (Dataset, MiningRun, Store, Progress) throws -> (Dataset, json: JSONObject, text: String)
    ) throws {
        let store = try Store(opening: store.folder()).refusingKnownNames(naming.isNew)
        // Whatever could fail at the end fails at the start.
        try store.checkNewName(reference)
        let dataset = try store.dataset(name)
        let lease = try store.lease([dataset], purpose: "tvt-mine")
        defer { withExtendedLifetime(lease) {} }
        let run = try MiningRun(FilePath(run), format: format, hasEscapedIDs: hasEscapedIDs)
        let progress = Progress("mine", unit: "queries")
        let (derived, json, text) = try derive(dataset, run, store, progress)
        if common.json {
            var object = json
            object["reference"] = .string(reference)
            object["dataset"] = .string(derived.digest.description)
            try writeToStandardOutput(JSONValue.object(object.inSnakeCase).pretty())
        } else {
            try writeToStandardOutput(text + "\n\(reference) is now \(derived.digest)\n")
        }
    }
}

extension RunFormat: ExpressibleByArgument {}
