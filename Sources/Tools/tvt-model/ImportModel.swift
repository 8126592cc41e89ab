internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
internal import JSON
internal import ModelCommandLine
internal import Models
internal import SystemPackage

struct ImportModel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write a folder's card, tvt.json, beside its weights.",
        discussion: """
            The card says all that the folder's files, a preset and the options below amount to; from then on it is what \
            counts, and no option is needed. With --force a card that is there is read first and then replaced, and golden \
            vectors that are there are made anew.

              cp -r .deps/models/all-MiniLM-L6-v2 minilm
              tvt-model import minilm --document-max-length 128
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var card: CardOptions
    @OptionGroup var golden: GoldenOption

    @Flag(name: .long, help: "Replace a card that is there.")
    var force = false

    func run() throws {
        let file = options.path.appending(ModelCard.fileName)
        guard force || !Files.exists(file) else {
            throw Failure(
                .cannotCreate, "\(file) is there already",
                advice: "`tvt-model show` tells what it says; --force replaces it.")
        }
        let model = try options.load(.training, overrides: card.overrides)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        try golden.check(model)
        let goldenFile = GoldenCheck.file(of: model)
        let renewed =
            Files.exists(goldenFile)
            ? try GoldenCheck.vectors(of: model, tool: "tvt-model import \(tvtVersion)") : nil
        // A kill leaves a card without golden vectors, never one with those of another card.
        if renewed != nil { try Files.remove(goldenFile) }
        try Files.replace(file, with: model.card.json.pretty())
        try renewed?.write(to: goldenFile)
        try Files.syncFolder(options.path)
        let result: JSONValue = [
            "card": .string(file.string), "digest": .string(model.card.digest.description),
            "golden": .bool(renewed != nil),
        ]
        try Printed.json(result, if: options.common.json) {
            "\(file) is written\(renewed == nil ? "" : ", and \(goldenFile) made anew")\n"
        }
    }
}
