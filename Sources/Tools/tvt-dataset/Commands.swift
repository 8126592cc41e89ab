internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Recipes
internal import SystemPackage

struct RunRecipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a recipe to its end.",
        discussion: """
            Ends with the exit status of the stage that fails; run the same command again to go on there. Only one \
            process runs in an output folder at a time.
            """)

    @OptionGroup var recipe: RecipeOptions
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Raw files that are there already: a folder in the published layout, or one file.", valueName: "dir"))
    var raw: String?
    @OptionGroup var fetching: FetchOptions
    @OptionGroup var retriever: RetrieverOptions

    func validate() throws {
        guard !recipe.sample || raw == nil else {
            throw ValidationError("--sample has raw files of its own: without --raw")
        }
    }

    func run() throws {
        let loaded = try recipe.load()
        var options = try recipe.options(loaded)
        options.raw = raw.map { FilePath($0) }
        fetching.apply(to: &options)
        retriever.apply(to: &options)
        let run = try RecipeRun(loaded, options)
        if run.plan.needsRetriever, let view = run.plan.view { try recipe.tell("  \(view)\n") }
        let outcome = try run.run { try tell($0) }
        for difference in outcome.differences { log.warning("\(outcome.lockPath) said otherwise: \(difference)") }
        for note in run.plan.notes { try recipe.tell("\n\(note)\n") }
        guard recipe.common.json else {
            var text = "\n"
            for version in outcome.lock.versions { text += "\(version.reference)  \(version.logicalDigest)\n" }
            if let measured = outcome.lock.evaluation { text += "\(measured)\n" }
            text += "lock    \(outcome.lockPath)\nreport  \(outcome.reportPath)\n"
            return try writeToStandardOutput(text)
        }
        let result: JSONValue = [
            "recipe": .string(loaded.name), "lock": outcome.lock.json, "lock_path": .string(outcome.lockPath.string),
            "report_path": .string(outcome.reportPath.string), "ran": .array(outcome.ranStages.map { .string($0) }),
            "skipped": .array(outcome.skippedStages.map { .string($0) }),
            "differences": .array(outcome.differences.map { .string($0) }),
        ]
        try writeToStandardOutput(result.pretty())
    }

    private func tell(_ event: RecipeRun.Event) throws {
        switch event {
        case .fetching: try recipe.tell("▶ fetch\n")
        case .fetched(let report): try recipe.tell(report.text)
        case .skipping(let stage): try recipe.tell("✓ \(stage.name) (done before)\n")
        case .starting(let stage, let command): try recipe.tell("▶ \(stage.name)\n  \(shellQuoted(command))\n")
        case .finished(_, let seconds): try recipe.tell("  (\(duration(seconds)))\n")
        }
    }
}

extension Fetch.Report {
    fileprivate var text: String {
        "  \(fetchedCount) files fetched, \(byteSize(fetchedBytes)); \(presentCount) were there already\n"
    }
}

struct FetchRecipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Get a recipe's raw files only, into OUTPUT/fetched.",
        discussion: """
            What was broken off goes on where it stopped; sizes and SHA-256 are those of the recipe, where it has them: a \
            server that sends another file, or more, is 65, and one that sends too slowly is 69.
            """)

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var fetching: FetchOptions

    func validate() throws {
        guard !recipe.sample else { throw ValidationError("a sample lies beside its recipe: nothing is fetched") }
    }

    func run() throws {
        let loaded = try recipe.load()
        var options = try recipe.options(loaded)
        fetching.apply(to: &options)
        var report = Fetch.Report()
        let folder = try RecipeRun(loaded, options).fetchOnly {
            if case .fetched(let fetched) = $0 { report = fetched }
        }
        guard recipe.common.json else { return try writeToStandardOutput("\(folder)\n" + report.text) }
        let result: JSONValue = [
            "folder": .string(folder.string), "fetched": JSONValue(report.fetchedCount),
            "bytes": JSONValue(report.fetchedBytes), "present": JSONValue(report.presentCount),
            "retries": JSONValue(report.retryCount),
        ]
        try writeToStandardOutput(result.pretty())
    }
}

struct PlanRecipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would be run, and run nothing.",
        discussion: "The commands work in the output folder, where raw is a link to the raw files.")

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var retriever: RetrieverOptions

    func run() throws {
        let loaded = try recipe.load()
        var options = try recipe.options(loaded)
        retriever.apply(to: &options)
        let plan = try RecipePlan(loaded, options)
        guard !recipe.common.json else {
            var result: JSONObject = [
                "recipe": .string(loaded.name),
                "fetch": .array((recipe.sample ? [] : loaded.source?.files ?? []).map { .string($0.path) }),
                "stages": .array(
                    plan.stages.map {
                        ["name": .string($0.name), "command": .array(([$0.tool] + $0.arguments).map { .string($0) })]
                    }),
            ]
            result["documents"] = plan.view.map { ["form": .string($0.name), "reason": .string($0.reason)] }
            result["stop"] = plan.stop.map { .string($0) }
            result["unmeasured"] = plan.unmeasured.map { .string($0) }
            return try writeToStandardOutput(JSONValue.object(result).pretty())
        }
        var text = "# \(loaded.title)\n"
        if recipe.sample {
            text += "# raw is \(loaded.sampleFolder)\n"
        } else if let source = loaded.source {
            text += "# raw: \(source.files.count) files of {hub}/\(source.repository)/resolve/\(source.revision)/\n"
            for file in source.files {
                text += "#   \(file.path)" + (file.size.map { ", \(byteSize($0))" } ?? "") + "\n"
            }
        } else {
            text += "# raw is what --raw names\n"
        }
        if plan.needsRetriever, let encoding = loaded.encoding { text += "# {retriever}: \(encoding.retriever)\n" }
        if plan.needsRetriever, let view = plan.view { text += "# \(view)\n" }
        var values = ["store": options.store.string]
        values["retriever"] = retriever.retriever
        for stage in plan.stages { text += shellQuoted([stage.tool] + stage.arguments(with: values)) + "\n" }
        for note in plan.notes { text += "# \(note)\n" }
        try writeToStandardOutput(text)
    }
}

struct ReportRecipe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write report.html and report.json of a run again.")

    @OptionGroup var recipe: RecipeOptions

    func run() throws {
        let loaded = try recipe.load()
        let path = try RecipeRun(loaded, try recipe.options(loaded)).report()
        try writeToStandardOutput(
            recipe.common.json ? JSONValue.object(["report": .string(path.string)]).pretty() : "\(path)\n")
    }
}
