internal import ArgumentParser
internal import CommandLineKit

@main
struct TVTDataset: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-dataset",
        abstract: "Make datasets by their recipes: fetch, convert, encode, filter, mine, measure.",
        discussion: """
            A recipe is datasets/NAME/recipe.yaml. Its stages are commands of tvt-convert, tvt-encode, tvt-search, \
            tvt-mine and tvt-eval, which are shown; a stage that is done is not run again. What came out is written to \
            NAME.lock.json, to the digest, and to report.html. Where a recipe has an evaluation, the retriever is \
            measured on its judged queries, as nDCG@5 on the pages of vidore: evaluation.json in the output folder.
            """,
        version: tvtVersion,
        subcommands: [RunRecipe.self, FetchRecipe.self, PlanRecipe.self, ReportRecipe.self])
}
