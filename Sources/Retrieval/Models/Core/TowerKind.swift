internal import Base
internal import CFamilies
internal import JSON
public import SystemPackage
public import Tensors

/// A kind of towers that are trained on their own: which folders it reads, and how.
///
/// Such a tower becomes part of a model that is put together: see ``Family/graft``.
struct TowerKind: Sendable {
    /// Values of `model_type` in `config.json`.
    let modelTypes: [String]
    /// What it reads.
    let name: Tower.Name
    let names: NameMap
    /// Makes the tower that `config.json` describes of a checkpoint's tensors.
    ///
    /// The number is the side of the squares of patches that come one square after another; 1 for rows of a picture.
    let build: @Sendable (ConfigurationReader, WeightFiles, _ mergeSize: Int) throws -> PretrainedTower

    /// - Throws: `InputError` for a model that is no tower of a known kind.
    static func named(_ name: String, at place: Place) throws -> TowerKind {
        if let kind = all.first(where: { $0.modelTypes.contains(name) }) { return kind }
        throw InputError(
            "towers of type \(name) are not supported", at: place,
            advice: "supported: \(all.flatMap(\.modelTypes).sorted().joined(separator: ", "))",
            exitStatus: .badConfiguration)
    }

    /// Hands a kind over to ``all``, as ``Family/Entry`` does for families, in the section `tvt_towers`.
    typealias Entry = @convention(c) @Sendable (UnsafeMutableRawPointer?) -> Void

    static func register(_ kind: TowerKind, at place: UnsafeMutableRawPointer?) {
        place?.assumingMemoryBound(to: TowerKind.self).initialize(to: kind)
    }

    /// Every kind that can be read, by its first name.
    static let all: [TowerKind] = (0..<ctowers_count()).map { index in
        withUnsafeTemporaryAllocation(of: TowerKind.self, capacity: 1) { place in
            ctowers_entry(index)!(place.baseAddress!)
            return place.moveElement(from: 0)
        }
    }.sorted { $0.modelTypes[0] < $1.modelTypes[0] }
}

/// A tower as its own folder has it: its rows are not yet features of a text model.
struct PretrainedTower {
    let tower: Tower
    /// D of the rows that it gives.
    let size: Int
    let rows: Rows
    /// Parameters that it computes with and that are not trained.
    var fixedParameters: [Parameter] = []

    /// What it is given, and which rows it makes of it.
    enum Rows: Sendable {
        /// Patches of pictures, each picture on its own; a row for each, behind one for the whole picture. There are places
        /// for `side` × `side` patches, which are resampled for pictures of other sizes.
        case pictures(patchSize: Int, side: Int)
        /// Sounds whose frames fill whole pieces.
        case sounds(framesPerPiece: Int, rowsPerPiece: Int)
    }
}

extension PretrainedTower {
    /// Reads a folder in Hugging Face's layout.
    ///
    /// - Throws: `InputError` or `Failure` for anything that is missing, unknown or does not fit.
    static func load(
        _ folder: FilePath, _ precision: Precision, _ device: Device, mergeSize: Int = 1
    ) throws -> (kind: TowerKind, tower: PretrainedTower, configuration: JSONValue) {
        let path = folder.appending(ModelFolder.configName)
        let configuration = try JSONValue.parse(pythonFile: path)
        let kind = try TowerKind.named(
            configuration["model_type"]?.string ?? "nothing", at: Place(path: path.string, field: "model_type"))
        let files = try WeightFiles(folder, names: kind.names, precision: precision, device: device)
        let tower = try kind.build(ConfigurationReader(configuration, path: path), files, mergeSize)
        try files.finish()
        return (kind, tower, configuration)
    }
}

extension Tower {
    /// Reads a folder of a tower that was trained on its own: a Whisper, of which the encoder is taken, or a DINOv2.
    ///
    /// - Throws: `InputError` or `Failure` for anything that is missing, unknown or does not fit.
    public static func load(
        _ folder: FilePath, type: ElementType = .float32, device: Device = .cpu
    ) throws -> Tower {
        try PretrainedTower.load(folder, Precision(type, on: device), device).tower.tower
    }

    /// Rows of some items, without a text around them, one item behind the other: `[rows, D]`.
    ///
    /// - Parameters:
    ///   - rows: what each item holds.
    ///   - stageCount: so many stages, from the first; nil for all.
    public func forward(
        _ items: [MediaItem], _ rows: [any MediaRows], stageCount: Int? = nil, device: Device = .cpu
    ) throws -> Tensor {
        precondition(items.count == rows.count && !items.isEmpty, "rows for each item")
        let media = try DeviceMedia(items, rows, arrange(items), device: device)
        defer { entrance.parameters.leaveMemory() }
        return try Array(stages.prefix(stageCount ?? stages.count))
            .run(entrance.embed(media, .none), media.context(.none), isPrepared: false)
    }
}

extension Dropout {
    /// What is left in a tower that drops nothing itself: the inputs of adapters.
    var ofAdapters: Dropout { Dropout(hidden: 0, attention: 0, adapter: adapter, seed: seed) }
}
