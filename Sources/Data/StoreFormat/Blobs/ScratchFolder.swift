internal import Base
package import SystemPackage

/// A folder for what is on its way into blobs: staged blobs and per-record data that waits on disk.
///
/// Whoever holds the value keeps the folder: its owner removes it when nobody does any longer.
package struct ScratchFolder: Sendable {
    private let path: FilePath
    private let observer: CommitObserver?
    private let owner: any AnyObject & Sendable

    /// - Parameters:
    ///   - path: exists.
    ///   - observer: called after a blob has been staged.
    ///   - owner: removes the folder when it is deallocated.
    package init(_ path: FilePath, observer: CommitObserver?, owner: any AnyObject & Sendable) {
        self.path = path
        self.observer = observer
        self.owner = owner
    }

    /// A path in the folder.
    package func path(_ name: String) -> FilePath { path.appending(name) }

    /// A new blob.
    ///
    /// - Parameter hashWindow: pieces that may wait to be hashed: enough for what is written at one go.
    package func blob(_ name: String, hashWindow: Int = 3) throws -> BlobWriter {
        try BlobWriter(creating: path(name), hashWindow: hashWindow, observer: observer)
    }
}
