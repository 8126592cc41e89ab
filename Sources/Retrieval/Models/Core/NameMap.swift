/// What the tensors and modules of a family are called in files that others wrote.
///
/// The names that a model uses are those of transformers' base class (`AutoModel`); other classes put prefixes before
/// them, older ones have other endings.
public struct NameMap: Sendable {
    /// What some checkpoints and adapters put before every name, as `bert.`; the one without any is always known.
    let prefixes: [String]
    /// Older endings of names, and what they are called today.
    let oldEndings: [(old: String, new: String)]
    /// Modules that files may mention and no vector depends on.
    let unusedModules: [String]
    /// Tensors that may be there and are not needed: whole names, beginnings that end in a dot, or endings that start
    /// with one.
    let unusedTensors: [String]
    /// Beginnings of names as files have them, and what the model calls them, where a model has several parts; the first
    /// that fits counts. Empty: ``prefixes`` say it all.
    var rewrites: [(written: String, name: String)] = []

    public init(
        prefixes: [String], oldEndings: [(old: String, new: String)] = [], unusedModules: [String] = [],
        unusedTensors: [String] = []
    ) {
        self.prefixes = prefixes
        self.oldEndings = oldEndings
        self.unusedModules = unusedModules
        self.unusedTensors = unusedTensors
    }

    /// The names that a module may go by, the usual one first.
    func aliases(of module: String) -> [String] {
        let rewritten = rewrites.filter { module.hasPrefix($0.name) }.map {
            $0.written + module.dropFirst($0.name.count)
        }
        return [module] + prefixes.map { $0 + module } + rewritten
    }

    /// Whether a name, whole or from a dot on, means a module that no vector depends on.
    func isUnused(_ name: String) -> Bool {
        unusedModules.contains { module in aliases(of: module).contains { $0 == name || $0.hasSuffix("." + name) } }
    }

    /// Whether a checkpoint's tensor is known, and needed by no vector.
    func isUnusedTensor(_ name: String) -> Bool {
        unusedTensors.contains { unused in
            if unused.hasPrefix(".") { return name.hasSuffix(unused) }
            return aliases(of: unused).contains { $0.hasSuffix(".") ? name.hasPrefix($0) : name == $0 }
        }
    }

    /// The name that the model uses for a tensor of a checkpoint, which may have a prefix or an older ending.
    public func canonical(_ written: String) -> String {
        let rewrite = rewrites.first { written.hasPrefix($0.written) }
        let prefix = rewrite?.written ?? prefixes.first { written.hasPrefix($0) } ?? ""
        let name = (rewrite?.name ?? "") + written.dropFirst(prefix.count)
        let ending = oldEndings.first { name.hasSuffix($0.old) }
        return ending.map { name.dropLast($0.old.count) + $0.new } ?? name
    }

    /// The names that a tensor may have in a checkpoint with this prefix.
    func spellings(_ name: String, prefix: String) -> [String] {
        guard rewrites.isEmpty else {
            let all = rewrites.filter { name.hasPrefix($0.name) }.map { $0.written + name.dropFirst($0.name.count) }
            return all.filter { canonical($0) == name }
        }
        return [prefix + name]
            + oldEndings.filter { name.hasSuffix($0.new) }.map { prefix + name.dropLast($0.new.count) + $0.old }
    }
}
