internal import Base
internal import JSON
internal import SystemPackage

// Where modules lie, and what the configuration of each says.

extension SentenceTransformersFiles {
    /// The folder of the Transformer: the model's own, or one within it where an old version has put it there.
    static func transformer(of folder: FilePath) throws -> FilePath {
        let file = folder.appending(modulesName)
        guard Files.exists(file), let first = try JSONValue.parse(pythonFile: file).array?.first,
            let path = first["path"]?.string, let name = FilePath.Component(path), name.kind == .regular
        else { return folder }
        return folder.appending(name)
    }

    /// Weight files of the modules behind the Transformer, in order: of those of a `tvt.json`, else of `modules.json`.
    static func headWeights(of folder: FilePath) throws -> [FilePath] {
        let card = folder.appending(ModelCard.fileName)
        let folders =
            try Files.exists(card) ? ModelCard(file: card).moduleFolders(in: folder) : modules(of: folder)
        return folders.map { $0.appending("model.safetensors") }.filter { Files.exists($0) }
    }

    /// Folders of the modules behind the Transformer that have weights, in order.
    static func weightedModules(of folder: FilePath) throws -> [FilePath] {
        try modules(of: folder) { $0 == "Dense" || $0 == "LayerNorm" }
    }

    /// Folders of the modules behind the Transformer, in order.
    ///
    /// - Parameter isWanted: by the last part of a module's type.
    private static func modules(
        of folder: FilePath, where isWanted: (String) -> Bool = { _ in true }
    ) throws -> [FilePath] {
        let file = folder.appending(modulesName)
        guard Files.exists(file) else { return [] }
        return (try JSONValue.parse(pythonFile: file).array ?? []).dropFirst().compactMap { module in
            guard isWanted(lastComponent(module["type"]?.string ?? "")), let path = module["path"]?.string,
                let name = FilePath.Component(path), name.kind == .regular
            else { return nil }
            return folder.appending(name)
        }
    }

    /// Dense reads and writes one feature; which, depends on where it stands.
    static func dense(_ file: FilePath, isOnTokens: Bool) throws -> HeadLayer.Dense {
        let reader = try ConfigurationReader(file: file)
        let dense = HeadLayer.Dense(
            inputSize: try reader.count("in_features", in: HeadLayer.sizeRange),
            outputSize: try reader.count("out_features", in: HeadLayer.sizeRange),
            hasBias: try reader.bool("bias", default: true), activation: try activation(reader),
            addsInput: try reader.bool("use_residual", default: false))
        let feature = isOnTokens ? tokensFeature : vectorFeature
        guard try reader.string("module_input_name", default: vectorFeature) == feature else {
            throw reader.error("module_input_name", "only \"\(feature)\" is supported at this place")
        }
        try reader.require("module_output_name", .string(feature))
        try reader.refuseUnread()
        return dense
    }

    static let tokensFeature = "token_embeddings"
    static let vectorFeature = "sentence_embedding"

    /// PyTorch's classes, whose functions have no parameters as they are made here.
    private static let activations: [(path: String, activation: Dense.Activation)] = [
        ("torch.nn.modules.linear.Identity", .identity), ("torch.nn.modules.activation.Tanh", .tanh),
        ("torch.nn.modules.activation.ReLU", .relu), ("torch.nn.modules.activation.GELU", .gelu),
        ("torch.nn.modules.activation.Sigmoid", .sigmoid), ("torch.nn.modules.activation.SiLU", .silu),
    ]

    static func path(of activation: Dense.Activation) -> String {
        activations.first { $0.activation == activation }!.path
    }

    /// What is not said is Tanh.
    private static func activation(_ reader: ConfigurationReader) throws -> Dense.Activation {
        let field = "activation_function"
        let stated = try reader.string(field, default: path(of: .tanh))
        // `torch.nn` exports the classes of its modules.
        guard
            let known = activations.first(where: { path, _ in
                stated == path || stated == "torch.nn." + (path.split(separator: ".").last ?? "")
            })
        else {
            let names = activations.compactMap { $0.path.split(separator: ".").last.map(String.init) }
            throw reader.error(
                field, "the activation \(stated) is not supported",
                advice: "supported, of torch.nn: \(names.joined(separator: ", "))")
        }
        return known.activation
    }

    static func layerNormSize(_ file: FilePath) throws -> Int {
        let reader = try ConfigurationReader(file: file)
        let size = try reader.count("dimension", in: HeadLayer.sizeRange)
        try reader.refuseUnread()
        return size
    }

    static func checkNormalize(_ file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        for field in ["module_input_name", "module_output_name"] { try reader.require(field, .string(vectorFeature)) }
        try reader.refuseUnread()
    }

    /// Names of `pooling_mode`, and of the older flags, in the order in which the flags are joined.
    static let poolingNames: [(pooling: Pooling, name: String, flag: String)] = [
        (.cls, "cls", "pooling_mode_cls_token"), (.max, "max", "pooling_mode_max_tokens"),
        (.mean, "mean", "pooling_mode_mean_tokens"),
        (.meanSqrtLength, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
        (.weightedMean, "weightedmean", "pooling_mode_weightedmean_tokens"),
        (.last, "lasttoken", "pooling_mode_lasttoken"),
    ]

    mutating func readPooling(_ file: FilePath) throws {
        let reader = try ConfigurationReader(file: file)
        let flagged = try Self.poolingNames.filter { try reader.bool($0.flag, default: false) }.map(\.name)
        // Where there is the newer field, flags count for nothing.
        var names = flagged
        if let mode = reader["pooling_mode"] {
            names = try mode.string.map { [$0] } ?? reader.strings("pooling_mode") ?? []
        } else if flagged.isEmpty {
            names = ["mean"]
        }
        let modes = names.compactMap { name in Self.poolingNames.first { $0.name == name }?.pooling }
        guard modes.count == names.count, let poolings = Poolings(modes) else {
            throw reader.error("pooling_mode", "pooling \(names.joined(separator: " + ")) is not supported")
        }
        setIncludesPrompt(
            try reader.bool("include_prompt", default: true),
            at: reader["include_prompt"] == nil ? nil : reader.place("include_prompt"))
        // The second name is the older one.
        let field = ["embedding_dimension", "word_embedding_dimension"].first { reader[$0] != nil }
        let width = try field.map {
            Width(
                count: try reader.count($0, in: HeadLayer.sizeRange),
                error: reader.error($0, "this is not the size of what is pooled"))
        }
        try reader.refuseUnread(except: ["word_embedding_dimension"])
        let flag = Self.poolingNames.first { $0.name == names.first }?.flag
        let place =
            reader["pooling_mode"] != nil
            ? reader.place("pooling_mode")
            : flagged.isEmpty ? Place(path: file.string) : reader.place(flag ?? "pooling_mode")
        set(poolings, at: place, width: width)
    }
}
