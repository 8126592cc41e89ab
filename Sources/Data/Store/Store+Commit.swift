package import Base
internal import JSON
package import StoreFormat
internal import SystemPackage

extension Store {
    /// The end of every way to make a version: blobs, manifest, image, reference.
    ///
    /// - Parameter replacing: the version that the reference must still point at; nil for any.
    package func commit(
        _ manifest: Manifest, blobs: [StagedBlob], scratch: ScratchFolder, lockTimeoutSeconds: Double,
        replacing: SHA256Digest? = nil
    ) throws -> Dataset {
        var manifestBlob = try scratch.blob("manifest.json")
        try manifestBlob.write(manifest.canonicalBytes)
        let stagedManifest = try manifestBlob.finish()
        var imageBlob = try scratch.blob("image.json")
        try imageBlob.write(
            ImageManifest.canonicalBytes(
                of: manifest, blob: stagedManifest.descriptor, createdAt: Clock.timestamp()))
        let stagedImage = try imageBlob.finish()
        try Interruption.check()
        try publish(blobs + [stagedManifest, stagedImage])
        let reference = Reference(
            name: manifest.name, dataset: stagedManifest.descriptor.digest, image: stagedImage.descriptor)
        try change("commit", manifest.name, lockTimeoutSeconds: lockTimeoutSeconds) { index in
            if let replacing, index[manifest.name]?.dataset != replacing {
                throw Failure(
                    .locked, "\(manifest.name) was changed by somebody else meanwhile", advice: "Run it again.")
            }
            // What the version shares with others, or what was published while a collection ran, must be there.
            try keep(manifest.blobs + [stagedManifest.descriptor, stagedImage.descriptor])
            return reference
        }
        updateCatalog()
        return try Dataset(store: self, digest: reference.dataset, reference: reference.name)
    }

    /// Gives staged blobs their final names; they are visible to nobody until a manifest names them.
    package func publish(_ blobs: [StagedBlob]) throws {
        try Files.makeDirectory(layout.blobs)
        for blob in blobs {
            // As old as its name: a collection spares what is young, and long work may have staged it days ago.
            try Files.setModificationTime(blob.path, to: Clock.epochSeconds())
            // Replacing an equal blob is harmless, and heals one that was damaged.
            try Files.rename(blob.path, to: layout.blob(blob.descriptor.digest))
            observer?("blob renamed")
        }
        try Files.syncFolder(layout.blobs)
        observer?("blobs published")
    }
}
