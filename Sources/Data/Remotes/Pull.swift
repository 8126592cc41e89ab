internal import Base
package import Store
internal import StoreFormat

/// Copies versions from a remote into a store: blobs first, names last.
package struct Pull {
    package let remote: any Remote
    package let store: Store
    package var jobCount = 4
    package var isDryRun = false
    /// Move names also where what they name was made here and has no place in the history of what is pulled.
    package var isForced = false

    package init(from remote: any Remote, into store: Store) {
        self.remote = remote
        self.store = store
    }

    /// - Parameters:
    ///   - names: names on the remote, and what they are to be called here.
    ///   - begin: told how many bytes there are to fetch, before the first is; what it gives is called from several
    ///     threads with numbers of bytes that have arrived.
    /// - Throws: `Failure` with status 66 for a name that the remote does not have, 73 for one whose version here would be
    ///   given up, 75 for one that was moved in the meantime, 65 where bytes do not match their digests; `TransferError`
    ///   with 69 where the remote cannot be reached.
    package func run(
        _ names: [(remote: String, local: String)], begin: (Int) -> @Sendable (Int) -> Void = { _ in { _ in } }
    ) throws -> TransferReport {
        let start = Clock.seconds()
        guard let index = try remote.index()?.references else {
            throw Failure(.missingInput, "\(remote.address) holds no store", advice: "`tvt-store push` makes one.")
        }
        var report = TransferReport(remote: remote.address)
        report.isDryRun = isDryRun
        var references: [Reference] = []
        var images: [BlobDescriptor] = []
        var needed: [BlobDescriptor] = []
        var seen: Set<BlobDescriptor> = []
        for (name, local) in names {
            try store.checkNewName(local)
            guard let found = index[name] else {
                let all = index.references.map(\.name)
                throw Failure(
                    .missingInput, "\(remote.address) has no dataset \(escaped(name.utf8))",
                    advice: all.isEmpty ? "It is empty." : "It has: \(all.prefix(20).joined(separator: ", ")).")
            }
            let reference = Reference(name: local, dataset: found.dataset, image: found.image)
            references.append(reference)
            let (manifest, layers) = try ImageManifest.contents(
                remote.bytes(of: found.image), path: "\(remote.address), the image of \(name)")
            guard manifest.digest == found.dataset else {
                throw Failure(.badData, "\(remote.address): the image of \(name) carries another dataset")
            }
            for blob in layers + [manifest] where seen.insert(blob).inserted { needed.append(blob) }
            if seen.insert(found.image).inserted { images.append(found.image) }
        }
        needed += images
        let before = Dictionary(
            try store.references().map { ($0.name, $0.dataset) }, uniquingKeysWith: { first, _ in first })
        if !isForced { try checkHistory(names, references, before) }
        let session = isDryRun ? nil : try store.transferSession(purpose: "pulling from \(remote.address)")
        defer { withExtendedLifetime(session) {} }
        let missing = try needed.filter { try !(isDryRun ? isHere($0) : store.keepIfHere($0)) }
        report.blobCount = needed.count
        report.byteCount = needed.reduce(0) { $0 + $1.size }
        report.movedCount = missing.count
        report.movedBytes = missing.reduce(0) { $0 + $1.size }
        report.references = references.map {
            TransferReport.Moved(name: $0.name, digest: $0.dataset, before: before[$0.name])
        }
        if !isDryRun {
            try store.removeStaleIntakes()
            let advance = begin(report.movedBytes)
            let resumed = try ParallelTransfers.run(missing, jobCount: jobCount) { blob, check in
                try fetch(blob, advance, check)
            }
            report.resumedBytes = resumed.reduce(0, +)
            let isAdopted = try store.adopt(references, operation: "pull") { current in
                isForced || references.allSatisfy { current[$0.name]?.dataset == before[$0.name] }
            }
            guard isAdopted else {
                let moved = references.map(\.name).joined(separator: " or ")
                throw Failure(
                    .locked, "\(store.root): somebody else moved \(moved) during this pull",
                    advice: "Run the same command again: what was fetched stays here.")
            }
        }
        report.retryCount = remote.retryCount
        report.seconds = Clock.seconds() - start
        return report
    }

    /// What was made here is not given up for something that does not build on it.
    private func checkHistory(
        _ names: [(remote: String, local: String)], _ references: [Reference], _ before: [String: SHA256Digest]
    ) throws {
        for ((name, local), reference) in zip(names, references) {
            guard let here = before[local], here != reference.dataset else { continue }
            if try store.isPulled(local, here) || remote.hasNamed(name, here) { continue }
            if try store.descends(reference.dataset, from: here, elsewhere: remote.manifest) { continue }
            throw Failure(
                .cannotCreate,
                "\(store.root): \(local) names \(here), which has no place in the history of \(reference.dataset)",
                advice: "--as pulls under another name; --force moves this one, and the reflog keeps what it was.")
        }
    }

    private func isHere(_ blob: BlobDescriptor) throws -> Bool {
        let path = store.path(of: blob.digest)
        return Files.exists(path) ? try Files.size(path) == blob.size : false
    }

    /// - Returns: how many bytes an earlier run had left.
    private func fetch(
        _ blob: BlobDescriptor, _ advance: @Sendable (Int) -> Void, _ check: () throws -> Void
    ) throws -> Int {
        guard let intake = try store.intake(of: blob) else {
            advance(blob.size)
            return 0
        }
        let resumed = intake.resumedBytes
        var counted = intake.position
        advance(counted)
        for _ in 0..<RemoteLimits.wrongAnswerCount {
            try remote.get(blob.digest, intake.position..<blob.size) { offset, piece in
                try check()
                try intake.receive(piece, at: offset)
                if intake.position > counted {
                    advance(intake.position - counted)
                    counted = intake.position
                }
            }
            if try intake.finish() { return resumed }
            log.info("\(remote.address): \(blob.digest) arrived with wrong bytes; fetching it again")
            try intake.restart()
        }
        throw remote.wrongBytes(blob)
    }
}
