internal import Base
internal import Store
internal import StoreFormat
internal import SystemPackage

/// A version to be checked, and what people call it.
struct NamedVersion {
    let name: String
    let dataset: SHA256Digest
    /// Nil where no reference was asked for.
    let image: BlobDescriptor?
}

/// One run over some datasets.
final class VerifyRun {
    /// What a worker does: throws for a fault.
    private struct Check: Sendable {
        let dataset: String
        /// Nil for a check of records as a whole.
        let blob: BlobDescriptor?
        let body: @Sendable () throws -> Void
    }

    let store: Store
    let level: VerifyLevel
    let subset: VerifySubset?
    var report = VerifyReport()
    /// Blobs whose contents are checked.
    private var checked: Set<SHA256Digest> = []
    /// What versions say of blobs and records that they share with others.
    private var claims: Set<BlobClaim> = []
    private var checkedRecords: Set<Manifest.RecordTable> = []

    init(store: Store, level: VerifyLevel, subset: VerifySubset?) {
        self.store = store
        self.level = level
        self.subset = subset
    }

    func verify(_ version: NamedVersion, _ progress: (Int) -> Void) throws {
        report.datasetCount += 1
        let store = store
        let name = version.name
        var dataset: Dataset?
        var manifest: Manifest?
        try noting(name, nil) { dataset = try Dataset(store: store, digest: version.dataset, reference: name) }
        if let dataset {
            manifest = dataset.manifest
        } else {
            // The links may be what keeps it from opening; its other blobs can still be looked at.
            try noting(name, nil, isRepeat: true) { manifest = try store.manifest(version.dataset) }
        }
        var checks: [Check] = []
        if let image = version.image, checked.insert(image.digest).inserted {
            let reference = Reference(name: name, dataset: version.dataset, image: image)
            let isReadable = manifest != nil
            checks.append(
                blobCheck(image, of: name) { _ in
                    // Without a manifest there is nothing to compare it with.
                    if isReadable {
                        _ = try store.blobs(of: reference)
                    } else {
                        _ = try store.checkedBlob(image.digest)
                    }
                })
        }
        guard let manifest else { return try run(checks, progress) }
        try noting(name, nil) { try store.checkManifest(version.dataset) }
        manifest.forEachBlob { role, blob in
            guard subset?.contains(blob.digest) ?? true else { return }
            let isNew = checked.insert(blob.digest).inserted
            let check = BlobCheck(store: store, level: level, manifest: manifest, role: role)
            guard claims.insert(BlobClaim(manifest, role, blob)).inserted else { return }
            if isNew {
                checks.append(
                    blobCheck(blob, of: name) { path in
                        try check.checkClaim(path)
                        try check.checkContents(path)
                    })
            } else {
                // Only what this version says of it is new.
                checks.append(
                    Check(dataset: name, blob: nil) { try check.checkClaim(store.layout.blob(blob.digest)) })
            }
        }
        if let dataset, level >= .meta { checks += recordChecks(dataset, of: name) }
        try run(checks, progress)
    }

    private func recordChecks(_ dataset: Dataset, of name: String) -> [Check] {
        let manifest = dataset.manifest
        var checks: [Check] = []
        report.recordCount += dataset.documentCount + dataset.queryCount
        for (records, table) in [(dataset.documents, manifest.documents), (dataset.queries, manifest.queries)]
        where subset?.contains(table.idIndex.digest) ?? true && checkedRecords.insert(table).inserted {
            checks.append(Check(dataset: name, blob: nil) { try records.checkAgainst(table) })
        }
        if let table = manifest.media, let media = dataset.media, subset?.contains(table.index.digest) ?? true {
            if checked.insert(table.itemsDigest).inserted {
                checks.append(Check(dataset: name, blob: nil) { try media.checkAgainst(table.itemsDigest) })
            }
            checks.append(Check(dataset: name, blob: nil) { try dataset.checkMediaReferences(table) })
        }
        return checks
    }

    /// Checks the SHA-256 of all blobs that the datasets so far do not need.
    func verifyUnnamed(_ progress: (Int) -> Void) throws {
        // A server does not tell what else it has.
        guard store.server == nil, Files.isDirectory(store.layout.blobs) else { return }
        var checks: [Check] = []
        for name in try Files.list(store.layout.blobs) {
            guard let digest = SHA256Digest(hex: name), digest.hex == name, subset?.contains(digest) ?? true,
                checked.insert(digest).inserted, let size = try? Files.size(store.layout.blob(digest))
            else { continue }
            checks.append(
                blobCheck(BlobDescriptor(digest: digest, size: size), of: "(no dataset)") { path in
                    guard try SHA256Digest.ofFile(path) == digest else {
                        throw DamagedBlob(path, "its bytes do not match its name")
                    }
                })
        }
        try run(checks, progress)
    }

    /// Checks that a blob exists and has its size, then what its format allows, then its digest.
    private func blobCheck(
        _ blob: BlobDescriptor, of dataset: String, _ body: @escaping @Sendable (FilePath) throws -> Void
    ) -> Check {
        let store = store
        let level = level
        return Check(dataset: dataset, blob: blob) {
            let proper = store.path(of: blob.digest)
            if store.server == nil, !Files.exists(proper), let reason = store.quarantineReason(blob.digest) {
                throw DamagedBlob(proper, "the blob is in quarantine: \(reason)")
            }
            let path = store.server == nil ? store.located(blob.digest) : proper
            guard let size = try store.size(of: blob.digest) else { throw DamagedBlob(path, "the blob is missing") }
            guard size == blob.size else { throw DamagedBlob(path, "it has \(size) bytes instead of \(blob.size)") }
            try body(path)
            guard try level != .full || store.digest(of: path) == blob.digest else {
                throw DamagedBlob(path, "its bytes do not match its name")
            }
        }
    }

    /// Runs the checks on all cores; findings come in the order of the checks.
    private func run(_ checks: [Check], _ progress: (Int) -> Void) throws {
        var next = 0
        try orderedPipeline(
            workers: checks.count > 1 ? processorCount : 0, window: 2 * processorCount,
            read: { () -> Check? in
                guard next < checks.count else { return nil }
                try Interruption.check()
                next += 1
                return checks[next - 1]
            },
            transform: { check in (check, Result { try check.body() }) },
            write: { (check, result) in
                if let blob = check.blob {
                    report.blobCount += 1
                    report.blobBytes += blob.size
                }
                try noting(check.dataset, check.blob?.digest) { try result.get() }
                progress(check.blob?.size ?? 0)
            })
    }

    /// Turns an error about the store's contents into a finding.
    private func noting(
        _ dataset: String, _ blob: SHA256Digest?, isRepeat: Bool = false, _ body: () throws -> Void
    ) throws {
        do {
            try body()
        } catch let error as any StatusError where [.interrupted, .unavailable].contains(error.exitStatus) {
            // A server that does not answer says nothing about what is stored.
            throw error
        } catch {
            guard !isRepeat else { return }
            // The next run is to look at what the server has, not at what is left of this one.
            if let blob { _ = try? store.origin.forget(store.path(of: blob)) }
            let message = (error as? DamagedBlob).map { "\($0.path): \($0.reason)" } ?? "\(error)"
            report.findings.append(VerifyReport.Finding(dataset: dataset, blob: blob, message: message))
        }
    }
}
