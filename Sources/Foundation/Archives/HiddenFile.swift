/// Files that systems, editors and tools leave beside data, and that are never data themselves: whatever begins with a dot
/// (`.git`, `.ipynb_checkpoints`, `._x`), `__MACOSX`, `__pycache__`, `Thumbs.db`, `desktop.ini`, backups whose names end in `~`.
package enum HiddenFile {
    private static let names: Set<String> = [
        "__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin",
    ]

    /// Whether a file or a folder of this name, without the folders that it lies in, is one.
    package static func isHidden(component name: some StringProtocol) -> Bool {
        name.hasPrefix(".") || name.hasSuffix("~") || names.contains(name.lowercased())
    }

    /// Whether a relative path names one, or leads through one.
    package static func isHidden(path: String) -> Bool {
        path.split(separator: "/").contains { isHidden(component: $0) }
    }
}
