internal import Base
internal import Glibc
internal import JSON
public import Store
internal import StoreFormat
internal import SystemPackage

extension Store {
    /// Takes away what nothing needs, in two steps days apart: into the trash, and from there for good.
    ///
    /// Works under the writer lock from the first look to the last move, so no reference changes meanwhile; the blobs of
    /// a commit that is under way are restored by that commit if they were caught (``keep(_:)``). The files themselves
    /// are deleted after the lock is released.
    ///
    /// - Parameter progress: called with the number of files in each step that is done.
    /// - Throws: `Failure` with status 75 where a writer holds the lock, 65 where a manifest that a reference needs
    ///   cannot be read.
    @discardableResult
    public func collectGarbage(
        _ options: GarbageOptions, progress: (Int) -> Void = { _ in }
    ) throws -> GarbageReport {
        let run = GarbageRun(store: self, options: options)
        // Goes away, with what was condemned, when the lock is free again.
        let session = options.applies ? try WriterSession(store: self, purpose: "collecting garbage") : nil
        defer { withExtendedLifetime(session) {} }
        do {
            let lock = options.applies ? try writerLock(purpose: "collecting garbage", timeoutSeconds: 60) : nil
            defer { withExtendedLifetime(lock) {} }
            try run.collect(session: session, progress)
        }
        return run.report
    }
}

/// One collection, or the plan of one.
private final class GarbageRun {
    let store: Store
    let options: GarbageOptions
    var report = GarbageReport()

    init(store: Store, options: GarbageOptions) {
        self.store = store
        self.options = options
    }

    private var layout: StoreLayout { store.layout }

    func collect(session: WriterSession?, _ progress: (Int) -> Void) throws {
        // Our own session does not count: it is older than nothing that we could take.
        let census = try WriterSession.census(in: layout.tmp, removing: options.applies, except: session)
        report.deadWriters = census.dead.count
        report.orphans = census.orphans.count
        let leases = try store.leases(waits: options.applies)
        report.leases = leases.living.map { "\($0.purpose), process \($0.pid) on \($0.host), since \($0.since)" }
        report.deadLeases = leases.dead.count
        var reachable = try Reachability(
            store: store, reflogSince: options.now - options.reflogSeconds, leases: leases.living)
        report.references = reachable.referenceCount
        report.reflogVersions = reachable.reflogCount
        // A writer may have published blobs that no manifest names yet.
        let youngFrom = min(options.now - options.youngSeconds, census.oldestStart ?? .infinity)
        if options.applies {
            try Files.makeDirectory(layout.trash)
            for name in leases.dead { try Files.remove(layout.leases.appending(name)) }
            try store.removeStaleIntakes()
        }
        // Out of the trash first: a crash in between leaves more than is needed, never less.
        try sweepTrash(&reachable, oldestWriter: census.oldestStart, session, progress)
        try sweepBlobs(&reachable, youngFrom: youngFrom, progress)
        try sweepQuarantine(reachable, session, progress)
        try sweepRoot()
        guard options.applies else { return }
        for folder in [layout.blobs, layout.trash] where Files.isDirectory(folder) { try Files.syncFolder(folder) }
    }

    /// The files of a folder whose names are digests.
    private func blobs(in folder: FilePath) throws -> [(digest: SHA256Digest, path: FilePath)] {
        guard Files.isDirectory(folder) else { return [] }
        return try Files.list(folder).compactMap { name in
            if let digest = SHA256Digest(hex: name), digest.hex == name { return (digest, folder.appending(name)) }
            if !(folder == layout.quarantine && (name.hasSuffix(".json") || name.hasSuffix(".jsonl"))) {
                report.strangers.append(folder.appending(name).string)
            }
            return nil
        }
    }

    private func sweepTrash(
        _ reachable: inout Reachability, oldestWriter: Double?, _ session: WriterSession?, _ progress: (Int) -> Void
    ) throws {
        // A writer may want back what was moved since it began.
        let deletedUntil = min(options.now - options.trashSeconds, oldestWriter ?? .infinity)
        for (digest, path) in try blobs(in: layout.trash) {
            try Interruption.check()
            guard let (size, time) = try state(path) else { continue }
            let isThere = Files.exists(layout.blob(digest))
            if !isThere, try reachable.contains(digest) || isImage(digest, path, size, of: &reachable) {
                report.restored.add(size)
                if options.applies {
                    try Files.rename(path, to: layout.blob(digest))
                    store.observer?("blob restored")
                }
            } else if time <= deletedUntil {
                report.deleted.add(size)
                if let session {
                    try Files.rename(path, to: session.scratch.path(digest.hex))
                    store.observer?("blob condemned")
                }
            } else {
                report.waiting.add(size)
            }
            progress(1)
        }
        if options.applies, report.restored.count > 0 { try Files.syncFolder(layout.blobs) }
    }

    private func sweepBlobs(
        _ reachable: inout Reachability, youngFrom: Double, _ progress: (Int) -> Void
    ) throws {
        for (digest, path) in try blobs(in: layout.blobs) {
            try Interruption.check()
            guard let (size, time) = try state(path) else { continue }
            if try reachable.contains(digest) || isImage(digest, path, size, of: &reachable) {
                report.reachable.add(size)
            } else if time >= youngFrom {
                report.young.add(size)
            } else {
                report.trashed.add(size)
                if options.applies {
                    // The time of the move comes first: a crash must not leave an old file in the trash.
                    try Files.setModificationTime(path, to: max(options.now, Clock.epochSeconds()))
                    try Files.rename(path, to: layout.trashed(digest))
                    store.observer?("blob trashed")
                }
            }
            progress(1)
        }
    }

    private func sweepQuarantine(
        _ reachable: Reachability, _ session: WriterSession?, _ progress: (Int) -> Void
    ) throws {
        for (digest, path) in try blobs(in: layout.quarantine) {
            guard let (size, time) = try state(path) else { continue }
            let isNeeded = reachable.contains(digest) && !Files.exists(layout.blob(digest))
            guard !isNeeded, time <= options.now - options.trashSeconds else {
                report.quarantined.add(size)
                continue
            }
            report.quarantineDeleted.add(size)
            if let session {
                try Files.rename(path, to: session.scratch.path("quarantined-\(digest.hex)"))
                try Files.remove(layout.quarantine.appending(digest.hex + ".json"))
            }
            progress(1)
        }
    }

    /// Halves of files that a killed process left beside `index.json` and `oci-layout`.
    private func sweepRoot() throws {
        for name in try Files.list(layout.root)
        where name.hasSuffix(".tmp") && (name.hasPrefix(".index.json.") || name.hasPrefix(".oci-layout.")) {
            let path = layout.root.appending(name)
            guard let (_, time) = try state(path), time <= options.now - options.youngSeconds else { continue }
            report.orphans += 1
            if options.applies { try Files.remove(path) }
        }
    }

    /// Size and time of a file; nil where it is gone, as when a commit has just replaced it.
    private func state(_ path: FilePath) throws -> (size: Int, time: Double)? {
        do {
            return (try Files.size(path), try Files.modificationTime(path))
        } catch let error as SystemError where error.errno == ENOENT {
            return nil
        }
    }

    /// Whether a blob is the OCI manifest of a version that is kept though no reference carries it now: it holds the
    /// time of the commit, and `tag` takes it up again.
    private func isImage(
        _ digest: SHA256Digest, _ path: FilePath, _ size: Int, of reachable: inout Reachability
    ) throws -> Bool {
        // Ten thousand shards are less; canonical JSON begins so.
        guard size < 16 << 20, try ImageManifest.mayBeOne(path),
            let json = try? JSONValue.parse(file: path), json["mediaType"]?.string == ImageManifest.mediaType,
            let version = json["config"]?["digest"]?.string.flatMap({ SHA256Digest(hex: $0) }),
            reachable.versions.contains(version)
        else { return false }
        reachable.insert(image: digest)
        return true
    }
}

extension ImageManifest {
    /// Whether a file begins as an OCI manifest of ours does.
    fileprivate static func mayBeOne(_ path: FilePath) throws -> Bool {
        let start = Array(#"{"annotations":"#.utf8)
        let file = try MappedFile(path)
        return file.bytes.prefix(start.count).elementsEqual(start)
    }
}
