public import SystemPackage

/// A repository's folder in the cache that clients of the Hub keep: `models--OWNER--NAME/snapshots/REVISION/…`, with `blobs/`
/// beside.
public enum HubSnapshot {
    /// The only snapshot of a repository's folder; nil where the folder is none.
    ///
    /// - Throws: `Failure` with status 64 where there are several.
    public static func only(of folder: FilePath) throws -> FilePath? {
        let snapshots = folder.appending("snapshots")
        guard Files.isDirectory(snapshots), Files.isDirectory(folder.appending("blobs")) else { return nil }
        let revisions = try Files.list(snapshots).filter { !$0.hasPrefix(".") }
        guard revisions.count <= 1 else {
            throw Failure(
                .usage, "\(folder) has \(revisions.count) snapshots",
                advice: "Name one of them: \(revisions.prefix(3).map { "\(snapshots)/\($0)" }.joined(separator: ", "))."
            )
        }
        return revisions.first.map { snapshots.appending($0) }
    }

    /// A folder as it is named, or the snapshot in it where it is a repository's.
    ///
    /// - Throws: `Failure` with status 64 where there are several.
    public static func path(_ folder: String) throws -> String { try only(of: FilePath(folder))?.string ?? folder }
}
