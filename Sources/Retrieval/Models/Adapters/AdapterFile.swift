internal import Base
internal import SystemPackage
internal import Tensors

/// The tensors of a PEFT folder's `adapter_model.safetensors`, and which of them nobody has asked for.
final class AdapterFile {
    private let file: SafetensorsFile
    private let names: NameMap
    /// What stands before a module's usual name: `base_model.model.`, and what the class that was trained puts there.
    private let prefix: String
    private var asked: Set<String> = []

    /// Before every name that PEFT writes.
    static let root = "base_model.model."

    /// - Parameter modules: the usual names of the model's modules.
    init(_ folder: FilePath, _ names: NameMap, modules: Set<String>) throws {
        let path = folder.appending("adapter_model.safetensors")
        guard Files.exists(path) || !Files.exists(folder.appending("adapter_model.bin")) else {
            throw Failure(
                .missingInput, "\(folder): no adapter_model.safetensors",
                advice:
                    "adapter_model.bin is a pickle, which can run programs, and is never loaded; convert it with PEFT: "
                    + "load it and save_pretrained(…, safe_serialization=True)")
        }
        file = try SafetensorsFile(path)
        self.names = names
        let written = file.names
        let found = ([""] + names.prefixes).first { candidate in
            written.contains { name in
                let start = AdapterFile.root + candidate
                return name.hasPrefix(start)
                    && AdapterFile.owners(of: name.dropFirst(start.count)).contains(where: modules.contains)
            }
        }
        prefix = AdapterFile.root + (found ?? "")
    }

    /// The modules that a tensor may belong to: `a.b.c` to `a` and to `a.b`.
    private static func owners(of name: Substring) -> [String] {
        name.indices.filter { name[$0] == "." }.map { String(name[..<$0]) }
    }

    /// A module's or parameter's name in the model that was trained, where PEFT's patterns look for it.
    func trained(_ name: String) -> String { String(prefix.dropFirst(AdapterFile.root.count)) + name }

    func has(_ name: String) -> Bool { file[prefix + name] != nil }

    /// A tensor as it lies in the file, mapped.
    ///
    /// - Parameters:
    ///   - name: with the module's usual name.
    ///   - rank: what the shape follows from, for the error.
    /// - Throws: `InputError` where it is missing, has another shape, or holds a number that is not finite.
    func stored(_ name: String, _ shape: [Int], rank: Int? = nil) throws -> Tensor {
        let written = prefix + name
        let place = Place(path: file.path.string, field: written)
        guard let entry = file[written] else {
            throw InputError("the adapter needs this tensor, which is missing", at: place)
        }
        guard entry.shape == shape, entry.type.isFloatingPoint else {
            throw InputError(
                "shape \(shape) belongs here\(rank.map { " with rank \($0)" } ?? ""), not \(entry.shape) of "
                    + "\(entry.type)", at: place,
                advice: "Give the model that the adapter was trained on.")
        }
        guard try file.isFinite(written) else {
            throw InputError("the adapter holds a number that is not finite", at: place)
        }
        asked.insert(written)
        return try file.tensor(written)
    }

    /// - Throws: `InputError` that names a tensor nobody asked for: its effect would be lost silently. Those of modules
    ///   that no vector depends on have none.
    func finish() throws {
        for name in file.names where !asked.contains(name) && !isUnused(name) {
            throw InputError(
                "this tensor of the adapter belongs to no part of the model",
                at: Place(path: file.path.string, field: name))
        }
    }

    private func isUnused(_ written: String) -> Bool {
        guard written.hasPrefix(AdapterFile.root) else { return false }
        let name = written.dropFirst(AdapterFile.root.count)
        return names.isUnusedTensor(String(name))
            || AdapterFile.owners(of: name).contains { owner in
                names.unusedModules.contains { names.aliases(of: $0).contains(owner) }
            }
    }
}
