internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import SystemPackage

@main
struct DemoCaptions: Tool {
    static let configuration = CommandConfiguration(
        commandName: "demo-captions",
        abstract: "Make tables for `make demo-images` and `make demo-speech`, and tell what these did.",
        version: tvtVersion,
        subcommands: [ImageTables.self, SpeechTables.self, MediaReport.self])
}

struct TableOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The folder in which each package is unpacked.", valueName: "dir"))
    var packages: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The folder of the tables.", valueName: "dir"))
    var output: String

    @Option(in: .seeds, help: ArgumentHelp("Seed of the choice of what is held out.", valueName: "s"))
    var seed: UInt64 = 0

    @OptionGroup var common: CommonOptions
}

struct ImageTables: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "Images with captions: stamps of Tux Paint, clip art, units of Wesnoth, emoji.",
        discussion: """
            Images are written into media/ of the output, each on a white square of at most \(Pictures.side) pixels; those \
            of the emoji font lie in the folder of the packages before.
            """)

    @OptionGroup var options: TableOptions

    @Option(in: .heldOut, help: ArgumentHelp("Images of the test side.", valueName: "n"))
    var test = 1000

    @Option(in: .heldOut, help: ArgumentHelp("Images of the dev side.", valueName: "n"))
    var dev = 300

    func run() throws {
        let packages = Packages(options.packages)
        var tally = Tally()
        let vocabulary = try EnglishWords(wordNet: packages.folder("wordnet-base", "usr/share/wordnet"))
        var items = try Stamps(packages).images(&tally)
        items += try ClipArt(packages, vocabulary).images(&tally)
        items += try Units(packages).images(&tally)
        items += try Emoji(packages).images(&tally)
        items = try packages.distinct(items, &tally)
        let folder = FilePath(options.output).appending("media")
        items = try Pictures(packages: packages, folder: folder).write(items, &tally)
        for item in items { tally.take(item) }
        let sides = try Sides(items, seed: options.seed, test: test, dev: dev)
        let tables = Tables(
            medium: "image", languages: ["en"], otherLanguages: ["de", "fr"], folder: FilePath(options.output))
        try tables.write(items, sides, &tally)
        try report(tally, options)
    }
}

struct SpeechTables: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "speech",
        abstract: "Recordings with what is said in them: Asterisk's prompts, names of KTuberling, stamps of Tux Paint.")

    @OptionGroup var options: TableOptions

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("Languages of recordings: en, es, fr, ca, ro.", valueName: "language"))
    var languages = ["en"]

    @Option(in: .heldOut, help: ArgumentHelp("Recordings of the test side.", valueName: "n"))
    var test = 100

    @Option(in: .heldOut, help: ArgumentHelp("Recordings of the dev side.", valueName: "n"))
    var dev = 50

    func validate() throws {
        for language in languages where !Stamps.spokenLanguages.contains(language) {
            throw ValidationError("--languages \(language): en, es, fr, ca and ro are there.")
        }
    }

    func run() throws {
        let packages = Packages(options.packages)
        var tally = Tally()
        var items: [CaptionedItem] = []
        if languages.contains("en") {
            items += try Prompts(packages).recordings(&tally)
            items += try Tuberling(packages).recordings(&tally)
        }
        for language in languages { items += try Stamps(packages).recordings(language, &tally) }
        items = try packages.distinct(items, &tally)
        for index in items.indices {
            items[index].addTextKeys()
            tally.take(items[index])
        }
        let sides = try Sides(items, seed: options.seed, test: test, dev: dev)
        let tables = Tables(
            medium: "audio", languages: languages, otherLanguages: [], folder: FilePath(options.output))
        try tables.write(items, sides, &tally)
        try report(tally, options)
    }
}

private func report(_ tally: Tally, _ options: TableOptions) throws {
    try Files.replace(FilePath(options.output).appending("counts.json"), with: tally.json.pretty())
    try Printed.json(tally.json, if: options.common.json) { tally.text }
}

extension NumberRange where Number == Int {
    fileprivate static var heldOut: NumberRange { NumberRange(1...1_000_000) }
}
