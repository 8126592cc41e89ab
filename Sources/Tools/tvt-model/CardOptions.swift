internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Models

/// What the folder's files do not say, or what is to be used instead.
struct CardOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "How a published model is used; wins over what the folder says, and the options below over it.",
            valueName: "name"))
    var preset: ModelPreset?

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

    var overrides: ModelCard.Overrides {
        ModelCard.Overrides(
            pooling: pooling, normalize: normalize,
            query: .init(prompt: queryPrompt, promptName: queryPromptName, maxLength: queryMaxLength),
            document: .init(prompt: documentPrompt, promptName: documentPromptName, maxLength: documentMaxLength),
            endOfText: appendsEndOfText.map { $0 ? .append : .tokenizer }, attention: attention,
            instruction: instruction, preset: preset)
    }
}
