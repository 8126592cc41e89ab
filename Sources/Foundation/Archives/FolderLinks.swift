internal import Base
internal import Glibc
public import SystemPackage

/// Symbolic links beneath a folder whose files are found by their names.
public enum FolderLinks {
    /// Whether a path in a folder leads out of it, by links in the place of files or of folders. Those of the Hub's cache lead
    /// into `blobs/` and to nothing else.
    ///
    /// - Returns: false for a path that leads nowhere.
    public static func leadsOut(_ path: FilePath, of folder: FilePath) -> Bool {
        guard let root = resolved(folder), let target = resolved(path), !target.starts(with: root) else { return false }
        return HubCache.blob(of: path) == nil
    }

    /// Without links; nil for what is not there.
    static func resolved(_ path: FilePath) -> FilePath? {
        guard let found = realpath(path.string.isEmpty ? "." : path.string, nil) else { return nil }
        defer { free(found) }
        return FilePath(String(cString: found))
    }
}
