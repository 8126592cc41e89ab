public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import OpenBLAS
internal import Processes
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
            RUN.json beside the run records its format, whether its ids are escaped, and the models and datasets that \
            it was made from.

            Example:
              tvt-search --queries v/queries --corpus v/corpus --output first.run

            The folders of a corpus must be the shards of one encoding, all of them and each once.

            Several processes, which --processes, torchrun --no-python, srun or mpirun start, divide the documents, and \
            the first merges what they find: the run is that of one process, and each needs memory for its share of the \
            vectors only. They meet at files beside the run.
              tvt-search --queries v/queries --corpus v/corpus --output first.run --processes 4
              srun --ntasks 8 tvt-search --queries v/queries --corpus v/corpus --output first.run
            """,
        version: tvtVersion)

    @Option(name: .long, help: ArgumentHelp("Vectors of the queries, a folder of tvt-encode.", valueName: "dir"))
    var queries: String

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Vectors of the documents; several folders are searched as one corpus.", valueName: "dir"))
    var corpus: [String]

    @Option(
        name: .customLong("depth"), in: NumberRange(1...1_000_000_000),
        help: ArgumentHelp("Results per query (default: 100).", valueName: "n"))
    var givenDepth: Int?

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

    @Option(name: .long, help: ArgumentHelp("The last field of a TREC line (default: tvt).", valueName: "word"))
    var tag: String?

    @Flag(name: .customLong("escape-ids"), help: "Write whitespace and % in ids as %XX; RUN.json records it.")
    var escapesIDs = false

    @Flag(name: .customLong("exclude-self"), help: "Leave out the document that has the query's id.")
    var excludesSelf = false

    @Option(
        in: NumberRange(1...65_536),
        help: ArgumentHelp("Use the leading n dimensions only (Matryoshka models).", valueName: "n"))
    var dims: Int?

    @Flag(
        name: .customLong("allow-mismatch"),
        help: """
            Search even where the two sides were made by different models or are of the wrong side, and corpora of \
            different datasets, models or prompts as one.
            """)
    var allowsMismatch = false

    @Flag(name: .customLong("allow-missing"), help: "Search without shards that are missing; they are counted.")
    var allowsMissing = false

    @Flag(name: .long, help: "Compare the SHA-256 of every file of vectors first; that of ids always is.")
    var verify = false

    @Option(
        in: .threads,
        help: ArgumentHelp(
            "Threads (default: all cores; of several processes on a machine, each has its share).", valueName: "n"))
    var threads: Int?

    @OptionGroup var processes: ProcessesOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !corpus.isEmpty else { throw ValidationError("--corpus names at least one folder") }
        guard !(common.json && output == "-") else { throw ValidationError("--json and --output - share stdout") }
        if let count = processes.processes, count > 1, output == "-" { throw Self.meetsNowhere(count) }
    }

    func run() throws {
        let start = Clock.seconds()
        let file = FilePath(output)
        let place = try processes.place(resuming: "Run the same command again.")
        if let place, output == "-" { throw Self.meetsNowhere(place.size) }
        let queryVectors = try VectorsReader(opening: FilePath(queries))
        let corpusVectors = try corpus.map { try VectorsReader(opening: FilePath($0)) }
        let work = try place.map { try JointWork($0, on: file, purpose: "tvt-search") }
        defer { withExtendedLifetime(work) {} }
        let isFirst = work?.isFirst ?? true
        let lock =
            output == "-" || !isFirst
            ? nil
            : try OutputLock(
                for: file, with: [RunSidecar.path(of: file)], purpose: "tvt-search", orStandardOutput: true)
        defer { withExtendedLifetime(lock) {} }
        if lock != nil, work == nil { try JointWork.removeRemains(beside: file) }
        if verify {
            for reader in [queryVectors] + corpusVectors {
                try reader.verify(share: place?.rank ?? 0, of: place?.size ?? 1)
            }
        }
        let blas = try OpenBLAS()
        let search = try ExactSearch(
            queries: queryVectors, corpus: corpusVectors,
            options: options(processesOnThisMachine: place?.localSize ?? 1)
        ) {
            blas.rowsTimesRows($0, rows: $1, $2, otherRows: $3, columns: $4, into: $5)
        }
        try work?.begin(identity(queryVectors, corpusVectors))
        let progress = Progress("search", unit: "queries", total: queryVectors.count)
        if let work, !isFirst {
            _ = try JointSearch(search, work).run { _ in }
            return
        }
        let writer = try RunWriter(file, format: format, tag: tag ?? "tvt", escapeIDs: escapesIDs)
        for row in 0..<queryVectors.count { try queryVectors.withID(row) { try writer.requireWritable($0, "query") } }
        let summary =
            try work.flatMap { try JointSearch(search, $0).run(progress: progress) { try writer.write($0) } }
            ?? search.run(progress: progress) { try writer.write($0) }
        progress.finish()
        try writer.commit(origin: origin(queries: queryVectors, corpus: corpusVectors, summary))
        noteIdleOptions(summary, escapedIDCount: writer.escapedIDCount)
        guard common.json else { return }
        let result: JSONValue = [
            "queries": .integer(Int64(summary.queryCount)),
            "documents": .integer(Int64(summary.documentCount)),
            "dims": .integer(Int64(summary.dims)),
            "depth": .integer(Int64(depth)),
            "results": .integer(Int64(summary.resultCount)),
            "excluded": .integer(Int64(summary.excludedCount)),
            "missing_queries": .integer(Int64(summary.missingQueryCount)),
            "missing_documents": .integer(Int64(summary.missingDocumentCount)),
            "left_out_queries": .integer(Int64(summary.leftOutQueryCount)),
            "left_out_documents": .integer(Int64(summary.leftOutDocumentCount)),
            "escaped_ids": .integer(Int64(writer.escapedIDCount)),
            "seconds": .number(Clock.seconds() - start),
            "run": .string(output),
        ]
        try writeToStandardOutput(result.pretty())
    }
}

extension TVTSearch {
    private var depth: Int { givenDepth ?? 100 }

    private static func meetsNowhere(_ count: Int) -> ValidationError {
        ValidationError("--output - and \(count) processes: they meet at files beside the run; name a file")
    }

    /// What the processes of a search must have in common.
    private func identity(_ queries: VectorsReader, _ corpus: [VectorsReader]) -> SHA256Digest {
        let folders = ([queries] + corpus).map { SHA256Digest.of($0.manifest.json.canonical()).hex }
        let choices = ["\(depth)", "\(excludesSelf)", "\(dims ?? 0)"]
        return SHA256Digest.of(Array((folders + choices).joined(separator: " ").utf8))
    }

    private func options(processesOnThisMachine count: Int) -> SearchOptions {
        var options = SearchOptions()
        options.threadCount = max(1, options.threadCount / count)
        options.depth = depth
        options.excludesSelf = excludesSelf
        options.dims = dims
        options.allowsMismatch = allowsMismatch
        options.allowsMissing = allowsMissing
        if let threads { options.threadCount = threads }
        return options
    }

    /// What the run was made from, for whoever records where a run came from.
    private func origin(queries: VectorsReader, corpus: [VectorsReader], _ summary: SearchSummary) -> JSONObject {
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
            "depth": .integer(Int64(depth)), "queries": side(queries), "corpus": .array(corpus.map(side)),
        ]
        if let dims { origin["dims"] = .integer(Int64(dims)) }
        if allowsMissing {
            origin["missing_queries"] = JSONValue(summary.missingQueryCount)
            origin["missing_documents"] = JSONValue(summary.missingDocumentCount)
        }
        if summary.leftOutQueryCount > 0 { origin["left_out_queries"] = JSONValue(summary.leftOutQueryCount) }
        if summary.leftOutDocumentCount > 0 { origin["left_out_documents"] = JSONValue(summary.leftOutDocumentCount) }
        return origin
    }

    /// Says which options found nothing to act on.
    private func noteIdleOptions(_ summary: SearchSummary, escapedIDCount: Int) {
        if tag != nil, format != .trec { log.warning("--tag: a \(format.rawValue) run has no place for it") }
        if escapesIDs, escapedIDCount == 0 { log.notice("--escape-ids: no id needed to be escaped") }
        if excludesSelf, summary.excludedCount == 0 {
            log.warning("--exclude-self: no query found a document that has its id")
        }
        if let givenDepth, givenDepth > summary.documentCount {
            log.notice("--depth \(givenDepth): the corpus has \(summary.documentCount) documents only")
        }
    }
}

extension RunFormat: ExpressibleByArgument {}
