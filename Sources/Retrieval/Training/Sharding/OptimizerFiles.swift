internal import Base
internal import SystemPackage
internal import Tensors

/// The optimizer's state in a checkpoint: `optimizer.safetensors`, or where processes divided it
/// `optimizer-00001-of-00004.safetensors` and so on, the slices of each process in a file of its own.
///
/// Slices of one tensor follow each other in the order of the files; what has no dimensions is the same in all.
struct OptimizerFiles {
    private static let wholeName = "optimizer.safetensors"
    private let files: [SafetensorsFile]

    /// - Parameter part: which of how many, from 0; nil for the whole state.
    static func write(_ optimizer: Optimizer, part: (number: Int, count: Int)?, in folder: FilePath) throws {
        let name = part.map { Self.name(of: $0.number, of: $0.count) } ?? wholeName
        try SafetensorsWriter.write(try optimizer.state, to: folder.appending(name))
    }

    private static func name(of part: Int, of count: Int) -> String {
        "optimizer-\(padded(part + 1, to: 5))-of-\(padded(count, to: 5)).safetensors"
    }

    /// - Throws: `Failure`: 66 where there is none of them, 65 where some are missing.
    init(of folder: FilePath) throws {
        let whole = folder.appending(Self.wholeName)
        let found = try Files.list(folder).filter { $0.hasPrefix("optimizer-") && $0.hasSuffix(".safetensors") }
        if found.isEmpty || Files.exists(whole) {
            files = [try SafetensorsFile(whole)]
            return
        }
        let last = found.max { $0.utf8.lexicographicallyPrecedes($1.utf8) } ?? ""
        let count = Int(last.dropLast(".safetensors".count).suffix(5)) ?? 0
        let wanted = (0..<count).map { Self.name(of: $0, of: count) }
        guard count > 0, Set(found) == Set(wanted) else {
            throw Failure(
                .badData,
                "\(folder) does not have the optimizer's state as one run wrote it: it has "
                    + found.sorted().joined(separator: ", "))
        }
        files = try wanted.map { try SafetensorsFile(folder.appending($0)) }
    }

    /// A whole tensor, of one dimension where it was divided; nil where no file has it.
    func tensor(_ name: String) throws -> Tensor? {
        let parts = try files.filter { $0[name] != nil }.map { try $0.tensor(name) }
        guard let first = parts.first, parts.count > 1, first.dimensionCount > 0 else { return parts.first }
        return try Tensor.cat(parts)
    }
}
