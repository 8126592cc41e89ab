internal import ArgumentParser
internal import Base
internal import CommandLineKit

/// What is said of the model whose view of records is shown; handed on as it is to `tvt-browse-model`, which checks it:
/// this tool does not know models.
struct ModelViewOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The model's folder, or its repository's in the Hub's cache.", valueName: "dir"))
    var model: String?

    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, for its card.", valueName: "dir"))
    var adapter: String?

    @Option(name: .long, help: ArgumentHelp("How a published model is used.", valueName: "name"))
    var preset: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            "How text and media are put together, as chat=true or frames=24; repeat for several (docs/models.md).",
            valueName: "key=value"))
    var inputs: [String] = []

    @Flag(name: .customLong("ignore-media"), help: "Show what the model is given of the text alone.")
    var ignoresMedia = false

    @Option(name: .customLong("query-prompt"), help: ArgumentHelp("Put before each query.", valueName: "text"))
    var queryPrompt: String?

    @Option(name: .customLong("document-prompt"), help: ArgumentHelp("Put before each document.", valueName: "text"))
    var documentPrompt: String?

    @Option(
        name: .customLong("query-prompt-name"),
        help: ArgumentHelp("The model's prompt of this name before each query.", valueName: "name"))
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
        name: .customLong("query-max-length"), in: .textLengths,
        help: ArgumentHelp("Tokens of a query.", valueName: "n"))
    var queryMaxLength: Int?

    @Option(
        name: .customLong("document-max-length"), in: .textLengths,
        help: ArgumentHelp("Tokens of a document.", valueName: "n"))
    var documentMaxLength: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("As tvt-encode has it, where the model's files do not say it.", valueName: "pooling"))
    var pooling: String?

    @Flag(
        name: .long, inversion: .prefixedNo, help: "As tvt-encode has it, where the model's files do not say it.")
    var normalize: Bool?

    @Option(
        name: .long,
        help: ArgumentHelp("As tvt-encode has it, where the model's files do not say it.", valueName: "direction"))
    var attention: String?

    /// All but the model.
    private var ofModel: [String] {
        let values: [(String, String?)] = [
            ("adapter", adapter), ("preset", preset), ("query-prompt", queryPrompt),
            ("document-prompt", documentPrompt), ("query-prompt-name", queryPromptName),
            ("document-prompt-name", documentPromptName), ("instruction", instruction),
            ("query-max-length", queryMaxLength.map { String($0) }),
            ("document-max-length", documentMaxLength.map { String($0) }), ("pooling", pooling),
            ("attention", attention),
        ]
        // A value that begins with a dash is one all the same.
        var arguments = values.compactMap { name, value in value.map { "--\(name)=\($0)" } }
        arguments += inputs.map { "--inputs=\($0)" }
        if ignoresMedia { arguments.append("--ignore-media") }
        if let appendsEndOfText { arguments.append(appendsEndOfText ? "--append-eos" : "--no-append-eos") }
        if let normalize { arguments.append(normalize ? "--normalize" : "--no-normalize") }
        return arguments
    }

    /// As the other program takes them.
    var arguments: [String] { (model.map { ["--model=\($0)"] } ?? []) + ofModel }

    mutating func validate() throws {
        guard model == nil, let first = ofModel.first else { return }
        throw ValidationError("\(first.prefix { $0 != "=" }) is about a model: give one with --model")
    }
}

extension NumberRange where Number == Int {
    /// Tokens of a text; the model has a limit of its own.
    fileprivate static var textLengths: NumberRange { NumberRange(1...1_048_576) }
}
