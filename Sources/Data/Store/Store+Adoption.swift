internal import Base
package import StoreFormat
internal import SystemPackage

extension Store {
    /// Bytes of `index.json` as they are now.
    package func indexBytes() throws -> [UInt8] { try Files.readAll(layout.index) }

    /// The reference of this store by its name.
    ///
    /// - Throws: `Failure` with status 66 that lists near names where there is none.
    package func reference(_ name: String) throws -> Reference {
        if let found = try readIndex()[name] { return found }
        _ = try dataset(name)
        throw Failure(
            .usage, "\(escaped(name.utf8)) is not the name of a dataset",
            advice: "Give the version a name with `tvt-store tag`.")
    }

    /// All blobs of a version: its image, its manifest, what it consists of.
    ///
    /// - Throws: `DamagedBlob`, `InputError`, or `Failure` with status 65 where the three do not fit each other.
    package func blobs(of reference: Reference) throws -> [BlobDescriptor] {
        let (manifestBlob, layers) = try ImageManifest.contents(
            checkedBlob(reference.image.digest), path: layout.blob(reference.image.digest).string)
        let manifest = try manifest(manifestBlob.digest)
        guard manifestBlob.digest == reference.dataset, Set(layers).isSuperset(of: manifest.blobs) else {
            throw Failure(.badData, "the image of \(reference.name) does not carry the dataset that it is to carry")
        }
        return layers + [manifestBlob, reference.image]
    }

    /// Makes names point at versions whose blobs are here: the end of `pull`, and of `push` into a folder.
    ///
    /// - Parameters:
    ///   - operation: what the reflog calls it.
    ///   - accepts: whether the change still makes sense, given the references as they are under the lock.
    /// - Returns: false where `accepts` says no; nothing was changed then.
    /// - Throws: `Failure` with status 65 where a version is not complete, with 75 while another process changes
    ///   references.
    package func adopt(
        _ references: [Reference], operation: String, lockTimeoutSeconds: Double = 60,
        where accepts: (ReferenceIndex) -> Bool = { _ in true }
    ) throws -> Bool {
        for reference in references { try checkNewName(reference.name) }
        let needed = try references.flatMap { try blobs(of: $0) }
        try Files.syncFolder(layout.blobs)
        let isAccepted = try change(operation, lockTimeoutSeconds: lockTimeoutSeconds) { index in
            guard accepts(index) else { return nil }
            // They were here before the lock was taken; a collection may have run since.
            try keep(needed)
            return references
        }
        updateCatalog()
        return isAccepted
    }
}
