internal import Base
internal import Glibc
public import Store
internal import StoreFormat
internal import SystemPackage

extension Store {
    /// Makes what is stored again what was written: fetches, rebuilds, and as a last resort salvages.
    ///
    /// Every blob of the datasets is checked by its SHA-256, on several threads. A blob that is not what its name says
    /// goes to `quarantine/`, and its place is taken by equal bytes from the first source that has them, or by what can
    /// be derived: dictionaries, id indexes, the tails of shards, the frame of links, the OCI manifest, the catalog.
    ///
    /// - Parameters:
    ///   - reference: one dataset; nil for all references.
    ///   - salvageReference: where the blobs stay incomplete, commit what is readable under this name.
    ///   - progress: called with the bytes of each blob that is checked.
    /// - Throws: what is not about the stored bytes: a lock, a full disk. Faults are in the report.
    public func repair(
        _ reference: String? = nil, from sources: [any BlobSource] = [], salvageReference: String? = nil,
        tool: String, isDryRun: Bool = false, progress: @escaping (Int) -> Void = { _ in }
    ) throws -> RepairReport {
        if let salvageReference { try checkNewName(salvageReference) }
        let scratch = isDryRun ? nil : try scratchFolder(for: "repairing")
        defer { withExtendedLifetime(scratch) {} }
        let run = RepairRun(store: self, scratch: scratch, sources: sources, progress: progress)
        let index = try readIndex()
        var targets = index.references
        if let reference {
            if let known = index[reference] {
                targets = [known]
            } else {
                // A manifest that is missing is named in full, or by the digits of a digest that a name has.
                let digest = try SHA256Digest(hex: reference) ?? datasetDigest(of: reference)
                targets = [Reference(name: reference, dataset: digest, image: .none)]
            }
        }
        for target in targets {
            let manifest = try run.repair(target)
            guard let salvageReference, let scratch, run.isIncomplete(target.name), let manifest else { continue }
            let salvage = Salvage(
                store: self, manifest: manifest, digest: target.dataset, scratch: scratch, tool: tool)
            run.report.salvage = try salvage.commit(as: salvageReference)
        }
        if !isDryRun { updateCatalog() }
        return run.report
    }
}

extension BlobDescriptor {
    fileprivate static var none: BlobDescriptor { BlobDescriptor(digest: SHA256Digest.of([]), size: 0) }
}

private final class RepairRun {
    /// A blob and what it is for.
    struct Part: Sendable {
        enum Role: Sendable {
            case image, manifest
            case content(BlobRole)
        }

        let blob: BlobDescriptor
        let role: Role
        let name: String
    }

    let store: Store
    /// Nil in a dry run.
    let scratch: ScratchFolder?
    let sources: [any BlobSource]
    let progress: (Int) -> Void
    var report = RepairReport()
    /// What was found of each blob that several versions share.
    private var checked: [SHA256Digest: Bool] = [:]
    private var incomplete: Set<String> = []

    init(store: Store, scratch: ScratchFolder?, sources: [any BlobSource], progress: @escaping (Int) -> Void) {
        self.store = store
        self.scratch = scratch
        self.sources = sources
        self.progress = progress
    }

    func isIncomplete(_ dataset: String) -> Bool { incomplete.contains(dataset) }

    /// - Returns: the manifest, if it can be read in the end.
    func repair(_ target: Reference) throws -> Manifest? {
        report.datasetCount += 1
        let manifestPart = Part(
            blob: BlobDescriptor(digest: target.dataset, size: 0), role: .manifest, name: "manifest")
        try repair([manifestPart], of: target, manifest: nil)
        guard let manifest = try? store.manifest(target.dataset) else { return nil }
        try repair(parts(of: manifest), of: target, manifest: manifest)
        // Last: it may be replaced, which needs the manifest.
        if target.image.size > 0 {
            try repair([Part(blob: target.image, role: .image, name: "OCI manifest")], of: target, manifest: manifest)
        }
        return manifest
    }

    /// In the order in which they are repaired: what others are rebuilt from comes first.
    private func parts(of manifest: Manifest) -> [Part] {
        var dictionaries: [Part] = []
        var others: [Part] = []
        manifest.forEachBlob { role, blob in
            let part = Part(blob: blob, role: .content(role), name: "\(role)")
            if case .dictionary = role { dictionaries.append(part) } else { others.append(part) }
        }
        return dictionaries + others
    }

    private func repair(_ parts: [Part], of target: Reference, manifest: Manifest?) throws {
        var unchecked: [Part] = []
        for part in parts {
            if let isGood = checked[part.blob.digest] {
                if !isGood { incomplete.insert(target.name) }
            } else if !unchecked.contains(where: { $0.blob.digest == part.blob.digest }) {
                unchecked.append(part)
            }
        }
        var faults: [(Part, String)] = []
        var next = 0
        let store = store
        try orderedPipeline(
            workers: unchecked.count > 1 ? processorCount : 0, window: 2 * processorCount,
            read: {
                guard next < unchecked.count else { return nil }
                try Interruption.check()
                next += 1
                return unchecked[next - 1]
            },
            transform: { (part: Part) in (part, try store.fault(of: part.blob)) },
            write: { (part, fault) in
                report.blobCount += 1
                report.blobBytes += part.blob.size
                checked[part.blob.digest] = fault == nil
                if let fault { faults.append((part, fault)) }
                progress(part.blob.size)
            })
        for (part, fault) in faults {
            let outcome = try mend(part, fault, of: target, manifest: manifest)
            let item = RepairReport.Item(
                dataset: target.name, blob: part.blob.digest, role: part.name, fault: fault, outcome: outcome)
            report.items.append(item)
            switch outcome {
            case .fetched, .rebuilt, .replaced: checked[part.blob.digest] = true
            case .wouldFetch, .wouldTryToRebuild, .unrepaired: incomplete.insert(target.name)
            }
        }
    }

    private func mend(
        _ part: Part, _ fault: String, of target: Reference, manifest: Manifest?
    ) throws -> RepairReport.Outcome {
        guard let scratch else {
            for source in sources where try source.has(part.blob) { return .wouldFetch(from: source.name) }
            switch part.role {
            case .manifest, .content(.aliases): return .unrepaired
            default: break
            }
            return .wouldTryToRebuild
        }
        for source in sources {
            if let staged = try scratch.fetch(part.blob, from: source) {
                try replace(part, fault, with: staged, of: target)
                return .fetched(from: source.name)
            }
        }
        if let manifest, let staged = try rebuilt(part, of: target, manifest: manifest, scratch: scratch) {
            if staged.descriptor.digest == part.blob.digest {
                try replace(part, fault, with: staged, of: target)
                return .rebuilt
            }
            if case .image = part.role {
                try replace(part, fault, with: staged, of: target)
                let healed = Reference(name: target.name, dataset: target.dataset, image: staged.descriptor)
                try store.change("repair", target.name, lockTimeoutSeconds: 60) { index in
                    index[target.name] == target ? healed : index[target.name]
                }
                return .replaced
            }
        }
        try replace(part, fault, with: nil, of: target)
        return .unrepaired
    }

    /// Puts the bad blob aside and the good one in its place. Under the writer lock, so that no collection and no
    /// commit looks in between.
    private func replace(_ part: Part, _ fault: String, with staged: StagedBlob?, of target: Reference) throws {
        let lock = try store.writerLock(purpose: "repairing \(target.name)", timeoutSeconds: 60)
        defer { withExtendedLifetime(lock) {} }
        if Files.exists(store.layout.blob(part.blob.digest)) {
            try store.quarantine(part.blob.digest, reason: fault, dataset: target.name)
        }
        if let staged { try store.publish([staged]) }
    }

    private func rebuilt(
        _ part: Part, of target: Reference, manifest: Manifest, scratch: ScratchFolder
    ) throws -> StagedBlob? {
        let rebuilder = BlobRebuilder(store: store, manifest: manifest, scratch: scratch)
        switch part.role {
        case .manifest: return nil
        case .image: return try image(of: target, manifest, scratch)
        case .content(let role): return try rebuilder.blob(part.blob, role)
        }
    }

    /// The OCI manifest again: the same bytes if the time of the commit is known, to the second, by the reflog.
    private func image(of target: Reference, _ manifest: Manifest, _ scratch: ScratchFolder) throws -> StagedBlob {
        let blob = BlobDescriptor(digest: target.dataset, size: try Files.size(store.located(target.dataset)))
        let logged = try store.reflog().last { $0.operation == "commit" && $0.after == target.dataset }?.time
        let committed = logged.flatMap { Clock.epochSeconds(ofTimestamp: $0) } ?? Clock.epochSeconds()
        var bytes: [UInt8] = []
        // The reflog's line is written a little later than the image.
        for delay in [5.0, 4, 3, 2, 1, 0] {
            bytes = ImageManifest.canonicalBytes(
                of: manifest, blob: blob, createdAt: Clock.timestamp(ofEpochSeconds: committed - delay))
            if SHA256Digest.of(bytes) == target.image.digest { break }
        }
        let name = "rebuilt-\(target.image.digest.hex)"
        try Files.remove(scratch.path(name))
        var output = try scratch.blob(name)
        try output.write(bytes)
        return try output.finish()
    }
}

extension Store {
    /// What is wrong with a blob; nil where its bytes match its name. A reachable blob in the trash is good: it comes
    /// back with the next collection.
    func fault(of blob: BlobDescriptor) throws -> String? {
        let path = layout.blob(blob.digest)
        let trashed = layout.trashed(blob.digest)
        guard let place = [path, trashed].first(where: { Files.exists($0) }) else {
            return quarantineReason(blob.digest).map { "in quarantine: \($0)" } ?? "missing"
        }
        do {
            return try SHA256Digest.ofFile(place) == blob.digest ? nil : "its bytes do not match its name"
        } catch let error as SystemError where error.errno == EIO {
            return "\(error)"
        }
    }
}
