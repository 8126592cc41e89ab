/// What the modules of a family are called in files that others wrote.
public struct ModuleNames: Sendable {
    /// What some checkpoints and adapters put before every name, as `bert.`.
    let prefix: String
    /// Modules that files may mention and no vector depends on.
    let unused: [String]

    /// The names that a module may go by, the usual one first.
    func aliases(of module: String) -> [String] { [module, prefix + module] }

    /// Whether a name, whole or from a dot on, means a module that no vector depends on.
    func isUnused(_ name: String) -> Bool {
        unused.contains { module in aliases(of: module).contains { $0 == name || $0.hasSuffix("." + name) } }
    }
}
