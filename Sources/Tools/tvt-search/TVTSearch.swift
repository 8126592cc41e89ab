public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
public import Rankings
internal import Search
internal import SystemPackage
internal import Vectors

@main
struct TVTSearch: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-search",
        abstract: "Find each query's nearest documents, exactly.",
        discussion: """
            Scores are inner products of the stored vectors, summed in float64 and written as float32. Ties are \
            broken by docid, descending, as trec_eval does. The result is the same with any number of threads.
            RUN.json beside the run records the models and datasets that it was made from.
            """,
        version: tvtVersion)

    @Option(name: .long, help: ArgumentHelp("Vectors of the queries, a folder of tvt-encode.", valueName: "dir"))
    var queries: String

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Vectors of the documents; several folders are searched as one corpus.", valueName: "dir"))
    var corpus: [String]

    @Option(name: .long, help: ArgumentHelp("Results per query.", valueName: "n"))
    var depth = 100

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The run; - is stdout; .zst, .gz and .xz compress.", valueName: "run"))
    var output: String

    @Option(
        name: .long,
        help: ArgumentHelp(
            "trec: qid Q0 docid rank score tag; tevatron: qid⇥docid⇥score; marco: qid⇥docid⇥rank.", valueName: "format")
    )
    var format: RunFormat = .trec

    @Option(name: .long, help: ArgumentHelp("The last field of a TREC line.", valueName: "word"))
    var tag = "tvt"

    @Flag(name: .customLong("escape-ids"), help: "Write whitespace and % in ids as %XX.")
    var escapesIDs = false

    @Flag(name: .customLong("exclude-self"), help: "Leave out the document that has the query's id.")
    var excludesSelf = false

    @Option(
        name: .long,
        help: ArgumentHelp("Use the leading n dimensions only (Matryoshka models).", valueName: "n"))
    var dims: Int?

    @Flag(
        name: .customLong("allow-mismatch"),
        help: "Search even where the two sides were made by different models, or are of the wrong side.")
    var allowsMismatch = false

    @Flag(name: .long, help: "Compare the SHA-256 of every file of vectors first.")
    var verify = false

    @Option(name: .long, help: ArgumentHelp("Threads (default: all cores).", valueName: "n"))
    var threads: Int?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard depth > 0 else { throw ValidationError("--depth is at least 1") }
        guard dims ?? 1 > 0 else { throw ValidationError("--dims is at least 1") }
        guard threads ?? 1 > 0 else { throw ValidationError("--threads is at least 1") }
        guard !corpus.isEmpty else { throw ValidationError("--corpus names at least one folder") }
        guard !(common.json && output == "-") else { throw ValidationError("--json and --output - share stdout") }
    }

    func run() throws {
        let start = Clock.seconds()
        let queryVectors = try VectorsReader(opening: FilePath(queries))
        let corpusVectors = try corpus.map { try VectorsReader(opening: FilePath($0)) }
        if verify { for reader in [queryVectors] + corpusVectors { try reader.verify() } }
        var options = SearchOptions()
        options.depth = depth
        options.excludesSelf = excludesSelf
        options.dims = dims
        options.allowsMismatch = allowsMismatch
        if let threads { options.threadCount = threads }
        let search = try ExactSearch(queries: queryVectors, corpus: corpusVectors, options: options)
        let writer = try RunWriter(FilePath(output), format: format, tag: tag, escapeIDs: escapesIDs)
        for row in 0..<queryVectors.count { try queryVectors.withID(row) { try writer.requireWritable($0, "query") } }
        let progress = Progress("search", unit: "queries", total: queryVectors.count)
        let summary = try search.run(progress: progress) { try writer.write($0) }
        progress.finish()
        try writer.commit()
        try recordOrigin(queries: queryVectors, corpus: corpusVectors)
        guard common.json else { return }
        let result: JSONValue = [
            "queries": .integer(Int64(summary.queryCount)),
            "documents": .integer(Int64(summary.documentCount)),
            "dims": .integer(Int64(summary.dims)),
            "depth": .integer(Int64(depth)),
            "results": .integer(Int64(summary.resultCount)),
            "excluded": .integer(Int64(summary.excludedCount)),
            "seconds": .number(Clock.seconds() - start),
            "run": .string(output),
        ]
        try writeToStandardOutput(result.pretty())
    }
}

extension TVTSearch {
    /// Writes `RUN.json` beside the run: what it was made from, for whoever records where a run came from.
    private func recordOrigin(queries: VectorsReader, corpus: [VectorsReader]) throws {
        guard output != "-" else { return }
        func side(_ reader: VectorsReader) -> JSONValue {
            let description = reader.manifest.description
            return [
                "model_card": .string(description.modelCard.description),
                "dataset": .string(description.dataset.description),
                "dataset_reference": .string(description.datasetReference),
                "encoding": .object(description.encoding),
            ]
        }
        var origin: JSONObject = [
            "sha256": .string(try SHA256Digest.ofFile(FilePath(output)).hex), "depth": .integer(Int64(depth)),
            "queries": side(queries), "corpus": .array(corpus.map(side)),
        ]
        if let dims { origin["dims"] = .integer(Int64(dims)) }
        try Files.replace(FilePath(output + ".json"), with: JSONValue.object(origin).pretty())
    }
}

extension RunFormat: ExpressibleByArgument {}
