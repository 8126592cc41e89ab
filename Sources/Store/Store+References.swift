internal import Base
internal import Glibc
internal import SystemPackage

extension Store {
    /// Makes `name` point at what `reference` (a name or a digest) points at.
    ///
    /// - Throws: `Failure` with status 75 that names the holder while another process changes references.
    @discardableResult
    public func tag(_ reference: String, as name: String) throws -> Reference {
        try Reference.checkName(name)
        let digest = try dataset(reference).digest
        return try change("tag", name) { index in
            guard let source = index[reference] ?? index.references.first(where: { $0.dataset == digest }) else {
                throw Failure(
                    .missingInput, "no reference points at \(digest) any more, so nothing says how it was committed",
                    advice: "Tag a version that `tvt-store ls` lists.")
            }
            return Reference(name: name, dataset: source.dataset, image: source.image)
        }!
    }

    /// Removes a reference. Its blobs stay until they are collected.
    ///
    /// - Throws: `Failure` with status 66 where there is none.
    public func remove(_ name: String) throws {
        _ = try dataset(name)
        try change("remove", name) { _ in nil }
    }

    /// The one place that replaces `index.json`: under the writer lock, logged before, durable after.
    ///
    /// - Parameter update: the reference's new state, given the current ones; nil removes it.
    @discardableResult
    func change(
        _ operation: String, _ name: String, lockTimeoutSeconds: Double = 10,
        _ update: (ReferenceIndex) throws -> Reference?
    ) throws -> Reference? {
        let lock = try writerLock(purpose: "\(operation) \(name)", timeoutSeconds: lockTimeoutSeconds)
        defer { withExtendedLifetime(lock) {} }
        var index = try readIndex()
        let before = index[name]
        let after = try update(index)
        if let after { index.set(after) } else { index.remove(name) }
        try Reflog(path: layout.reflog).append(
            ReflogEntry(
                time: Clock.timestamp(), operation: operation, reference: name, before: before?.dataset,
                after: after?.dataset))
        let session = try WriterSession(store: root, purpose: operation)
        let staged = session.path("index.json")
        var file = try OutputFile(creating: staged)
        try file.write(index.canonicalBytes)
        try file.sync()
        try file.close()
        // The commit point.
        try Files.rename(staged, to: layout.index)
        try Files.syncFolder(root)
        return after
    }

    private func writerLock(purpose: String, timeoutSeconds: Double) throws -> FileLock {
        let deadline = Clock.seconds() + timeoutSeconds
        while true {
            do {
                return try FileLock(acquiring: layout.writerLock, purpose: purpose)
            } catch let failure as Failure where failure.exitStatus == .locked && Clock.seconds() < deadline {
                try Interruption.check()
                usleep(20_000)
            }
        }
    }

    /// Gives staged blobs their final names; they are visible to nobody until a manifest names them.
    func publish(_ blobs: [StagedBlob]) throws {
        try Files.makeDirectory(layout.blobs)
        for blob in blobs {
            // Replacing an equal blob is harmless, and heals one that was damaged.
            try Files.rename(blob.path, to: layout.blob(blob.descriptor.digest))
        }
        try Files.syncFolder(layout.blobs)
    }
}
