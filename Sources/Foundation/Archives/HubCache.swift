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

    /// Where a link in a snapshot should lead to within its repository's `blobs/`, and there is nothing: the download was not
    /// finished. Nil for any other link.
    static func missingBlob(of link: FilePath) -> FilePath? {
        var status = stat()
        guard stat(link.string, &status) != 0, errno == ENOENT, let folder = resolved(link.removingLastComponent()),
            let text = target(of: link)
        else { return nil }
        let target = folder.pushing(FilePath(text)).lexicallyNormalized()
        var parent = folder
        while let component = parent.lastComponent {
            parent.removeLastComponent()
            if component.string == "snapshots", target.removingLastComponent() == parent.appending("blobs") {
                return FilePath(text)
            }
        }
        return nil
    }

    private static func target(of link: FilePath) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            let count = readlink(link.string, buffer.baseAddress!, buffer.count)
            guard count > 0 else { return nil }
            return String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    private static func resolved(_ path: FilePath) -> FilePath? { FolderLinks.resolved(path) }
}
