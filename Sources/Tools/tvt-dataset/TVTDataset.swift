internal import ArgumentParser
internal import CommandLineKit

@main
struct TVTDataset: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-dataset",
        abstract: "Make datasets by their recipes: fetch, convert, encode, filter, mine.",
        discussion: """
            A recipe is datasets/NAME/recipe.yaml. Its stages are commands of tvt-convert, tvt-encode, tvt-search and \
            tvt-mine, which are shown; a stage that is done is not run again. What came out is written to \
            NAME.lock.json, to the digest, and to report.html.
            """,
        version: tvtVersion,
        subcommands: [RunRecipe.self, FetchRecipe.self, PlanRecipe.self, ReportRecipe.self])
}
