internal import Base
public import SystemPackage
public import Tensors

/// What the weight files of a loaded model hold, by their headers alone.
public struct WeightSummary: Sendable, Equatable {
    /// Tensors of one type.
    public struct Kind: Sendable, Equatable {
        public let type: ElementType
        public var tensorCount: Int
        public var numberCount: Int
    }

    public let files: [FilePath]
    public let byteCount: Int
    /// The type with the most numbers first.
    public let kinds: [Kind]
    /// Tensors that no vector depends on, sorted.
    public let unused: [String]

    /// Numbers in all files, counters and the like left out.
    public var parameterCount: Int { kinds.filter(\.type.isFloatingPoint).reduce(0) { $0 + $1.numberCount } }

    public init(_ model: EmbeddingModel) throws {
        files = try ModelFolder.weightFiles(of: model.folder)
        byteCount = try files.reduce(0) { try $0 + Files.size($1) }
        kinds = try WeightSummary.kinds(in: model.folder)
        let ofText = try WeightFiles.paths(model.configuration.removingLastComponent())
        let names = try ofText.flatMap { try SafetensorsFile($0).names }.filter(model.text.names.isUnusedTensor)
        unused = Set(names + model.text.passiveParameters.map(\.name)).sorted()
    }

    /// The types in a folder's weight files, that with the most numbers first.
    public static func kinds(in folder: FilePath) throws -> [Kind] {
        var kinds: [ElementType: Kind] = [:]
        for path in try ModelFolder.weightFiles(of: folder) {
            for entry in try SafetensorsFile(path).entries {
                kinds[entry.type, default: Kind(type: entry.type, tensorCount: 0, numberCount: 0)].tensorCount += 1
                kinds[entry.type]?.numberCount += entry.shape.reduce(1, *)
            }
        }
        return kinds.values.sorted { ($0.numberCount, "\($0.type)") > ($1.numberCount, "\($1.type)") }
    }

    /// The type that a copy's weights are written in, where nobody says: that of the most numbers.
    public static func mainType(in folder: FilePath) throws -> ElementType {
        guard let type = try kinds(in: folder).first?.type, type.byteCount <= 4, type.isFloatingPoint else {
            return .float32
        }
        return type
    }
}
