public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Ingest
internal import RawSources
internal import SystemPackage

extension LinkScores: ExpressibleByArgument {}

/// What becomes of scores beside passages.
struct ScoreOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Scores of passages: links makes them scores of the links, which either all queries have or none; fields "
                + "keeps them with the queries that have them, as pos_scores and neg_scores; drop leaves them out.",
            valueName: "where"))
    var scores: LinkScores?
}

struct BGEArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "bge",
        abstract: "Take BGE's training data: queries with texts that answer them and texts that do not.",
        discussion: """
            JSON Lines or Parquet with query, pos, neg, pos_scores, neg_scores, prompt, type, category, as bge-full-data \
            and FlagEmbedding have them. A text becomes a document, whose id is a hash of it; equal texts are one. A text \
            that comes twice in a list is one link, and one that is in both lists stays among the positives only; both \
            are counted. All other columns stay with the query, with source, the name of the file (or of its folder, \
            where the file is called train). Of a folder all .jsonl and .parquet files are taken.

            Where only some files have scores, --scores links (the default) stops at the first that differs: convert the \
            two kinds into datasets of their own, or keep the scores as fields.
            """)

    @OptionGroup var sources: SourceArguments
    @OptionGroup var score: ScoreOption

    func source() throws -> RawSource { try .bge(sources.paths, scores: score.scores ?? .links) }
}

struct MSMARCOArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "msmarco",
        abstract: "Take MS MARCO's passage ranking, as it is published.",
        discussion: """
            Reads collection.tsv, queries.*.tsv and qrels.*.tsv (and those of TREC's deep learning tracks, \
            msmarco-test2019-queries.tsv and 2019qrels-pass.txt) from folders, packed or not, from the published tars \
            (collectionandqueries.tar.gz, queries.tar.gz; each part is read from the tar's start), or named one by one. \
            Queries of all files are joined; every file of judgements is a split of its name (train, dev.small).

            Triples become negatives with --triples: about 250 bytes of memory a query, and 4 to 8 a negative. The same \
            set as Tevatron publishes it (msmarco-passage, JSON Lines with positive_passages) is for v1-to-v2.
            """)

    @OptionGroup var sources: SourceArguments

    @OptionGroup var positives: PositivesOption

    @Option(
        name: .long,
        help: ArgumentHelp(
            "qidpidtriples.*.tsv (query, positive, negative): the first different negatives of each query become links.",
            valueName: "file"))
    var triples: String?

    @Option(
        name: .customLong("negatives-per-query"), in: NumberRange(1...1_000_000),
        help: ArgumentHelp("Negatives that a query gets of --triples, at most (default: 32).", valueName: "n"))
    var negativesPerQuery: Int?

    func validate() throws {
        guard negativesPerQuery == nil || triples != nil else {
            throw ValidationError("--negatives-per-query goes with --triples")
        }
    }

    func source() throws -> RawSource {
        try .msmarco(
            sources.paths, positives: positives.splits, triples: triples.map { FilePath($0) },
            negativesPerQuery: negativesPerQuery ?? 32)
    }
}

struct MIRACLArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "miracl",
        abstract: "Take a language of MIRACL, as it is published.",
        discussion: """
            Reads miracl-corpus-v1.0-<language>/docs-*.jsonl and, of miracl-v1.0-<language>, topics and qrels, from \
            folders, packed or not. One language is one dataset; every file of judgements is a split. The same set with \
            positive_passages and negative_passages in its rows is for v1-to-v2.

            Passages that people judged not to answer (grade 0) are what MIRACL publishes as negative_passages: they \
            become negatives of the training split. As judgements of grade 0 they stay in any case.
            """)

    @OptionGroup var sources: SourceArguments

    @Option(name: .long, help: ArgumentHelp("Which language (sw, ja, …), where there are several.", valueName: "code"))
    var language: String?

    @OptionGroup var positives: PositivesOption

    @Flag(
        name: .customLong("negatives-from-judgements"), inversion: .prefixedNo,
        help: "Judgements of grade 0 of those splits also become negatives.")
    var negativesFromJudgements = true

    func source() throws -> RawSource {
        try .miracl(
            sources.paths, language: language, positives: positives.splits,
            negativesFromJudgements: negativesFromJudgements)
    }
}

extension DPRNegatives: ExpressibleByArgument {}

struct NQArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "nq",
        abstract: "Take Natural Questions and other sets as DPR ships them: questions with contexts.",
        discussion: """
            Reads biencoder-nq-train.json and the like, JSON arrays of any size (or JSON Lines): question, answers, \
            positive_ctxs, negative_ctxs, hard_negative_ctxs with title, text, score, title_score, passage_id or psg_id. \
            Contexts become documents; with --corpus psgs_w100.tsv its passages do, and contexts refer to them. Positives \
            of the training split become links, those of dev and test judgements; the file's name tells the split. \
            Questions have no ids: each gets a hash of all that is said about it. title_score and other values that a \
            context has for one question only are left out and counted.

            Scores are dropped unless --scores says otherwise: those of positives (1000 for the gold passage) and those \
            of negatives (BM25) are of different kinds.
            """)

    @OptionGroup var sources: SourceArguments

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Tables of passages: id, text, title between tabs, with a header.", valueName: "file"))
    var corpus: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("hard_negative_ctxs only (hard), or negative_ctxs as well (all).", valueName: "which"))
    var negatives: DPRNegatives = .hard

    @OptionGroup var positives: PositivesOption

    @Option(name: .long, help: ArgumentHelp("The split of all files (default: as they are named).", valueName: "name"))
    var split: String?

    @OptionGroup var score: ScoreOption

    func validate() throws { try checkStandardInput(sources.sources + corpus) }

    func source() throws -> RawSource {
        try .nq(
            sources.paths, corpus: corpus.map { FilePath($0) },
            positives: positives.splits ?? ["train"], negatives: negatives,
            scores: score.scores ?? .drop, split: split)
    }
}
