public import ArgumentParser
internal import Base
public import Encoding
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
            "Type of the weights: f32, f16 or bf16; computed in f32 on a CPU that does not multiply it.",
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

    @Option(name: .long, help: ArgumentHelp("mean, cls or last.", valueName: "pooling"))
    var pooling: Pooling?

    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Scale vectors to length 1 (default: what the model does, whatever its similarity).")
    var normalize: Bool?

    @Option(name: .customLong("query-prompt"), help: ArgumentHelp("Put before each query.", valueName: "text"))
    var queryPrompt: String?

    @Option(name: .customLong("document-prompt"), help: ArgumentHelp("Put before each document.", valueName: "text"))
    var documentPrompt: String?

    @Option(
        name: .customLong("query-max-length"), in: .textLengths,
        help: ArgumentHelp("Tokens of a query.", valueName: "n"))
    var queryMaxLength: Int?

    @Option(
        name: .customLong("document-max-length"), in: .textLengths,
        help: ArgumentHelp("Tokens of a document.", valueName: "n"))
    var documentMaxLength: Int?

    @Flag(name: .customLong("ignore-media"), help: "Encode the text of records that also have media.")
    var ignoresMedia = false

    func load() throws -> EmbeddingModel {
        let device = try Device.named(device)
        Compute.threadCount = threads ?? processorCount
        let overrides = ModelCard.Overrides(
            pooling: pooling, normalize: normalize, query: .init(prompt: queryPrompt, maxLength: queryMaxLength),
            document: .init(prompt: documentPrompt, maxLength: documentMaxLength))
        let loaded = try EmbeddingModel(
            loading: FilePath(model), .encoding, overrides: overrides, adapter: adapter.map { FilePath($0) },
            type: dtype.elementType, device: device, settingName: Self.flag)
        guard dims ?? 1 <= loaded.card.dims else {
            throw Failure(.usage, "--dims \(dims ?? 0): the model gives \(loaded.card.dims)")
        }
        for note in loaded.notes { log.notice("\(model): \(note)") }
        if let note = loaded.precision.note { log.notice("--dtype \(dtype.rawValue): \(note)") }
        return loaded
    }

    private static func flag(_ setting: ModelCard.Setting) -> String {
        switch setting {
        case .pooling: "--pooling mean|cls|last"
        case .normalize: "--normalize or --no-normalize"
        case .dims: "--dims N"
        case .prompt(let role): "--\(role.rawValue)-prompt TEXT"
        case .maxLength(let role): "--\(role.rawValue)-max-length N"
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

extension EncodingType: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
