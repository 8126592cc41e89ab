internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Ingest
internal import MappedSources
internal import Media
internal import SystemPackage

struct CorpusArguments: ConversionArguments {
    static let configuration = CommandConfiguration(
        commandName: "corpus",
        abstract: "Take documents without queries: rows with any columns, images, sounds, videos, texts, PDFs.",
        discussion: """
            Of rows, without --text and the like, it shows the columns and the command that converts them; nothing is \
            written then, except with --yes.

                tvt-convert corpus articles.parquet --id url --text body --title headline --keep year --dataset articles
                tvt-convert corpus photos/ --dataset photos
                tvt-convert corpus --files 'scans/**/*.png' --dataset scans
                tvt-convert corpus manuals/*.pdf --resolution 110 --pdf-text document_text --dataset manuals
                tvt-convert corpus shop.csv --id sku --text name --image photo --assets photos --dataset shop

            A file's id is its path in the folder that is named. A PDF's pages are documents of their own, with ids \
            file.pdf#1, …, and images that poppler renders (Debian's package poppler-utils). Files of folders are taken in \
            the order of their names; hidden ones are none, and those of unknown kinds are left out and named.
            """)

    @Argument(help: ArgumentHelp("Files of rows, or documents; and folders of either.", valueName: "source"))
    var sources: [String] = []

    @Option(name: .long, help: ArgumentHelp("The column of the ids.", valueName: "column"))
    var id: String?

    @Option(name: .long, help: ArgumentHelp("The column of the texts.", valueName: "column"))
    var text: String?

    @Option(name: .long, help: ArgumentHelp("The column of the titles.", valueName: "column"))
    var title: String?

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Files that are documents, as 'folder/**/*.png'.", valueName: "pattern"))
    var files: [String] = []

    @Option(name: .long, help: ArgumentHelp("Dots per inch of pages of PDFs.", valueName: "n"))
    var resolution = 144

    @Option(
        name: .customLong("pdf-text"),
        help: ArgumentHelp(
            "The field that gets the text of a PDF's page; document_text makes it the document's.", valueName: "field"))
    var pdfText: String?

    @OptionGroup var made: MadeRecordArguments
    @OptionGroup var reading: RowReadingArguments

    func validate() throws {
        guard (10...1200).contains(resolution) else { throw ValidationError("--resolution is from 10 to 1200") }
    }

    var options: CorpusOptions {
        var options = CorpusOptions()
        (options.id, options.text, options.title) = (id, text, title)
        (options.keep, options.madeIDs) = (made.keep, made.makeIDs)
        (options.images, options.videos, options.audios) = (made.image, made.video, made.audio)
        (options.files, options.resolution, options.pdfText) = (files, resolution, pdfText)
        return options
    }

    func plan(assets: AssetFolder?) throws -> CorpusPlan {
        try CorpusPlan(sources.map { FilePath($0) }, options, reading.reading, assets: assets)
    }

    func convert(
        to destination: any ConversionDestination, reference: String, options: IngestOptions
    ) throws -> IngestReport {
        var options = options
        let plan = try plan(assets: options.media?.source as? AssetFolder)
        let (source, media) = try plan.source(
            pixelLimit: MediaLimits().pixelCount, workers: min(options.workers, 8))
        if let media {
            guard options.media == nil else {
                throw Failure(.usage, "--assets is for names in rows, and these are files themselves")
            }
            options.media = media
        }
        return try Conversions.source(source, into: destination, reference: reference, options: options)
    }
}

/// Reads documents alone into the store, or shows what it would do.
struct TakeCorpus: ParsableCommand {
    static var configuration: CommandConfiguration { CorpusArguments.configuration }

    @OptionGroup var arguments: CorpusArguments
    @OptionGroup var reading: ReadingArguments
    @OptionGroup var own: OwnDataArguments

    func run() throws {
        let plan = try arguments.plan(assets: reading.assetFolder())
        let others = reading.words + own.writing.output.words
        guard own.yes || own.writing.dataset != nil && (!plan.isGuess || arguments.options.isMapped) else {
            return try own.show(
                text: plan.text(dataset: own.writing.dataset, others: others),
                json: plan.json(dataset: own.writing.dataset, others: others))
        }
        if own.yes { try plan.checkGuess(dataset: own.writing.dataset, others: others) }
        try own.take(reading, suggestedName: plan.suggestedName) { store, dataset, options in
            try arguments.convert(to: store, reference: dataset, options: options)
        }
    }
}
