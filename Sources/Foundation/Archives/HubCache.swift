internal import Base
internal import Glibc
internal import SystemPackage

/// The cache that clients of the Hub keep: `datasets--OWNER--NAME/snapshots/REVISION/…`, whose files are links into `blobs/`
/// beside `snapshots/`.
enum HubCache {
    /// The file that a link in a snapshot stands for; nil for a link that leads anywhere else than into its repository's `blobs/`.
    static func blob(of link: FilePath) -> FilePath? {
        guard let folder = resolved(link.removingLastComponent()), let target = resolved(link) else { return nil }
        var parent = folder
        while let component = parent.lastComponent {
            parent.removeLastComponent()
            guard component.string == "snapshots" else { continue }
            if target.removingLastComponent() == parent.appending("blobs") { return target }
        }
        return nil
    }

    /// The only snapshot of a repository's folder; nil where the folder is none.
    ///
    /// - Throws: `Failure` with status 64 where there are several.
    static func snapshot(of folder: FilePath) throws -> FilePath? {
        let snapshots = folder.appending("snapshots")
        guard Files.isDirectory(snapshots), Files.isDirectory(folder.appending("blobs")) else { return nil }
        let revisions = try Files.list(snapshots).filter { !HiddenFile.isHidden(component: $0) }
        guard revisions.count <= 1 else {
            throw Failure(
                .usage, "\(folder) has \(revisions.count) snapshots",
                advice: "Name one of them: \(revisions.prefix(3).map { "\(snapshots)/\($0)" }.joined(separator: ", "))."
            )
        }
        return revisions.first.map { snapshots.appending($0) }
    }

    private static func resolved(_ path: FilePath) -> FilePath? {
        guard let found = realpath(path.string.isEmpty ? "." : path.string, nil) else { return nil }
        defer { free(found) }
        return FilePath(String(cString: found))
    }
}
