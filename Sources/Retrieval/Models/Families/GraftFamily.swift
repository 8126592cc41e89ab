internal import Base
internal import JSON
internal import Tensors

// A model that is put together: towers that were trained on their own, a projector for each, and a text model in which
// their features take the places of tokens.
//
// Source of the construction: Liu et al. 2023 (LLaVA).

@section("tvt_families") @used
private let graftEntry: Family.Entry = { Family.register(.graft, at: $0) }

extension Family {
    static let graft: Family = {
        var family = Family(
            modelTypes: [Graft.modelType], names: NameMap(prefixes: []), tokenizerClass: "PreTrainedTokenizerFast",
            build: { try Graft.model($0, $1) })
        family.readsPartsOfOthers = true
        return family
    }()
}

/// How rows of a tower become features.
struct ProjectorConfiguration: Equatable {
    enum Layers: Equatable {
        case linear
        /// Two layers with GELU in between, of this size there.
        case mlp(innerSize: Int)
    }

    let layers: Layers
    /// Of pictures: the side of the squares of patches that become one feature. Of sounds: rows that do.
    let mergeSize: Int
    /// Whether the row for the whole picture becomes a feature too, the first.
    let keepsWholePicture: Bool

    /// Rows of the tower in one feature.
    func joinedCount(_ tower: Tower.Name) -> Int { tower == .vision ? mergeSize * mergeSize : mergeSize }

    init(layers: Layers, mergeSize: Int, keepsWholePicture: Bool) {
        (self.layers, self.mergeSize, self.keepsWholePicture) = (layers, mergeSize, keepsWholePicture)
    }

    init(_ reader: ConfigurationReader, of tower: Tower.Name) throws {
        switch try reader.string("type") {
        case "linear": layers = .linear
        case "mlp":
            layers = .mlp(innerSize: try reader.count("inner_size", in: ConfigurationReader.Range.innerSize))
            try reader.require("activation", "gelu")
        case let other: throw reader.error("type", "\"\(other)\" is not a projector: linear or mlp is expected")
        }
        mergeSize = try reader.count("merge_size", in: 1...1024)
        keepsWholePicture = try tower == .vision && reader.bool("keeps_class_token", default: false)
        try reader.refuseUnread()
    }

    /// As it stands in `config.json`.
    func json(of tower: Tower.Name) -> JSONValue {
        var object: JSONObject = ["type": "linear", "merge_size": JSONValue(mergeSize)]
        if case .mlp(let innerSize) = layers {
            object["type"] = "mlp"
            object["inner_size"] = JSONValue(innerSize)
            object["activation"] = "gelu"
        }
        if tower == .vision { object["keeps_class_token"] = .bool(keepsWholePicture) }
        return .object(object)
    }
}

enum Graft {
    static let modelType = "tvt_graft"

    /// Why a text model is refused.
    static let cannotTakeFeatures =
        "towers cannot be put before a text model of this type: it does more with tokens' embeddings than to begin with them"

    /// What parts are called, in `config.json` and in names of tensors.
    static let textPart = "text."

    static func part(_ tower: Tower.Name) -> String { "\(tower.rawValue)." }

    static func projectorPart(_ tower: Tower.Name) -> String { "projector.\(tower.rawValue)." }

    static func configField(_ tower: Tower.Name) -> String { "\(tower.rawValue)_config" }

    static func projectorField(_ tower: Tower.Name) -> String { "\(tower.rawValue)_projector" }

    static func tokenField(_ tower: Tower.Name) -> String { tower == .vision ? "image_token_id" : "audio_token_id" }

    static func model(_ root: ConfigurationReader, _ files: WeightFiles) throws -> TextModel {
        let text = try textModel(root, files)
        var towers: [Tower] = []
        var fixed: [Parameter] = []
        var rules = MediaRules()
        var counts: [Tower.Name: @Sendable (MediaItem.Shape) -> Int] = [:]
        for name in Tower.Name.allCases where root[configField(name)] != nil {
            let reader = try root.section(configField(name))
            let kind = try TowerKind.named(reader.string("model_type"), at: reader.place("model_type"))
            guard kind.name == name else {
                throw reader.error(
                    "model_type", "a tower of this type reads no \(name == .vision ? "images" : "sounds")")
            }
            let projector = try ProjectorConfiguration(root.section(projectorField(name)), of: name)
            let side = name == .vision ? projector.mergeSize : 1
            let tower = try kind.build(reader, files.part(part(name)), side)
            try check(projector, tower, root.section(projectorField(name)))
            towers.append(
                try projected(tower, projector, outputSize: text.hiddenSize, files.part(projectorPart(name))))
            fixed += tower.fixedParameters
            let token = Int32(try root.count(tokenField(name), in: 0...(text.vocabularySize - 1)))
            counts[name] = featureCount(tower.rows, projector)
            switch tower.rows {
            case .pictures(let patchSize, _):
                rules.image = token
                // Each picture of a video is one of its own.
                rules.video = token
                (rules.patchSize, rules.mergeSize) = (patchSize, projector.mergeSize)
            case .sounds(let framesPerPiece, _):
                rules.audio = token
                rules.soundPiece = framesPerPiece
            }
        }
        guard !towers.isEmpty else {
            throw root.error(configField(.vision), "a tower is expected, here or as \(configField(.audio))")
        }
        let featureCounts = counts
        rules.featureCount = { shape in
            let tower: Tower.Name = if case .frames = shape { .audio } else { .vision }
            return featureCounts[tower]?(shape) ?? 0
        }
        guard let entrance = text.entrance as? any FeatureEntrance else {
            throw root.error("text_config", cannotTakeFeatures)
        }
        entrance.towers = towers.map(\.name)
        try root.refuseUnread(
            except: ["_name_or_path", "architectures", "dtype", "model_type", "tokenizer_class", "torch_dtype"])
        return TextModel(
            hiddenSize: text.hiddenSize, maxLength: text.maxLength, vocabularySize: text.vocabularySize,
            entrance: text.entrance, stages: text.stages, towers: towers, media: rules,
            fixedParameters: text.fixedParameters + fixed, passiveParameters: text.passiveParameters,
            configuredDropout: text.configuredDropout,
            names: files.names, defaultTargets: text.defaultTargets)
    }

    private static func textModel(_ root: ConfigurationReader, _ files: WeightFiles) throws -> TextModel {
        let reader = try root.section("text_config")
        let name = try reader.string("model_type")
        guard let family = Family.all.first(where: { $0.modelTypes.contains(name) }), !family.readsPartsOfOthers else {
            throw reader.error("model_type", "text models of type \(name) are not supported")
        }
        let text = try family.build(reader, files.part(textPart))
        guard text.towers.isEmpty else { throw reader.error("model_type", "this model has towers of its own") }
        return text
    }

    private static func check(
        _ projector: ProjectorConfiguration, _ tower: PretrainedTower, _ reader: ConfigurationReader
    ) throws {
        guard case .sounds(_, let rowsPerPiece) = tower.rows, rowsPerPiece % projector.mergeSize != 0 else { return }
        throw reader.error(
            "merge_size", "\(projector.mergeSize) does not divide the \(rowsPerPiece) rows of a piece of sound")
    }

    /// Features of an item.
    private static func featureCount(
        _ rows: PretrainedTower.Rows, _ projector: ProjectorConfiguration
    ) -> @Sendable (MediaItem.Shape) -> Int {
        let (merge, whole) = (projector.mergeSize, projector.keepsWholePicture ? 1 : 0)
        return { shape in
            switch (rows, shape) {
            case (.pictures, .grid(let time, let height, let width)):
                time * (height / merge * (width / merge) + whole)
            case (.sounds(let framesPerPiece, let rowsPerPiece), .frames(let count)):
                count / framesPerPiece * (rowsPerPiece / merge)
            default: 0
            }
        }
    }

    /// The tower with a projector behind it.
    private static func projected(
        _ tower: PretrainedTower, _ projector: ProjectorConfiguration, outputSize: Int, _ files: WeightFiles
    ) throws -> Tower {
        let base = tower.tower
        let joined = projector.joinedCount(base.name)
        let stage = try Projector(projector, joinedSize: joined * tower.size, outputSize: outputSize, files)
        return Tower(
            base.name, entrance: base.entrance, stages: base.stages + [stage],
            projectorNames: [projectorPart(base.name)]
        ) { items in
            var arrangement = try base.arrange(items)
            arrangement.rows[.items] = try joinedRows(items, tower.rows, projector)
            return arrangement
        }
    }

    /// The tower's rows that become features, those of one feature side by side; the row of a whole picture stands as
    /// often as a square has patches.
    private static func joinedRows(
        _ items: [MediaItem], _ rows: PretrainedTower.Rows, _ projector: ProjectorConfiguration
    ) throws -> [Int32] {
        var taken: [Int32] = []
        var row: Int32 = 0
        for item in items {
            switch (rows, item.shape) {
            case (.pictures, .grid(let time, let height, let width)):
                let side = projector.mergeSize
                guard height % side == 0, width % side == 0 else {
                    throw TensorError(
                        "vision tower", "\(height) × \(width) patches are no whole squares of \(side) × \(side)",
                        exitStatus: .badData)
                }
                for _ in 0..<time {
                    if projector.keepsWholePicture { taken += Array(repeating: row, count: side * side) }
                    let end = row + 1 + Int32(height * width)
                    taken += (row + 1)..<end
                    row = end
                }
            case (.sounds(let framesPerPiece, let rowsPerPiece), .frames(let count)):
                let end = row + Int32(count / framesPerPiece * rowsPerPiece)
                taken += row..<end
                row = end
            default: throw TensorError("projector", "an item of another tower")
            }
        }
        return taken
    }
}

/// Some neighbouring rows of a tower become a feature, as wide as the text model's embeddings.
private final class Projector: Stage {
    private let linear: Projection?
    private let mlp: PlainMLP?
    private let joinedSize: Int

    var projections: [Projection] { linear.map { [$0] } ?? mlp!.projections }
    var parameters: [Parameter] { projections.flatMap(\.parameters) }

    init(_ configuration: ProjectorConfiguration, joinedSize: Int, outputSize: Int, _ files: WeightFiles) throws {
        self.joinedSize = joinedSize
        switch configuration.layers {
        case .linear:
            linear = Projection(try files.linear("linear", joinedSize, outputSize))
            mlp = nil
        case .mlp(let innerSize):
            linear = nil
            mlp = try PlainMLP(
                "mlp", ("up", "down"), joinedSize, innerSize, .gelu, files, outputSize: outputSize)
        }
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor {
        let joined_FJ = try hidden_TD.indexSelect(0, context.rows(.items)).reshape([-1, joinedSize])
        let dropout = context.dropout.ofAdapters.at(1 << 61)
        return try linear?(joined_FJ, dropout, site: 0) ?? mlp!(joined_FJ, dropout, site: 0)
    }
}
