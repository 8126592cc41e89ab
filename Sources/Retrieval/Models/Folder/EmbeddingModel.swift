public import Base
internal import JSON
public import Records
public import SystemPackage
public import Tensors
public import Tokenizers

/// A model ready to turn texts into vectors: tokenizer, card and weights of one folder.
///
/// Not Sendable, as its tensors are not: one thread computes. Others may tokenise meanwhile (``tokenizer`` and
/// ``card`` are Sendable).
public final class EmbeddingModel {
    public let folder: FilePath
    public let card: ModelCard
    public let tokenizer: Tokenizer
    /// What makes token ids of queries and of documents.
    public let queries: RoleTokenizer
    public let documents: RoleTokenizer
    public let text: TextModel
    /// Pooling and what follows it.
    public let head: Head
    public let device: Device
    public let precision: Precision
    /// Whether linear layers compute in 8 bits.
    public let isQuantized: Bool
    /// The adapter's folder, where one was merged into the weights.
    public let adapter: FilePath?
    /// Where the card has its settings from.
    public let sources: [ModelCard.Setting: ModelCard.Source]
    /// What a user should know about how the folder was read, a sentence each.
    public let notes: [String]
    /// What a folder has beside weights, tokenizer and card, as it was when the model was loaded: a checkpoint that a
    /// run was resumed from is removed before the run ends.
    private let descriptionFiles: [(name: String, bytes: [UInt8])]
    /// The prompts of `config_sentence_transformers.json`, which copies of the folder have too.
    public let namedPrompts: [(name: String, text: String)]
    /// What tokens see of each other; nil where the family leaves no choice.
    public let attention: AttentionDirection?
    /// `config.json`
    public let configuration: FilePath

    /// Where the files of processors and chat templates lie.
    public var processorFolder: FilePath { configuration.removingLastComponent() }

    /// Digest of the files that say how media become inputs, and how inputs are written; nil where there are none.
    public func processorDigest() throws -> SHA256Digest? { try ModelFolder.processorDigest(of: processorFolder) }

    /// What a model is loaded for.
    public enum Purpose: Sendable {
        /// Weights are fused and laid out for speed; no gradients.
        case encoding
        /// Weights stay as they are in the checkpoint. None is trainable until ``TextModel/trainAll(except:)`` or
        /// ``TextModel/addAdapters(_:seed:except:)``.
        case training
    }

    /// Loads a model folder in Hugging Face's layout.
    ///
    /// - Parameters:
    ///   - overrides: what the user says about the card.
    ///   - adapter: a PEFT folder whose adapters are merged into the weights. Its card, where it has one, is the
    ///     model's: it says how the adapter was trained.
    ///   - residency: of the weights that are not trained; those of the head are in memory.
    ///   - settingName: what the user calls a setting, for what has to be asked.
    /// - Throws: `InputError` or `Failure` for anything that is missing, unknown or does not fit.
    public convenience init(
        loading folder: FilePath, _ purpose: Purpose, overrides: ModelCard.Overrides = .init(),
        adapter: FilePath? = nil, type: ElementType = .float32, quantizes: Bool = false,
        residency: WeightResidency = .resident, device: Device = .cpu,
        settingName: (ModelCard.Setting) -> String = \.description
    ) throws {
        try self.init(
            ModelFolder(folder, adapter: adapter, overrides, settingName: settingName), purpose, overrides, type: type,
            quantizes: quantizes, residency: residency, device: device, settingName: settingName)
    }

    /// Loads everything but weights, in whose place are tensors that take no memory: for whoever asks what the model would
    /// be given, and computes nothing. Vectors of it would mean nothing.
    ///
    /// - Parameters: as those of
    ///   ``init(loading:_:overrides:adapter:type:quantizes:residency:device:settingName:)``; an adapter is asked for its card alone.
    /// - Throws: `InputError` or `Failure` for anything but weights that is missing, unknown or does not fit.
    public convenience init(
        withoutWeightsOf folder: FilePath, overrides: ModelCard.Overrides = .init(), adapter: FilePath? = nil,
        type: ElementType = .float32, settingName: (ModelCard.Setting) -> String = \.description
    ) throws {
        try self.init(
            ModelFolder(folder, adapter: adapter, overrides, settingName: settingName), .training, overrides,
            type: type,
            outline: FolderOutline(), settingName: settingName)
    }

    /// - Parameter outline: notes down what tensors the folder must have; none is read then.
    init(
        _ files: ModelFolder, _ purpose: Purpose, _ overrides: ModelCard.Overrides, type: ElementType = .float32,
        quantizes: Bool = false, residency: WeightResidency = .resident, device: Device = .cpu,
        outline: FolderOutline? = nil, settingName: (ModelCard.Setting) -> String
    ) throws {
        folder = files.path
        adapter = files.adapter
        self.device = device
        precision = Precision(type, on: device)
        isQuantized = quantizes
        guard !quantizes || (device == .cpu && type == .float32 && purpose == .encoding) else {
            throw Failure(.usage, "8 bits are for encoding on the CPU")
        }
        guard residency == .resident || (!quantizes && files.adapter == nil) else {
            throw Failure(
                .usage,
                quantizes
                    ? "weights that are streamed stay as they are, and are not rounded to 8 bits"
                    : "an adapter is merged into the weights, and those that are streamed stay as they are",
                advice: "Keep the weights resident.")
        }
        tokenizer = try files.tokenizer()
        text = try files.text(precision, residency, device, outline: outline?.model)
        descriptionFiles = try files.descriptionFiles()
        (namedPrompts, attention) = (files.namedPrompts, files.direction)
        configuration = files.configPath
        let loaded = try ModelCard.load(
            files, overrides, model: text, tokenizer: tokenizer, settingName: settingName)
        (card, sources) = (loaded.card, loaded.sources)
        notes = loaded.notes + (outline == nil ? try RandomModel.notes(on: folder) : [])
        head =
            try outline?.makeHead(card) ?? Head(card, folders: loaded.moduleFolders, device: device)
        queries = try RoleTokenizer(card.query, of: card, tokenizer)
        documents = try RoleTokenizer(card.document, of: card, tokenizer)
        try requireFittingTokenizer()
        if let adapter, outline == nil { try merge(adapter, isDescription: files.description == adapter) }
        if purpose == .encoding { try text.prepareForEncoding(quantizes: quantizes) }
    }

    private func requireFittingTokenizer() throws {
        guard tokenizer.highestID < text.vocabularySize else {
            throw InputError(
                "token ids up to \(tokenizer.highestID), but the model knows \(text.vocabularySize)",
                at: Place(path: folder.appending("tokenizer.json").string), exitStatus: .badConfiguration)
        }
    }

    private func merge(_ adapter: FilePath, isDescription: Bool) throws {
        if isDescription, let base = card.baseModel, try EmbeddingModel.weightsDigest(folder) != base {
            throw Failure(
                .badConfiguration, "\(adapter) was trained on the weights \(base); those of \(folder) are others",
                advice: "give the model that it was trained on")
        }
        try text.mergeAdapters(adapter)
    }

    /// What makes token ids of a role's texts.
    public func texts(of role: Role) -> RoleTokenizer { role == .query ? queries : documents }

    /// - Parameter settingName: what the user calls a setting.
    /// - Throws: `Failure` (78) where a role's prompt and special tokens fill its maximal length: all of its texts would have
    ///   the same vector.
    public func requireRoomForText(
        of role: Role, settingName: (ModelCard.Setting) -> String = \.description
    ) throws {
        let texts = texts(of: role)
        guard let count = try texts.tokensWithoutText() else { return }
        throw Failure(
            .badConfiguration,
            "the prompt and special tokens of a \(role) take \(count) of at most \(texts.side.maxLength) tokens: nothing is "
                + "left for the text",
            advice: "Raise \(settingName(.maxLength(role))), or shorten \(settingName(.prompt(role))).")
    }

    /// Token ids of one text.
    public func tokenize(_ text: [UInt8], as role: Role) throws -> [Int32] {
        var ids: [Int32] = []
        try text.withUnsafeBytes { _ = try texts(of: role).append($0, to: &ids) }
        return ids
    }

    /// The batch of some texts, tokenised and packed.
    public func pack(_ texts: [[UInt8]], as role: Role) throws -> PackedBatch {
        let unpooled = self.texts(of: role).unpooledCount
        return PackedBatch(
            try texts.map { ModelInput(tokens: try tokenize($0, as: role), unpooledCount: unpooled) })
    }

    /// Everything a checkpoint holds, plus LoRA parameters, in order.
    public var parameters: [Parameter] { text.parameters + head.parameters }

    /// What training changes.
    public var trainableParameters: [Parameter] { text.trainableParameters + head.parameters.filter(\.isTrainable) }

    /// Those of the names of another model's, in its order, which has no others.
    package func parameters(like others: [Parameter]) -> [Parameter] {
        let named = Dictionary(parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return others.map { named[$0.name]! }
    }

    /// Makes every parameter that vectors depend on trainable.
    ///
    /// - Parameters:
    ///   - frozen: parts that stay as they are; the head is trained in any case.
    ///   - isMoved: see ``Parameter/makeTrainable(isMoved:)``.
    /// - Throws: `TensorError` for a model that was loaded for encoding.
    public func trainAll(except frozen: Set<ModelPart> = [], isMoved: Bool = false) throws {
        try text.trainAll(except: frozen, isMoved: isMoved)
        for parameter in head.parameters { try parameter.makeTrainable(isMoved: isMoved) }
    }

    /// Whether a folder has files of weights, of any kind, beside what describes the model.
    package static func hasWeights(_ folder: FilePath) throws -> Bool {
        try Files.list(SentenceTransformersFiles.transformer(of: folder)).contains { name in
            [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"].contains { name.hasSuffix($0) }
        }
    }

    /// Digest of the weights as they lie in the folder: what a model trained from here names as its base.
    ///
    /// - Parameter isWanted: asked again and again, by whoever makes the digest on a thread of its own.
    /// - Throws: `CancellationError` once it is not wanted any more.
    public static func weightsDigest(
        _ folder: FilePath, isWanted: () -> Bool = { true }
    ) throws -> SHA256Digest {
        var digest = SHA256Stream()
        for path in try ModelFolder.weightFiles(of: folder) {
            var ofFile = SHA256Stream()
            try InputFile(path).forEachBlock { block in
                try Interruption.check()
                guard isWanted() else { throw CancellationError() }
                ofFile.update(block)
            }
            ofFile.finalize().bytes.withUnsafeBytes { digest.update($0) }
        }
        return digest.finalize()
    }

    /// Card, weights and all else that vectors depend on: equal identities give equal vectors.
    ///
    /// - Parameter weights: what ``weightsDigest(_:isWanted:)`` makes of ``folder``.
    public func identity(weights: SHA256Digest) throws -> SHA256Digest {
        var fields: JSONObject = [
            "card": card.json, "weights": .string(weights.description),
            "tokenizer": .string(tokenizer.digest.description),
        ]
        if text.media != nil, let processors = try processorDigest() {
            fields["processors"] = .string(processors.description)
        }
        if tokenizer.truncatesLeft { fields["truncation_side"] = "left" }
        if let adapter {
            fields["adapter"] = .string(
                try SHA256Digest.ofFile(adapter.appending("adapter_model.safetensors")).description)
        }
        return SHA256Digest.of(JSONValue.object(fields).canonical())
    }

    /// Writes a complete model folder: weights, `config.json`, tokenizer, card, and sentence-transformers' files.
    ///
    /// The folder must not exist; writing it elsewhere and renaming it into place is the caller's part. Adapters that
    /// are not merged are left out: save them with ``TextModel/saveAdapters(_:baseModel:to:)``.
    public func save(_ card: ModelCard, to target: FilePath) throws { try save(card, head, to: target) }

    /// - Parameters:
    ///   - head: what the card describes.
    ///   - metadata: fields of the header of the weights.
    func save(
        _ card: ModelCard, _ head: Head, metadata: [String: String] = ["format": "pt"], to target: FilePath
    ) throws {
        try text.requirePlainWeights("save")
        try Files.makeDirectory(target)
        let adapters = Set(text.linearLayers.compactMap(\.adapter).flatMap { [$0.a.name, $0.b.name] })
        let weights = text.parameters.filter { !adapters.contains($0.name) }
        let plans =
            weights.map { SafetensorsWriter.Plan(name: $0.name, $0.tensor) }
            + text.otherParts.map { SafetensorsWriter.Plan(name: $0.name, $0.tensor) }
        try SafetensorsWriter.write(plans, metadata: metadata, to: target.appending("model.safetensors")) { number in
            number < weights.count
                ? try weights[number].wholeValues() : text.otherParts[number - weights.count].tensor
        }
        try saveDescription(card, head, to: target)
        try ModelFolder.nameType(precision.storage, in: target.appending(ModelFolder.configName))
    }

    /// Writes everything of a model folder but the text model's weights.
    ///
    /// - Parameter card: the model's, which prompts, limits and the base may differ from.
    public func saveDescription(_ card: ModelCard, to target: FilePath) throws {
        try saveDescription(card, head, to: target)
    }

    /// - Parameter head: what the card describes.
    private func saveDescription(_ card: ModelCard, _ head: Head, to target: FilePath) throws {
        // Whoever else loads the folder knows nothing of our card: the tokenizer itself ends texts there.
        let tokens =
            try card.endOfText == .append ? tokenizer.configurationBytesWithEnd() : tokenizer.configurationBytes
        try Files.replace(target.appending("tokenizer.json"), with: tokens)
        for (name, bytes) in descriptionFiles {
            let path = target.appending(name)
            try Files.makeDirectory(path.removingLastComponent())
            try Files.replace(path, with: bytes)
        }
        try Files.replace(target.appending(ModelCard.fileName), with: card.json.pretty())
        try SentenceTransformersFiles.write(card, otherPrompts: namedPrompts, to: target)
        try head.write(card, to: target)
    }
}
