public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Models

/// What is said of a model on the command line: where its files say nothing, or something else.
public struct CardOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "mean, cls, last, max, mean_sqrt_len or weighted_mean, or several joined by + as cls+mean.",
            valueName: "pooling"))
    public var pooling: Poolings?

    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Scale vectors to length 1 (default: what the model does, whatever its similarity).")
    public var normalize: Bool?

    @Option(name: .customLong("query-prompt"), help: ArgumentHelp("Put before each query.", valueName: "text"))
    public var queryPrompt: String?

    @Option(name: .customLong("document-prompt"), help: ArgumentHelp("Put before each document.", valueName: "text"))
    public var documentPrompt: String?

    @Option(
        name: .customLong("query-prompt-name"),
        help: ArgumentHelp(
            "The model's prompt of this name, of config_sentence_transformers.json, before each query.",
            valueName: "name"))
    public var queryPromptName: String?

    @Option(
        name: .customLong("document-prompt-name"),
        help: ArgumentHelp("The model's prompt of this name before each document.", valueName: "name"))
    public var documentPromptName: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            A task in words, which the model's template makes the prompt of queries of, as "Instruct: TASK", a line \
            feed, "Query:".
            """, valueName: "task"))
    public var instruction: String?

    @Flag(
        name: .customLong("append-eos"), inversion: .prefixedNo,
        help: "Put the tokenizer's eos_token behind each text where the tokenizer puts nothing there.")
    public var appendsEndOfText: Bool?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What tokens of a decoder see of each other: causal or bidirectional (default: what the model does).",
            valueName: "direction"))
    public var attention: AttentionDirection?

    @Option(
        name: .customLong("query-max-length"), in: .textLengths,
        help: ArgumentHelp("Tokens of a query.", valueName: "n"))
    public var queryMaxLength: Int?

    @Option(
        name: .customLong("document-max-length"), in: .textLengths,
        help: ArgumentHelp("Tokens of a document.", valueName: "n"))
    public var documentMaxLength: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How a published model is used; wins over what the folder says, and the options above over it.",
            valueName: "name"))
    public var preset: ModelPreset?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp(
            """
            How text and media are put together for a model that sees or hears, as chat=true or frames=24; repeat for \
            several. Keys: \(InputSettings.Key.allCases.map(\.rawValue).joined(separator: ", ")); docs/models.md explains \
            them.
            """, valueName: "key=value"), transform: InputArgument.init)
    public var inputs: [InputArgument] = []

    public init() {}

    public mutating func validate() throws {
        let keys = inputs.map(\.key)
        if let twice = keys.first(where: { key in keys.count { $0 == key } > 1 }) {
            throw ValidationError("--inputs \(twice.rawValue) is given twice")
        }
    }

    public var overrides: ModelCard.Overrides {
        ModelCard.Overrides(
            pooling: pooling, normalize: normalize,
            query: .init(prompt: queryPrompt, promptName: queryPromptName, maxLength: queryMaxLength),
            document: .init(prompt: documentPrompt, promptName: documentPromptName, maxLength: documentMaxLength),
            endOfText: appendsEndOfText.map { $0 ? .append : .tokenizer }, attention: attention,
            instruction: instruction,
            inputs: inputs.reduce(into: InputSettings()) { settings, argument in
                settings = settings.or(argument.settings)
            }, preset: preset)
    }
}

extension ModelCard.Setting {
    /// The options that say it.
    public var flag: String {
        switch self {
        case .pooling: "--pooling mean|cls|last|…"
        case .normalize: "--normalize or --no-normalize"
        case .dims: "--dims N"
        case .endOfText: "--append-eos or --no-append-eos"
        case .attention: "--attention"
        case .instruction: "--instruction"
        case .inputs: "--inputs"
        case .prompt(let role): "--\(role.rawValue)-prompt TEXT"
        case .promptName(let role): "--\(role.rawValue)-prompt-name"
        case .maxLength(let role): "--\(role.rawValue)-max-length N"
        case .truncateDim, .tokenLayers, .layers, .includesPrompt: description
        }
    }
}

extension NumberRange where Number == Int {
    /// Tokens of a text; the model has a limit of its own.
    fileprivate static var textLengths: NumberRange { NumberRange(1...1_048_576) }
}

/// One of the settings of how inputs are put together: `key=value`.
public struct InputArgument: Sendable {
    let key: InputSettings.Key
    let settings: InputSettings

    /// - Throws: `ValidationError` that says which keys there are, or what the key takes.
    public init(_ argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let key = InputSettings.Key(rawValue: String(parts[0])) else {
            let keys = InputSettings.Key.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("key=value is expected, with a key among \(keys)")
        }
        var settings = InputSettings()
        do {
            try settings.set(key, to: String(parts[1]))
        } catch {
            throw ValidationError("\(key.rawValue) is \(key.values)")
        }
        (self.key, self.settings) = (key, settings)
    }
}

extension ModelPreset: ExpressibleByArgument {
    public init?(argument: String) {
        guard let preset = ModelPreset.named(argument) else { return nil }
        self = preset
    }

    public static var allValueStrings: [String] { names }
    public var defaultValueDescription: String { name }
}

extension Poolings: ExpressibleByArgument {}
extension AttentionDirection: ExpressibleByArgument {}
