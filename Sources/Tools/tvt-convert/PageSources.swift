internal import ArgumentParser
internal import CommandLineKit
internal import Ingest
internal import RawSources
internal import SystemPackage

struct WikiSSArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "wiki-ss",
        abstract: "Take Wiki-SS: screenshots of Wikipedia's pages, and questions about them.",
        discussion: """
            Parquet. Corpus: docid, image, title, text. Queries: query_id, query or query_text, answers, and lists of \
            positives and negatives, as ids (positive_document_ids) or as passages with a docid (positive_passages). Ids, \
            texts and images stay as they are, and all other columns are kept. Where the name of a file of queries, or its \
            folder, tells a split (train-00000-of-00001.parquet), positives are judged relevant in it; only those of \
            --positives become links too, as do their negatives.
            """)

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Files of queries, or their folders.", valueName: "source"))
    var queries: [String]

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Files of pages, or their folders.", valueName: "source"))
    var corpus: [String]

    @OptionGroup var positives: PositivesOption

    func validate() throws { try checkStandardInput(queries + corpus) }

    func source() throws -> RawSource {
        try .wikiSS(
            queries: queries.map { FilePath($0) }, corpus: corpus.map { FilePath($0) }, positives: positives.splits)
    }
}

struct VidoreArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "vidore",
        abstract: "Take a test set of ViDoRe: pages of documents, and judged queries.",
        discussion: """
            Parquet, of one test set. Version 1: rows of image and query (null for pages that nothing asks for); equal \
            images become one document, whose id is their SHA-256, and all other columns stay with the query. Versions 2 \
            and 3, and sets called _beir: folders corpus, queries, qrels, and docs where there is one; ids stay. \
            Judgements are those of the split test; nothing becomes a positive, so that nobody trains on it by mistake.
            """)

    @OptionGroup var sources: SourceArguments

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Take only the queries whose column language says so (english, fr, …), and their judgements.",
            valueName: "name"))
    var language: String?

    func source() throws -> RawSource {
        try .vidore(sources.paths, language: language)
    }
}
