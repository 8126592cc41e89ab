package import Base
internal import Glibc
package import SystemPackage

/// The blobs of a store in a folder of this machine, and those that are still in a writer's own folder.
package struct LocalBlobs: BlobOrigin {
    package init() {}

    /// Maps a blob, wherever it lies now. A reader is not broken by a collection, and what is still good of a damaged
    /// blob in quarantine can be read: every read is checked.
    package func map(_ blob: FilePath) throws -> MappedFile {
        do {
            return try MappedFile(blob)
        } catch let error as SystemError where error.errno == ENOENT {
            for place in StoreLayout.otherPlaces(of: blob) {
                do {
                    return try MappedFile(place)
                } catch let error as SystemError where error.errno == ENOENT {
                    continue
                }
            }
            throw error
        }
    }

    package func forget(_ blob: FilePath) -> Bool { false }
}

/// Where a blob may be found besides `blobs/sha256`: a collection or a repair may move it while somebody reads.
extension StoreLayout {
    /// The other places of a blob, by its path in `blobs/sha256`, in the order in which they are tried; none for a path
    /// elsewhere.
    package static func otherPlaces(of blob: FilePath) -> [FilePath] {
        let folder = blob.removingLastComponent()
        guard let name = blob.lastComponent, folder.lastComponent?.string == "sha256" else { return [] }
        let above = folder.removingLastComponent()
        guard above.lastComponent?.string == "blobs" else { return [] }
        let root = above.removingLastComponent()
        // The last one again: it may have been restored between two looks.
        return [root.appending("trash").appending(name), root.appending("quarantine").appending(name), blob]
    }
}
