internal import Base
internal import Glibc
internal import SystemPackage

/// Where a blob may be found besides `blobs/sha256`: a collection or a repair may move it while somebody reads.
extension StoreLayout {
    /// The other places of a blob, by its path in `blobs/sha256`, in the order in which they are tried; none for a path
    /// elsewhere.
    static func otherPlaces(of blob: FilePath) -> [FilePath] {
        let folder = blob.removingLastComponent()
        guard let name = blob.lastComponent, folder.lastComponent?.string == "sha256" else { return [] }
        let above = folder.removingLastComponent()
        guard above.lastComponent?.string == "blobs" else { return [] }
        let root = above.removingLastComponent()
        // The last one again: it may have been restored between two looks.
        return [root.appending("trash").appending(name), root.appending("quarantine").appending(name), blob]
    }
}

extension MappedFile {
    /// Maps a blob, wherever it lies now. A reader is not broken by a collection, and what is still good of a damaged
    /// blob in quarantine can be read: every read is checked.
    static func blob(_ path: FilePath) throws -> MappedFile {
        do {
            return try MappedFile(path)
        } catch let error as SystemError where error.errno == ENOENT {
            for place in StoreLayout.otherPlaces(of: path) {
                do {
                    return try MappedFile(place)
                } catch let error as SystemError where error.errno == ENOENT {
                    continue
                }
            }
            throw error
        }
    }
}

extension Store {
    /// Where a blob lies now: in `blobs/sha256`, in the trash or in quarantine. Its proper path where it is nowhere.
    func located(_ digest: SHA256Digest) -> FilePath {
        let proper = layout.blob(digest)
        if Files.exists(proper) { return proper }
        return StoreLayout.otherPlaces(of: proper).first { Files.exists($0) } ?? proper
    }

    /// Makes sure that blobs which a version is about to name are in `blobs/sha256`, and young: a collection leaves
    /// them alone, and what one has put into the trash comes back.
    ///
    /// Called without the writer lock it protects for the time of the work; under the lock it is certain.
    ///
    /// - Throws: `Failure` with status 65 where a blob is nowhere.
    func keep(_ blobs: [BlobDescriptor]) throws {
        let now = Clock.epochSeconds()
        var restoredCount = 0
        for blob in blobs {
            let path = layout.blob(blob.digest)
            if try !touch(path, now) {
                do {
                    try Files.rename(layout.trashed(blob.digest), to: path)
                    restoredCount += 1
                    observer?("blob restored")
                } catch let error as SystemError where error.errno == ENOENT {
                    // Restored by somebody else since the first look, or gone.
                }
                guard try touch(path, now) else {
                    throw Failure(
                        .badData, "the blob \(blob.digest) is not in the store \(root)",
                        advice: "`tvt-store repair --from DIR` fetches it from another store; or run the step anew.")
                }
            }
        }
        if restoredCount > 0 { try Files.syncFolder(layout.blobs) }
    }

    /// - Returns: false where there is no such file.
    private func touch(_ path: FilePath, _ now: Double) throws -> Bool {
        do {
            try Files.setModificationTime(path, to: now)
        } catch let error as SystemError where error.errno == ENOENT {
            return false
        } catch let error as SystemError where error.errno == EPERM || error.errno == EACCES {
            // Another user's blob: its age cannot be renewed, but it is there.
        }
        return true
    }
}
