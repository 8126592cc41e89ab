internal import ArgumentParser
internal import Export
internal import Base
internal import CommandLineKit
internal import Ingest
internal import JSON
internal import RawSources
internal import Remotes
internal import Store
internal import SystemPackage

@main
struct TVTConvert: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-convert",
        abstract: "Convert raw data into a dataset of the store, and back.",
        discussion: """
            Inputs may be packed with gzip, zstd or xz, whatever their names; - is standard input. A bad record stops \
            the conversion with its place, and nothing is committed, unless --max-bad-records allows for it.
            """,
        version: tvtVersion,
        subcommands: [TakeRows.self, TakeCorpus.self] + allConversions.map { takingCommand($0) }
            + [CheckSources.self, ToV1.self])

    static func prepareProcess() { Heap.keepFreed(byteCount: 256 << 20) }

    static func failure(forUnknownSubcommand word: String) -> Failure {
        let file = FilePath(word)
        if Files.exists(file) {
            return Failure(
                .usage, "\(word) is a file, not a conversion",
                advice:
                    "`tvt-convert rows \(word)` takes rows with any columns, `tvt-convert corpus \(word)` documents; "
                    + "`tvt-convert check \(word)` finds out what it is.")
        }
        let near = names(near: word, among: subcommandNames, atMost: 3)
        return Failure(
            .usage, "there is no conversion \"\(word)\"",
            advice: (near.isEmpty ? "" : "Did you mean \(near.joined(separator: ", "))? ")
                + "`tvt-convert rows FILE` takes files with any columns, `tvt-convert --help` lists all.")
    }
}

/// What a conversion reads, and how.
protocol ConversionArguments: ParsableArguments {
    /// Of the subcommand.
    static var configuration: CommandConfiguration { get }

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport
}

/// Every way into the store, in the order in which help lists them.
let allConversions: [any ConversionArguments.Type] = [
    V1Arguments.self, V2Arguments.self, TevatronArguments.self, BEIRArguments.self, WebDatasetArguments.self,
    BGEArguments.self, MSMARCOArguments.self, MIRACLArguments.self, NQArguments.self, PixmoArguments.self,
    ColPaliArguments.self, WikiSSArguments.self, VidoreArguments.self, MSRVTTArguments.self, AudioCapsArguments.self,
]

private func takingCommand<Arguments: ConversionArguments>(_: Arguments.Type) -> any ParsableCommand.Type {
    Take<Arguments>.self
}

/// Reads a source into the store.
struct Take<Arguments: ConversionArguments>: ParsableCommand {
    static var configuration: CommandConfiguration { Arguments.configuration }

    @OptionGroup var arguments: Arguments
    @OptionGroup var reading: ReadingArguments
    @OptionGroup var writing: WritingArguments
    @OptionGroup var common: CommonOptions

    func run() throws {
        var options = try reading.options()
        try writing.output.complete(&options)
        let store = try Store.create(at: writing.output.store.folder()).refusingKnownNames(
            writing.output.naming.isNew)
        let report = try arguments.convert(to: store, reference: writing.dataset, options: options)
        try writeToStandardOutput(common.json ? report.json.pretty() : report.summary)
    }
}

struct V1Arguments: ConversionArguments {
    static let configuration = CommandConfiguration(
        commandName: "v1-to-v2",
        abstract: "Convert v1 rows (query_id, query, positive_passages, negative_passages).",
        discussion: """
            JSON Lines or Parquet. Each passage becomes a document once, however many queries have it. A passage without \
            a docid gets a hash of its content as id. Titles and all other fields are kept. A list that is null is empty. \
            Rows that have a passage in both lists are counted.
            """)

    @Argument(help: ArgumentHelp("Files of v1 rows, or folders of them.", valueName: "file"))
    var inputs: [String]

    func validate() throws { try checkStandardInput(inputs) }

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        try Conversions.v1(inputs.map { FilePath($0) }, into: destination, reference: reference, options: options)
    }
}

/// Where the parts of a dataset in the v2 form lie.
struct RecordArguments: ParsableArguments {
    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Files of queries; none for a corpus that is only searched.", valueName: "file"))
    var queries: [String] = []

    @Option(name: .long, parsing: .upToNextOption, help: ArgumentHelp("Files of documents.", valueName: "file"))
    var corpus: [String]

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Judgements in TREC or BEIR form, or JSON Lines; each file is a split of its name.", valueName: "file"))
    var qrels: [String] = []

    func validate() throws {
        try checkStandardInput(queries + corpus + qrels)
        guard qrels.isEmpty || !queries.isEmpty else {
            throw ValidationError("--qrels needs --queries: judgements are about queries")
        }
    }

    var queryPaths: [FilePath] { queries.map { FilePath($0) } }
    var corpusPaths: [FilePath] { corpus.map { FilePath($0) } }
    var judgementPaths: [FilePath] { qrels.map { FilePath($0) } }
}

struct V2Arguments: ConversionArguments {
    static let configuration = CommandConfiguration(
        commandName: "v2",
        abstract: "Take queries and a corpus in the v2 form, or a corpus alone.",
        discussion: """
            JSON Lines. Queries: query_id, query_text|image|video|audio, positive_document_ids, negative_document_ids, and \
            positive_document_scores, negative_document_scores where links have scores. Corpus: docid, title, \
            document_text|image|video|audio; text, image, … are read too. All other fields are kept.
            """)

    @OptionGroup var records: RecordArguments

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        try Conversions.records(
            queries: records.queryPaths, corpus: records.corpusPaths, judgements: records.judgementPaths,
            into: destination, reference: reference, options: options)
    }
}

struct TevatronArguments: ConversionArguments {
    static let configuration = CommandConfiguration(
        commandName: "tevatron",
        abstract: "Take a dataset as Tevatron publishes it: v2 records in Parquet or JSON Lines.",
        discussion: """
            Files are told apart by content, and folders are taken too: of one all .parquet and .jsonl files are taken, \
            in the order of their names. A column is a field of its name, null is no field. Images, videos and sounds may \
            be bytes, or structures of bytes and path: they are stored once each, by digest.
            """)

    @OptionGroup var records: RecordArguments

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        try Conversions.tevatron(
            queries: records.queryPaths, corpus: records.corpusPaths, judgements: records.judgementPaths,
            into: destination, reference: reference, options: options)
    }
}

struct BEIRArguments: RawSourceArguments {
    static let configuration = CommandConfiguration(
        commandName: "beir",
        abstract: "Take a BEIR dataset: a zip or a folder.",
        discussion: """
            Reads corpus.jsonl, queries.jsonl and qrels/*.tsv; every file of judgements is a split of its name. Also read \
            are numbered parts (corpus-1.jsonl), .json and .parquet, as MTEB has them, judgements as .txt, .csv, .jsonl, \
            .json and .parquet, and those that lie beside the corpus and begin with a header. All else is named.
            """)

    @Argument(help: ArgumentHelp("The zip or the folder.", valueName: "source"))
    var folder: String

    @Option(
        name: .long,
        help: ArgumentHelp("Judgements of this split above 0 also become the queries' positives.", valueName: "split"))
    var positives: String?

    func source() throws -> RawSource { try .beir(FilePath(folder), positives: positives) }
}

struct WebDatasetArguments: ConversionArguments {
    static let configuration = CommandConfiguration(
        commandName: "webdataset",
        abstract: "Take tars of samples, as webdataset has them.",
        discussion: """
            A sample is the members with one key: key.json (a record in the v2 form), key.txt (its text), key.jpg, \
            key.mp4, key.wav and the like, which are taken into the store. A record without an id gets the key as its \
            id. A tar whose name begins with queries holds queries, every other one \
            documents; a folder is read with all its tars and its qrels/.
            """)

    @Argument(help: ArgumentHelp("Tars, plain or packed, or folders of them.", valueName: "source"))
    var sources: [String]

    func validate() throws { try checkStandardInput(sources) }

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        try Conversions.samples(
            sources.map { FilePath($0) }, into: destination, reference: reference, options: options)
    }
}

struct ToV1: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "v2-to-v1",
        abstract: "Write a dataset of the store as v1 rows.")

    @Argument(help: ArgumentHelp("The dataset.", valueName: "name"))
    var dataset: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file; .zst, .gz and .xz compress, - is stdout.", valueName: "file"))
    var output: String

    @OptionGroup var store: StoreOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !(common.json && output == "-") else { throw ValidationError("--json and --output - share stdout") }
    }

    func run() throws {
        let store = try openStore(store.location)
        let dataset = try store.dataset(dataset)
        let lease = try store.lease([dataset], purpose: "tvt-convert v2-to-v1")
        defer { withExtendedLifetime(lease) {} }
        let report = try Conversions.export(dataset, to: FilePath(output))
        for (count, what) in [
            (report.droppedJudgementCount, "judgements"), (report.droppedScoreCount, "scores of links"),
        ]
        where count > 0 {
            log.warning("v1 has no place for \(what): \(count) are not written")
        }
        if common.json {
            let result: JSONValue = [
                "dataset": .string("\(dataset.digest)"), "output": .string(output), "rows": JSONValue(report.rowCount),
                "passages": JSONValue(report.passageCount), "raw_bytes": JSONValue(report.rawBytes),
                "written_bytes": JSONValue(report.writtenBytes),
                "dropped_judgements": JSONValue(report.droppedJudgementCount),
                "dropped_scores": JSONValue(report.droppedScoreCount), "seconds": .number(report.seconds),
            ]
            try writeToStandardOutput(result.pretty())
        } else if output != "-" {
            try writeToStandardOutput(
                "\(report.rowCount) rows with \(report.passageCount) passages, \(byteSize(report.rawBytes)) "
                    + "(\(byteSize(report.writtenBytes)) written), \(duration(report.seconds))\n")
        }
    }
}

func checkStandardInput(_ inputs: [String]) throws {
    guard inputs.count(where: { $0 == "-" }) <= 1 else { throw ValidationError("standard input can be read only once") }
}
