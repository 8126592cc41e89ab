package import Base
package import SystemPackage

/// Where things are in a store's folder.
package struct StoreLayout: Sendable {
    package let root: FilePath

    package init(root: FilePath) { self.root = root }

    package var layoutFile: FilePath { root.appending("oci-layout") }
    package var index: FilePath { root.appending("index.json") }
    package var blobs: FilePath { root.appending("blobs").appending("sha256") }
    /// Blobs that are on their way here from another store, with a lock file each.
    package var incoming: FilePath { tmp.appending(Self.incomingName) }
    package static let incomingName = "incoming"
    package var tmp: FilePath { root.appending("tmp") }
    /// Blobs that nothing reaches wait here until they are deleted; the file's time is that of its move.
    package var trash: FilePath { root.appending("trash") }
    /// Blobs that are not what was written, each with the reason in `<hex>.json`.
    package var quarantine: FilePath { root.appending("quarantine") }
    package var leases: FilePath { root.appending("leases") }
    package var reflog: FilePath { root.appending("reflog") }
    package var catalog: FilePath { root.appending("catalog.sqlite") }
    package var writerLock: FilePath { root.appending("lock") }

    package func blob(_ digest: SHA256Digest) -> FilePath { blobs.appending(digest.hex) }

    package func trashed(_ digest: SHA256Digest) -> FilePath { trash.appending(digest.hex) }
    package func quarantined(_ digest: SHA256Digest) -> FilePath { quarantine.appending(digest.hex) }

    package static let layoutContents = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)
}

/// The file that tells an OCI image layout from any other folder; all stores have the same.
package enum StoreLayoutFile {
    package static let contents = StoreLayout.layoutContents
}
