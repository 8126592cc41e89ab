package import Base
package import SystemPackage

/// Where the bytes of blobs come from, by the path that a blob has in its store.
package protocol BlobOrigin: Sendable {
    /// The blob, whose bytes come when they are asked for with `ensure`.
    ///
    /// - Throws: `SystemError` with `ENOENT` where there is none.
    func map(_ blob: FilePath) throws -> MappedFile

    /// Drops what was read of a blob, because it turned out to be wrong.
    ///
    /// - Returns: false where the same bytes would be read again.
    func forget(_ blob: FilePath) throws -> Bool
}

extension BlobOrigin {
    /// Opens a blob; where it is damaged and comes from a server, once more with fresh bytes.
    package func opening<Opened>(_ blob: FilePath, _ open: () throws -> Opened) throws -> Opened {
        do {
            return try open()
        } catch let error as DamagedBlob {
            guard try forget(blob) else { throw error }
            return try open()
        }
    }
}

/// The blobs of a store on a server. The store's root is then a folder with copies of what was read; a blob's file is
/// made when the blob is first asked for, has the blob's size, and holds only the bytes that were needed.
package protocol ServedBlobs: BlobOrigin {
    /// What people call it, such as `https://data.example.org/store`.
    var address: String { get }

    /// The blob's size in bytes; nil where there is no such blob.
    func size(of digest: SHA256Digest) throws -> Int?
}
