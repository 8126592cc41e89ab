internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Inputs
internal import JSON
internal import ModelCommandLine
internal import Models
internal import SystemPackage
internal import Tensors

struct GraftTowers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graft",
        abstract: "Write a new folder that puts towers for images or sounds before a text model.",
        discussion: """
            Features of a tower take the places of a token's embeddings. The projectors between them are new: normal \
            numbers of a seed, to be trained; all other weights are those of the folders, in float32. The folder appears \
            under its name only when it is complete.

              tvt-model graft --vision dinov2-small --text .deps/models/all-MiniLM-L6-v2 --output joint
            """)

    /// Layers of projectors.
    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case linear, mlp

        var projector: GraftRecipe.Projector {
            switch self {
            case .linear: .linear
            case .mlp: .mlp
            }
        }
    }

    @Option(name: .long, help: ArgumentHelp("The text model's folder.", valueName: "dir"), transform: HubSnapshot.path)
    var text: String

    @Option(
        name: .long, help: ArgumentHelp("The folder of a tower for images: dinov2.", valueName: "dir"),
        transform: HubSnapshot.path)
    var vision: String?

    @Option(
        name: .long, help: ArgumentHelp("The folder of a tower for sounds: whisper.", valueName: "dir"),
        transform: HubSnapshot.path)
    var audio: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("The new folder; it must not exist.", valueName: "dir"))
    var output: String

    @Option(name: .long, help: ArgumentHelp("Layers of the projectors: linear or mlp.", valueName: "kind"))
    var projector = Kind.mlp

    @Option(in: .seeds, help: ArgumentHelp("Seed of the projectors' weights.", valueName: "s"))
    var seed: UInt64 = 0

    @Option(
        name: .customLong("vision-merge"), in: .merges,
        help: ArgumentHelp("Side of the squares of patches that become one feature.", valueName: "n"))
    var visionMerge = 2

    @Option(
        name: .customLong("audio-merge"), in: .merges,
        help: ArgumentHelp("Rows of the tower for sounds that become one feature.", valueName: "n"))
    var audioMerge = 10

    @Flag(name: .customLong("keep-class-token"), help: "Make a feature of the row for the whole picture too.")
    var keepsClassToken = false

    @Option(
        name: .customLong("image-token"),
        help: ArgumentHelp(
            "The token that features of images stand for (default: one that the vocabulary keeps for such a use).",
            valueName: "token"))
    var imageToken: String?

    @Option(
        name: .customLong("audio-token"),
        help: ArgumentHelp("The same for features of sounds.", valueName: "token"))
    var audioToken: String?

    @OptionGroup var card: CardOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard vision != nil || audio != nil else { throw ValidationError("Give --vision, --audio or both.") }
    }

    func run() throws {
        let folder = try StagedFolder(output, command: "tvt-model graft")
        let model = try EmbeddingModel(
            loading: FilePath(text), .training, overrides: card.overrides, settingName: \.flag)
        for note in model.notes { log.notice("\(text): \(note)") }
        let named: [(Tower.Name, String?, String?)] = [(.vision, vision, imageToken), (.audio, audio, audioToken)]
        var recipe = GraftRecipe(towers: [:])
        for (name, path, token) in named {
            recipe.towers[name] = path.map { FilePath($0) }
            recipe.tokens[name] = token
        }
        (recipe.projector, recipe.seed) = (projector.projector, seed)
        (recipe.pictureMergeSize, recipe.soundMergeSize) = (visionMerge, audioMerge)
        recipe.keepsWholePicture = keepsClassToken
        let report = try folder.write { staging in
            let report = try recipe.write(model, to: staging)
            // It loads, or is not written.
            let loaded = try EmbeddingModel(loading: staging, .training)
            if let vision { try checkPictures(of: loaded, vision) }
            try card.requireUsableInputs(of: loaded)
            return report
        }
        for tower in report.withoutProcessor {
            let folder = "the folder of the \(tower.rawValue) tower"
            log.warning(
                """
                \(folder) has no preprocessor_config.json, which says how media become what it takes: put a \
                processor_config.json into \(output)
                """)
        }
        let tokens = report.tokens.sorted { $0.key.rawValue < $1.key.rawValue }
        let result: JSONValue = [
            "output": .string(output), "dims": JSONValue(model.card.dims),
            "projector_numbers": JSONValue(report.projectorNumberCount),
            "tokens": .object(JSONObject(tokens.map { ($0.key.rawValue, JSONValue(Int($0.value))) })),
        ]
        try Printed.json(result, if: common.json) {
            "\(output) is written; its projectors of \(report.projectorNumberCount) numbers are to be trained\n"
        }
    }
}

extension GraftTowers {
    /// Refuses squares of patches that do not fill the pictures which the tower's processor makes, where they are all of one
    /// size: no image could ever be given to the model.
    private func checkPictures(of model: EmbeddingModel, _ folder: String) throws {
        guard let rules = model.text.media, let image = try VisionProcessors(folder: FilePath(folder)).image else {
            return
        }
        do throws(PictureFault) {
            _ = try image.planOfEveryPicture(patchSide: rules.patchSize, mergeSide: rules.mergeSize)
        } catch {
            throw Failure(
                .badConfiguration, "--vision-merge \(visionMerge): by the processor in \(folder), \(error.reason)",
                advice: "Name a number that divides both.")
        }
    }
}

extension NumberRange where Number == Int {
    fileprivate static var merges: NumberRange { NumberRange(1...1024) }
}
