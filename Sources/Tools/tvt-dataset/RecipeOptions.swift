public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc
public import Recipes
internal import SystemPackage

/// What all subcommands take.
struct RecipeOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The recipe: a name below datasets/, or the path of its file or folder.", valueName: "recipe"))
    var recipe: String

    @Flag(
        name: .long,
        help: "Use the sample beside the recipe instead of the whole set; its store is store/ in the output folder.")
    var sample = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            For raw files that are fetched, vectors, the run and the report (default: dataset-runs/NAME; with --sample \
            .build/datasets/NAME).
            """, valueName: "dir"))
    var output: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where NAME.lock.json goes (default: manifests; with --sample the output folder).", valueName: "dir"))
    var manifests: String?

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func load() throws -> Recipe { try Recipe(named: recipe) }

    func options(_ recipe: Recipe) throws -> RecipeRun.Options {
        let output = FilePath(output ?? (sample ? ".build/datasets/\(recipe.name)" : "dataset-runs/\(recipe.name)"))
        var options = RecipeRun.Options(
            output: output, store: try storeFolder(output),
            manifests: manifests.map { FilePath($0) } ?? (sample ? output : "manifests"), version: tvtVersion)
        options.isSample = sample
        if common.quiet { options.commonArguments.append("--quiet") }
        if common.json { options.outputDescriptor = STDERR_FILENO }
        return options
    }

    /// A sample never gets into the store of whole sets unless it is asked for: it would take the set's name there.
    private func storeFolder(_ output: FilePath) throws -> FilePath {
        sample && store.store == nil ? output.appending("store") : try store.folder()
    }

    /// What is told on the way: on stdout, or on stderr where that is for the result.
    func tell(_ text: String) throws {
        if common.json { writeToStandardError(text) } else { try writeToStandardOutput(text) }
    }
}

/// Where raw files are fetched from, and how.
struct FetchOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            The server that files are fetched from, as URL/repository/resolve/revision/path (default: $TVT_HUB). \
            $TVT_HUB_TOKEN is sent to it, and to no other.
            """, valueName: "url"))
    var hub: String?

    @Option(
        name: .customLong("max-file-bytes"),
        help: ArgumentHelp("The most that is taken of a file whose size the recipe does not say.", valueName: "n"))
    var maxFileBytes = Fetch.Limits().fileBytes

    @Option(
        name: .customLong("min-rate"),
        help: ArgumentHelp(
            "Bytes a second that must come, over half a minute; 0 takes the slowest server.", valueName: "n"))
    var minRate = Fetch.Limits().minimumRate

    func validate() throws {
        guard maxFileBytes > 0 else { throw ValidationError("--max-file-bytes is a number from 1") }
        guard 0...1_000_000_000 ~= minRate else { throw ValidationError("--min-rate is from 0 to 1000000000") }
    }

    func apply(to options: inout RecipeRun.Options) {
        options.hub = hub
        options.limits.fileBytes = maxFileBytes
        options.limits.minimumRate = minRate
    }
}

/// How the retriever computes.
struct RetrieverOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The model's folder, for recipes that mine or measure.", valueName: "dir"))
    var retriever: String?

    @Option(name: .long, help: ArgumentHelp("Of encoding: cpu, cuda or cuda:N.", valueName: "device"))
    var device: String?

    @Option(
        name: .long, help: ArgumentHelp("Of encoding: f32, f16 or bf16 (default: the recipe's).", valueName: "type"))
    var dtype: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Of encoding: how a published model is used, by the name that `tvt-model show` has for it.",
            valueName: "name"))
    var preset: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            "Of encoding: how text and media are put together, as chat=true or frames=24; repeat for several.",
            valueName: "key=value"))
    var inputs: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Of documents with media: give the retriever the media, or texts that stand for them; auto asks the retriever \
            what it takes.
            """, valueName: "auto|media|text"))
    var documents = DocumentView.Choice.auto

    @Flag(
        name: .customLong("no-evaluation"),
        help: "Leave out the recipe's evaluation, as where the raw files of its split are not at hand.")
    var leavesOutEvaluation = false

    func apply(to options: inout RecipeRun.Options) {
        options.leavesOutEvaluation = leavesOutEvaluation
        options.retriever = retriever.map { FilePath($0) }
        options.device = device
        options.precision = dtype
        (options.preset, options.inputs, options.documents) = (preset, inputs, documents)
    }
}

extension DocumentView.Choice: ExpressibleByArgument {}
