internal import Base
internal import SystemPackage

/// Where things are in a store's folder.
struct StoreLayout: Sendable {
    let root: FilePath

    var layoutFile: FilePath { root.appending("oci-layout") }
    var index: FilePath { root.appending("index.json") }
    var blobs: FilePath { root.appending("blobs").appending("sha256") }
    /// Blobs that are on their way here from another store, with a lock file each.
    var incoming: FilePath { tmp.appending(Self.incomingName) }
    static let incomingName = "incoming"
    var tmp: FilePath { root.appending("tmp") }
    /// Blobs that nothing reaches wait here until they are deleted; the file's time is that of its move.
    var trash: FilePath { root.appending("trash") }
    /// Blobs that are not what was written, each with the reason in `<hex>.json`.
    var quarantine: FilePath { root.appending("quarantine") }
    var leases: FilePath { root.appending("leases") }
    var reflog: FilePath { root.appending("reflog") }
    var catalog: FilePath { root.appending("catalog.sqlite") }
    var writerLock: FilePath { root.appending("lock") }

    func blob(_ digest: SHA256Digest) -> FilePath { blobs.appending(digest.hex) }

    func trashed(_ digest: SHA256Digest) -> FilePath { trash.appending(digest.hex) }
    func quarantined(_ digest: SHA256Digest) -> FilePath { quarantine.appending(digest.hex) }

    static let layoutContents = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)
}

/// The file that tells an OCI image layout from any other folder; all stores have the same.
package enum StoreLayoutFile {
    package static let contents = StoreLayout.layoutContents
}
