public import Base
internal import Glibc
internal import StoreFormat
internal import SystemPackage

extension Store {
    /// Makes `name` point at what `reference` (a name or a digest) points at. A version that no reference names any more
    /// is found by its digest, as the reflog has it.
    ///
    /// - Throws: `Failure` with status 75 that names the holder while another process changes references.
    @discardableResult
    public func tag(_ reference: String, as name: String) throws -> Reference {
        try checkNewName(name)
        let digest = try dataset(reference).digest
        let known = try readIndex().references.first { $0.dataset == digest }?.image
        let image = try known ?? publishImage(of: digest)
        let tagged = Reference(name: name, dataset: digest, image: image)
        let blobs = try manifest(digest).blobs
        try change("tag", name) { _ in
            // Without this, a version that was given up could lose its blobs to a collection just now.
            try keep([BlobDescriptor(digest: digest, size: 0), image] + blobs)
            return tagged
        }
        updateCatalog()
        return tagged
    }

    /// Writes the OCI manifest of a dataset that lost its last reference.
    private func publishImage(of digest: SHA256Digest) throws -> BlobDescriptor {
        let scratch = try scratchFolder(for: "tagging \(digest)")
        defer { withExtendedLifetime(scratch) {} }
        let manifestBlob = BlobDescriptor(digest: digest, size: try Files.size(located(digest)))
        var blob = try scratch.blob("image.json")
        try blob.write(
            ImageManifest.canonicalBytes(of: manifest(digest), blob: manifestBlob, createdAt: Clock.timestamp()))
        let staged = try blob.finish()
        try publish([staged])
        return staged.descriptor
    }

    /// Removes a reference. Its blobs stay until they are collected.
    ///
    /// The version is not opened: one that is damaged can be given up as well.
    ///
    /// - Returns: the version that the reference pointed at.
    /// - Throws: `Failure` with status 66 where there is none.
    @discardableResult
    public func remove(_ name: String) throws -> SHA256Digest {
        guard let found = try readIndex()[name] else {
            // Throws what says best what is missing.
            _ = try dataset(name)
            throw Failure(.missingInput, "\(escaped(name.utf8)) is no name of a dataset but a digest; it has no entry")
        }
        try change("remove", name) { _ in nil }
        updateCatalog()
        return found.dataset
    }

    /// The one place that replaces `index.json`: under the writer lock, logged before, durable after.
    ///
    /// - Parameter update: the reference's new state, given the current ones; nil removes it.
    @discardableResult
    package func change(
        _ operation: String, _ name: String, lockTimeoutSeconds: Double = 3,
        _ update: (ReferenceIndex) throws -> Reference?
    ) throws -> Reference? {
        var after: Reference?
        try change(operation, name: name, lockTimeoutSeconds: lockTimeoutSeconds) { index in
            after = try update(index)
            return [(name, after)]
        }
        return after
    }

    /// Sets several references in one step.
    ///
    /// - Parameter update: the references to set, given the current ones; nil leaves all as they are.
    /// - Returns: whether `index.json` was replaced.
    package func change(
        _ operation: String, lockTimeoutSeconds: Double, _ update: (ReferenceIndex) throws -> [Reference]?
    ) throws -> Bool {
        try change(operation, name: "references", lockTimeoutSeconds: lockTimeoutSeconds) { index in
            try update(index)?.map { ($0.name, $0) }
        }
    }

    @discardableResult
    private func change(
        _ operation: String, name: String, lockTimeoutSeconds: Double,
        _ update: (ReferenceIndex) throws -> [(name: String, after: Reference?)]?
    ) throws -> Bool {
        try checkWritable()
        let lock = try writerLock(purpose: "\(operation) \(name)", timeoutSeconds: lockTimeoutSeconds)
        defer { withExtendedLifetime(lock) {} }
        var index = try readIndex()
        guard let changes = try update(index) else { return false }
        var moves: [(name: String, before: SHA256Digest)] = []
        for (name, after) in changes {
            if let before = index[name]?.dataset, let after, after.dataset != before {
                guard movesNames else { throw Self.knownName(name, before) }
                moves.append((name, before))
            }
            try Reflog(path: layout.reflog).append(
                ReflogEntry(
                    time: Clock.timestamp(ofEpochSeconds: Clock.epochSeconds()), operation: operation, reference: name,
                    before: index[name]?.dataset, after: after?.dataset))
            if let after { index.set(after) } else { index.remove(name) }
        }
        observer?("reflog appended")
        let scratch = try scratchFolder(for: operation)
        // Its folder goes with it.
        defer { withExtendedLifetime(scratch) {} }
        let staged = scratch.path("index.json")
        var file = try OutputFile(creating: staged)
        try file.write(index.canonicalBytes)
        try file.sync()
        try file.close()
        observer?("index staged")
        // The commit point.
        try Files.rename(staged, to: layout.index)
        observer?("index renamed")
        try Files.syncFolder(root)
        for (name, after) in changes {
            FinishedWork.note(after.map { "\(name) points at \($0.dataset)" } ?? "\(name) was removed")
        }
        for move in moves {
            let command = "tvt-store tag \(move.before.short) \(move.name) --store \(root)"
            log.notice("\(move.name) pointed at \(move.before.short) before; `\(command)` restores it")
        }
        return true
    }

    /// Checks a name that a new version is to get, before there is one.
    ///
    /// - Throws: `Failure` with status 64 for a name that cannot be a reference, with 73 for one that exists where known
    ///   names are refused.
    package func checkNewName(_ name: String) throws {
        try Reference.checkName(name)
        guard !movesNames, let known = try readIndex()[name] else { return }
        throw Self.knownName(name, known.dataset)
    }

    private static func knownName(_ name: String, _ dataset: SHA256Digest) -> Failure {
        Failure(
            .cannotCreate, "\(name) exists and points at \(dataset.short)",
            advice: "Choose another name, or omit --new to move this one.")
    }

    package func writerLock(purpose: String, timeoutSeconds: Double) throws -> FileLock {
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
}
