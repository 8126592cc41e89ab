internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Engine
internal import JSON
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
    @OptionGroup var preset: PresetOption
    @OptionGroup var golden: GoldenOption

    @Option(
        name: .long,
        help: ArgumentHelp(
            "mean, cls, last, max, mean_sqrt_len or weighted_mean, or several joined by + as cls+mean.",
            valueName: "pooling"))
    var pooling: Poolings?

    @Flag(name: .long, inversion: .prefixedNo, help: "Scale vectors to length 1.")
    var normalize: Bool?

    @Option(name: .customLong("query-prompt"), help: ArgumentHelp("Put before each query.", valueName: "text"))
    var queryPrompt: String?

    @Option(name: .customLong("document-prompt"), help: ArgumentHelp("Put before each document.", valueName: "text"))
    var documentPrompt: String?

    @Option(
        name: .customLong("query-prompt-name"),
        help: ArgumentHelp(
            "The model's prompt of this name, of config_sentence_transformers.json, before each query.",
            valueName: "name"))
    var queryPromptName: String?

    @Option(
        name: .customLong("document-prompt-name"),
        help: ArgumentHelp("The model's prompt of this name before each document.", valueName: "name"))
    var documentPromptName: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A task in words, which the model's template makes the prompt of queries of.", valueName: "task"))
    var instruction: String?

    @Flag(
        name: .customLong("append-eos"), inversion: .prefixedNo,
        help: "Put the tokenizer's eos_token behind each text where the tokenizer puts nothing there.")
    var appendsEndOfText: Bool?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What tokens of a decoder see of each other: causal or bidirectional.", valueName: "direction"))
    var attention: AttentionDirection?

    @Option(
        name: .customLong("query-max-length"), in: NumberRange(1...1_048_576),
        help: ArgumentHelp("Tokens of a query.", valueName: "n"))
    var queryMaxLength: Int?

    @Option(
        name: .customLong("document-max-length"), in: NumberRange(1...1_048_576),
        help: ArgumentHelp("Tokens of a document.", valueName: "n"))
    var documentMaxLength: Int?

    @Flag(name: .long, help: "Replace a card that is there.")
    var force = false

    func run() throws {
        let file = options.path.appending(ModelCard.fileName)
        guard force || !Files.exists(file) else {
            throw Failure(
                .cannotCreate, "\(file) is there already",
                advice: "`tvt-model show` tells what it says; --force replaces it.")
        }
        let overrides = ModelCard.Overrides(
            pooling: pooling, normalize: normalize,
            query: .init(prompt: queryPrompt, promptName: queryPromptName, maxLength: queryMaxLength),
            document: .init(prompt: documentPrompt, promptName: documentPromptName, maxLength: documentMaxLength),
            endOfText: appendsEndOfText.map { $0 ? .append : .tokenizer }, attention: attention,
            instruction: instruction, preset: preset.preset)
        let model = try options.load(.training, overrides: overrides)
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
