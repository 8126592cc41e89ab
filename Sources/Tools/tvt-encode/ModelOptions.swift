public import ArgumentParser
internal import Base
public import Encoding
internal import JSON
public import Models
internal import SystemPackage
internal import Tensors

/// Which model computes, and how.
struct ModelOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The model's folder.", valueName: "dir"))
    var model: String

    @Option(name: .long, help: ArgumentHelp("A PEFT adapter's folder, merged into the weights.", valueName: "dir"))
    var adapter: String?

    @Option(
        name: .long, help: ArgumentHelp("Precision of weights and computation: f32, f16 or bf16.", valueName: "type"))
    var dtype: EncodingType = .f32

    @Option(name: .long, help: ArgumentHelp("cpu, cuda or cuda:N.", valueName: "device"))
    var device = "cpu"

    @Option(name: .long, help: ArgumentHelp("Threads that compute (default: all cores).", valueName: "n"))
    var threads: Int?

    @Option(
        name: .long, help: ArgumentHelp("Keep the first n components (Matryoshka models), rescaled.", valueName: "n"))
    var dims: Int?

    @Option(name: .customLong("batch-tokens"), help: ArgumentHelp("The most tokens of a batch.", valueName: "n"))
    var batchTokens: Int?

    @Option(name: .long, help: ArgumentHelp("mean, cls or last.", valueName: "pooling"))
    var pooling: Pooling?

    @Flag(name: .long, inversion: .prefixedNo, help: "Scale vectors to length 1.")
    var normalize: Bool?

    @Option(name: .customLong("query-prompt"), help: ArgumentHelp("Put before each query.", valueName: "text"))
    var queryPrompt: String?

    @Option(name: .customLong("document-prompt"), help: ArgumentHelp("Put before each document.", valueName: "text"))
    var documentPrompt: String?

    @Option(name: .customLong("query-max-length"), help: ArgumentHelp("Tokens of a query.", valueName: "n"))
    var queryMaxLength: Int?

    @Option(name: .customLong("document-max-length"), help: ArgumentHelp("Tokens of a document.", valueName: "n"))
    var documentMaxLength: Int?

    @Flag(name: .customLong("ignore-media"), help: "Encode the text of records that also have media.")
    var ignoresMedia = false

    func validate() throws {
        for (name, value) in [
            ("--threads", threads), ("--dims", dims), ("--batch-tokens", batchTokens),
            ("--query-max-length", queryMaxLength), ("--document-max-length", documentMaxLength),
        ] {
            guard value ?? 1 > 0 else { throw ValidationError("\(name) is at least 1") }
        }
    }

    func load() throws -> EmbeddingModel {
        try Files.checkWorkingFolder()
        let device = try Device.named(device)
        Compute.threadCount = threads ?? processorCount
        var overrides = ModelCard.Overrides()
        overrides.pooling = pooling
        overrides.normalize = normalize
        overrides.queryPrompt = queryPrompt
        overrides.documentPrompt = documentPrompt
        overrides.queryMaxLength = queryMaxLength
        overrides.documentMaxLength = documentMaxLength
        let loaded = try EmbeddingModel(
            loading: FilePath(model), .encoding, overrides: overrides, adapter: adapter.map { FilePath($0) },
            type: dtype.elementType, device: device)
        guard dims ?? 1 <= loaded.card.dims else {
            throw Failure(.usage, "--dims \(dims ?? 0): the model gives \(loaded.card.dims)")
        }
        if let note = loaded.precision.note { log.notice("--dtype \(dtype.rawValue): \(note)") }
        return loaded
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
        if let adapter {
            fields["adapter"] = .string(
                try SHA256Digest.ofFile(FilePath(adapter).appending("adapter_model.safetensors")).description)
        }
        return SHA256Digest.of(JSONValue.object(fields).canonical())
    }
}

extension EncodingType: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
