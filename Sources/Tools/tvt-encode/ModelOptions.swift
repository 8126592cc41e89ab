public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Encoding
internal import Engine
internal import JSON
public import Models
internal import SystemPackage
internal import Tensors

/// Which model computes, and how.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The model's folder, or its repository's in the Hub's cache.", valueName: "dir"),
        transform: HubSnapshot.path)
    var model: String

    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, merged into the weights.", valueName: "dir"))
    var adapter: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            Type of the weights: f32, f16, bf16 (computed in f32 on a CPU that does not multiply it), or int8: linear \
            layers in 8 bits, compared with f32 on some records before anything is encoded.
            """,
            valueName: "type"))
    var dtype: EncodingType = .f32

    @Option(name: .long, help: ArgumentHelp("cpu, cuda or cuda:N.", valueName: "device"))
    var device = "cpu"

    @Option(in: .threads, help: ArgumentHelp("Threads that compute (default: all cores).", valueName: "n"))
    var threads: Int?

    @Option(
        in: NumberRange(1...65_536),
        help: ArgumentHelp(
            "Keep the first n components (Matryoshka models), scaled to length 1 again if the model's vectors are.",
            valueName: "n"))
    var dims: Int?

    @Option(
        name: .customLong("batch-tokens"), in: NumberRange(1...(1 << 24)),
        help: ArgumentHelp("The most tokens of a batch.", valueName: "n"))
    var batchTokens: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "mean, cls, last, max, mean_sqrt_len or weighted_mean, or several joined by + as cls+mean.",
            valueName: "pooling"))
    var pooling: Poolings?

    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Scale vectors to length 1 (default: what the model does, whatever its similarity).")
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
            """
            A task in words, which the model's template makes the prompt of queries of, as "Instruct: TASK", a line \
            feed, "Query:".
            """, valueName: "task"))
    var instruction: String?

    @Flag(
        name: .customLong("append-eos"), inversion: .prefixedNo,
        help: "Put the tokenizer's eos_token behind each text where the tokenizer puts nothing there.")
    var appendsEndOfText: Bool?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What tokens of a decoder see of each other: causal or bidirectional (default: what the model does).",
            valueName: "direction"))
    var attention: AttentionDirection?

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
        help: ArgumentHelp(
            "How a published model is used; wins over what the folder says, and the options above over it.",
            valueName: "name"))
    var preset: ModelPreset?

    @Flag(
        name: .customLong("no-golden-check"),
        help: "Do not compare the vectors of tvt.golden.json with those that the model gives.")
    var skipsGoldenCheck = false

    @Flag(name: .customLong("ignore-media"), help: "Encode the text of records that also have media.")
    var ignoresMedia = false

    /// - Parameter type: other than ``dtype``, where something is compared with it.
    func load(as type: EncodingType? = nil) throws -> EmbeddingModel {
        let dtype = type ?? self.dtype
        let device = try Device.named(device)
        Compute.threadCount = threads ?? processorCount
        let overrides = ModelCard.Overrides(
            pooling: pooling, normalize: normalize,
            query: .init(prompt: queryPrompt, promptName: queryPromptName, maxLength: queryMaxLength),
            document: .init(prompt: documentPrompt, promptName: documentPromptName, maxLength: documentMaxLength),
            endOfText: appendsEndOfText.map { $0 ? .append : .tokenizer }, attention: attention,
            instruction: instruction, preset: preset)
        let loaded = try EmbeddingModel(
            loading: FilePath(model), .encoding, overrides: overrides, adapter: adapter.map { FilePath($0) },
            type: dtype.elementType, quantizes: dtype == .int8, device: device, settingName: Self.flag)
        guard dims ?? 1 <= loaded.card.dims else {
            throw Failure(.usage, "--dims \(dims ?? 0): the model gives \(loaded.card.dims)")
        }
        for note in loaded.notes { log.notice("\(model): \(note)") }
        if let note = loaded.precision.note { log.notice("--dtype \(dtype.rawValue): \(note)") }
        try checkGolden(loaded)
        return loaded
    }

    private func checkGolden(_ loaded: EmbeddingModel) throws {
        let file = GoldenCheck.file(of: loaded)
        guard !skipsGoldenCheck else {
            if Files.exists(file) { log.notice("\(file) is not checked (--no-golden-check)") }
            return
        }
        if let note = try GoldenCheck.run(loaded)?.note { log.notice("\(file): \(note)") }
    }

    private static func flag(_ setting: ModelCard.Setting) -> String {
        switch setting {
        case .pooling: "--pooling mean|cls|last|…"
        case .normalize: "--normalize or --no-normalize"
        case .dims: "--dims N"
        case .endOfText: "--append-eos or --no-append-eos"
        case .attention: "--attention"
        case .instruction: "--instruction"
        case .prompt(let role): "--\(role.rawValue)-prompt TEXT"
        case .promptName(let role): "--\(role.rawValue)-prompt-name"
        case .maxLength(let role): "--\(role.rawValue)-max-length N"
        case .truncateDim, .tokenLayers, .layers, .includesPrompt: setting.description
        }
    }

    var encoderOptions: DatasetEncoder.Options {
        var options = DatasetEncoder.Options()
        options.dims = dims
        if let batchTokens { options.tokenBudget = batchTokens }
        return options
    }

    /// What computes, beyond the card: equal identities give equal vectors.
    func identity(_ loaded: EmbeddingModel) throws -> SHA256Digest {
        var fields: JSONObject = [
            "card": loaded.card.json, "weights": .string(try EmbeddingModel.weightsDigest(FilePath(model)).description),
            "tokenizer": .string(loaded.tokenizer.digest.description),
        ]
        if loaded.tokenizer.truncatesLeft { fields["truncation_side"] = "left" }
        if let adapter {
            fields["adapter"] = .string(
                try SHA256Digest.ofFile(FilePath(adapter).appending("adapter_model.safetensors")).description)
        }
        return SHA256Digest.of(JSONValue.object(fields).canonical())
    }
}

extension NumberRange where Number == Int {
    /// Tokens of a text; the model has a limit of its own.
    fileprivate static var textLengths: NumberRange { NumberRange(1...1_048_576) }
}

extension ModelPreset: ExpressibleByArgument {
    public init?(argument: String) {
        guard let preset = ModelPreset.named(argument) else { return nil }
        self = preset
    }

    public static var allValueStrings: [String] { names }
    public var defaultValueDescription: String { name }
}

extension EncodingType: ExpressibleByArgument {}
extension Poolings: ExpressibleByArgument {}
extension AttentionDirection: ExpressibleByArgument {}
