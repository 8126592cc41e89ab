internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Mining

struct Filter: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep the queries that have a positive near the top of a run.",
        discussion: """
            Positives are the dataset's positive links and judgements above grade 0, of any split, and the duplicates \
            of them that tvt-store dedup found. Dropped queries are counted by reason: best positive below the depth, \
            no positive in the run, no positives known, query not in the run.

            Example:
              tvt-mine filter nave --run nave.run --depth 100 --as nave@filtered
            """)

    @OptionGroup var source: MiningSource

    @Option(
        in: NumberRange(1...1_000_000_000),
        help: ArgumentHelp("The best positive's rank must be at most this.", valueName: "n"))
    var depth = 100

    func run() throws {
        try source.mine { dataset, run, store, progress in
            let filter = RecallFilter(depth: depth, tolerance: source.tolerance)
            let (derived, report) = try filter.derive(
                from: dataset, run: run, as: source.reference, in: store, tool: "tvt-mine filter \(tvtVersion)",
                progress: progress)
            return (derived, report.json, report.text)
        }
    }
}
