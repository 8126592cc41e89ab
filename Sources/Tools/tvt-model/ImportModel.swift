internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
internal import ForeignWeights
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

            With --weights the folder is made first, of a tower whose weights lie in a file of another format: the encoder of \
            a Whisper that CTranslate2 wrote (its model.bin, version 6, in float16), or a DINOv2 in ONNX. Such a tower has no \
            card, and is put before a text model by `tvt-model graft`.

              cp -r .deps/models/all-MiniLM-L6-v2 minilm
              tvt-model import minilm --document-max-length 128
              tvt-model import whisper-base --weights model.bin
            """)

    @OptionGroup var options: FolderOptions
    @OptionGroup var card: CardOptions
    @OptionGroup var golden: GoldenOption

    @Flag(name: .long, help: "Replace a card that is there.")
    var force = false

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp("The file of a tower's weights, or its parts in order.", valueName: "file"))
    var weights: [String] = []

    @Option(
        name: .customLong("image-side"), in: .imageSides,
        help: ArgumentHelp(
            "With --weights: pixels a side of the squares that images are cut to (default: as published, 224 of 256).",
            valueName: "n"))
    var imageSide: Int?

    @Option(
        name: .customLong("piece-seconds"), in: .pieceSeconds,
        help: ArgumentHelp(
            "With --weights: seconds of a piece of sound, whose positions are kept (default: all, 30).", valueName: "n")
    )
    var pieceSeconds: Int?

    func validate() throws {
        if weights.isEmpty {
            guard imageSide == nil, pieceSeconds == nil else {
                throw ValidationError("--image-side and --piece-seconds say how --weights is converted.")
            }
        } else {
            guard !force, card.overrides == ModelCard.Overrides(), options.threads == nil, !golden.skipsGoldenCheck
            else {
                throw ValidationError("With --weights a tower's folder is made, which has no card and no vectors.")
            }
        }
    }

    func run() throws {
        guard weights.isEmpty else { return try convertTower() }
        let file = options.path.appending(ModelCard.fileName)
        guard force || !Files.exists(file) else {
            throw Failure(
                .cannotCreate, "\(file) is there already",
                advice: "`tvt-model show` tells what it says; --force replaces it.")
        }
        let model = try options.load(.training, overrides: card.overrides)
        for note in model.notes { log.notice("\(options.folder): \(note)") }
        try model.requireUsableInputs()
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

    private func convertTower() throws {
        let folder = try StagedFolder(options.folder, command: "tvt-model import")
        var conversion = ConversionOptions()
        (conversion.imageSide, conversion.pieceSeconds) = (imageSide, pieceSeconds)
        let tower = try ConvertedTower(ForeignFile(parts: weights.map { FilePath($0) }), conversion)
        try folder.write { staging in
            try tower.write(to: staging)
            // It loads, or is not written.
            _ = try Tower.load(staging)
        }
        let kind = tower.configuration["model_type"]?.string ?? ""
        let result: JSONValue = [
            "output": .string(options.folder), "model_type": .string(kind), "tensors": JSONValue(tower.tensors.count),
        ]
        try Printed.json(result, if: options.common.json) {
            "\(options.folder) is written: a tower of the type \(kind), \(tower.tensors.count) tensors\n"
        }
    }
}

extension NumberRange where Number == Int {
    fileprivate static var imageSides: NumberRange { NumberRange(14...4096) }
    fileprivate static var pieceSeconds: NumberRange { NumberRange(1...30) }
}
