package import Base
internal import Glibc
package import StoreFormat
package import SystemPackage

extension Store {
    /// The size of a blob that exists; nil for one that does not.
    package func size(of digest: SHA256Digest) throws -> Int? {
        if let server { return try server.size(of: digest) }
        let path = located(digest)
        return Files.exists(path) ? try Files.size(path) : nil
    }

    /// All bytes of a small blob, as they are.
    package func blobBytes(_ digest: SHA256Digest) throws -> [UInt8] {
        guard server != nil else { return try Files.readAll(located(digest)) }
        let file = try origin.map(layout.blob(digest))
        try file.ensure(0..<file.count)
        // A manifest has no checksum inside; this is the place to notice that a server answered with wrong bytes.
        if SHA256Digest.of(file.bytes) != digest { _ = try file.fetchAgain(0..<file.count) }
        return Array(file.bytes)
    }

    /// Bytes of a blob, checked against its digest.
    package func checkedBlob(_ digest: SHA256Digest) throws -> [UInt8] {
        if server != nil {
            let bytes = try blobBytes(digest)
            guard SHA256Digest.of(bytes) == digest else {
                throw DamagedBlob(layout.blob(digest), "its bytes do not match its name")
            }
            return bytes
        }
        let proper = layout.blob(digest)
        // A collection may move it between a look and the next.
        for path in [proper] + StoreLayout.otherPlaces(of: proper) {
            let bytes: [UInt8]
            do {
                bytes = try Files.readAll(path)
            } catch let error as SystemError where error.errno == ENOENT {
                continue
            }
            guard SHA256Digest.of(bytes) == digest else { throw DamagedBlob(path, "its bytes do not match its name") }
            return bytes
        }
        throw DamagedBlob(proper, "the blob is missing")
    }

    /// SHA-256 of a blob's bytes by its path.
    package func digest(of path: FilePath) throws -> SHA256Digest {
        guard server != nil else { return try SHA256Digest.ofFile(path) }
        let file = try origin.map(path)
        try file.ensure(0..<file.count)
        return SHA256Digest.of(file.bytes)
    }

    /// Where a blob lies now: in `blobs/sha256`, in the trash or in quarantine. Its proper path where it is nowhere.
    package func located(_ digest: SHA256Digest) -> FilePath {
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
    package func keep(_ blobs: [BlobDescriptor]) throws {
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
