internal import Base
internal import JSON
public import SystemPackage
public import Tensors

/// A model folder like another one, with random weights: for checkpoints of tests, for measuring the time of a shape,
/// for training from nothing.
///
/// Which tensors there are, the family's own loading code says: it is run on tensors that take no memory. Each tensor's
/// numbers are a function of seed and name: see ``InitialValues``.
public struct RandomModel {
    /// As published checkpoints are cut.
    public static let usualShardByteCount = 5_000_000_000

    /// The folder's, with nothing in the place of weights: vectors of it would mean nothing.
    public let model: EmbeddingModel
    private let outline = FolderOutline()
    private let source: FilePath
    /// Of normal numbers.
    public let standardDeviation: Double

    /// What the folder says of its use, notes for users.
    public var notes: [String] { model.notes }

    /// Numbers of all tensors.
    public var parameterCount: Int {
        ([outline.model] + outline.head).flatMap(\.entries).reduce(0) { $0 + $1.numberCount }
    }

    /// - Parameters:
    ///   - folder: in Hugging Face's layout; it needs no weights, and those that it has are not looked at.
    ///   - overrides: as where a model is loaded.
    /// - Throws: `InputError` or `Failure` for anything that is missing, unknown or does not fit.
    public init(
        like folder: FilePath, overrides: ModelCard.Overrides = .init(),
        settingName: (ModelCard.Setting) -> String = \.description
    ) throws {
        let files = try ModelFolder(folder, adapter: nil, overrides, settingName: settingName)
        model = try EmbeddingModel(files, .training, overrides, outline: outline, settingName: settingName)
        source = files.configPath.removingLastComponent()
        standardDeviation = try Self.standardDeviation(files.configPath)
    }

    /// `initializer_range` of the model or of its text model, else 0.02, as transformers has it.
    private static func standardDeviation(_ path: FilePath) throws -> Double {
        var reader = try ConfigurationReader(file: path)
        for section in ["thinker_config", "text_config"] where reader["initializer_range"] == nil {
            reader = try reader.optionalSection(section) ?? reader
        }
        return try reader.positiveNumber("initializer_range", to: 10, default: 0.02)
    }

    /// What was written.
    public struct Report: Sendable, Equatable {
        public let weightFileCount: Int
        public let byteCount: Int
        /// Files of the folder that belong to its old weights, or to nothing that we know.
        public let leftFiles: [String]
    }

    /// Files that say how images, sounds and conversations become inputs.
    private static let processorFiles = [
        "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "chat_template.jinja",
        "chat_template.json", "generation_config.json",
    ]

    /// Writes a complete model folder; of the weights, one tensor is in memory at a time.
    ///
    /// The folder must not exist; writing it elsewhere and renaming it into place is the caller's part.
    ///
    /// - Parameter type: of the weights; those of the head are float32 in any case.
    public func write(
        seed: UInt64, type: ElementType = .float32, shardByteCount: Int = usualShardByteCount, to target: FilePath
    ) throws -> Report {
        precondition(type.isFloatingPoint && type.byteCount <= 4, "weights are numbers of 4 bytes at most")
        var card = model.card
        card.baseModel = nil
        try Files.makeDirectory(target)
        try model.saveDescription(card, to: target)
        for name in Self.processorFiles where !Files.exists(target.appending(name)) {
            let file = source.appending(name)
            if Files.exists(file) { try Files.replace(target.appending(name), with: Files.readAll(file)) }
        }
        try ModelFolder.nameType(type, in: target.appending(ModelFolder.configName))
        let draw = Draw(seed: seed, standardDeviation: standardDeviation, type: type)
        let files = try draw.write(outline.model.entries, shardByteCount: shardByteCount, to: target)
        let ofHead = Draw(seed: seed, standardDeviation: standardDeviation, type: .float32)
        for (name, outline) in zip(card.weightedFolders, outline.head) {
            try ofHead.write(outline.entries, of: name, to: target.appending(name).appending("model.safetensors"))
        }
        let written = try ModelFolder.weightFiles(of: target)
        return Report(
            weightFileCount: files, byteCount: try written.reduce(0) { try $0 + Files.size($1) },
            leftFiles: try Files.list(source).filter { !Files.exists(target.appending($0)) }.sorted())
    }
}

extension RandomModel {
    /// In the header of a weight file whose numbers were drawn: the seed. Whoever trains and saves the model writes
    /// files without it.
    static let metadataField = "tvt_random_seed"

    /// The seed of a folder whose weights were drawn; nil for others.
    public static func seed(of folder: FilePath) throws -> String? {
        try ModelFolder.weightFiles(of: folder).lazy.compactMap { try SafetensorsFile($0).metadata[metadataField] }
            .first
    }

    /// The header's fields of a file whose weights are made of those of other folders, and no training: drawn where all of
    /// them were, with one seed.
    static func metadata(_ folders: [FilePath]) throws -> [String: String] {
        let seeds = Set(try folders.map { try seed(of: $0) })
        guard seeds.count == 1, let seed = seeds.first! else { return ["format": "pt"] }
        return metadata(seed)
    }

    /// - Parameter seed: that weights were drawn with.
    fileprivate static func metadata(_ seed: String) -> [String: String] { ["format": "pt", metadataField: seed] }

    /// What a user should know where a folder's weights were drawn.
    static func notes(on folder: FilePath) throws -> [String] {
        try seed(of: folder).map {
            ["the weights are random, drawn with seed \($0): vectors mean nothing before the model is trained"]
        } ?? []
    }
}

/// Draws weights and writes them.
private struct Draw {
    let seed: UInt64
    let standardDeviation: Double
    let type: ElementType

    /// Tensors of one file.
    ///
    /// - Parameter module: tells names of a head's layers apart, which may be the same.
    func write(_ entries: [WeightOutline.Entry], of module: String? = nil, to file: FilePath) throws {
        try Files.makeDirectory(file.removingLastComponent())
        let plans = entries.map { SafetensorsWriter.Plan(name: $0.name, shape: $0.shape, type: type) }
        try withoutGradients {
            try SafetensorsWriter.write(plans, metadata: RandomModel.metadata(String(seed)), to: file) { number in
                try Interruption.check()
                let entry = entries[number]
                let name = module.map { "\($0)/\(entry.name)" } ?? entry.name
                return try entry.initial.values(
                    name, entry.shape, standardDeviation: standardDeviation, seed: seed
                ).to(type)
            }
        }
    }

    /// Tensors in the order of the model, in as many files as it takes.
    ///
    /// - Returns: how many files.
    func write(_ entries: [WeightOutline.Entry], shardByteCount: Int, to folder: FilePath) throws -> Int {
        let shards = shards(entries, shardByteCount)
        guard shards.count > 1 else {
            try write(entries, to: folder.appending(WeightFiles.singleName))
            return 1
        }
        var map: JSONObject = [:]
        for (number, shard) in shards.enumerated() {
            let name = "model-\(padded(number + 1))-of-\(padded(shards.count)).safetensors"
            try write(Array(shard), to: folder.appending(name))
            for entry in shard { map[entry.name] = .string(name) }
        }
        let total = entries.reduce(0) { $0 + $1.numberCount * type.byteCount }
        let index: JSONValue = ["metadata": ["total_size": JSONValue(total)], "weight_map": .object(map)]
        try Files.replace(folder.appending(WeightFiles.indexName), with: index.pretty())
        return shards.count
    }

    private func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    /// No file is larger, unless one tensor alone is.
    private func shards(
        _ entries: [WeightOutline.Entry], _ byteCount: Int
    ) -> [ArraySlice<WeightOutline.Entry>] {
        var shards: [ArraySlice<WeightOutline.Entry>] = []
        var (start, filled) = (0, 0)
        for (index, entry) in entries.enumerated() {
            let size = entry.numberCount * type.byteCount
            if filled + size > byteCount, index > start {
                shards.append(entries[start..<index])
                (start, filled) = (index, 0)
            }
            filled += size
        }
        return shards + [entries[start...]]
    }
}
